/** Metrics of OTLP as WriteRequest of Prometheus' remote write 1.0 (prometheus/prompb, remote.proto and types.proto). */
import { hashBytes } from '../byte-runs.ts'
import { ForwardWriter } from '../forward-writer.ts'
import { textOf } from '../utf8.ts'
import { floatText } from './float-text.ts'
import { metricName, type NamedAs, type NamingOptions } from './metric-name.ts'
import { nativeFault } from './native-histogram.ts'
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
import { exemplarsWithin, type RemoteExemplar, remoteExemplars } from './remote-exemplars.ts'
import { encodeLabels, writeLine, writeNative } from './remote-lines.ts'
import { type Metadata, metadataEveryMs, newMetadata } from './remote-metadata.ts'
import { type Mark, Pieces, type WritePiece } from './remote-pieces.ts'

export type { WritePiece } from './remote-pieces.ts'

export interface RemoteWriteOptions {
  readonly naming: NamingOptions
  readonly labels: LabelOptions
  readonly targetInfo: boolean
  /** Type, help and unit of each metric once a minute, in requests of their own. */
  readonly metadata?: boolean
  /** A request is ended with the point that makes it this large, in bytes before compression. */
  readonly maxBytes: number
  /** Lines whose labels are remembered in encoded form; beyond that they are all forgotten. */
  readonly maxKnown: number
}

/** The `target_info` of a resource. */
interface Info {
  readonly labels: Buffer
  readonly mark: Mark
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
  readonly metadata: Metadata | undefined
  readonly series: Map<string, KnownSeries>
}

/** Encoded labels: of the series, or of the lines of a histogram or summary, sum and count last. */
interface KnownSeries {
  readonly labels: Labels
  readonly mark: Mark
  bounds: readonly number[]
  lines: Buffer[]
}

const noExemplars: readonly RemoteExemplar[] = []

/** Labels are made once for a series and found again by its bytes. One request after the other. */
export class RemoteWriter implements MetricVisitor {
  /** Points of the last `write` that no line could be made of, and why. */
  lost = 0
  why = ''
  private readonly options: RemoteWriteOptions
  private readonly pieces = new Pieces()
  private readonly told = new ForwardWriter(256)
  private readonly scopes = new Map<string, KnownScope>()
  /** By resource. */
  private readonly infos = new Map<string, Info | undefined>()
  /** By name. */
  private readonly metadata = new Map<string, Metadata>()
  /** By hash of the labels: different attributes can become the same series. */
  private readonly marks = new Map<number, Mark>()
  private known = 0
  private scope!: KnownScope
  private metric!: KnownMetric
  /** Latest time of the scope at hand: that of its `target_info`. */
  private latest = 0

  constructor(options: RemoteWriteOptions) {
    this.options = options
  }

  /** The points of an ExportMetricsServiceRequest, in order. */
  write(bytes: Uint8Array): WritePiece[] {
    this.pieces.begin()
    this.told.reset()
    this.lost = this.latest = 0
    this.why = ''
    readMetrics(bytes, this)
    this.info()
    return this.pieces.finish(this.told.take())
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
    this.metric = found ?? this.newMetric(view)
    if (!found) this.scope.metrics.set(key, this.metric)
  }

  point(view: PointView): void {
    if (this.metric.name === '') {
      this.lose('nothing of a name can stay in Prometheus')
      return
    }
    const fault = view.data === Data.exponential ? nativeFault(view) : undefined
    if (fault !== undefined) {
      this.lose(fault)
      return
    }
    const key = pointKey(view)
    let series = this.metric.series.get(key)
    if (!series) {
      series = this.newSeries(view)
      this.metric.series.set(key, series)
    }
    this.pieces.follow(series.mark)
    this.lines(series, view)
    const { metadata } = this.metric
    if (metadata && view.timeMs >= metadata.dueMs) this.tell(metadata, view.timeMs)
    this.latest = Math.max(this.latest, view.timeMs)
    this.pieces.endPoint(this.options.maxBytes)
  }

  private lines(series: KnownSeries, view: PointView): void {
    const { data } = view
    const exemplars = view.exemplars.count > 0 && data !== Data.gauge ? remoteExemplars(view) : noExemplars
    if (data === Data.histogram) this.histogram(series, view, exemplars)
    else if (data === Data.summary) this.summary(series, view)
    else {
      const all = within(exemplars, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)
      if (data === Data.exponential) writeNative(this.pieces.out, series.lines[0]!, view, all)
      else writeLine(this.pieces.out, series.lines[0]!, view.value, view, all)
    }
  }

