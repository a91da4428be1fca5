import { Dropped, Retryable, type Sender, type SendResult } from '../../delivery/sender.ts'
import type { GrpcClient, UnaryOptions } from '../../net/grpc-client.ts'
import type { LogSeries } from '../../net/log-series.ts'
import { GrpcError } from '../../net/status.ts'
import type { Batch } from '../../telemetry/batch.ts'
import { outcomeOf } from './outcome.ts'
import { readPartialSuccess } from './partial-success.ts'
import { exportPath, type Signal } from './signals.ts'

export interface OtlpSenderOptions {
  client: GrpcClient
  signal: Signal
  /** Sent with every call. */
  call: UnaryOptions
  /** Largest request in bytes, before compression. */
  maxRequestBytes: number
  series: LogSeries
  close(): Promise<void>
}

/** Sends one signal to one destination by unary Export calls. */
export function newOtlpSender(options: OtlpSenderOptions): Sender {
  const { client, series, maxRequestBytes } = options
  const path = exportPath[options.signal]
  const { gzip = false } = options.call

  const exportOne = async (batch: Batch, abort: AbortSignal): Promise<SendResult> => {
    let reply: Buffer
    try {
      // With its prefix it lies ready to be sent without a copy.
      const message = gzip ? batch.bytes() : batch.grpcMessage()
      reply = await client.unary(path, message, { ...options.call, framed: !gzip, signal: abort })
    } catch (error) {
      if (!(error instanceof GrpcError)) throw error
      const outcome = outcomeOf(error)
      if (outcome instanceof Dropped) series.note('write', `Write error: ${outcome.message}`)
      throw outcome
    }
    const { rejected, message } = readPartialSuccess(reply)
    if (rejected === 0) return { sent: batch.count }
    series.note('write', `Write error: ${message}`)
    const lost = Math.min(rejected, batch.count)
    return { sent: batch.count - lost, rejected: lost }
  }
  /** Halves what is too large for one request; only written batch settings let a batch become that large. */
  const exportAll = async (batch: Batch, abort: AbortSignal): Promise<SendResult> => {
    if (batch.size <= maxRequestBytes) return exportOne(batch, abort)
    if (batch.count === 1) {
      throw new Dropped(
        'too_large',
        `one record makes a request of ${batch.size} bytes, the most is ${maxRequestBytes}`,
      )
    }
    const middle = batch.count >> 1
    const first = await settled(exportAll(batch.slice(0, middle), abort))
    // Nothing of it has arrived: all of it may be repeated.
    if (first instanceof Retryable) throw first
    const second = await settled(exportAll(batch.slice(middle), abort))
    return joined(first, second, batch.count)
  }
  return {
    connect: () => client.connect(),
    send: exportAll,
    close: options.close,
  }
}

type Settled = SendResult | Retryable | Dropped

const settled = (result: Promise<SendResult>): Promise<Settled> =>
  result.catch((error) => {
    if (error instanceof Retryable || error instanceof Dropped) return error
    throw error
  })

/** Two halves of one batch as one result. A half that could be repeated takes the other with it: counted as maybe twice. */
function joined(first: SendResult | Dropped, second: Settled, count: number): SendResult {
  if (second instanceof Retryable) {
    throw new Retryable(second.message, {
      retryAfterMs: second.retryAfterMs,
      maybeDelivered: true,
      cause: second.cause,
    })
  }
  if (first instanceof Dropped && second instanceof Dropped) throw first
  const sent = (first instanceof Dropped ? 0 : first.sent) + (second instanceof Dropped ? 0 : second.sent)
  return { sent, rejected: count - sent }
}
