/** Metrics of OTLP as WriteRequest of Prometheus' remote write 1.0 (prometheus/prompb, remote.proto and types.proto). */
import { ForwardWriter } from '../forward-writer.ts'
import { varintSize, varintSize64, writeVarint, writeVarint64 } from '../protobuf.ts'
import { textOf } from '../utf8.ts'
import { floatText } from './float-text.ts'
import { metricName, type NamedAs, type NamingOptions } from './metric-name.ts'
import { nativeHistogram, STALE } from './native-histogram.ts'
import {
  type LabelOptions,
  type Labels,
  pointAttributes,
  type ScopeLabels,
  scopeLabels,
  seriesLabels,
  targetInfoLabels,
  withoutReserved,
} from './otlp-labels.ts'
import { type MetricVisitor, readMetrics } from './otlp-read.ts'
import { bytesKey, groupKey, metricKey, pointKey } from './point-keys.ts'
import { Data, type PointView } from './point-view.ts'

export interface RemoteWriteOptions {
  readonly naming: NamingOptions
  readonly labels: LabelOptions
  readonly targetInfo: boolean
  /** A request is ended with the point that makes it this large, in bytes before compression. */
  readonly maxBytes: number
  /** Lines whose labels are remembered in encoded form; beyond that they are all forgotten. */
  readonly maxKnown: number
}

/** A WriteRequest of its own. */
export interface WritePiece {
  readonly body: Buffer
  readonly points: number
}

/** The `target_info` of a resource. */
interface Info {
  readonly labels: Buffer
  /** Time of the last sample: an older one would be refused. */
  sentMs: number
}

interface KnownScope {
  readonly labels: ScopeLabels
  readonly info: Info | undefined
  readonly metrics: Map<string, KnownMetric>
}

interface KnownMetric {
  readonly name: string
  readonly series: Map<string, KnownSeries>
}

/** Encoded labels: of the series, or of the lines of a histogram or summary, sum and count last. */
interface KnownSeries {
  readonly labels: Labels
  bounds: readonly number[]
  lines: Buffer[]
}

const TWO32 = 4294967296

/** Labels are made once for a series and found again by its bytes. One request after the other. */
export class RemoteWriter implements MetricVisitor {
  /** Points of the last `write` that no line could be made of, and why. */
  lost = 0
  why = ''
  private readonly options: RemoteWriteOptions
  private readonly out = new ForwardWriter(64 << 10)
  private readonly scopes = new Map<string, KnownScope>()
  /** By resource. */
  private readonly infos = new Map<string, Info | undefined>()
  private known = 0
  private pieces: WritePiece[] = []
  private points = 0
  private scope!: KnownScope
  private metric!: KnownMetric
  /** Latest time of the scope at hand: that of its `target_info`. */
  private latest = 0

  constructor(options: RemoteWriteOptions) {
    this.options = options
  }

  /** The points of an ExportMetricsServiceRequest, in order. */
  write(bytes: Uint8Array): WritePiece[] {
    this.out.reset()
    this.pieces = []
    this.lost = this.points = this.latest = 0
    this.why = ''
    readMetrics(bytes, this)
    this.info()
    this.cut()
    return this.pieces
  }

  enterScope(view: PointView): void {
    this.info()
    const key = groupKey(view)
    const found = this.scopes.get(key)
    this.scope = found ?? this.newScope(view)
    if (!found) this.scopes.set(key, this.scope)
  }

  enterMetric(view: PointView): void {
    const key = metricKey(view)
    const found = this.scope.metrics.get(key)
    this.metric = found ?? { name: this.nameOf(view), series: new Map() }
    if (found) return
    this.remember(1)
    this.scope.metrics.set(key, this.metric)
  }

  point(view: PointView): void {
    if (this.metric.name === '') {
      this.lose('nothing of a name can stay in Prometheus')
      return
    }
    const key = pointKey(view)
    let series = this.metric.series.get(key)
    if (!series) {
      const labels = seriesLabels(pointAttributes(view), this.scope.labels, this.options.labels.fixed)
      series = { labels, bounds: [], lines: [] }
      this.remember(1)
      this.metric.series.set(key, series)
    }
    if (!this.lines(series, view)) {
      this.lose('the scale of an exponential histogram is below -4')
      return
    }
    this.points++
    this.latest = Math.max(this.latest, view.timeMs)
    if (this.out.pos >= this.options.maxBytes) this.cut()
  }

  private lines(series: KnownSeries, view: PointView): boolean {
    const { data } = view
    if (data === Data.histogram) this.histogram(series, view)
    else if (data === Data.summary) this.summary(series, view)
    else {
      if (series.lines.length === 0) series.lines = [this.encode(series.labels, '')]
      if (data === Data.exponential) return this.native(series.lines[0]!, view)
      this.line(series.lines[0]!, view.value, view)
    }
    return true
  }

  private histogram(series: KnownSeries, view: PointView): void {
    const { values: bounds, count } = view.bounds
    if (series.lines.length === 0 || !sameBounds(series.bounds, bounds, count, 1)) {
      series.bounds = [...bounds.subarray(0, count)]
      const ends = series.bounds.filter((bound) => bound !== Number.POSITIVE_INFINITY)
      series.lines = this.suffixed(series.labels, 'le', '_bucket', [...ends, Number.POSITIVE_INFINITY])
    }
    const { lines } = series
    let below = 0
    for (let i = 0; i < lines.length - 3; i++) {
      below += i < view.counts.count ? view.counts.values[i]! : 0
      this.line(lines[i]!, below, view)
    }
    this.line(lines.at(-3)!, view.count, view)
    this.line(lines.at(-2)!, view.sum, view)
    this.line(lines.at(-1)!, view.count, view)
  }

