import { findNumber, found } from '../../telemetry/find-field.ts'
import type { MetricChange } from '../../telemetry/metric-site.ts'
import { StatementError } from '../ottl-value.ts'
import { derivedMetric } from './derived-metric.ts'
import {
  Data,
  fixedFrame,
  fixedOf,
  kindName,
  type MetricParts,
  numberPointOf,
  partsOf,
  pointFrame,
  pointsOf,
  sumFields,
  Temporality,
} from './metric-body.ts'

const zero = Buffer.alloc(8)
/** Of points of histograms and summaries. */
const countField = 4
const sumField = 5

/** How a metric is made of another one. */
export interface ExtractOptions {
  readonly isMonotonic: boolean
  readonly suffix: string
  /** That of the metric, when it is undefined; a summary's is cumulative. */
  readonly temporality?: number
}

/** Adds a sum with the counts of a histogram or summary. Throws StatementError for other metrics. */
export function extractCount(options: ExtractOptions): MetricChange {
  return (body, add) => {
    const parts = distributionOf(body, 'extract_count_metric')
    add(sumOf(parts, counts(parts), options, '1'))
    return undefined
  }
}

/** Adds a sum with the sums of a histogram or summary, if any point has one. Throws StatementError for other metrics. */
export function extractSum(options: ExtractOptions): MetricChange {
  return (body, add) => {
    const parts = distributionOf(body, 'extract_sum_metric')
    const points = sums(parts)
    if (points.length > 0) add(sumOf(parts, points, options))
    return undefined
  }
}

/** The same of a summary, under its unit; other metrics stay without. */
export function summaryValue(value: 'count' | 'sum', options: ExtractOptions): MetricChange {
  return (body, add) => {
    const parts = partsOf(body)
    if (parts.kind !== Data.summary) return undefined
    add(sumOf(parts, value === 'count' ? counts(parts) : sums(parts), options))
    return undefined
  }
}

function distributionOf(body: Buffer, name: string): MetricParts {
  const parts = partsOf(body)
  const { kind } = parts
  if (kind === Data.histogram || kind === Data.exponential || kind === Data.summary) return parts
  throw new StatementError(`${name} takes a histogram, an exponential histogram or a summary, got ${kindName(kind)}`)
}

const counts = (parts: MetricParts): Buffer[] =>
  pointsOf(parts).map((point) => numberPointOf(point, parts.kind, fixedFrame(6, fixedOf(point, countField) ?? zero)))

/** A summary's sum is always there, if only as 0. */
function sums(parts: MetricParts): Buffer[] {
  const { kind } = parts
  return pointsOf(parts).flatMap((point) => {
    const sum = fixedOf(point, sumField) ?? (kind === Data.summary ? zero : undefined)
    return sum ? [numberPointOf(point, kind, fixedFrame(4, sum))] : []
  })
}

function sumOf(parts: MetricParts, points: readonly Buffer[], options: ExtractOptions, unit?: string): Buffer {
  const { isMonotonic, suffix, temporality = temporalityOf(parts) } = options
  const data = [...points.map(pointFrame), ...sumFields(temporality, isMonotonic)]
  return derivedMetric(parts, { suffix, kind: Data.sum, data, ...(unit !== undefined && { unit }) })
}

/** Of a metric that has one; a summary counts as cumulative. */
export function temporalityOf({ kind, data }: MetricParts): number {
  if (kind === Data.summary) return Temporality.cumulative
  return findNumber(data, 0, data.length, 2) ? found.lo : 0
}
