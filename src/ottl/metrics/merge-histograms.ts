import type { Draft } from '../../telemetry/draft.ts'
import { spanFrame } from '../../telemetry/frames.ts'
import { type Buckets, bucketsOf, writeBuckets } from './buckets.ts'
import {
  appendAll,
  doubleAt,
  fixedAt,
  fixedsAt,
  putDouble,
  putEarliestStart,
  putFixed,
  putFixeds,
  varintAt,
} from './point-fields.ts'

const countField = 4
const sumField = 5
const flagsField = 10

/** Histograms that can be made one have the same bounds. */
export const histogramKey = (point: Draft): string =>
  [
    fixedsAt(point, 7).toString('hex'),
    fixedsAt(point, 6).length,
    point.find(11) >= 0,
    point.find(12) >= 0,
    varintAt(point, flagsField),
  ].join(' ')

/** The sum of histograms. */
export function mergedHistogram(points: readonly Draft[]): Draft {
  const into = points[0]!
  const counts = fixedsAt(into, 6)
  for (const point of mergeCommon(points, { min: 11, max: 12, exemplars: 8 })) {
    const others = fixedsAt(point, 6)
    for (let at = 0; at < counts.length; at += 8) {
      counts.writeBigUInt64LE(BigInt.asUintN(64, counts.readBigUInt64LE(at) + others.readBigUInt64LE(at)), at)
    }
  }
  putFixeds(into, 6, counts)
  return into
}

/** Exponential histograms that can be made one have the same scale, offsets and zero bucket. */
export const exponentialKey = (point: Draft): string =>
  [
    varintAt(point, 6),
    point.find(12) >= 0,
    point.find(13) >= 0,
    varintAt(point, flagsField),
    bucketsOf(point, 8).offset,
    bucketsOf(point, 9).offset,
    fixedAt(point, 14),
  ].join(' ')

/** The sum of exponential histograms. */
export function mergedExponential(points: readonly Draft[]): Draft {
  const into = points[0]!
  const positive = bucketsOf(into, 8)
  const negative = bucketsOf(into, 9)
  let zeros = fixedAt(into, 7)
  for (const point of mergeCommon(points, { min: 12, max: 13, exemplars: 11 })) {
    addBuckets(positive, bucketsOf(point, 8))
    addBuckets(negative, bucketsOf(point, 9))
    zeros += fixedAt(point, 7)
  }
  if (zeros > 0n) putFixed(into, 7, zeros)
  for (const [field, buckets] of [
    [8, positive],
    [9, negative],
  ] as const) {
    if (buckets.counts.length > 0) into.put(field, spanFrame(field, writeBuckets(buckets)))
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

/** Adds what both kinds have to the first point; answers those whose buckets are still to be added. */
function mergeCommon(points: readonly Draft[], { min, max, exemplars }: Fields): Draft[] {
  const into = points[0]!
  const rest = points.slice(1).filter((point) => fixedAt(point, countField) !== 0n)
  for (const point of rest) {
    putFixed(into, countField, fixedAt(into, countField) + fixedAt(point, countField))
    const sum = doubleAt(point, sumField)
    if (sum !== undefined) putDouble(into, sumField, (doubleAt(into, sumField) ?? 0) + sum)
    const [least, most] = [doubleAt(point, min), doubleAt(point, max)]
    if (least !== undefined && least < doubleAt(into, min)!) putDouble(into, min, least)
    if (most !== undefined && most > doubleAt(into, max)!) putDouble(into, max, most)
    appendAll(into, point, exemplars)
  }
  putEarliestStart(into, rest)
  return rest
}
