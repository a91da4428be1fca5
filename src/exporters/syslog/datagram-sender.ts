import { Retryable, type Sender, type SendResult } from '../../delivery/sender.ts'
import type { Clock } from '../../plugin.ts'
import type { Batch } from '../../telemetry/batch.ts'
import { GrowingSink } from '../../wire/syslog/frame-sink.ts'
import type { BatchMessages } from './batch-messages.ts'

/** Where datagrams go. */
export interface DatagramPort {
  /** Sends one. `done` may come within the call; an error says that this one did not leave. */
  send(message: Buffer, done: (error: Error | undefined) => void): void
  close(): void
}

export interface DatagramSenderOptions {
  /** Opens the way to the peer; rejects with a sentence. */
  open(signal: AbortSignal): Promise<DatagramPort>
  messages: BatchMessages
  clock: Clock
  /** The way is looked for anew after this long: names change their addresses. 0: never. */
  renewMs: number
}

/** Each message in a datagram of its own. Nobody tells whether they arrive: what left is sent. */
export function newDatagramSender({ open, messages, clock, renewMs }: DatagramSenderOptions): Sender {
  let port: DatagramPort | undefined
  let openedAt = 0

  const closePort = () => {
    port?.close()
    port = undefined
  }
  const send = (to: DatagramPort, batch: Batch): Promise<SendResult> => {
    // Datagrams stay in the buffer until all have left.
    const out = new GrowingSink(batch.size * 2 + 4096)
    const ends: number[] = []
    messages.onMessage = (end) => void ends.push(end)
    messages.write(batch, clock.now(), out)
    const { rejected, fault } = messages
    const result = { sent: batch.count - rejected, rejected, ...(rejected > 0 && { detail: fault }) }
    if (ends.length === 0) return Promise.resolve(result)
    return new Promise((resolve, reject) => {
      let waiting = ends.length
      let failed = 0
      let failure: Error | undefined
      const done = (error: Error | undefined) => {
        if (error) {
          failed++
          failure = error
        }
        if (--waiting > 0) return
        if (!failure) return resolve(result)
        closePort()
        reject(new Retryable(failure.message, { maybeDelivered: failed < ends.length, cause: failure }))
      }
      let start = 0
      for (const end of ends) {
        to.send(out.bytes.subarray(start, end), done)
        start = end
      }
    })
  }
  return {
    send(batch, signal) {
      if (port && renewMs > 0 && clock.monotonic() - openedAt >= renewMs) closePort()
      if (port) return send(port, batch)
      return open(signal).then(
        (opened) => {
          port = opened
          openedAt = clock.monotonic()
          return send(opened, batch)
        },
        (error: Error) => {
          throw new Retryable(error.message, { cause: error })
        },
      )
    },
    close: closePort,
  }
}
