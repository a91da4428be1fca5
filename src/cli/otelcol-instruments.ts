import type { OwnMetric } from '../runtime/own-metric.ts'
import { type Format, formats } from '../telemetry/format.ts'

/** From which `service.telemetry.metrics.level` on it is shown. */
export type MetricsLevel = 'basic' | 'normal' | 'detailed'

export interface Instrument extends Omit<OwnMetric, 'points'> {
  readonly level: MetricsLevel
}

/** How the Collector calls the records of a signal in names of metrics. */
export const records: Readonly<Record<Format, string>> = {
  logs: 'log_records',
  metrics: 'metric_points',
  traces: 'spans',
  envelopes: 'envelopes',
  dropsonde: 'v1_envelopes',
}

const units: Readonly<Record<Format, string>> = {
  logs: '{record}',
  metrics: '{datapoint}',
  traces: '{span}',
  envelopes: '{envelope}',
  dropsonde: '{envelope}',
}

const contrib = 'github.com/open-telemetry/opentelemetry-collector-contrib/processor'

/** Where the Collector makes these metrics: the names of its scopes, which `views` select by. */
const scopes = {
  receiver: 'go.opentelemetry.io/collector/receiver/receiverhelper',
  scraper: 'go.opentelemetry.io/collector/scraper/scraperhelper',
  processor: 'go.opentelemetry.io/collector/processor/processorhelper',
  batch: 'go.opentelemetry.io/collector/processor/batchprocessor',
  limiter: 'go.opentelemetry.io/collector/processor/memorylimiterprocessor',
  exporter: 'go.opentelemetry.io/collector/exporter/exporterhelper',
  service: 'go.opentelemetry.io/collector/service',
  filter: `${contrib}/filterprocessor`,
  tail: `${contrib}/tailsamplingprocessor`,
  sampler: `${contrib}/probabilisticsamplerprocessor`,
} as const

type Row = [name: string, scope: keyof typeof scopes, type: Instrument['type'], unit: string, help: string]

/** One for each signal; `@` stands for its records. */
const bySignal: Row[] = [
  ['receiver_accepted_@', 'receiver', 'counter', '@', 'Number of @ successfully pushed into the pipeline.'],
  ['receiver_refused_@', 'receiver', 'counter', '@', 'Number of @ that could not be pushed into the pipeline.'],
  ['receiver_failed_@', 'receiver', 'counter', '@', 'Number of @ that failed to be processed by the receiver.'],
  ['scraper_scraped_@', 'scraper', 'counter', '@', 'Number of @ successfully scraped.'],
  ['scraper_errored_@', 'scraper', 'counter', '@', 'Number of @ that were unable to be scraped.'],
  [
    'processor_memory_limiter_accepted_@',
    'limiter',
    'counter',
    '@',
    'Number of @ successfully pushed into the next component.',
  ],
  [
    'processor_memory_limiter_refused_@',
    'limiter',
    'counter',
    '@',
    'Number of @ that were rejected by the memory limiter.',
  ],
  ['exporter_sent_@', 'exporter', 'counter', '@', 'Number of @ successfully sent to destination.'],
  ['exporter_send_failed_@', 'exporter', 'counter', '@', 'Number of @ in failed attempts to send to destination.'],
  ['exporter_enqueue_failed_@', 'exporter', 'counter', '@', 'Number of @ failed to be added to the sending queue.'],
]

const one: Row[] = [
  ['receiver_requests', 'receiver', 'counter', '{request}', 'Number of requests performed.'],
  ['processor_incoming_items', 'processor', 'counter', '{item}', 'Number of items passed to the processor.'],
  ['processor_outgoing_items', 'processor', 'counter', '{item}', 'Number of items emitted from the processor.'],
  ['exporter_queue_size', 'exporter', 'gauge', '{batch}', 'Current size of the retry queue.'],
  ['exporter_queue_capacity', 'exporter', 'gauge', '{batch}', 'Fixed capacity of the retry queue.'],
  [
    'exporter_in_flight_requests',
    'exporter',
    'updown',
    '{request}',
    'Number of requests on the way to the destination, between two attempts too.',
  ],
  ['process_cpu_seconds', 'service', 'counter', 's', 'Total CPU user and system time in seconds.'],
  ['process_memory_rss', 'service', 'gauge', 'By', 'Total physical memory (resident set size).'],
  ['process_runtime_heap_alloc_bytes', 'service', 'gauge', 'By', 'Bytes of allocated heap objects.'],
  ['process_runtime_total_alloc_bytes', 'service', 'counter', 'By', 'Cumulative bytes allocated for heap objects.'],
  ['process_runtime_total_sys_memory_bytes', 'service', 'gauge', 'By', 'Total bytes of memory obtained from the OS.'],
  ['process_uptime', 'service', 'counter', 's', 'Uptime of the process.'],
  ...flows('items', '{item}', 'Number of items'),
  ...filters(),
]

