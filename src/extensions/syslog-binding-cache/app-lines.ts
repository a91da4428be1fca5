import { appLinesMessage, appLinesPath } from '../../drains/app-lines-message.ts'
import type { ClientStream, GrpcClient } from '../../net/grpc-client.ts'
import type { Clock, LogSeries } from '../../plugin.ts'
import type { Complaint } from './validate-bindings.ts'

export interface AppLinesOptions {
  client: GrpcClient
  clock: Clock
  trouble: LogSeries
  /** Lines that wait at most; more are dropped. */
  maxPending?: number
  counted: { sent(lines: number): void; dropped(lines: number): void }
  /** Told which lines were dropped. */
  failed?: ((lines: readonly Complaint[]) => void) | undefined
}

/** Writes lines into the streams of applications, through the agent on this machine. */
export interface AppLines {
  send(lines: readonly Complaint[]): void
  close(): Promise<void>
}

const PER_MESSAGE = 100
const farewellMs = 1000

/** One message at a time on one stream. Lines are a courtesy: what cannot be sent is dropped and counted. */
export function newAppLines({
  client,
  clock,
  trouble,
  maxPending = 20_000,
  counted,
  failed,
}: AppLinesOptions): AppLines {
  let stream: ClientStream | undefined
  let pending: Complaint[] = []
  let writing = false

  const open = (): ClientStream => {
    const opened = client.clientStream(appLinesPath)
    stream = opened
    void opened.closed.then((error) => {
      if (stream !== opened) return
      stream = undefined
      if (error) trouble.note('stream', `lines for applications cannot be sent: ${error.message}`)
    })
    return opened
  }
  const next = () => {
    if (pending.length === 0) return
    writing = true
    const lines = pending.slice(0, PER_MESSAGE)
    pending = pending.slice(PER_MESSAGE)
    const current = stream ?? open()
    current.write(message(lines, clock.now()), (error) => {
      writing = false
      if (error) {
        // One failure stands for all that waits.
        drop([...lines, ...pending])
        pending = []
        return
      }
      counted.sent(lines.length)
      next()
    })
  }
  const drop = (lines: readonly Complaint[]) => {
    if (lines.length === 0) return
    counted.dropped(lines.length)
    failed?.(lines)
  }
  return {
    send(lines) {
      const room = Math.max(0, maxPending - pending.length)
      drop(lines.slice(room))
      for (const line of lines.slice(0, room)) pending.push(line)
      if (!writing) next()
    },
    async close() {
      drop(pending)
      pending = []
      const last = stream
      stream = undefined
      const timer = clock.after(farewellMs, () => last?.cancel())
      await last?.end()
      timer.cancel()
      trouble.close()
      await client.close()
    },
  }
}

function message(lines: readonly Complaint[], nowMs: number): Buffer {
  const at = BigInt(Math.round(nowMs)) * 1_000_000n
  return appLinesMessage(lines.map(({ appId, message }) => ({ app: appId, text: message, at })))
}
