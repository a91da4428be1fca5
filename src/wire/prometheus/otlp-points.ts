/** Data points of OTLP metrics, written last to first. */
import { isWord } from '../byte-runs.ts'
import { type BackwardWriter, nanosFromMillis } from '../protobuf.ts'
import type { OtlpOptions } from './otlp-metrics.ts'
import { Has, Kind, type Page } from './page.ts'
import { total, truncateCount } from './totals.ts'

const TWO32 = 4294967296
const FIXED64 = 1

/** Where attributes and exemplars stand differs by message. */
const NUMBER = { attributes: 7, exemplars: 5, flags: 8 }
const HISTOGRAM = { attributes: 9, exemplars: 8, flags: 10 }
const SUMMARY_ATTRIBUTES = 7

export class PointWriter {
  /** Points written. */
  count = 0
  private readonly page: Page
  private readonly options: OtlpOptions
  private readonly out: BackwardWriter
  /** Scratch: a family's metrics, a histogram's buckets in ascending order. */
  private metrics: number[] = []
  private buckets: number[] = []

  constructor(page: Page, options: OtlpOptions, out: BackwardWriter) {
    this.page = page
    this.options = options
    this.out = out
  }

  /** All points of a family, as `data_points` (field 1). */
  writeAll(family: number, kind: number): void {
    const { page, metrics, out } = this
    metrics.length = 0
    const { only } = this.options
    for (let metric = page.familyFirst[family]!; metric >= 0; metric = page.metricNext[metric]!) {
      if (only?.[metric] !== 0) metrics.push(metric)
    }
    for (let i = metrics.length - 1; i >= 0; i--) {
      const metric = metrics[i]!
      const end = out.length
      if (kind === Kind.histogram) this.histogram(metric)
      else if (kind === Kind.summary) this.summary(metric)
      else this.number(metric, kind)
      out.message(1, end)
    }
    this.count += metrics.length
  }

  private number(metric: number, kind: number): void {
    const { page, out } = this
    if (this.options.stale) this.noValue(NUMBER.flags)
    else {
      this.exemplar(NUMBER.exemplars, page.metricExemplar[metric]!)
      out.double(page.metricValue[metric]!)
      out.tag(4, FIXED64)
    }
    this.times(metric, kind === Kind.counter)
    this.labels(NUMBER.attributes, page.metricLabelFrom[metric]!, page.metricLabelCount[metric]!)
  }

  /** Flags (`flags`, 1: no recorded value) instead of a value. */
  private noValue(flags: number): void {
    this.out.byte(1)
    this.out.tag(flags, 0)
  }

  private summary(metric: number): void {
    const { page, out } = this
    const { stale } = this.options
    if (stale) this.noValue(NUMBER.flags)
    // Quantiles and buckets of a point without a value are those of the series that end.
    const quantiles = this.chain(metric)
    for (let i = quantiles.length - 1; i >= 0; i--) {
      const end = out.length
      if (!stale) {
        out.double(page.pointValue[quantiles[i]!]!)
        out.tag(2, FIXED64)
      }
      out.double(page.pointBound[quantiles[i]!]!)
      out.tag(1, FIXED64)
      out.message(6, end)
    }
    if (!stale) {
      out.double(page.metricValue[metric]!)
      out.tag(5, FIXED64)
      this.countField(page.metricCountValue[metric]!)
    }
    this.times(metric, true)
    this.labels(SUMMARY_ATTRIBUTES, page.metricLabelFrom[metric]!, page.metricLabelCount[metric]!)
  }

  private histogram(metric: number): void {
    const { page } = this
    const buckets = this.chain(metric)
    const last = buckets.at(-1)
    const finite = last !== undefined && page.pointBound[last] === Infinity ? buckets.length - 1 : buckets.length
    if (this.options.stale) {
      this.noValue(HISTOGRAM.flags)
      if (buckets.length > 0) this.bucketFields(finite, 0)
    } else this.population(metric, finite)
    this.times(metric, true)
    this.labels(HISTOGRAM.attributes, page.metricLabelFrom[metric]!, page.metricLabelCount[metric]!)
  }

  /** Exemplars, buckets, sum and count of the histogram whose buckets are at hand. */
  private population(metric: number, finite: number): void {
    const { page, out, buckets } = this
    for (let i = buckets.length - 1; i >= 0; i--) this.exemplar(HISTOGRAM.exemplars, page.pointExemplar[buckets[i]!]!)
    const count = this.observations(metric, finite)
    if (buckets.length > 0) this.bucketFields(finite, count)
    if ((page.metricFlags[metric]! & Has.sum) !== 0) {
      out.double(page.metricValue[metric]!)
      out.tag(5, FIXED64)
    }
    this.countField(count)
  }

