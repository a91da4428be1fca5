import { fixed64Frame, spanFrame } from '../../telemetry/frames.ts'
import { BackwardWriter } from '../../wire/protobuf.ts'
import { copyOfExponential, type Exponential, exponentialDelta } from './exponential.ts'
import { copyOfHistogram, type Histogram, histogramDelta, sameBuckets } from './histogram.ts'
import { type Buckets, Data, type Point } from './point.ts'
import type { Stream } from './streams.ts'

/** What a point becomes: a delta, one that is everything since a reset, or nothing that could be said. */
export type Outcome = 'delta' | 'reset' | 'mismatch' | 'older'

/** Told of fields to put into the point, or to remove from it. */
export interface Writes {
  put(field: number, frame: Buffer | undefined): void
}

const startField = 2

/** Remembers a point as the last of its stream. */
export function remember(stream: Stream, point: Point, data: number): void {
  stream.timeLo = point.timeLo
  stream.timeHi = point.timeHi
  stream.lo = point.lo
  stream.hi = point.hi
  stream.double = point.double
  // A sum that is not a number says nothing: the next delta is counted from the one before.
  const known = Number.isNaN(point.sum) ? (stream.histogram?.sum ?? stream.exponential?.sum ?? 0) : point.sum
  if (data === Data.histogram) stream.histogram = { ...copyOfHistogram(point), sum: known }
  if (data === Data.exponential) stream.exponential = { ...copyOfExponential(point), sum: known }
}

/** Writes what came to the point since the last one of its stream, and remembers it instead. */
export function toDelta(stream: Stream, point: Point, data: number, writes: Writes): Outcome {
  const isOlder = point.timeHi < stream.timeHi || (point.timeHi === stream.timeHi && point.timeLo < stream.timeLo)
  if (isOlder) return 'older'
  const outcome =
    data === Data.sum
      ? sum(stream, point, writes)
      : data === Data.histogram
        ? histogram(stream.histogram!, point, writes)
        : exponential(stream.exponential!, point, writes)
  if (outcome !== 'mismatch') writes.put(startField, startFrame(stream.timeLo, stream.timeHi))
  remember(stream, point, data)
  return outcome
}

let lastStart = fixed64Frame(startField, 0, 0)
let lastLo = 0
let lastHi = 0

/** Points of one scrape begin at the same time. */
function startFrame(lo: number, hi: number): Buffer {
  if (lo !== lastLo || hi !== lastHi) {
    lastStart = fixed64Frame(startField, lo, hi)
    lastLo = lo
    lastHi = hi
  }
  return lastStart
}

function sum(stream: Stream, point: Point, writes: Writes): Outcome {
  if (point.isDouble) {
    if (point.double < stream.double) return 'reset'
    writes.put(4, doubleFrame(4, point.double - stream.double))
    return 'delta'
  }
  const isLess = (point.hi | 0) < (stream.hi | 0) || (point.hi === stream.hi && point.lo < stream.lo)
  if (isLess) return 'reset'
  const borrow = point.lo < stream.lo ? 1 : 0
  writes.put(6, fixed64Frame(6, (point.lo - stream.lo) >>> 0, (point.hi - stream.hi - borrow) >>> 0))
  return 'delta'
}

function histogram(before: Histogram, point: Point, writes: Writes): Outcome {
  if (!sameBuckets(point, before)) return 'mismatch'
  // Both are of the time since the start, which the delta is not.
  writes.put(11, undefined)
  writes.put(12, undefined)
  const delta = histogramDelta(point, before)
  if (!delta) return 'reset'
  writes.put(4, countFrame(4, delta.count))
  if (point.hasSum && !Number.isNaN(point.sum)) writes.put(5, doubleFrame(5, delta.sum))
  if (delta.counts.length > 0) writes.put(6, countsFrame(6, delta.counts))
  return 'delta'
}

function exponential(before: Exponential, point: Point, writes: Writes): Outcome {
  writes.put(12, undefined)
  writes.put(13, undefined)
  const delta = exponentialDelta(point, before)
  if (!delta) return 'reset'
  writes.put(4, countFrame(4, delta.count))
  if (point.hasSum && !Number.isNaN(point.sum)) writes.put(5, doubleFrame(5, delta.sum))
  writes.put(7, countFrame(7, delta.zeroCount))
  if (delta.positive.counts.length > 0) writes.put(8, bucketsFrame(8, delta.positive))
  if (delta.negative.counts.length > 0) writes.put(9, bucketsFrame(9, delta.negative))
  return 'delta'
}

const bits = new DataView(new ArrayBuffer(8))

function doubleFrame(field: number, value: number): Buffer {
  bits.setFloat64(0, value, true)
  return fixed64Frame(field, bits.getUint32(0, true), bits.getUint32(4, true))
}

const countFrame = (field: number, count: number): Buffer =>
  fixed64Frame(field, count % 4294967296, Math.floor(count / 4294967296))

function countsFrame(field: number, counts: readonly number[]): Buffer {
  const body = Buffer.allocUnsafe(counts.length * 8)
  let pos = 0
  for (const count of counts) {
    pos = body.writeUInt32LE(count % 4294967296, pos)
    pos = body.writeUInt32LE(Math.floor(count / 4294967296), pos)
  }
  return spanFrame(field, body)
}

const out = new BackwardWriter(1 << 10)

/** `{1 offset, 2 counts}`, packed. */
function bucketsFrame(field: number, { offset, counts }: Buckets): Buffer {
  out.reset()
  for (let i = counts.length - 1; i >= 0; i--) out.varint(counts[i]!)
  out.message(2, 0)
  if (offset !== 0) {
    out.varint(((offset << 1) ^ (offset >> 31)) >>> 0)
    out.tag(1, 0)
  }
  out.message(field, 0)
  return out.take()
}
