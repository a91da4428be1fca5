import type { Budget } from '../../delivery/budget.ts'
import { TableCharge } from '../../delivery/table-charge.ts'
import type { DropReason } from '../../plugin.ts'
import { metricName, type NamedAs, type NamingOptions } from '../../wire/prometheus/metric-name.ts'
import {
  type LabelOptions,
  pointAttributes,
  type ScopeLabels,
  scopeLabels,
  seriesLabels,
  targetInfoLabels,
  withoutReserved,
} from '../../wire/prometheus/otlp-labels.ts'
import { type MetricVisitor, readMetrics } from '../../wire/prometheus/otlp-read.ts'
import { groupKey, metricKey, pointKey } from '../../wire/prometheus/point-keys.ts'
import { Data, type PointView } from '../../wire/prometheus/point-view.ts'
import { textOf } from '../../wire/utf8.ts'
import { keepExemplars } from './exemplars.ts'
import { type Family, type FamilyType, labelsText, Series } from './series.ts'

export interface TableOptions {
  readonly naming: NamingOptions
  readonly labels: LabelOptions
  /** Lines of the page. */
  readonly maxSeries: number
  /** Charged with what the series hold. */
  readonly budget: Budget
  /** A series without a point for so many milliseconds goes. */
  readonly expireMs: number
  readonly exemplars: boolean
  /** A point is not kept; `metric` is the culprit as OTLP names it, `of` its job. */
  lost(reason: DropReason, metric: string, of: string, why: string): void
  /** Something to tell about a metric that is kept all the same. */
  told(metric: string, why: string): void
}

interface KnownScope {
  readonly labels: ScopeLabels
  readonly metrics: Map<string, KnownMetric>
}

interface KnownMetric {
  readonly name: string
  /** Undefined: its points cannot be kept, for this reason. */
  readonly family: Family | undefined
  readonly why: string
  /** Series by the bytes of their attributes; null: another metric has that series already. */
  readonly series: Map<string, Series | null>
}

const TYPES: Readonly<Record<number, FamilyType>> = {
  [Data.gauge]: 'gauge',
  [Data.histogram]: 'histogram',
  [Data.exponential]: 'histogram',
  [Data.summary]: 'summary',
}

/** What a series costs beside its labels, which are there twice: its numbers, those of some buckets, its places in maps. */
const bytesPerSeries = 640

/** Labels that the lines of a kind have themselves. */
const RESERVED: Partial<Record<FamilyType, string>> = { histogram: 'le', summary: 'quantile' }

/**
 * Last values by series. What arrived once is found again by its bytes: names and labels are made for the first point
 * of a series alone.
 */
export class SeriesTable implements MetricVisitor {
  readonly families = new Map<string, Family>()
  /** Lines that the page has. */
  lines = 0
  private readonly options: TableOptions
  private readonly charge: TableCharge
  private readonly scopes = new Map<string, KnownScope>()
  /** Scopes, metrics and spellings of series that are found again by their bytes. */
  private known = 0
  private scope!: KnownScope
  private metric: KnownMetric | undefined
  private now = 0

  constructor(options: TableOptions) {
    this.options = options
    this.charge = new TableCharge(options.budget, bytesPerSeries)
  }

  /** Takes all points of a request. `now` is monotonic, in milliseconds. */
  take(bytes: Uint8Array, now: number): void {
    this.now = now
    readMetrics(bytes, this)
  }

  enterScope(view: PointView): void {
    const key = groupKey(view)
    let known = this.scopes.get(key)
    if (!known) {
      known = { labels: scopeLabels(view, this.options.labels), metrics: new Map() }
      this.remember()
      this.scopes.set(key, known)
    }
    this.scope = known
    this.targetInfo(known.labels)
  }

  enterMetric(view: PointView): void {
    const key = metricKey(view)
    this.metric = this.scope.metrics.get(key)
    if (this.metric) return
    this.remember()
    this.metric = this.newMetric(view)
    this.scope.metrics.set(key, this.metric)
  }

  point(view: PointView): void {
    const { metric } = this
    if (!metric?.family) {
      this.lose('not_representable', metric?.why ?? '')
      return
    }
    const key = pointKey(view)
    let series = metric.series.get(key)
    if (series === undefined) {
      if (view.stale) return
      if (this.lines >= this.options.maxSeries) {
        this.lose('series_limit', '')
        return
      }
      series = this.newSeries(view, metric, metric.family)
      this.remember()
      metric.series.set(key, series)
    }
    if (series === null) this.lose('not_representable', 'another metric has a series of this name and labels')
    else if (view.stale) this.remove(series)
    else this.update(series, view)
  }

  /** Lets go of series that had no point for too long. */
  sweep(now: number): void {
    const before = now - this.options.expireMs
    for (const family of this.families.values()) {
      for (const series of family.series.values()) if (series.seen < before) this.remove(series)
    }
    this.known = 0
    for (const [key, { metrics }] of this.scopes) {
      this.known += sweepMetrics(metrics) + 1
      if (metrics.size === 0) this.scopes.delete(key)
    }
    for (const [name, { series }] of this.families) if (series.size === 0) this.families.delete(name)
  }

