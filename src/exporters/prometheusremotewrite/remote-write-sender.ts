import { Dropped, Retryable, type Sender, type SendResult } from '../../delivery/sender.ts'
import { type HttpClient, HttpFailure, type HttpReply } from '../../net/http-client.ts'
import { charged, type Memory } from '../../net/memory.ts'
import type { Batch } from '../../plugin.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { RemoteWriter, WritePiece } from '../../wire/prometheus/remote-write.ts'
import { encodeSnappy } from '../../wire/prometheus/snappy.ts'
import { outcomeOf, outcomeOfFailure } from './outcome.ts'
import { RemoteWork } from './remote-work.ts'

export interface RemoteWriteSenderOptions {
  readonly client: HttpClient
  /** Path and query. */
  readonly path: string
  readonly writer: RemoteWriter
  /** Most requests of a batch at the same time. */
  readonly parallel: number
  /** Headers of the next request. */
  headers(): Readonly<Record<string, string>>
  readonly clock: Clock
  /** What requests are charged to, compressed and not. */
  readonly memory: Memory
  /** Metadata was not taken: the samples beside it do not wait for it. */
  untold(error: unknown): void
  close(): void
}

const fixed = {
  'user-agent': 'tailrace',
  'content-type': 'application/x-protobuf',
  'content-encoding': 'snappy',
  'x-prometheus-remote-write-version': '0.1.0',
}

/** Sends one batch of metrics after the other, cut into requests. What a failed attempt has delivered is not sent again. */
export function newRemoteWriteSender(options: RemoteWriteSenderOptions): Sender {
  const { client, path, writer, clock, parallel, memory } = options
  let under: RemoteWork | undefined

  /** What is left of a batch that is repeated, or all of it. */
  const workOn = (batch: Batch): RemoteWork => {
    if (under?.isOf(batch)) return under
    under?.end()
    const pieces = writer.write(batch.bytes())
    const { lost, why } = writer
    return new RemoteWork(batch, pieces, { lost, why, memory })
  }
  const ended = (work: RemoteWork) => {
    work.end()
    if (under === work) under = undefined
  }
  const post = async (piece: WritePiece, signal: AbortSignal): Promise<void> => {
    const body = encodeSnappy(piece.body)
    let reply: HttpReply
    try {
      const headers = { ...fixed, ...options.headers() }
      // All of what was claimed for it, though it needs less.
      reply = await charged(memory, body.buffer.byteLength, () => client.post(path, body, headers, signal))
    } catch (error) {
      throw error instanceof HttpFailure ? outcomeOfFailure(error) : error
    }
    if (reply.status < 200 || reply.status > 299) throw outcomeOf(reply, clock.now())
  }
  const sendPiece = async (work: RemoteWork, piece: WritePiece, signal: AbortSignal): Promise<void> => {
    try {
      await post(piece, signal)
      work.took(piece)
    } catch (error) {
      if (!piece.isMetadata && !(error instanceof Dropped)) throw error
      if (piece.isMetadata) options.untold(error)
      work.refused(piece, error as Error)
    }
  }
  /** Pieces of one step. The first failure ends it, when those on their way have come back. */
  const sendStep = async (work: RemoteWork, pieces: WritePiece[], signal: AbortSignal): Promise<void> => {
    const failures: unknown[] = []
    const line = async () => {
      for (let piece = pieces.shift(); piece && failures.length === 0; piece = pieces.shift()) {
        await sendPiece(work, piece, signal).catch((error) => failures.push(error))
      }
    }
    await Promise.all(Array.from({ length: Math.min(parallel, pieces.length) }, line))
    if (failures.length > 0) throw work.sent > 0 ? partly(failures[0]) : failures[0]
  }
  return {
    async send(batch, signal): Promise<SendResult> {
      const work = workOn(batch)
      under = work
      try {
        for (const { step } of work.pieces) {
          const together = [...work.pieces].filter((piece) => piece.step === step)
          await sendStep(work, together, signal)
        }
      } catch (error) {
        work.pause()
        throw error
      }
      ended(work)
      return work.result()
    },
    abandon(batch) {
      if (!under?.isOf(batch)) return undefined
      const { sent, rejected, detail } = under
      ended(under)
      return { sent, rejected, ...(detail !== undefined && { detail }) }
    },
    close() {
      if (under) ended(under)
      options.close()
    },
  }
}

/** A part of the batch is over there. */
function partly(error: unknown): unknown {
  if (!(error instanceof Retryable)) return error
  return new Retryable(error.message, { retryAfterMs: error.retryAfterMs, maybeDelivered: true, cause: error })
}
