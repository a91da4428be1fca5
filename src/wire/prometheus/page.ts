/**
 * A parsed page of metrics as flat arrays: no object and no string per sample. Everything textual is a span of `text`.
 *
 *     families -> metrics (one label set each) -> points (histogram buckets or summary quantiles)
 *
 * Lists are chains of indices that end with -1: `for (m = page.familyFirst[f]; m >= 0; m = page.metricNext[m])`.
 */
import { grown, NameTable } from './names.ts'

/** Kinds of families. `unset`: met only in comments so far. */
export const Kind = {
  unset: 0,
  untyped: 1,
  counter: 2,
  gauge: 3,
  histogram: 4,
  summary: 5,
  gaugeHistogram: 6,
  info: 7,
  stateset: 8,
} as const
export type Kind = (typeof Kind)[keyof typeof Kind]

/** Bits of `metricFlags`. */
export const Has = { sum: 1, count: 2 } as const

/** An OpenMetrics exemplar: `# {trace_id="ab"} 0.67 1520879607.789`. */
export interface Exemplar {
  labelFrom: number
  labelCount: number
  value: number
  /** Unix seconds, NaN when absent. */
  time: number
}

export class Page {
  /** The page's bytes, `[0, size)`, a closing newline, then values whose escapes were resolved. Owned by the page. */
  text: Buffer = Buffer.allocUnsafeSlow(1024)
  size = 0
  /** Counters and infos carry their suffix (`_total`, `_info`) in the sample name only. */
  openMetrics = false
  /** End of what is used of `text`. */
  used = 0

  /** Label names; `labelName[i]` is an id of it. */
  readonly labelNames = new NameTable()

  familyCount = 0
  familyNameStart = new Int32Array(16)
  familyNameEnd = new Int32Array(16)
  familyKind = new Int32Array(16)
  /** Span of the help text with escapes resolved; start is -1 when there is none. */
  familyHelpStart = new Int32Array(16)
  familyHelpEnd = new Int32Array(16)
  /** Span of the OpenMetrics unit; start is -1 when there is none. */
  familyUnitStart = new Int32Array(16)
  familyUnitEnd = new Int32Array(16)
  /** First and last metric, or -1. A family without metrics was only declared. */
  familyFirst = new Int32Array(16)
  familyLast = new Int32Array(16)

  metricCount = 0
  metricFamily = new Int32Array(64)
  metricLabelFrom = new Int32Array(64)
  metricLabelCount = new Int32Array(64)
  metricNext = new Int32Array(64)
  /** Value; of histograms and summaries the sum (0 when absent). */
  metricValue = new Float64Array(64)
  /** Count of histograms and summaries (0 when absent). */
  metricCountValue = new Float64Array(64)
  metricFlags = new Int32Array(64)
  /** Timestamp as written in the page (0.0.4: milliseconds, OpenMetrics: seconds), NaN when absent. */
  metricTime = new Float64Array(64)
  /** Unix seconds of `_created`, NaN when absent. */
  metricCreated = new Float64Array(64)
  metricExemplar = new Int32Array(64)
  /** First and last bucket or quantile, or -1. */
  metricFirst = new Int32Array(64)
  metricLast = new Int32Array(64)

  pointCount = 0
  /** `le` or `quantile`. */
  pointBound = new Float64Array(64)
  pointValue = new Float64Array(64)
  pointNext = new Int32Array(64)
  pointExemplar = new Int32Array(64)

  labelCount = 0
  labelName = new Int32Array(256)
  labelStart = new Int32Array(256)
  labelEnd = new Int32Array(256)

  /** Index kept in `metricExemplar` and `pointExemplar`, -1 for none. */
  readonly exemplars: Exemplar[] = []

  /** Empties the page and copies `bytes` in. The arrays keep their size, so one page serves many scrapes. */
  load(bytes: Uint8Array): void {
    this.clear()
    const size = bytes.length
    if (this.text.length < size + 1) this.text = Buffer.allocUnsafeSlow(size + 1)
    this.text.set(bytes)
    this.text[size] = 0x0a
    this.size = size
    this.used = size + 1
  }

  clear(): void {
    this.size = this.used = 0
    this.labelNames.clear()
    this.familyCount = this.metricCount = this.pointCount = this.labelCount = 0
    this.exemplars.length = 0
  }

