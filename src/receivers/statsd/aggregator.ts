import type { Budget } from '../../delivery/budget.ts'
import { TableCharge } from '../../delivery/table-charge.ts'
import { encodeAttributes } from '../../wire/otlp/points.ts'
import { BackwardWriter } from '../../wire/protobuf.ts'
import { MetricType, StatsdParser } from '../../wire/statsd/parse.ts'
import { SeriesTable } from '../../wire/statsd/series.ts'
import type { StatsdConfig } from './config.ts'
import { type DataKind, dataFields, dataKind, newDistribution } from './distribution.ts'
import { Members } from './members.ts'
import { newObservers, type Observer } from './observers.ts'
import { type Series, typeNames } from './series.ts'
import { keyParts, SeriesKey } from './series-key.ts'

/** What a series costs beside its name and attributes, which are there twice, and its values. */
const bytesPerSeries = 320

/** What an aggregator has met; read it, the owner publishes it. */
export interface AggregatorCounts {
  /** Samples that were folded into a series. */
  samples: number
  /** Samples of a type that the configuration switches off. */
  disabled: number
  /** Series that were forgotten with what they had gathered, because there were too many. */
  lostSeries: number
}

/** Folds StatsD lines into series. Bounded: `max_series` of them, their values charged to the budget. */
export class Aggregator {
  readonly counts: AggregatorCounts = { samples: 0, disabled: 0, lostSeries: 0 }
  readonly parser = new StatsdParser()
  readonly key: SeriesKey
  private readonly config: StatsdConfig
  private readonly budget: Budget
  private readonly table: SeriesTable
  private readonly charge: TableCharge
  private readonly observers: readonly Observer[]
  private readonly series: (Series | undefined)[] = []
  private readonly scratch = new BackwardWriter(256)

  constructor(config: StatsdConfig, budget: Budget) {
    this.config = config
    this.budget = budget
    this.charge = new TableCharge(budget, bytesPerSeries)
    this.table = new SeriesTable(config.max_series)
    this.observers = newObservers(config)
    this.key = new SeriesKey(config.enable_simple_tags)
  }

  /** Folds one datagram. `now` is monotonic milliseconds. */
  take(packet: Buffer, now: number): void {
    const { parser } = this
    parser.open(packet)
    while (parser.next()) {
      const { type } = parser
      if (this.observers[type]?.kind === 'disabled') this.counts.disabled++
      else {
        this.key.read(packet, parser)
        this.fold(this.find(type, now), packet)
        this.counts.samples++
      }
    }
  }

  /** Every series that this interval touched. Call `clear` when they are written. */
  touched(): Series[] {
    return this.series.filter((each) => each?.touched) as Series[]
  }

  numberOf(series: Series): number {
    return this.table.values[series.slot]!
  }

  /** Starts the next interval: only gauges keep their value. */
  clear(touched: readonly Series[]): void {
    for (const series of touched) {
      series.touched = false
      series.state?.clear()
      if (series.type === MetricType.counter) this.table.values[series.slot] = 0
    }
  }

  /** Gives all memory back. */
  release(): void {
    for (const series of this.series.splice(0)) series?.state?.release()
    this.charge.release()
  }

  private fold(series: Series, packet: Buffer): void {
    const { parser, table } = this
    series.touched = true
    if (series.type === MetricType.counter) table.values[series.slot]! += parser.value / parser.rate
    else if (series.type === MetricType.gauge) {
      table.values[series.slot] = parser.isRelative ? table.values[series.slot]! + parser.value : parser.value
    } else if (series.type === MetricType.set) {
      ;(series.state as Members).addMember(packet.toString('latin1', parser.valueStart, parser.valueEnd))
    } else series.state!.add(parser.value, 1 / parser.rate)
  }

  private find(type: MetricType, now: number): Series {
    const { table, key } = this
    const { count, evicted } = table
    const slot = table.slot(type, key.bytes, 0, key.end)
    const known = this.series[slot]
    if (known && table.count === count && table.evicted === evicted) {
      if (now - known.lastSeen > this.config.series_expiry) this.expire(known)
      known.lastSeen = now
      return known
    }
    if (known) this.forget(known)
    const series = this.newSeries(type, slot, now)
    this.series[slot] = series
    // The newest takes the place of another when there are too many: `max_series` is the bound.
    this.charge.force(costOf(series))
    return series
  }

  private expire(series: Series): void {
    if (series.touched) return
    this.table.values[series.slot] = 0
  }

  private forget(series: Series): void {
    if (series.touched) this.counts.lostSeries++
    series.state?.release()
    this.charge.remove(costOf(series))
  }

  private newSeries(type: MetricType, slot: number, now: number): Series {
    const { name, tags, container } = keyParts(this.key.bytes.subarray(0, this.key.end))
    const observer = this.observers[type]
    const data: DataKind = type === MetricType.counter ? 'sum' : observer ? dataKind(observer, name) : 'gauge'
    const attributes = new Map(tags)
    if (this.config.enable_metric_type) attributes.set('metric_type', typeNames[type])
    // `ci-<id>` names a container, `in-<inode>` a control group: only the first says something elsewhere.
    if (container && !container.startsWith('in-')) attributes.set('container.id', container.replace(/^ci-/, ''))
    return {
      type,
      name,
      data,
      attributes: encodeAttributes(this.scratch, dataFields[data].attributes, attributes),
      state: this.newState(type, name),
      touched: false,
      lastSeen: now,
      slot,
    }
  }

  private newState(type: MetricType, name: string) {
    if (type === MetricType.set) return new Members(this.budget)
    const observer = this.observers[type]
    return observer && newDistribution(observer, name, this.budget)
  }
}

const costOf = ({ name, attributes }: Series): number => 2 * (name.length + attributes.length)
