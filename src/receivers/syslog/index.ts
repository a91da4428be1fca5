import { isAscii } from 'node:buffer'
import { formatAddress } from '../../net/address.ts'
import { newUdpListener } from '../../net/udp.ts'
import { watchKernelDrops } from '../../net/udp-drops.ts'
import { newUnixDatagrams } from '../../net/unix-datagrams.ts'
import { type Component, defineReceiver, type Host, type Intakes } from '../../plugin.ts'
import { config, type SyslogConfig } from './config.ts'
import { type Messages, newMessages, type Source } from './messages.ts'
import { anonymousSource, localSource, newSenderSources } from './sources.ts'
import { newStreams } from './streams.ts'

/** Takes syslog by TCP, TLS, UDP and local sockets. */
export default defineReceiver({
  type: 'syslog',
  stability: 'beta',
  summary: 'Takes syslog (RFC 5424, RFC 3164 and what is sent in their names) by TCP, TLS, UDP and /dev/log.',
  config,
  makes: ['envelopes', 'logs'],
  // A connection that is not read makes its sender wait.
  pushesBack: true,
  resources: ({ tcp, udp, unix }) => [
    ...(tcp ? [`tcp ${tcp.listen_address.text}`] : []),
    ...(udp ? [`udp ${formatAddress(udp.listen_address)}`] : []),
    ...(unix ? [`unix ${unix.path}`] : []),
  ],
  create: ({ config, host, intakes }) => newSyslogReceiver(config, host, intakes),
})

/** One way in: started and stopped with the others. */
interface Door {
  start(): Promise<void>
  stop(deadline: AbortSignal): Promise<void>
}

/** What datagrams may add while a batch waits to be taken: there is no way to let their senders wait. */
const mostWaiting = 1 << 20

function newSyslogReceiver(config: SyslogConfig, host: Host, intakes: Intakes): Component {
  const changed = () => {
    if (messages.isBlocked) streams?.pause()
    else streams?.resume()
  }
  const messages: Messages = newMessages(config, host, intakes, changed)
  const streams = config.tcp && newStreams(config, host, messages)
  const packet = (bytes: Buffer, source: Source) => {
    if (messages.isBlocked && messages.waitingBytes > mostWaiting) return host.dropped('queue_full', 1)
    const size = Math.min(bytes.length, config.max_message_size)
    if (size === 0) return
    messages.begin(source)
    messages.take(bytes, 0, size, isAscii(bytes), bytes.length > size, source)
  }
  const doors: Door[] = []
  if (streams) {
    doors.push({
      async start() {
        host.log.info('listening for syslog by TCP', { address: formatAddress(await streams.start()) })
      },
      stop: (deadline) => streams.stop(deadline),
    })
  }
  const needsSenders = intakes.envelopes !== undefined || config.udp?.add_attributes === true || host.readsOrigins
  if (config.udp) doors.push(datagrams(config.udp, config, host, packet, needsSenders))
  if (config.unix) {
    const source = localSource(config.attributes)
    const { path } = config.unix
    const socket = newUnixDatagrams({ path, onPacket: (bytes) => packet(bytes, source), log: host.log })
    doors.push({
      async start() {
        socket.start()
        host.log.info('listening for syslog on a local socket', { path })
      },
      stop: () => socket.stop(),
    })
  }
  return {
    async start() {
      for (const door of doors) await door.start()
    },
    async stop(deadline) {
      await Promise.all(doors.map((door) => door.stop(deadline)))
      await messages.stop(deadline)
    },
  }
}

function datagrams(
  udp: NonNullable<SyslogConfig['udp']>,
  config: SyslogConfig,
  host: Host,
  take: (bytes: Buffer, source: Source) => void,
  needsSenders: boolean,
): Door {
  const { clock, log } = host
  const local = () => ({ address: udp.listen_address.host, port: listener.address?.port ?? udp.listen_address.port })
  const sourceOf = newSenderSources(local, config.attributes, udp.add_attributes)
  const unknown = anonymousSource(config.attributes)
  const listener = newUdpListener({
    endpoint: udp.listen_address,
    onPacket: (bytes, from) => take(bytes, from ? sourceOf(from) : unknown),
    // Reading many at once does not tell who sent them.
    bursts: !needsSenders,
    receiveBufferBytes: udp.receive_buffer,
    log,
    clock,
  })
  const drops = watchKernelDrops(listener, clock, (n) => host.dropped('socket_overflow', n))
  return {
    async start() {
      const address = formatAddress(await listener.start())
      drops.start()
      log.info('listening for syslog by UDP', { address })
    },
    async stop() {
      drops.stop()
      await listener.stop()
    },
  }
}