  /** Makes room for `bytes` resolved bytes behind `used`. */
  reserveText(bytes: number): void {
    if (this.used + bytes <= this.text.length) return
    const next = Buffer.allocUnsafeSlow(Math.max(this.text.length * 2, this.used + bytes))
    this.text.copy(next, 0, 0, this.used)
    this.text = next
  }

  addFamily(nameStart: number, nameEnd: number): number {
    const family = this.familyCount++
    if (family === this.familyKind.length) this.growFamilies()
    this.familyNameStart[family] = nameStart
    this.familyNameEnd[family] = nameEnd
    this.familyKind[family] = Kind.unset
    this.familyHelpStart[family] = this.familyUnitStart[family] = -1
    this.familyFirst[family] = this.familyLast[family] = -1
    return family
  }

  addMetric(family: number, labelFrom: number): number {
    const metric = this.metricCount++
    if (metric === this.metricNext.length) this.growMetrics()
    this.metricFamily[metric] = family
    this.metricLabelFrom[metric] = labelFrom
    this.metricLabelCount[metric] = this.labelCount - labelFrom
    this.metricValue[metric] = this.metricCountValue[metric] = 0
    this.metricTime[metric] = this.metricCreated[metric] = Number.NaN
    this.metricFlags[metric] = 0
    this.metricExemplar[metric] = this.metricFirst[metric] = this.metricLast[metric] = this.metricNext[metric] = -1
    const last = this.familyLast[family]!
    if (last < 0) this.familyFirst[family] = metric
    else this.metricNext[last] = metric
    this.familyLast[family] = metric
    return metric
  }

  addPoint(metric: number, bound: number, value: number): number {
    const point = this.pointCount++
    if (point === this.pointNext.length) this.growPoints()
    this.pointBound[point] = bound
    this.pointValue[point] = value
    this.pointNext[point] = this.pointExemplar[point] = -1
    const last = this.metricLast[metric]!
    if (last < 0) this.metricFirst[metric] = point
    else this.pointNext[last] = point
    this.metricLast[metric] = point
    return point
  }

  addLabel(name: number, start: number, end: number): void {
    const label = this.labelCount++
    if (label === this.labelName.length) this.growLabels()
    this.labelName[label] = name
    this.labelStart[label] = start
    this.labelEnd[label] = end
  }

  /** A span as text: for messages and tests, not for hot code. */
  string(start: number, end: number): string {
    return this.text.toString('utf8', start, end)
  }

  private growFamilies(): void {
    this.familyNameStart = grown(this.familyNameStart)
    this.familyNameEnd = grown(this.familyNameEnd)
    this.familyKind = grown(this.familyKind)
    this.familyHelpStart = grown(this.familyHelpStart)
    this.familyHelpEnd = grown(this.familyHelpEnd)
    this.familyUnitStart = grown(this.familyUnitStart)
    this.familyUnitEnd = grown(this.familyUnitEnd)
    this.familyFirst = grown(this.familyFirst)
    this.familyLast = grown(this.familyLast)
  }

  private growMetrics(): void {
    this.metricFamily = grown(this.metricFamily)
    this.metricLabelFrom = grown(this.metricLabelFrom)
    this.metricLabelCount = grown(this.metricLabelCount)
    this.metricNext = grown(this.metricNext)
    this.metricValue = grown(this.metricValue)
    this.metricCountValue = grown(this.metricCountValue)
    this.metricFlags = grown(this.metricFlags)
    this.metricTime = grown(this.metricTime)
    this.metricCreated = grown(this.metricCreated)
    this.metricExemplar = grown(this.metricExemplar)
    this.metricFirst = grown(this.metricFirst)
    this.metricLast = grown(this.metricLast)
  }

  private growPoints(): void {
    this.pointBound = grown(this.pointBound)
    this.pointValue = grown(this.pointValue)
    this.pointNext = grown(this.pointNext)
    this.pointExemplar = grown(this.pointExemplar)
  }

  private growLabels(): void {
    this.labelName = grown(this.labelName)
    this.labelStart = grown(this.labelStart)
    this.labelEnd = grown(this.labelEnd)
  }
}
