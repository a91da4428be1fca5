import { type AppLine, appLinesMessage, appLinesPath } from '../../drains/app-lines-message.ts'
import { clientTlsFrom, type TlsSettings } from '../../net/tls-settings.ts'
import { type ClientStream, type GrpcClient, type Host, newGrpcClient } from '../../plugin.ts'
import type { Timer } from '../../runtime/clock.ts'

/** Lines that wait; what is more is counted and forgotten. */
const maxWaiting = 1000
const maxBatch = 100
const gatherMs = 100

/** Lines in the log streams of applications, written by the platform (`LGR`). */
export interface AppStream {
  write(app: string, text: string): void
  close(): Promise<void>
}

export interface AppStreamOptions {
  address: string
  tls: TlsSettings | undefined
  host: Host
}

/** Sends lines to the ingress of an agent, in batches of a hundred or whatever came in 100 ms. */
export function newAppStream({ address, tls, host }: AppStreamOptions): AppStream {
  const { clock } = host
  const log = host.log.named('app lines')
  const lost = host.counter('lines_lost', 'Lines for app streams that could not be handed on.')
  const secured = clientTlsFrom(tls, host)
  let client: GrpcClient | undefined
  let stream: ClientStream | undefined
  let timer: Timer | undefined
  let busy = false
  let waiting: AppLine[] = []

  const open = (): ClientStream => {
    client ??= newGrpcClient({
      address,
      tls: secured,
      serverName: tls?.server_name_override,
      backoff: { maxMs: 5000 },
      log,
      clock,
    })
    const opened = client.clientStream(appLinesPath)
    stream = opened
    void opened.closed.then(() => {
      if (stream === opened) stream = undefined
    })
    return opened
  }
  const flush = () => {
    timer = undefined
    const lines = waiting.slice(0, maxBatch)
    waiting = waiting.slice(maxBatch)
    const writer = stream ?? open()
    busy = true
    writer.write(appLinesMessage(lines), (error) => {
      busy = false
      if (error) lost.add(lines.length)
      if (waiting.length > 0) arm()
    })
  }
  /** One write is under way at a time: a peer that does not read must not make lines pile up in the connection. */
  const arm = () => {
    if (!busy) timer ??= clock.after(gatherMs, flush)
  }
  return {
    write(app, text) {
      if (waiting.length >= maxWaiting) return lost.add(1)
      waiting.push({ app, text, at: BigInt(clock.now()) * 1_000_000n })
      arm()
    },
    async close() {
      timer?.cancel()
      if (waiting.length > 0 && !busy) flush()
      const last = stream
      stream = undefined
      // The agent may be this very process, whose ports are closed by now.
      const giveUp = clock.after(500, () => last?.cancel())
      await last?.end()
      giveUp.cancel()
      await client?.close()
    },
  }
}
