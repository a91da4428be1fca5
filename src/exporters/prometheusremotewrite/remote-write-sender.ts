import { Dropped, Retryable, type Sender, type SendResult } from '../../delivery/sender.ts'
import { type HttpClient, HttpFailure, type HttpReply } from '../../net/http-client.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { RemoteWriter } from '../../wire/prometheus/remote-write.ts'
import { encodeSnappy } from '../../wire/prometheus/snappy.ts'
import { outcomeOf, outcomeOfFailure } from './outcome.ts'

export interface RemoteWriteSenderOptions {
  readonly client: HttpClient
  /** Path and query. */
  readonly path: string
  readonly writer: RemoteWriter
  /** Headers of the next request. */
  headers(): Readonly<Record<string, string>>
  readonly clock: Clock
  close(): void
}

const fixed = {
  'user-agent': 'tailrace',
  'content-type': 'application/x-protobuf',
  'content-encoding': 'snappy',
  'x-prometheus-remote-write-version': '0.1.0',
}

/** Sends batches of metrics one request after the other. */
export function newRemoteWriteSender(options: RemoteWriteSenderOptions): Sender {
  const { client, path, writer, clock } = options
  const post = async (body: Buffer, signal: AbortSignal): Promise<void> => {
    let reply: HttpReply
    try {
      reply = await client.post(path, encodeSnappy(body), { ...fixed, ...options.headers() }, signal)
    } catch (error) {
      throw error instanceof HttpFailure ? outcomeOfFailure(error) : error
    }
    if (reply.status < 200 || reply.status > 299) throw outcomeOf(reply, clock.now())
  }
  return {
    async send(batch, signal): Promise<SendResult> {
      const pieces = writer.write(batch.bytes())
      let detail = writer.lost > 0 ? writer.why : undefined
      let sent = 0
      for (const [i, { body, points }] of pieces.entries()) {
        try {
          await post(body, signal)
          sent += points
        } catch (error) {
          if (error instanceof Dropped) {
            if (pieces.length === 1 && writer.lost === 0) throw error
            detail = error.message
          } else throw i === 0 ? error : repeated(error)
        }
      }
      return { sent, rejected: batch.count - sent, ...(detail !== undefined && { detail }) }
    },
    close: options.close,
  }
}

/** What went before comes again with the rest: the receiver knows those samples then, and takes them for the same. */
function repeated(error: unknown): unknown {
  if (!(error instanceof Retryable)) return error
  return new Retryable(error.message, { retryAfterMs: error.retryAfterMs, maybeDelivered: true, cause: error })
}