  /** Observations in all: never fewer than the highest bucket says, since OTLP wants count and buckets to agree. */
  private observations(metric: number, finite: number): number {
    const { page, buckets } = this
    const highest = finite > 0 ? this.cumulative(finite - 1) : 0
    if ((page.metricFlags[metric]! & Has.count) !== 0) return Math.max(highest, whole(page.metricCountValue[metric]!))
    return finite < buckets.length ? Math.max(highest, this.cumulative(finite)) : highest
  }

  /** `explicit_bounds` (7) and `bucket_counts` (6): cumulative counts become counts of each bucket. */
  private bucketFields(finite: number, count: number): void {
    const { page, out, buckets } = this
    const bounds = out.length
    for (let i = finite - 1; i >= 0; i--) out.double(page.pointBound[buckets[i]!]!)
    if (finite > 0) out.message(7, bounds)
    const counts = out.length
    // A page whose counts fall from one bucket to the next gets the lower ones.
    let above = count
    for (let i = finite; i >= 0; i--) {
      const below = i === 0 ? 0 : Math.min(above, this.cumulative(i - 1))
      fixed64(out, above - below)
      above = below
    }
    out.message(6, counts)
  }

  private cumulative(bucket: number): number {
    return whole(this.page.pointValue[this.buckets[bucket]!]!)
  }

  /** The metric's points, ascending by bound, each bound once. */
  private chain(metric: number): number[] {
    const { page, buckets } = this
    const { pointBound } = page
    buckets.length = 0
    let isSorted = true
    for (let point = page.metricFirst[metric]!; point >= 0; point = page.pointNext[point]!) {
      const last = buckets.at(-1)
      if (last !== undefined && pointBound[last]! >= pointBound[point]!) isSorted = false
      buckets.push(point)
    }
    if (isSorted) return buckets
    buckets.sort((a, b) => pointBound[a]! - pointBound[b]! || a - b)
    let kept = 0
    for (const point of buckets) {
      if (kept > 0 && pointBound[buckets[kept - 1]!] === pointBound[point]) kept--
      buckets[kept++] = point
    }
    buckets.length = kept
    return buckets
  }

  private countField(count: number): void {
    fixed64(this.out, count)
    this.out.tag(4, FIXED64)
  }

  private times(metric: number, hasStart: boolean): void {
    const { out, options, page } = this
    const written = options.honorTimes ? page.metricTime[metric]! * (page.openMetrics ? 1000 : 1) : Number.NaN
    if (written > 0 && written < 9e12) {
      const [lo, hi] = nanosFromMillis(Math.round(written))
      out.fixed64(lo, hi)
    } else out.fixed64(options.timeLo, options.timeHi)
    out.tag(3, FIXED64)
    const created = page.metricCreated[metric]!
    if (created > 0 && created < 9e9) fixed64(out, Math.round(created * 1e9))
    else if (hasStart && (options.startLo !== 0 || options.startHi !== 0)) out.fixed64(options.startLo, options.startHi)
    else return
    out.tag(2, FIXED64)
  }

  private exemplar(field: number, index: number): void {
    if (index < 0) return
    const { out, page } = this
    const { labelFrom, labelCount, value, time } = page.exemplars[index]!
    const end = out.length
    out.double(value)
    out.tag(3, FIXED64)
    if (time > 0 && time < 9e9) {
      fixed64(out, Math.round(time * 1e9))
      out.tag(2, FIXED64)
    }
    for (let i = labelFrom + labelCount - 1; i >= labelFrom; i--) {
      if (!this.traceField(i, 'trace_id', 5, 32) && !this.traceField(i, 'span_id', 4, 16)) this.labels(7, i, 1)
    }
    out.message(field, end)
  }

  /** Writes a label as trace or span id when it is one. */
  private traceField(label: number, name: string, field: number, digits: number): boolean {
    const { page, out } = this
    const id = page.labelName[label]!
    if (!isWord(page.text, page.labelNames.start[id]!, page.labelNames.end[id]!, name)) return false
    const hex = page.string(page.labelStart[label]!, page.labelEnd[label]!)
    if (hex.length !== digits || /[^0-9a-fA-F]/.test(hex)) return false
    out.bytesField(field, Buffer.from(hex, 'hex'))
    return true
  }

  /** Labels as attributes; an empty value means the label is absent. */
  private labels(field: number, from: number, count: number): void {
    const { page, out } = this
    const { text, labelName, labelStart, labelEnd, labelNames } = page
    for (let i = from + count - 1; i >= from; i--) {
      const start = labelStart[i]!
      const stop = labelEnd[i]!
      if (start === stop) continue
      const end = out.length
      out.bytesField(1, text, start, stop)
      out.message(2, end)
      const name = labelName[i]!
      out.bytesField(1, text, labelNames.start[name]!, labelNames.end[name]!)
      out.message(field, end)
    }
  }
}

/** A count as number; beyond 2^53 it loses what a double loses. */
function whole(value: number): number {
  truncateCount(value)
  return total.hi * TWO32 + total.lo
}

function fixed64(out: BackwardWriter, value: number): void {
  truncateCount(value)
  out.fixed64(total.lo, total.hi)
}
