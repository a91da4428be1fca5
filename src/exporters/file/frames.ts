import type { Compressor } from '../../net/compression.ts'
import type { Batch } from '../../telemetry/batch.ts'
import { encodeOtlpJson } from '../../wire/otlp/json-encode.ts'
import type { Signal } from '../otlp-signals.ts'

const newline = Buffer.from('\n')

/** What stands in the file for one batch, in pieces. */
export type Frame = (batch: Batch) => Buffer[] | Promise<Buffer[]>

/** A line of JSON; everything else stands behind its length, 4 bytes, big-endian. */
export function newFrame(format: 'json' | 'proto', compressor: Compressor | undefined): Frame {
  const bytesOf = (batch: Batch) =>
    format === 'json' ? encodeOtlpJson(batch.format as Signal, batch.bytes()) : batch.bytes()
  if (!compressor) return (batch) => (format === 'json' ? [bytesOf(batch), newline] : prefixed(bytesOf(batch)))
  return async (batch) => prefixed(await compressor.compress(bytesOf(batch)))
}

function prefixed(bytes: Buffer): Buffer[] {
  const length = Buffer.allocUnsafe(4)
  length.writeUInt32BE(bytes.length)
  return [length, bytes]
}
