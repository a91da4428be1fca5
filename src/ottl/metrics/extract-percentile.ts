import { Draft } from '../../telemetry/draft.ts'
import type { MetricChange } from '../../telemetry/metric-site.ts'
import { StatementError } from '../ottl-value.ts'
import { bucketsOf, edgeOf, zigzag } from './buckets.ts'
import { derivedMetric, descriptionOf } from './derived-metric.ts'
import { Data, doubleFrame, numberPointOf, partsOf, pointFrame, pointsOf } from './metric-body.ts'
import { doubleAt, fixedAt, fixedsAt, varintAt } from './point-fields.ts'

/** A bucket, and the value at a part (0 to 1) of its way. */
interface Bucket {
  readonly count: number
  at(part: number): number
}

/**
 * Adds a gauge with a percentile of each point of a histogram or exponential histogram, estimated within its bucket; other
 * metrics stay without. Points that count nothing are left out. Throws StatementError where counts do not add up.
 */
export function extractPercentile(percentile: number, suffix = `_p${percentile}`): MetricChange {
  return (body, add) => {
    const parts = partsOf(body)
    const { kind } = parts
    if (kind !== Data.histogram && kind !== Data.exponential) return undefined
    const point = new Draft()
    const data = pointsOf(parts).flatMap((each) => {
      point.load(each, 0, each.length, 0)
      const buckets = kind === Data.histogram ? explicitBuckets(point) : exponentialBuckets(point)
      const count = Number(fixedAt(point, 4))
      if (count === 0 || buckets.length === 0) return []
      const value = valueAt(buckets, Math.ceil((count * percentile) / 100))
      return [pointFrame(numberPointOf(each, kind, doubleFrame(4, value)))]
    })
    const description = `${descriptionOf(parts)} (p${percentile})`.trim()
    if (data.length > 0) add(derivedMetric(parts, { suffix, description, kind: Data.gauge, data }))
    return undefined
  }
}

/** The value of the `rank`-th of all that the buckets count, which rise. */
function valueAt(buckets: readonly Bucket[], rank: number): number {
  let before = 0
  for (const { count, at } of buckets) {
    if (count > 0 && before + count >= rank) return at((rank - before) / count)
    before += count
  }
  throw new StatementError(`extract_percentile_metric: the buckets hold ${before}, fewer than the count says`)
}

/** The lowest bucket begins at the least value, or at 0; the highest ends at the greatest. */
function explicitBuckets(point: Draft): Bucket[] {
  const [counts, bounds] = [fixedsAt(point, 6), fixedsAt(point, 7)]
  const last = bounds.length / 8
  if (last === 0) return []
  const bound = (i: number) => bounds.readDoubleLE(i * 8)
  return Array.from({ length: Math.min(last + 1, counts.length / 8) }, (_, i) => {
    const upper = i < last ? bound(i) : Math.max(doubleAt(point, 12) ?? bound(last - 1), bound(last - 1))
    const lower = i > 0 ? bound(i - 1) : Math.min(doubleAt(point, 11) ?? 0, upper)
    return { count: Number(counts.readBigUInt64LE(i * 8)), at: (part) => lower + part * (upper - lower) }
  })
}

/** Those of negative numbers, which count from 0 down, that of 0, and those of positive ones. */
function exponentialBuckets(point: Draft): Bucket[] {
  const scale = zigzag(varintAt(point, 6))
  const [negative, positive] = [bucketsOf(point, 9), bucketsOf(point, 8)]
  const threshold = doubleAt(point, 14) ?? 0
  const isOnlyPositive = negative.counts.length === 0 && positive.counts.length > 0
  const isOnlyNegative = positive.counts.length === 0 && negative.counts.length > 0
  const [lower, upper] = [isOnlyPositive ? 0 : -threshold, isOnlyNegative ? 0 : threshold]
  const below = negative.counts.map((count, i) => ({
    count: Number(count),
    at: (part: number) => -edgeOf(negative.offset + i + 1 - part, scale),
  }))
  const above = positive.counts.map((count, i) => ({
    count: Number(count),
    at: (part: number) => edgeOf(positive.offset + i + part, scale),
  }))
  const zeros = { count: Number(fixedAt(point, 7)), at: (part: number) => lower + part * (upper - lower) }
  return [...below.reverse(), zeros, ...above]
}
