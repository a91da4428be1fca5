import { MetricType } from '../../wire/statsd/parse.ts'
import type { StatsdConfig } from './config.ts'

/** What becomes of the values of timers, histograms and distributions. */
export type Observer =
  | { readonly kind: 'disabled' | 'gauge' }
  | { readonly kind: 'summary'; readonly percentiles: readonly number[] }
  | { readonly kind: 'histogram'; readonly maxSize: number; readonly explicit: readonly ExplicitBuckets[] }

export interface ExplicitBuckets {
  readonly matches: RegExp
  readonly bounds: readonly number[]
}

const types: Record<string, MetricType> = {
  timing: MetricType.timer,
  timer: MetricType.timer,
  histogram: MetricType.histogram,
  distribution: MetricType.distribution,
}

/** As in the Collector: nothing is aggregated that nobody asked for. */
const defaultObserver: Observer = { kind: 'gauge' }

/** Observers by `MetricType`. Throws when a pattern or a list of buckets is not sound; the message names it. */
export function newObservers(config: StatsdConfig): readonly Observer[] {
  const observers: Observer[] = []
  for (const type of Object.values(types)) observers[type] = defaultObserver
  for (const mapping of config.timer_histogram_mapping) observers[types[mapping.statsd_type]!] = newObserver(mapping)
  return observers
}

function newObserver({
  observer_type: kind,
  summary,
  histogram,
}: StatsdConfig['timer_histogram_mapping'][number]): Observer {
  if (kind === 'summary') return { kind, percentiles: summary.percentiles }
  if (kind !== 'histogram') return { kind }
  const explicit = histogram.explicit_buckets.map(({ matcher_pattern, buckets }) => ({
    matches: pattern(matcher_pattern),
    bounds: ascending(buckets),
  }))
  return { kind, maxSize: histogram.max_size, explicit }
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text, 'u')
  } catch (error) {
    throw new Error(`matcher_pattern ${JSON.stringify(text)}: ${(error as Error).message}`)
  }
}

function ascending(bounds: readonly number[]): readonly number[] {
  const wrong = bounds.findIndex((bound, i) => i > 0 && bound <= bounds[i - 1]!)
  if (wrong >= 0) throw new Error(`explicit buckets must ascend: ${bounds[wrong]} follows ${bounds[wrong - 1]}`)
  return bounds
}
