import { Draft } from '../../telemetry/draft.ts'
import { spanFrame } from '../../telemetry/frames.ts'
import { type Buckets, bucketsOf, writeBuckets } from './buckets.ts'
import { appendAll, doubleAt, fixedAt, fixedsAt, putDouble, putFixed, putFixeds, varintAt } from './point-fields.ts'

const countField = 4
const sumField = 5
const flagsField = 10

/** Histograms that can be made one have the same bounds. */
export const histogramKey = (point: Draft): string =>
  [
    fixedsAt(point, 7).toString('hex'),
    fixedsAt(point, 6).length,
    doubleAt(point, 11) !== undefined,
    doubleAt(point, 12) !== undefined,
    varintAt(point, flagsField),
  ].join(' ')

/** The sum of histograms. */
export function mergedHistogram(points: readonly Uint8Array[]): Draft {
  let counts: Buffer | undefined
  const into = merge(points, { min: 11, max: 12, exemplars: 8 }, (point) => {
    const others = fixedsAt(point, 6)
    if (counts) addFixeds(counts, others)
    else counts = others
  })
  putFixeds(into, 6, counts!)
  return into
}

/** Both have as many. */
function addFixeds(counts: Buffer, others: Buffer): void {
  for (let at = 0; at < counts.length; at += 8) {
    counts.writeBigUInt64LE(BigInt.asUintN(64, counts.readBigUInt64LE(at) + others.readBigUInt64LE(at)), at)
  }
}

/** Exponential histograms that can be made one have the same scale, offsets and zero bucket. */
export const exponentialKey = (point: Draft): string =>
  [
    varintAt(point, 6),
    doubleAt(point, 12) !== undefined,
    doubleAt(point, 13) !== undefined,
    varintAt(point, flagsField),
    bucketsOf(point, 8).offset,
    bucketsOf(point, 9).offset,
    fixedAt(point, 14),
  ].join(' ')

/** The sum of exponential histograms. */
export function mergedExponential(points: readonly Uint8Array[]): Draft {
  let zeros = 0n
  const sides: [number, Buckets | undefined][] = [
    [8, undefined],
    [9, undefined],
  ]
  const into = merge(points, { min: 12, max: 13, exemplars: 11 }, (point) => {
    zeros += fixedAt(point, 7)
    for (const side of sides) {
      const others = bucketsOf(point, side[0])
      if (side[1]) addBuckets(side[1], others)
      else side[1] = others
    }
  })
  if (zeros > 0n) putFixed(into, 7, zeros)
  for (const [field, buckets] of sides) {
    if (buckets && buckets.counts.length > 0) into.put(field, spanFrame(field, writeBuckets(buckets)))
  }
  return into
}

function addBuckets({ counts }: Buckets, others: Buckets): void {
  others.counts.forEach((count, i) => {
    counts[i] = (counts[i] ?? 0n) + count
  })
}

/** Where the fields are that have other numbers in the two kinds. */
interface Fields {
  readonly min: number
  readonly max: number
  readonly exemplars: number
}

/** Adds all points that count something to the first; `add` is called for each of them, the first one too. */
function merge(points: readonly Uint8Array[], fields: Fields, add: (point: Draft) => void): Draft {
  const [into, point] = [new Draft(), new Draft()]
  into.load(points[0]!, 0, points[0]!.length, 0)
  add(into)
  let [start, count, sum] = [fixedAt(into, 2), fixedAt(into, countField), doubleAt(into, sumField)]
  let [least, most] = [doubleAt(into, fields.min), doubleAt(into, fields.max)]
  for (let i = 1; i < points.length; i++) {
    point.load(points[i]!, 0, points[i]!.length, 0)
    if (fixedAt(point, countField) === 0n) continue
    add(point)
    count += fixedAt(point, countField)
    const other = doubleAt(point, sumField)
    if (other !== undefined) sum = (sum ?? 0) + other
    if (least !== undefined) least = Math.min(least, doubleAt(point, fields.min)!)
    if (most !== undefined) most = Math.max(most, doubleAt(point, fields.max)!)
    if (fixedAt(point, 2) < start) start = fixedAt(point, 2)
    appendAll(into, point, fields.exemplars)
  }
  putFixed(into, 2, start)
  putFixed(into, countField, count)
  if (sum !== undefined) putDouble(into, sumField, sum)
  if (least !== undefined) putDouble(into, fields.min, least)
  if (most !== undefined) putDouble(into, fields.max, most)
  return into
}