  /** Gives its memory back: the page is gone. */
  close(): void {
    this.charge.release()
  }

  /** The family with most lines, for whoever has to find out who fills the table. */
  largest(): { name: string; lines: number } {
    let found = { name: '', lines: 0 }
    for (const { name, series } of this.families.values()) {
      let lines = 0
      for (const one of series.values()) lines += one.lines
      if (lines > found.lines) found = { name, lines }
    }
    return found
  }

  private newMetric(view: PointView): KnownMetric {
    const { bytes, data, monotonic } = view
    const type = data === Data.sum ? (monotonic ? 'counter' : 'gauge') : TYPES[data]!
    const written = textOf(bytes, view.name.start, view.name.end)
    const as: NamedAs = type === 'counter' ? 'counter' : data === Data.gauge ? 'gauge' : 'other'
    const name = metricName(written, textOf(bytes, view.unit.start, view.unit.end), as, this.options.naming)
    const help = textOf(bytes, view.description.start, view.description.end)
    const base = { name: written, series: new Map<string, Series | null>() }
    if (name === '') return { ...base, family: undefined, why: 'nothing of its name can stay in Prometheus' }
    const family = this.family(name, type, help)
    if (family.type !== type) {
      const why = `${name} is a ${family.type} already, this one is a ${type}`
      return { ...base, family: undefined, why }
    }
    if (family.help !== help) this.options.told(written, `${name} has the help text of the metric that came first`)
    return { ...base, family, why: '' }
  }

  private family(name: string, type: FamilyType, help: string): Family {
    const known = this.families.get(name)
    if (known && (known.series.size > 0 || known.type === type)) return known
    const made: Family = { name, type, help, series: new Map() }
    this.families.set(name, made)
    return made
  }

  private newSeries(view: PointView, metric: KnownMetric, family: Family): Series | null {
    const written = seriesLabels(pointAttributes(view), this.scope.labels, this.options.labels.fixed)
    const labels = labelsText(withoutReserved(written, RESERVED[family.type] ?? ''))
    const known = family.series.get(labels)
    if (known) return known.owner === metric.name ? known : null
    return new Series(family, labels, metric.name)
  }

  private update(series: Series, view: PointView): void {
    const { family } = series
    const isListed = family.series.get(series.key) === series
    const before = isListed ? series.lines : 0
    if (!isListed) {
      // It was stale or had expired, and perhaps its family with it.
      const now = this.families.get(family.name)
      // Another metric took the name meanwhile: until the next sweep this one has none.
      if (now !== family && now !== undefined) {
        this.lose('not_representable', `${family.name} is a ${now.type} now`)
        return
      }
      if (!this.charge.add(costOf(series))) {
        this.lose('memory', '')
        return
      }
      this.families.set(family.name, family)
      family.series.set(series.key, series)
    }
    if (series.take(view, this.now) && this.options.exemplars && view.exemplars.count > 0) keepExemplars(series, view)
    this.lines += series.lines - before
  }

  private remove(series: Series): void {
    const { family, key } = series
    if (family.series.get(key) !== series) return
    family.series.delete(key)
    this.charge.remove(costOf(series))
    this.lines -= series.lines
    series.seen = series.timeMs = 0
  }

  /** Whoever sends ever new spellings of the same cannot fill the memory: all is found again by its labels. */
  private remember(): void {
    if (++this.known <= 3 * this.options.maxSeries + 1000) return
    this.scopes.clear()
    this.known = 0
  }

  private targetInfo(labels: ScopeLabels): void {
    const written = targetInfoLabels(labels, this.options.labels.fixed)
    if (!written) return
    const name = this.options.naming.namespace === '' ? 'target_info' : `${this.options.naming.namespace}_target_info`
    const family = this.family(name, 'gauge', 'Target metadata')
    // Somebody else has the name: lines of a histogram would have labels twice.
    if (family.type !== 'gauge') return
    const key = `${labels.job}\n${labels.instance}`
    const text = labelsText(written)
    const known = family.series.get(key)
    if (!known && this.lines >= this.options.maxSeries) return
    const series = known?.labels === text ? known : new Series(family, text, name, key)
    if (series !== known) {
      if (known) this.charge.remove(costOf(known))
      this.charge.force(costOf(series))
    }
    series.seen = this.now
    series.value = 1
    if (!known) this.lines++
    family.series.set(key, series)
  }

  private lose(reason: DropReason, why: string): void {
    const { job, instance } = this.scope.labels
    this.options.lost(reason, this.metric?.name ?? '', instance === '' ? job : `${job} (${instance})`, why)
  }
}

const costOf = ({ labels, key }: Series): number => labels.length + key.length

/** Lets go of what is not on the page any more; answers how much is left. */
function sweepMetrics(metrics: Map<string, KnownMetric>): number {
  let left = 0
  for (const [metricKey, metric] of metrics) {
    for (const [key, series] of metric.series) {
      if (series?.family.series.get(series.key) !== series || series === null) metric.series.delete(key)
    }
    if (metric.series.size === 0) metrics.delete(metricKey)
    else left += metric.series.size + 1
  }
  return left
}
