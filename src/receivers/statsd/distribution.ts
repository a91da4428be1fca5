import type { Budget } from '../../delivery/budget.ts'
import type { Times } from '../../wire/otlp/points.ts'
import type { BackwardWriter } from '../../wire/protobuf.ts'
import { ExplicitHistogram } from './explicit-histogram.ts'
import { ExponentialHistogram } from './exponential-histogram.ts'
import type { Observer } from './observers.ts'
import { GaugeSamples, Summary } from './samples.ts'

/** What a series of timers, histograms or distributions gathers within an interval. */
export interface Distribution {
  /** `weight`: for how many values this one stands (1 / sample rate). */
  add(value: number, weight: number): void
  /** Data points that `write` will write. */
  readonly points: number
  /** Values that no point shows any more. */
  readonly lost: number
  /** Writes the points as field 1 of the metric's data. */
  write(out: BackwardWriter, attributes: Uint8Array, times: Times): void
  /** Starts the next interval. */
  clear(): void
  /** Gives its memory back; it is not used any more. */
  release(): void
}

/** Fields of `Metric` that hold the data, and the field of the attributes in its points. */
export const dataFields = {
  gauge: { data: 5, attributes: 7 },
  sum: { data: 7, attributes: 7 },
  histogram: { data: 9, attributes: 9 },
  exponential: { data: 10, attributes: 1 },
  summary: { data: 11, attributes: 7 },
} as const
export type DataKind = keyof typeof dataFields

/** Which data the observer makes for a metric of this name. */
export function dataKind(observer: Observer, name: string): DataKind {
  if (observer.kind === 'summary') return 'summary'
  if (observer.kind !== 'histogram') return 'gauge'
  return observer.explicit.some(({ matches }) => matches.test(name)) ? 'histogram' : 'exponential'
}

export function newDistribution(observer: Observer, name: string, budget: Budget): Distribution {
  if (observer.kind === 'summary') return new Summary(observer.percentiles, budget)
  if (observer.kind !== 'histogram') return new GaugeSamples(budget)
  const explicit = observer.explicit.find(({ matches }) => matches.test(name))
  return explicit ? new ExplicitHistogram(explicit.bounds) : new ExponentialHistogram(observer.maxSize)
}
