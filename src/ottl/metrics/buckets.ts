import type { Draft } from '../../telemetry/draft.ts'
import { spanFrame, varintFrame } from '../../telemetry/frames.ts'
import { BackwardWriter, Reader, splitBigInt } from '../../wire/protobuf.ts'

/** Counts of an exponential histogram: that of bucket `offset + i` at `i`. */
export interface Buckets {
  offset: number
  readonly counts: bigint[]
}

/** More buckets than any histogram has: those behind are left out. */
const mostBuckets = 1 << 16

/** `{1 offset, 2 counts}`, packed or not. */
export function bucketsOf(point: Draft, field: number): Buckets {
  const buckets: Buckets = { offset: 0, counts: [] }
  const at = point.find(field)
  if (at < 0 || (point.tagOf(at) & 7) !== 2) return buckets
  const buf = point.bufOf(at)
  const reader = new Reader(buf, point.startOf(at), point.endOf(at))
  const packed = new Reader()
  const add = (from: Reader) => {
    from.varint64()
    if (from.ok && buckets.counts.length < mostBuckets) {
      buckets.counts.push((BigInt(from.hi >>> 0) << 32n) | BigInt(from.lo >>> 0))
    }
  }
  while (reader.next()) {
    if (reader.field === 1 && reader.wire === 0) buckets.offset = zigzag(reader.varint32())
    else if (reader.field === 2 && reader.wire === 0) add(reader)
    else if (!reader.skip()) break
    else if (reader.field === 2 && reader.wire === 2) {
      packed.reset(buf, reader.start, reader.stop)
      while (packed.ok && packed.pos < packed.end) add(packed)
    }
  }
  return buckets
}

/** The edge between buckets `index - 1` and `index`, which need not be whole, at a scale. */
export function edgeOf(index: number, scale: number): number {
  // Scales far below zero have one bucket on each side of 1.
  return index === 0 ? 1 : 2 ** (index * 2 ** -scale)
}

export const zigzag = (value: number): number => (value >>> 1) ^ -(value & 1)

const out = new BackwardWriter(1 << 10)

export function writeBuckets({ offset, counts }: Buckets): Buffer {
  out.reset()
  for (let i = counts.length - 1; i >= 0; i--) out.varint64(...splitBigInt(BigInt.asUintN(64, counts[i]!)))
  const packed = Buffer.from(out.finish())
  return Buffer.concat([varintFrame(1, ((offset << 1) ^ (offset >> 31)) >>> 0, 0), spanFrame(2, packed)])
}
