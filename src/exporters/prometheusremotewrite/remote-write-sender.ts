import { hash } from 'node:crypto'
import { Dropped, Retryable, type Sender, type SendResult } from '../../delivery/sender.ts'
import { type HttpClient, HttpFailure, type HttpReply } from '../../net/http-client.ts'
import type { Batch } from '../../plugin.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { RemoteWriter, WritePiece } from '../../wire/prometheus/remote-write.ts'
import { encodeSnappy } from '../../wire/prometheus/snappy.ts'
import { outcomeOf, outcomeOfFailure } from './outcome.ts'

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
  /** Metadata was not taken: the samples beside it do not wait for it. */
  untold(error: unknown): void
  close(): void
}

/** What is left to do of a batch. */
interface Work {
  readonly pieces: Set<WritePiece>
  sent: number
  /** Points that no line could be made of. */
  readonly lost: number
  detail: string | undefined
  refused: Dropped | undefined
}

const fixed = {
  'user-agent': 'tailrace',
  'content-type': 'application/x-protobuf',
  'content-encoding': 'snappy',
  'x-prometheus-remote-write-version': '0.1.0',
}

/** Sends one batch of metrics after the other, cut into requests. What a failed attempt has delivered is not sent again. */
export function newRemoteWriteSender(options: RemoteWriteSenderOptions): Sender {
  const { client, path, writer, clock, parallel } = options
  let left: { key: string; work: Work } | undefined

  const begin = (batch: Batch): Work => {
    const pieces = new Set(writer.write(batch.bytes()))
    const { lost, why } = writer
    return { pieces, sent: 0, lost, detail: lost > 0 ? why : undefined, refused: undefined }
  }
  const resume = (batch: Batch): Work => {
    const found = left
    left = undefined
    return found !== undefined && found.key === keyOf(batch) ? found.work : begin(batch)
  }
  const post = async (body: Buffer, signal: AbortSignal): Promise<void> => {
    let reply: HttpReply
    try {
      reply = await client.post(path, encodeSnappy(body), { ...fixed, ...options.headers() }, signal)
    } catch (error) {
      throw error instanceof HttpFailure ? outcomeOfFailure(error) : error
    }
    if (reply.status < 200 || reply.status > 299) throw outcomeOf(reply, clock.now())
  }
  const sendPiece = async (work: Work, piece: WritePiece, signal: AbortSignal): Promise<void> => {
    try {
      await post(piece.body, signal)
      work.sent += piece.points
    } catch (error) {
      if (piece.isMetadata) options.untold(error)
      else if (!(error instanceof Dropped)) throw error
      else {
        work.refused = error
        work.detail = error.message
      }
    }
    work.pieces.delete(piece)
  }
  /** Pieces of one step. The first failure ends it, when those on their way have come back. */
  const sendStep = async (work: Work, pieces: WritePiece[], signal: AbortSignal): Promise<void> => {
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
      const work = resume(batch)
      try {
        for (const { step } of work.pieces) {
          const together = [...work.pieces].filter((piece) => piece.step === step)
          await sendStep(work, together, signal)
        }
      } catch (error) {
        left = { key: keyOf(batch), work }
        throw error
      }
      const { sent, lost, detail, refused } = work
      if (refused && sent === 0 && lost === 0) throw refused
      return { sent, rejected: batch.count - sent, ...(detail !== undefined && { detail }) }
    },
    close: options.close,
  }
}

/** A batch that is repeated is a copy of the one that failed. */
const keyOf = (batch: Batch): string => hash('sha1', batch.bytes())

/** A part of the batch is over there. */
function partly(error: unknown): unknown {
  if (!(error instanceof Retryable)) return error
  return new Retryable(error.message, { retryAfterMs: error.retryAfterMs, maybeDelivered: true, cause: error })
}
