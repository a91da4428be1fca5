import { MetricType } from '../../wire/statsd/parse.ts'
import type { DataKind, Distribution } from './distribution.ts'

/** One series between two flushes. Counters and gauges keep their number in the table of series, the others in `state`. */
export interface Series {
  readonly type: MetricType
  readonly name: string
  readonly data: DataKind
  /** Encoded attributes, in the field that points of this kind have them in. */
  readonly attributes: Buffer
  readonly state: Distribution | undefined
  /** Whether this interval brought something. */
  touched: boolean
  /** Monotonic milliseconds. */
  lastSeen: number
  /** Place in the table of series. */
  readonly slot: number
}

/** The values of the attribute `metric_type`, as the Collector has them. */
export const typeNames: Record<MetricType, string> = {
  [MetricType.counter]: 'counter',
  [MetricType.gauge]: 'gauge',
  [MetricType.timer]: 'timing',
  [MetricType.histogram]: 'histogram',
  [MetricType.distribution]: 'distribution',
  [MetricType.set]: 'set',
}
