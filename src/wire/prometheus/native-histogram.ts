/** Exponential histograms of OTLP as native histograms of remote write (prometheus/prompb, types.proto). */
import { BackwardWriter, WireType } from '../protobuf.ts'
import type { Buckets, PointView } from './point-view.ts'

const TWO32 = 4294967296
/** Schemas of Prometheus; finer ones are made coarser. */
const finest = 8
const coarsest = -4
/** Where the peer said nothing about what counts as zero. */
const zeroThreshold = 1e-128
/** A NaN of these bits says that a series has ended. */
export const STALE = { lo: 2, hi: 0x7ff00000 } as const

const writer = new BackwardWriter(1024)

/** Why Prometheus would not take the point at hand, and nothing that is sent with it. */
export function nativeFault({
  scale,
  count,
  sum,
  zeroCount,
  positive,
  negative,
  stale,
}: PointView): string | undefined {
  if (scale < coarsest) return `the scale of an exponential histogram is below ${coarsest}`
  if (stale) return undefined
  if (count >= 2 ** 63) return 'an exponential histogram counts more than 2^63'
  const inBuckets = zeroCount + total(positive) + total(negative)
  // Observations that are NaN are in no bucket, and make the sum NaN.
  const isWhole = inBuckets === count || (inBuckets < count && Number.isNaN(sum))
  return isWhole ? undefined : 'the buckets of an exponential histogram hold more or less than its count'
}

function total({ counts }: Buckets): number {
  let sum = 0
  for (let i = 0; i < counts.count; i++) sum += counts.values[i]!
  return sum
}

/** The message `Histogram` of the point at hand, which has no fault; valid until the next call. */
export function nativeHistogram(point: PointView): Buffer {
  const coarser = Math.max(0, point.scale - finest)
  writer.reset()
  writer.varint(Math.max(0, point.timeMs))
  writer.tag(15, WireType.varint)
  if (!point.stale) writeCounts(point, coarser)
  writer.double(point.zeroThreshold || zeroThreshold)
  writer.tag(5, WireType.fixed64)
  writeZigzag(point.scale - coarser)
  writer.tag(4, WireType.varint)
  if (point.stale) writer.fixed64(STALE.lo, STALE.hi)
  else writer.double(point.sum)
  writer.tag(3, WireType.fixed64)
  return writer.finish()
}

/** What a series that ends has not. */
function writeCounts({ positive, negative, zeroCount, count }: PointView, coarser: number): void {
  writeSide(positive, coarser, 11, 12)
  writeSide(negative, coarser, 8, 9)
  writer.varint(zeroCount)
  writer.tag(6, WireType.varint)
  writer.varint(count)
  writer.tag(1, WireType.varint)
}

/** One span with all buckets of a side, and the differences from each to the next. */
function writeSide(buckets: Buckets, coarser: number, spanField: number, deltaField: number): void {
  const { first, counts } = merged(buckets, coarser)
  if (counts.length === 0) return
  const deltas = writer.length
  for (let i = counts.length - 1; i >= 0; i--) writeZigzag(counts[i]! - (counts[i - 1] ?? 0))
  writer.message(deltaField, deltas)
  const span = writer.length
  writer.varint(counts.length)
  writer.tag(2, WireType.varint)
  // Prometheus names a bucket by its upper bound, OTLP by its lower one.
  writeZigzag(first + 1)
  writer.tag(1, WireType.varint)
  writer.message(spanField, span)
}

/** Counts from the first bucket that has any to the last, 2^coarser of them at a time. */
function merged({ offset, counts }: Buckets, coarser: number): { first: number; counts: number[] } {
  const found: number[] = []
  let first = 0
  let end = 0
  for (let i = 0; i < counts.count; i++) {
    const count = counts.values[i]!
    if (count === 0) continue
    const index = (offset + i) >> Math.min(coarser, 31)
    if (found.length === 0) first = end = index
    for (; end <= index; end++) found.push(0)
    found[index - first]! += count
  }
  return { first, counts: found }
}

function writeZigzag(value: number): void {
  const plain = value < 0 ? -value * 2 - 1 : value * 2
  writer.varint64(plain >>> 0, Math.floor(plain / TWO32))
}