  private summary(series: KnownSeries, view: PointView): void {
    const { values, count } = view.quantiles
    if (series.lines.length === 0 || !sameBounds(series.bounds, values, count / 2, 2)) {
      series.bounds = Array.from({ length: count / 2 }, (_, i) => values[i * 2]!)
      series.lines = this.suffixed(series.labels, 'quantile', '', series.bounds)
    }
    const { lines } = series
    for (let i = 0; i < lines.length - 2; i++) this.line(lines[i]!, values[i * 2 + 1]!, view)
    this.line(lines.at(-2)!, view.sum, view)
    this.line(lines.at(-1)!, view.count, view)
  }

  /** A TimeSeries with one sample. */
  private line(labels: Buffer, value: number, { timeMs, stale }: Pick<PointView, 'timeMs' | 'stale'>): void {
    const { out } = this
    const lo = timeMs >>> 0
    const hi = Math.floor(timeMs / TWO32)
    const sample = 10 + varintSize64(lo, hi)
    const size = labels.length + 2 + sample
    out.reserve(size + 10)
    const { buf } = out
    let { pos } = out
    buf[pos++] = 0x0a
    pos = writeVarint(buf, pos, size)
    buf.set(labels, pos)
    pos += labels.length
    buf[pos++] = 0x12
    buf[pos++] = sample
    buf[pos++] = 0x09
    if (stale) {
      buf.writeUInt32LE(STALE.lo, pos)
      buf.writeUInt32LE(STALE.hi, pos + 4)
    } else buf.writeDoubleLE(value, pos)
    pos += 8
    buf[pos++] = 0x10
    out.pos = writeVarint64(buf, pos, lo, hi)
  }

  private native(labels: Buffer, view: PointView): boolean {
    const histogram = nativeHistogram(view)
    if (!histogram) return false
    const { out } = this
    out.byte(0x0a)
    out.varint(labels.length + 1 + varintSize(histogram.length) + histogram.length)
    out.raw(labels)
    out.byte(0x22)
    out.varint(histogram.length)
    out.raw(histogram)
    return true
  }

  private suffixed(labels: Labels, bound: string, suffix: string, bounds: readonly number[]): Buffer[] {
    this.remember(bounds.length + 2)
    const own = withoutReserved(labels, bound)
    return [
      ...bounds.map((value) => this.encode([...own, [bound, floatText(value)]], suffix)),
      this.encode(labels, '_sum'),
      this.encode(labels, '_count'),
    ]
  }

  private encode(labels: Labels, suffix: string): Buffer {
    return encodeLabels([...labels, ['__name__', this.metric.name + suffix]])
  }

  private newScope(view: PointView): KnownScope {
    this.remember(1)
    const labels = scopeLabels(view, this.options.labels)
    const key = bytesKey(view.bytes, view.resource)
    if (!this.infos.has(key)) this.infos.set(key, this.newInfo(labels))
    return { labels, info: this.infos.get(key), metrics: new Map() }
  }

  private newInfo(labels: ScopeLabels): Info | undefined {
    const { naming, labels: how, targetInfo } = this.options
    const written = targetInfo ? targetInfoLabels(labels, how.fixed) : undefined
    const name = naming.namespace === '' ? 'target_info' : `${naming.namespace}_target_info`
    return written && { labels: encodeLabels([...written, ['__name__', name]]), sentMs: 0 }
  }

  private nameOf({ bytes, data, monotonic, name, unit }: PointView): string {
    const as: NamedAs = data === Data.gauge ? 'gauge' : data === Data.sum && monotonic ? 'counter' : 'other'
    return metricName(textOf(bytes, name.start, name.end), textOf(bytes, unit.start, unit.end), as, this.options.naming)
  }

  /** What the scope that ends here says about its target. */
  private info(): void {
    const { latest, scope } = this
    if (latest > 0 && scope.info && latest > scope.info.sentMs) {
      this.line(scope.info.labels, 1, { timeMs: latest, stale: false })
      scope.info.sentMs = latest
    }
    this.latest = 0
  }

  private cut(): void {
    if (this.out.pos > 0) this.pieces.push({ body: this.out.take(), points: this.points })
    this.points = 0
  }

  private lose(why: string): void {
    this.lost++
    this.why = why
  }

  private remember(lines: number): void {
    this.known += lines
    if (this.known <= this.options.maxKnown) return
    this.scopes.clear()
    this.infos.clear()
    this.known = 0
  }
}

/** Sorted by name, as the receiver wants them. */
function encodeLabels(labels: Labels): Buffer {
  const sorted = [...labels].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const out = new ForwardWriter(256)
  for (const [name, value] of sorted) {
    const nameSize = Buffer.byteLength(name)
    const valueSize = Buffer.byteLength(value)
    out.byte(0x0a)
    out.varint(2 + varintSize(nameSize) + nameSize + varintSize(valueSize) + valueSize)
    out.byte(0x0a)
    out.varint(nameSize)
    out.text(name)
    out.byte(0x12)
    out.varint(valueSize)
    out.text(value)
  }
  return out.take()
}

function sameBounds(known: readonly number[], values: Float64Array, count: number, step: number): boolean {
  if (known.length !== count) return false
  for (let i = 0; i < count; i++) if (known[i] !== values[i * step]) return false
  return true
}
