import { Draft } from '../../telemetry/draft.ts'
import { spanFrame } from '../../telemetry/frames.ts'
import type { MetricChange } from '../../telemetry/metric-site.ts'
import { bucketsOf, edgeOf, zigzag } from './buckets.ts'
import { Data, otherFields, partsOf, pointFrame, pointsOf, withData } from './metric-body.ts'
import { fixedAt, varintAt } from './point-fields.ts'

/** Where the count of an exponential bucket goes: to the bucket of its end, of its middle, or evenly to all it touches. */
export const distributions = ['upper', 'midpoint', 'uniform'] as const
export type Distribution = (typeof distributions)[number]

/**
 * An exponential histogram as one with these bounds, which rise; other metrics stay. Every count is in one of the
 * buckets, one more than there are bounds.
 */
export function explicitHistogram(how: Distribution, bounds: readonly number[]): MetricChange {
  const packed = Buffer.alloc(bounds.length * 8)
  bounds.forEach((bound, i) => void packed.writeDoubleLE(bound, i * 8))
  return (body) => {
    const parts = partsOf(body)
    if (parts.kind !== Data.exponential) return undefined
    const points = pointsOf(parts).map((point) => pointFrame(explicitPoint(point, how, bounds, packed)))
    return withData(parts, Data.histogram, [...points, ...otherFields(parts)])
  }
}

/** Fields that a point of either kind has, under their numbers in the one and the other. */
const renumbered: Readonly<Record<number, number>> = { 1: 9, 2: 2, 3: 3, 4: 4, 5: 5, 10: 10, 11: 8, 12: 11, 13: 12 }

function explicitPoint(body: Uint8Array, how: Distribution, bounds: readonly number[], packed: Buffer): Buffer {
  const point = new Draft()
  point.load(body, 0, body.length, 0)
  const frames: Buffer[] = []
  for (let i = 0; i < point.count; i++) {
    const field = renumbered[point.fieldOf(i)]
    const [buf, start, end] = [point.bufOf(i), point.startOf(i), point.endOf(i)]
    const wire = point.tagOf(i) & 7
    if (field === undefined) continue
    if (wire === 2) frames.push(spanFrame(field, buf, start, end))
    else frames.push(Buffer.concat([Buffer.of((field << 3) | wire), buf.subarray(start, end)]))
  }
  const counts = countsOf(point, how, bounds)
  const body64 = Buffer.alloc(counts.length * 8)
  counts.forEach((count, i) => void body64.writeBigUInt64LE(BigInt.asUintN(64, count), i * 8))
  return Buffer.concat([...frames, spanFrame(6, body64), spanFrame(7, packed)])
}

function countsOf(point: Draft, how: Distribution, bounds: readonly number[]): bigint[] {
  const counts = new Array<bigint>(bounds.length + 1).fill(0n)
  const scale = zigzag(varintAt(point, 6))
  const edge = (index: number) => edgeOf(index, scale)
  const add = (lower: number, upper: number, count: bigint) => {
    if (how === 'uniform') {
      // A bucket begins behind its lower edge.
      const last = bucketOf(bounds, upper)
      const first = bucketOf(bounds, lower)
      return spread(counts, bounds[first] === lower && first < last ? first + 1 : first, last, count)
    }
    counts[bucketOf(bounds, how === 'upper' ? upper : (lower + upper) / 2)]! += count
  }
  add(0, 0, fixedAt(point, 7))
  const positive = bucketsOf(point, 8)
  positive.counts.forEach((count, i) => {
    const index = positive.offset + i
    add(edge(index), edge(index + 1), count)
  })
  const negative = bucketsOf(point, 9)
  negative.counts.forEach((count, i) => {
    const index = negative.offset + i
    add(-edge(index + 1), -edge(index), count)
  })
  return counts
}

/** The first bucket whose bound is not below a value. */
function bucketOf(bounds: readonly number[], value: number): number {
  let [low, high] = [0, bounds.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (bounds[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}

/** What is left over goes to the first ones. */
function spread(counts: bigint[], first: number, last: number, count: bigint): void {
  const share = count / BigInt(last - first + 1)
  let rest = count % BigInt(last - first + 1)
  for (let i = first; i <= last; i++) {
    counts[i]! += share
    if (rest > 0n) {
      counts[i]! += 1n
      rest--
    }
  }
}