const normal: Row[] = [
  ['processor_batch_batch_send_size', 'batch', 'histogram', '{unit}', 'Number of units in the batch.'],
  [
    'processor_batch_batch_size_trigger_send',
    'batch',
    'counter',
    '{time}',
    'Number of times the batch was sent due to a size trigger.',
  ],
  [
    'processor_batch_timeout_trigger_send',
    'batch',
    'counter',
    '{time}',
    'Number of times the batch was sent due to a timeout trigger.',
  ],
  [
    'processor_batch_metadata_cardinality',
    'batch',
    'updown',
    '{combination}',
    'Number of distinct combinations of metadata values.',
  ],
]

const detailed: Row[] = [
  ['processor_batch_batch_send_size_bytes', 'batch', 'histogram', 'By', 'Number of bytes in the batch that was sent.'],
  [
    'processor_internal_duration',
    'processor',
    'histogram',
    's',
    'Time that the processor took for a batch, without whoever is behind it.',
  ],
  ['exporter_enqueue_size', 'exporter', 'histogram', '{unit}', 'Number of units in what came to the sending queue.'],
  ['exporter_enqueue_size_bytes', 'exporter', 'histogram', 'By', 'Number of bytes in what came to the sending queue.'],
  ['exporter_queue_batch_send_size', 'exporter', 'histogram', '{unit}', 'Number of units in the batch.'],
  [
    'exporter_queue_batch_send_size_bytes',
    'exporter',
    'histogram',
    'By',
    'Number of bytes in the batch that was sent.',
  ],
  ...flows('size', '{item}', 'Size in bytes of items'),
]

/** What every component has, whatever it is. */
function flows(what: 'items' | 'size', unit: string, help: string): Row[] {
  const ends = ['receiver.produced', 'processor.consumed', 'processor.produced', 'connector.consumed']
  return [...ends, 'connector.produced', 'exporter.consumed'].map((end): Row => {
    const [kind, way] = end.split('.')
    const how = way === 'consumed' ? `passed to the ${kind}` : `emitted from the ${kind}`
    return [`${end}.${what}`, 'service', 'counter', unit, `${help} ${how}.`]
  })
}

/** Of the processors that keep a part of what comes. */
function filters(): Row[] {
  const filtered = (key: string, what: string): Row => {
    return [`processor_filter_${key}.filtered`, 'filter', 'counter', '1', `Number of ${what} dropped by the filter.`]
  }
  const tail = (key: string, type: Instrument['type'], unit: string, help: string): Row => {
    return [`processor_tail_sampling_${key}`, 'tail', type, unit, help]
  }
  const sampled = (key: string, what: string): Row => {
    return [`processor_probabilistic_sampler_${key}`, 'sampler', 'counter', '1', `Number of ${what} sampled or not.`]
  }
  return [
    filtered('logs', 'log records'),
    filtered('datapoints', 'data points'),
    filtered('spans', 'spans'),
    tail('count_traces_sampled', 'counter', '{traces}', 'Number of traces sampled or not, by policy.'),
    tail('global_count_traces_sampled', 'counter', '{traces}', 'Number of traces sampled or not.'),
    tail('sampling_traces_on_memory', 'gauge', '{traces}', 'Number of traces that wait for their decision.'),
    tail('sampling_trace_dropped_too_early', 'counter', '{traces}', 'Number of traces that could not wait so long.'),
    tail('sampling_policy_evaluation_error', 'counter', '{errors}', 'Number of conditions of policies that failed.'),
    tail('early_releases_from_cache_decision', 'counter', '{spans}', 'Number of spans after their decision.'),
    sampled('count_logs_sampled', 'log records'),
    sampled('count_spans_processed', 'spans'),
    sampled('count_traces_sampled', 'spans (deprecated in the Collector)'),
  ]
}

const shownFrom = (level: MetricsLevel, rows: readonly Row[]) =>
  rows.map(([key, scope, type, unit, help]): [string, Instrument] => {
    const name = `otelcol${/^[a-z]+\./.test(key) ? '.' : '_'}${key}`
    return [key, { name, scope: scopes[scope], type, unit, help, level }]
  })

const ofSignals = bySignal.flatMap(([name, scope, type, , help]) =>
  formats.map((format): Row => {
    const noun = records[format].replace('_', ' ')
    return [name.replace('@', records[format]), scope, type, units[format], help.replace('@', noun)]
  }),
)

/** The metrics of the Collector about itself, by their names without `otelcol`. */
export const instruments: ReadonlyMap<string, Instrument> = new Map([
  ...shownFrom('basic', [...ofSignals, ...one]),
  ...shownFrom('normal', normal),
  ...shownFrom('detailed', detailed),
])