  private histogram(series: KnownSeries, view: PointView, exemplars: readonly RemoteExemplar[]): void {
    const { out } = this.pieces
    const { values, count } = view.bounds
    if (!hasLines(series, view, values, count, 1)) {
      series.bounds = [...values.subarray(0, count)]
      const ends = series.bounds.filter((bound) => bound !== Number.POSITIVE_INFINITY)
      series.lines = this.suffixed(series.labels, 'le', '_bucket', [...ends, Number.POSITIVE_INFINITY])
    }
    const { lines, bounds } = series
    let below = 0
    let last = Number.NEGATIVE_INFINITY
    for (let i = 0; i < lines.length - 3; i++) {
      below += i < view.counts.count ? view.counts.values[i]! : 0
      writeLine(out, lines[i]!, below, view, within(exemplars, last, bounds[i]!))
      last = bounds[i]!
    }
    writeLine(out, lines.at(-3)!, view.count, view, within(exemplars, last, Number.POSITIVE_INFINITY))
    if (view.hasSum || view.stale) writeLine(out, lines.at(-2)!, view.sum, view)
    writeLine(out, lines.at(-1)!, view.count, view)
  }

  private summary(series: KnownSeries, view: PointView): void {
    const { out } = this.pieces
    const { values, count } = view.quantiles
    if (!hasLines(series, view, values, count / 2, 2)) {
      series.bounds = Array.from({ length: count / 2 }, (_, i) => values[i * 2]!)
      series.lines = this.suffixed(series.labels, 'quantile', '', series.bounds)
    }
    const { lines } = series
    for (let i = 0; i < lines.length - 2; i++) writeLine(out, lines[i]!, values[i * 2 + 1]!, view)
    writeLine(out, lines.at(-2)!, view.sum, view)
    writeLine(out, lines.at(-1)!, view.count, view)
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

  private newMetric(view: PointView): KnownMetric {
    this.remember(1)
    const name = this.nameOf(view)
    if (!this.options.metadata || name === '') return { name, metadata: undefined, series: new Map() }
    const metadata = this.metadata.get(name) ?? newMetadata(name, view)
    this.metadata.set(name, metadata)
    return { name, metadata, series: new Map() }
  }

  private newSeries(view: PointView): KnownSeries {
    this.remember(1)
    const labels = seriesLabels(pointAttributes(view), this.scope.labels, this.options.labels.fixed)
    const line = this.encode(labels, '')
    const isOne = view.data !== Data.histogram && view.data !== Data.summary
    return { labels, mark: this.markOf(line), bounds: [], lines: isOne ? [line] : [] }
  }

  private markOf(labels: Buffer): Mark {
    const hash = hashBytes(labels, 0, labels.length)
    const mark = this.marks.get(hash) ?? { piece: 0 }
    this.marks.set(hash, mark)
    return mark
  }

  private newInfo(labels: ScopeLabels): Info | undefined {
    const { naming, labels: how, targetInfo } = this.options
    const written = targetInfo ? targetInfoLabels(labels, how.fixed) : undefined
    const name = naming.namespace === '' ? 'target_info' : `${naming.namespace}_target_info`
    if (!written) return undefined
    const encoded = encodeLabels([...written, ['__name__', name]])
    return { labels: encoded, mark: this.markOf(encoded), sentMs: 0 }
  }

  private nameOf({ bytes, data, monotonic, name, unit }: PointView): string {
    const as: NamedAs = data === Data.gauge ? 'gauge' : data === Data.sum && monotonic ? 'counter' : 'other'
    return metricName(textOf(bytes, name.start, name.end), textOf(bytes, unit.start, unit.end), as, this.options.naming)
  }

  /** What the scope that ends here says about its target. */
  private info(): void {
    const { latest, scope } = this
    if (latest > 0 && scope.info && latest > scope.info.sentMs) {
      this.pieces.follow(scope.info.mark)
      writeLine(this.pieces.out, scope.info.labels, 1, { timeMs: latest, stale: false })
      scope.info.sentMs = latest
    }
    this.latest = 0
  }

  private tell(metadata: Metadata, nowMs: number): void {
    metadata.dueMs = nowMs + metadataEveryMs
    this.told.raw(metadata.field)
    if (this.told.pos >= this.options.maxBytes) this.pieces.add(this.told.take())
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
    this.metadata.clear()
    this.marks.clear()
    this.pieces.forget()
    this.known = 0
  }
}

const within = (exemplars: readonly RemoteExemplar[], above: number, upTo: number): Buffer | undefined =>
  exemplars.length === 0 ? undefined : exemplarsWithin(exemplars, above, upTo)

/** Whether the lines of a series are those of the point at hand. One that ends may leave out which they were. */
function hasLines(series: KnownSeries, { stale }: PointView, values: Float64Array, count: number, step: number) {
  return series.lines.length > 0 && ((stale && count === 0) || sameBounds(series.bounds, values, count, step))
}

function sameBounds(known: readonly number[], values: Float64Array, count: number, step: number): boolean {
  if (known.length !== count) return false
  for (let i = 0; i < count; i++) if (known[i] !== values[i * step]) return false
  return true
}
