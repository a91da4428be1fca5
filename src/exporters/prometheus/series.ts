import type { Labels } from '../../wire/prometheus/otlp-labels.ts'
import { Data, type PointView, Temporality } from '../../wire/prometheus/point-view.ts'
import { escapeLabelValue } from '../../wire/prometheus/write.ts'

export type FamilyType = 'counter' | 'gauge' | 'histogram' | 'summary'

/** Series of one name, by their labels as text. */
export interface Family {
  readonly name: string
  readonly type: FamilyType
  readonly help: string
  readonly series: Map<string, Series>
}

/** `a="b",c="d"`. */
export const labelsText = (labels: Labels): string =>
  labels.map(([name, value]) => `${name}="${escapeLabelValue(value)}"`).join(',')

const noNumbers: readonly number[] = []

/** The last value of one series. */
export class Series {
  readonly family: Family
  /** `a="b",c="d"`. */
  readonly labels: string
  /** Where it stands in its family. */
  readonly key: string
  /** The metric it is made of, as OTLP names it. */
  readonly owner: string
  /** Monotonic time of the last point. */
  seen = 0
  timeMs = 0
  value = 0
  count = 0
  sum = 0
  hasSum = false
  /** Upper bounds, ascending; counts of each bucket by itself, one more than bounds. */
  bounds: readonly number[] = noNumbers
  counts: number[] = []
  /** Quantile and value in turns. */
  quantiles: readonly number[] = noNumbers
  /** OpenMetrics text of an exemplar by bucket; a counter has one. */
  exemplars: (string | undefined)[] | undefined

  constructor(family: Family, labels: string, owner: string, key = labels) {
    this.family = family
    this.key = key
    this.labels = labels
    this.owner = owner
  }

  /** Lines on the page. */
  get lines(): number {
    const { type } = this.family
    if (type === 'histogram') return this.bounds.length + 3
    return type === 'summary' ? this.quantiles.length / 2 + 2 : 1
  }

  /** Takes the point at hand: deltas add up, everything else replaces what is older. False when it is older itself. */
  take(point: PointView, now: number): boolean {
    const isDelta = point.temporality === Temporality.delta && this.seen > 0
    if (!isDelta && point.timeMs < this.timeMs) return false
    this.seen = Math.max(now, Number.MIN_VALUE)
    this.timeMs = Math.max(this.timeMs, point.timeMs)
    if (point.data === Data.gauge || point.data === Data.sum) {
      this.value = isDelta && point.data === Data.sum ? this.value + point.value : point.value
      return true
    }
    const add = isDelta && point.data !== Data.summary
    this.count = add ? this.count + point.count : point.count
    this.sum = add ? this.sum + point.sum : point.sum
    this.hasSum = point.hasSum
    if (point.data === Data.histogram) this.takeBuckets(point, add)
    else if (point.data === Data.summary)
      this.quantiles = [...point.quantiles.values.subarray(0, point.quantiles.count)]
    return true
  }

  private takeBuckets({ bounds, counts }: PointView, add: boolean): void {
    const isSame = sameNumbers(this.bounds, bounds.values, bounds.count)
    if (!isSame) this.bounds = [...bounds.values.subarray(0, bounds.count)]
    if (!add || !isSame || this.counts.length !== counts.count) {
      // Other buckets: what was added up so far stays in count and sum alone.
      this.counts.length = counts.count
      for (let i = 0; i < counts.count; i++) this.counts[i] = counts.values[i]!
      return
    }
    for (let i = 0; i < counts.count; i++) this.counts[i]! += counts.values[i]!
  }
}

function sameNumbers(a: readonly number[], b: Float64Array, count: number): boolean {
  if (a.length !== count) return false
  for (let i = 0; i < count; i++) if (a[i] !== b[i]) return false
  return true
}
