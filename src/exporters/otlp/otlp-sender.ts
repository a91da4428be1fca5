import { Dropped, type Sender, type SendResult } from '../../delivery/sender.ts'
import { withinSize } from '../../delivery/within-size.ts'
import type { Compressor } from '../../net/compression.ts'
import type { GrpcClient, UnaryOptions } from '../../net/grpc-client.ts'
import type { LogSeries } from '../../net/log-series.ts'
import { charged, type Memory } from '../../net/memory.ts'
import { GrpcError } from '../../net/status.ts'
import type { Batch } from '../../telemetry/batch.ts'
import { readPartialSuccess, resultOf } from '../otlp-answers.ts'
import { exportPath, type Signal } from '../otlp-signals.ts'
import { outcomeOf } from './outcome.ts'

export interface OtlpSenderOptions {
  client: GrpcClient
  signal: Signal
  /** Metadata of the next call. */
  headers(): Readonly<Record<string, string>>
  /** Undefined: requests go as they are. */
  compressor: Compressor | undefined
  /** For every call. */
  call: UnaryOptions
  /** What compressed copies are charged to. */
  memory: Memory
  /** Largest request in bytes, before compression. */
  maxRequestBytes: number
  series: LogSeries
  /** Whether requests that were refused get a line of their own. */
  writeErrors: boolean
  close(): Promise<void>
}

/** Sends one signal to one destination by unary Export calls. */
export function newOtlpSender(options: OtlpSenderOptions): Sender {
  const { client, compressor, series } = options
  const path = exportPath[options.signal]

  const call = async (batch: Batch, signal: AbortSignal): Promise<Buffer> => {
    const metadata = options.headers()
    // With its prefix it lies ready to be sent without a copy.
    if (!compressor) return client.unary(path, batch.grpcMessage(), { ...options.call, metadata, signal, framed: true })
    const packed = { ...options.call, metadata, signal, encoding: compressor.encoding }
    const made = compressor.compress(batch.bytes())
    const bytes = made instanceof Promise ? await made : made
    // As it is, and behind its prefix.
    return charged(options.memory, 2 * bytes.length, () => client.unary(path, bytes, packed))
  }
  const exportOne = async (batch: Batch, abort: AbortSignal): Promise<SendResult> => {
    let reply: Buffer
    try {
      reply = await call(batch, abort)
    } catch (error) {
      if (!(error instanceof GrpcError)) throw error
      const outcome = outcomeOf(error)
      if (options.writeErrors && outcome instanceof Dropped) series.note('write', `Write error: ${outcome.message}`)
      throw outcome
    }
    const partial = readPartialSuccess(reply)
    if (options.writeErrors && partial.rejected > 0) series.note('write', `Write error: ${partial.message}`)
    return resultOf(partial, batch.count, series)
  }
  return {
    connect: () => client.connect(),
    send: withinSize(options.maxRequestBytes, exportOne),
    close: options.close,
  }
}
