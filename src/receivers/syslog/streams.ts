import type { TcpConnection } from '../../net/tcp-connection.ts'
import { newTcpServer, type TcpServer } from '../../net/tcp-server.ts'
import { serverTlsFrom } from '../../net/tls-settings.ts'
import type { Host } from '../../plugin.ts'
import type { Timer } from '../../runtime/clock.ts'
import { Framer, type FramingKind, type FramingOptions } from '../../wire/syslog/parse/framing.ts'
import type { SyslogConfig } from './config.ts'
import type { Messages } from './messages.ts'
import { newPartialMessages } from './partial-messages.ts'
import { connectionSource } from './sources.ts'

/** A line waits so long for lines that belong to it (strict mode). */
const lineMs = 100

/** The TCP side: connections are cut into messages. */
export function newStreams(config: SyslogConfig, host: Host, messages: Messages): TcpServer {
  const { clock, budget } = host
  const memory = newPartialMessages(budget, messages)
  const tcp = config.tcp!
  const isStrict = config.mode === 'strict'
  const framing: FramingOptions = {
    kind: framingOf(config),
    strict: isStrict,
    trailer: config.non_transparent_framing_trailer === 'NUL' ? 0 : 0x0a,
    maxBytes: tcp.max_log_size ?? config.max_message_size,
  }
  // A wrong count says nothing about where the next message begins.
  const endsOnFault = isStrict && framing.kind === 'counted'
  const open = (connection: TcpConnection) => {
    const source = connectionSource(connection.origin, connection.local, config.attributes, tcp.add_attributes)
    let timer: Timer | undefined
    /** Whether the last chunk ended a message: what arrives without ever ending one is no sign of life. */
    let brought = false
    /** What it holds of a message has no room in memory any more. */
    let isOut = false
    const framer = new Framer(framing, {
      frame(bytes, start, end, isAscii, isCut) {
        brought = true
        return messages.take(bytes, start, end, isAscii, isCut, source) || !endsOnFault
      },
      fault(text) {
        brought = true
        messages.invalid(text, source)
      },
      held(bytes) {
        if (!memory.hold(bytes)) isOut = true
      },
    })
    const flush = () => {
      timer = undefined
      messages.begin(source)
      if (!framer.flush()) connection.close()
    }
    return {
      data(chunk: Buffer) {
        timer?.cancel()
        messages.begin(source)
        brought = false
        if (!framer.feed(chunk)) return connection.close()
        if (isOut && !memory.waits(connection)) {
          framer.forget()
          messages.noRoom(source)
          return connection.close()
        }
        isOut = false
        if (brought) connection.touch()
        timer = framer.waits ? clock.after(lineMs, flush) : undefined
      },
      end() {
        timer?.cancel()
        messages.begin(source)
        framer.end()
      },
    }
  }
  const server = newTcpServer({
    endpoint: tcp.listen_address,
    tls: serverTlsFrom(tcp.tls, host),
    limits: { maxConnections: config.max_connections, idleTimeoutMs: config.idle_timeout },
    memory: budget,
    open,
    log: host.log,
    clock,
  })
  watch(server, host)
  return server
}

function framingOf({
  mode,
  enable_octet_counting: counts,
  non_transparent_framing_trailer: trailer,
}: SyslogConfig): FramingKind {
  if (counts) return 'counted'
  if (trailer) return 'lines'
  if (counts === false) return 'lines'
  return mode === 'strict' ? 'counted' : 'auto'
}

/** Shows what the port counts. */
function watch({ stats }: TcpServer, host: Host): void {
  host.gauge('connections', 'Open connections.', () => stats.connectionsOpen)
  host.total('received_bytes', 'Bytes read from connections.', () => stats.bytesIn)
  host.total('connections_refused', 'Connections closed because there were too many.', () => stats.connectionsRefused)
  host.total('connections_idle', 'Connections closed because no message came.', () => stats.connectionsIdle)
  for (const reason of Object.keys(stats.handshakesFailed) as (keyof typeof stats.handshakesFailed)[])
    host.total('handshakes_failed', 'TLS handshakes that failed.', () => stats.handshakesFailed[reason], { reason })
}
