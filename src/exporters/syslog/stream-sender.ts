import type { Socket } from 'node:net'
import { Dropped, Retryable, type Sender, type SendResult } from '../../delivery/sender.ts'
import { KeptStream } from '../../net/kept-stream.ts'
import { ReadingProof } from '../../net/reading-proof.ts'
import type { Clock, LogSeries } from '../../plugin.ts'
import type { Timer } from '../../runtime/clock.ts'
import type { Batch } from '../../telemetry/batch.ts'
import { GrowingSink } from '../../wire/syslog/frame-sink.ts'
import type { BatchMessages } from './batch-messages.ts'
import type { SyslogConfig } from './config.ts'
import type { Dial } from './dial.ts'

export interface StreamSenderOptions {
  dial: Dial
  messages: BatchMessages
  config: SyslogConfig
  clock: Clock
  /** For what a peer may do again and again. */
  trouble: LogSeries
}

/** A larger buffer is given back when it is written. */
const mostKept = 1 << 20

/**
 * Messages over one stream, a batch with one write, and one write under way at a time. The peer never answers: what the
 * kernel has taken counts as sent.
 */
export function newStreamSender({ dial, messages, config, clock, trouble }: StreamSenderOptions): Sender {
  const { write_timeout: writeTimeoutMs, on_broken_write: onBroken } = config
  const out = new GrowingSink(64 << 10)
  const proof = new ReadingProof()
  const stream = new KeptStream({
    dial,
    clock,
    idleMs: config.idle_timeout,
    proof,
    onEnd: (error) => trouble.note('ended', `the peer ended the connection${error ? `: ${error.message}` : ''}`),
  })

  const render = (batch: Batch): SendResult => {
    if (out.bytes.length > mostKept) out.bytes = Buffer.allocUnsafeSlow(64 << 10)
    out.end = 0
    messages.write(batch, clock.now(), out)
    const { rejected, fault } = messages
    return { sent: batch.count - rejected, rejected, ...(rejected > 0 && { detail: fault }) }
  }
  const write = (socket: Socket, batch: Batch, signal: AbortSignal): SendResult | Promise<SendResult> => {
    const result = render(batch)
    if (out.end === 0) return result
    const taken = (): SendResult => {
      proof.taken()
      return proof.doubted ? { ...result, unproven: true } : result
    }
    proof.gives(out.end)
    let settle: ((error: Error | null | undefined) => void) | undefined
    let over: { error: Error | null | undefined } | undefined
    socket.write(out.bytes.subarray(0, out.end), (error) => {
      over = { error }
      settle?.(error)
    })
    // The kernel took all of it at once, as it mostly does: nobody needs to wait.
    if (socket.writableLength === 0 && !socket.errored && !socket.destroyed) return taken()
    return new Promise((resolve, reject) => {
      const giveUp = (why: string) => {
        stream.destroy()
        reject(broken(why))
      }
      const abort = () => giveUp('given up')
      const timer: Timer | undefined =
        writeTimeoutMs > 0
          ? clock.after(writeTimeoutMs, () => {
              proof.stoodStill()
              giveUp(`the peer did not take it within ${writeTimeoutMs / 1000} s`)
            })
          : undefined
      signal.addEventListener('abort', abort, { once: true })
      settle = (error) => {
        timer?.cancel()
        signal.removeEventListener('abort', abort)
        if (!error) return resolve(taken())
        reject(broken(error.message))
      }
      if (over) settle(over.error)
    })
  }
  const broken = (why: string): Error => {
    const text = `the connection broke while it was written to: ${why}`
    return onBroken === 'repeat' ? new Retryable(text, { maybeDelivered: true }) : new Dropped('connection', text)
  }
  return {
    send(batch, signal) {
      const socket = stream.current
      if (socket) return write(socket, batch, signal)
      return stream.open(signal).then(
        (opened) => write(opened, batch, signal),
        (error: Error) => {
          throw new Retryable(error.message, { cause: error })
        },
      )
    },
    async close() {
      await stream.close()
      trouble.close()
    },
  }
}
