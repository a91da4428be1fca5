import type { ClientStream, GrpcClient } from '../net/grpc-client.ts'
import type { Clock, Timer } from '../runtime/clock.ts'
import { type AppLine, appLinesMessage, appLinesPath } from './app-lines-message.ts'

/** Writes lines into the log streams of applications as the platform does (`LGR`), through an agent. */
export interface AppLines {
  write(app: string, text: string): void
  /** Sends what waits, if that works quickly, and ends the client. */
  close(): Promise<void>
}

export interface AppLinesOptions {
  client: GrpcClient
  clock: Clock
  /** Lines that wait at most; what is more is lost. */
  maxWaiting: number
  onSent?(lines: number): void
  onLost(lines: readonly AppLine[]): void
  /** The stream to the agent ended with this error. */
  onTrouble?(error: Error): void
}

const maxPerMessage = 100
const gatherMs = 100
const farewellMs = 500

/**
 * Messages of a hundred lines, or of what came in 100 ms; one is under way at a time, so that a peer which does not read
 * makes nothing pile up. Lines are a courtesy: when a message fails all that wait are lost with it.
 */
export function newAppLines({ client, clock, maxWaiting, onSent, onLost, onTrouble }: AppLinesOptions): AppLines {
  let stream: ClientStream | undefined
  const waiting: AppLine[] = []
  let timer: Timer | undefined
  let isWriting = false

  const open = (): ClientStream => {
    const opened = client.clientStream(appLinesPath)
    stream = opened
    void opened.closed.then((error) => {
      if (stream !== opened) return
      stream = undefined
      if (error) onTrouble?.(error)
    })
    return opened
  }
  const lose = (lines: readonly AppLine[]) => {
    if (lines.length > 0) onLost(lines)
  }
  const flush = () => {
    timer = undefined
    const lines = waiting.splice(0, maxPerMessage)
    isWriting = true
    const writer = stream ?? open()
    writer.write(appLinesMessage(lines), (error) => {
      isWriting = false
      if (error) return lose([...lines, ...waiting.splice(0)])
      onSent?.(lines.length)
      arm()
    })
  }
  const arm = () => {
    if (isWriting || waiting.length === 0) return
    if (waiting.length < maxPerMessage) timer ??= clock.after(gatherMs, flush)
    else {
      timer?.cancel()
      flush()
    }
  }
  return {
    write(app, text) {
      const line = { app, text, at: BigInt(Math.round(clock.now())) * 1_000_000n }
      if (waiting.length >= maxWaiting) return lose([line])
      waiting.push(line)
      arm()
    },
    async close() {
      timer?.cancel()
      if (waiting.length > 0 && !isWriting) flush()
      lose(waiting.splice(0))
      const last = stream
      stream = undefined
      // The agent may be this very process, whose ports are closed by now.
      const giveUp = clock.after(farewellMs, () => last?.cancel())
      await last?.end()
      giveUp.cancel()
      await client.close()
    },
  }
}
