/** Messages of Prometheus' remote write 1.0 (prometheus/prompb, types.proto). */
import { ForwardWriter } from '../forward-writer.ts'
import { varintSize, varintSize64, writeVarint, writeVarint64 } from '../protobuf.ts'
import { nativeHistogram, STALE } from './native-histogram.ts'
import type { Labels } from './otlp-labels.ts'
import type { PointView } from './point-view.ts'

const TWO32 = 4294967296
const nothing = Buffer.alloc(0)

/** Writes a TimeSeries with one sample. `exemplars` are encoded fields of it. */
export function writeLine(
  out: ForwardWriter,
  labels: Buffer,
  value: number,
  { timeMs, stale }: Pick<PointView, 'timeMs' | 'stale'>,
  exemplars: Buffer = nothing,
): void {
  const lo = timeMs >>> 0
  const hi = Math.floor(timeMs / TWO32)
  const sample = 10 + varintSize64(lo, hi)
  const size = labels.length + 2 + sample + exemplars.length
  out.reserve(size + 10)
  const { buf } = out
  let { pos } = out
  buf[pos++] = 0x0a
  pos = writeVarint(buf, pos, size)
  buf.set(labels, pos)
  pos += labels.length
  buf[pos++] = 0x12
  buf[pos++] = sample
  buf[pos++] = 0x09
  if (stale) {
    buf.writeUInt32LE(STALE.lo, pos)
    buf.writeUInt32LE(STALE.hi, pos + 4)
  } else buf.writeDoubleLE(value, pos)
  pos += 8
  buf[pos++] = 0x10
  out.pos = writeVarint64(buf, pos, lo, hi)
  if (exemplars.length > 0) out.raw(exemplars)
}

/** Writes a TimeSeries with the exponential histogram at hand, which has no fault. */
export function writeNative(out: ForwardWriter, labels: Buffer, view: PointView, exemplars: Buffer = nothing): void {
  const histogram = nativeHistogram(view)
  out.byte(0x0a)
  out.varint(labels.length + exemplars.length + 1 + varintSize(histogram.length) + histogram.length)
  out.raw(labels)
  out.raw(exemplars)
  out.byte(0x22)
  out.varint(histogram.length)
  out.raw(histogram)
}

/** Fields `labels` (1), sorted by name as the receiver wants them. */
export function encodeLabels(labels: Labels): Buffer {
  const sorted = [...labels].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const out = new ForwardWriter(256)
  for (const [name, value] of sorted) {
    out.byte(0x0a)
    out.varint(textFieldSize(name) + textFieldSize(value))
    writeText(out, 1, name)
    writeText(out, 2, value)
  }
  return out.take()
}

function textFieldSize(text: string): number {
  const size = Buffer.byteLength(text)
  return 1 + varintSize(size) + size
}

export function writeText(out: ForwardWriter, field: number, text: string): void {
  out.byte((field << 3) | 2)
  out.varint(Buffer.byteLength(text))
  out.text(text)
}
