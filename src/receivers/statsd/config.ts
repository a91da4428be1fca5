import {
  bool,
  type ConfigOf,
  duration,
  endpoint,
  int,
  list,
  number,
  object,
  oneOf,
  size,
  text,
} from '../../config/fields.ts'

const mapping = () =>
  object({
    statsd_type: oneOf(['timing', 'timer', 'histogram', 'distribution']).describe(
      'Which StatsD type (timing and timer: `ms`).',
    ),
    observer_type: oneOf(['summary', 'histogram', 'gauge', 'disabled'])
      .default('summary')
      .describe('What becomes of its values; gauge: every value is a point of its own; disabled: nothing.'),
    summary: object({
      percentiles: list(number({ min: 0, max: 100 }))
        .default([0, 10, 50, 90, 95, 100])
        .describe('Percentiles of the interval.'),
    })
      .default({})
      .describe('With observer_type summary.'),
    histogram: object({
      max_size: int({ min: 2, max: 10_000 })
        .default(160)
        .describe('Most buckets of an exponential histogram, each for values above and below 0.'),
      explicit_buckets: list(
        object({
          matcher_pattern: text().describe('Regular expression for names of metrics.'),
          buckets: list(number()).describe('Upper bounds, ascending.'),
        }),
      )
        .default([])
        .describe('Explicit instead of exponential buckets, for metrics whose name matches; the first match counts.'),
    })
      .default({})
      .describe('With observer_type histogram.'),
  })

/** Settings of the receiver. */
export const config = object({
  endpoint: endpoint().default('localhost:8125').describe('UDP address to listen on, IPv4; `localhost` is 127.0.0.1.'),
  transport: oneOf(['udp', 'udp4']).default('udp').describe('How lines arrive.'),
  mode: oneOf(['aggregate', 'injector'])
    .default('aggregate')
    .describe('aggregate: metrics once per interval. injector: an envelope per line, as the StatsD injector.'),
  aggregation_interval: duration({ min: '10ms' }).default('60s').describe('How often aggregated metrics are sent.'),
  enable_metric_type: bool().default(false).describe('Add the attribute `metric_type`.'),
  enable_simple_tags: bool()
    .default(false)
    .describe('Keep tags without a value, as empty attributes; else they are ignored.'),
  is_monotonic_counter: bool().default(false).describe('Mark sums of counters as monotonic.'),
  timer_histogram_mapping: list(mapping())
    .default([])
    .describe('What becomes of timers, histograms and distributions; gauges where nothing is said.'),
  max_series: int({ min: 1, max: 10_000_000 })
    .default(10_000)
    .describe('Most series that are kept; the one not seen for longest is forgotten first.'),
  series_expiry: duration({ min: '1s' })
    .default('5m')
    .describe('aggregate: a series not seen for so long starts anew (gauges at 0).'),
  receive_buffer: size({ min: 1 })
    .default('4MiB')
    .describe('Receive buffer to ask of the kernel, which grants at most net.core.rmem_max.'),
})

export type StatsdConfig = ConfigOf<typeof config>
