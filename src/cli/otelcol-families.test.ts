import { expect, test } from 'vitest'
import { BatchStats } from '../delivery/batch-stats.ts'
import { Ledger } from '../delivery/ledger.ts'
import type { Plan } from '../engine/plan.ts'
import type { AnySpec } from '../plugin.ts'
import batch from '../processors/batch/index.ts'
import memoryLimiter from '../processors/memory-limiter/index.ts'
import { Metrics } from '../runtime/metrics.ts'
import { otelcolFamilies } from './otelcol-families.ts'
import type { Pull } from './pull-readers.ts'
import { pageText, resourceLabels } from './telemetry-page.ts'

const of = (id: string, kind: string, type: string, config: unknown = {}) => {
  return { id, spec: { kind, type } as AnySpec, config, required: true }
}

const plan: Plan = {
  instances: [
    of('otlp', 'receiver', 'otlp'),
    of('syslog', 'receiver', 'syslog', { tcp: {} }),
    { id: 'memory_limiter', spec: memoryLimiter, config: {}, required: true },
    { id: 'batch', spec: batch, config: {}, required: true },
    of('otlp', 'exporter', 'otlp'),
    of('debug', 'exporter', 'debug'),
    of('hostmetrics', 'receiver', 'hostmetrics'),
    of('count', 'connector', 'count'),
  ],
  pipelines: [
    {
      id: 'logs',
      format: 'logs',
      receivers: ['otlp', 'syslog'],
      processors: ['memory_limiter', 'batch'],
      exporters: ['otlp', 'debug'],
    },
    { id: 'traces', format: 'traces', receivers: ['otlp'], processors: [], exporters: ['otlp', 'debug', 'count'] },
    { id: 'metrics', format: 'metrics', receivers: ['count', 'hostmetrics'], processors: [], exporters: ['debug'] },
  ],
  extensions: [],
  memoryLimit: 1,
  shutdownTimeoutMs: 1,
}

function newBooks() {
  const ledger = new Ledger()
  const metrics = new Metrics()
  const inOtlp = (name: string, transport: string, signal: string, n: number) =>
    metrics.counter(`tailrace_otlp_${name}_records_total`, '', { id: 'otlp', transport, signal }).add(n)
  inOtlp('accepted', 'grpc', 'logs', 100)
  inOtlp('accepted', 'http', 'logs', 11)
  inOtlp('refused', 'http', 'logs', 2)
  inOtlp('accepted', 'grpc', 'traces', 7)
  const ofHost = (name: string, scraper: string, n: number) =>
    metrics.counter(`tailrace_hostmetrics_${name}_total`, '', { id: 'hostmetrics', scraper }).add(n)
  ofHost('scraped_points', 'cpu', 12)
  ofHost('failed_scrapes', 'cpu', 1)
  const count = ledger.open('processor', 'count')
  count.received = count.consumed = 7
  count.made = 2
  const limiter = ledger.open('processor', 'memory_limiter', { pipeline: 'logs' })
  limiter.received = 115
  limiter.passed = 114
  limiter.drop('fault', 1)
  metrics
    .counter('tailrace_memory_limiter_refused_records_total', '', {
      id: 'memory_limiter',
      pipeline: 'logs',
      format: 'logs',
    })
    .add(4)
  for (const destination of ['a:1', 'b:1']) {
    const queue = ledger.open('queue', 'otlp', { destination, signal: 'logs' })
    queue.received = 50
    queue.sent = 40
    queue.turned_away = 3
    queue.drop('queue_full', 1)
    queue.drop('retries_exhausted', 2)
    queue.held = () => 7
    queue.fill = { size: () => 2, capacity: 1000 }
    queue.batches = new BatchStats()
    queue.batches.add(20, 1000, true)
    queue.batches.add(9000, 1000, false)
  }
  const debug = ledger.open('queue', 'debug')
  debug.received = debug.sent = 30
  const flows = () => ({
    receivers: [
      { id: 'otlp', format: 'logs' as const, taken: 111, refused: 2 },
      { id: 'otlp', format: 'traces' as const, taken: 7, refused: 0 },
      { id: 'syslog', format: 'logs' as const, taken: 3, refused: 1 },
    ],
    exporters: [
      { id: 'debug', format: 'logs' as const, received: 20 },
      { id: 'debug', format: 'traces' as const, received: 10 },
    ],
  })
  return { plan, ledger, metrics, flows, level: 'normal' as const }
}

const pull: Pull = { host: '', port: 0, typeSuffix: false, included: [], excluded: [] }
const lines = (of: Partial<Pull> = {}, resource = resourceLabels({})) =>
  pageText({ ...pull, ...of }, newBooks(), resource).split('\n')

test.each([
  'otelcol_receiver_accepted_log_records{receiver="otlp",transport="grpc"} 100',
  'otelcol_receiver_accepted_log_records{receiver="otlp",transport="http"} 11',
  'otelcol_receiver_refused_log_records{receiver="otlp",transport="http"} 2',
  'otelcol_receiver_accepted_spans{receiver="otlp",transport="grpc"} 7',
  'otelcol_receiver_accepted_log_records{receiver="syslog",transport="tcp"} 3',
  'otelcol_receiver_refused_log_records{receiver="syslog",transport="tcp"} 1',
  'otelcol_processor_incoming_items{processor="memory_limiter",otel_signal="logs"} 115',
  'otelcol_processor_outgoing_items{processor="memory_limiter",otel_signal="logs"} 114',
  'otelcol_processor_memory_limiter_accepted_log_records{processor="memory_limiter"} 115',
  'otelcol_processor_memory_limiter_refused_log_records{processor="memory_limiter"} 4',
  'otelcol_exporter_sent_log_records{exporter="otlp"} 80',
  'otelcol_exporter_send_failed_log_records{exporter="otlp"} 4',
  'otelcol_exporter_enqueue_failed_log_records{exporter="otlp"} 8',
  'otelcol_exporter_queue_size{exporter="otlp",data_type="logs"} 4',
  'otelcol_exporter_sent_log_records{exporter="debug"} 20',
  'otelcol_exporter_sent_spans{exporter="debug"} 10',
  'otelcol_processor_batch_batch_size_trigger_send{processor="batch"} 2',
  'otelcol_processor_batch_timeout_trigger_send{processor="batch"} 2',
  'otelcol_processor_batch_batch_send_size_bucket{processor="batch",exporter="otlp",le="25"} 2',
  'otelcol_processor_batch_batch_send_size_bucket{processor="batch",exporter="otlp",le="+Inf"} 4',
  'otelcol_processor_batch_batch_send_size_count{processor="batch",exporter="otlp"} 4',
  'otelcol_processor_batch_batch_send_size_sum{processor="batch",exporter="otlp"} 18040',
  '# TYPE otelcol_process_uptime counter',
  'otelcol_scraper_scraped_metric_points{receiver="hostmetrics",scraper="cpu"} 12',
  'otelcol_scraper_errored_metric_points{receiver="hostmetrics",scraper="cpu"} 1',
  'otelcol_receiver_produced_items{otelcol_component_kind="receiver",otelcol_component_id="otlp",otelcol_signal="logs",outcome="success"} 111',
  'otelcol_receiver_produced_items{otelcol_component_kind="receiver",otelcol_component_id="otlp",otelcol_signal="logs",outcome="refused"} 2',
  'otelcol_processor_consumed_items{otelcol_component_kind="processor",otelcol_component_id="memory_limiter",otelcol_pipeline_id="logs",otelcol_signal="logs",outcome="success"} 114',
  'otelcol_processor_consumed_items{otelcol_component_kind="processor",otelcol_component_id="memory_limiter",otelcol_pipeline_id="logs",otelcol_signal="logs",outcome="failure"} 1',
  'otelcol_processor_produced_items{otelcol_component_kind="processor",otelcol_component_id="memory_limiter",otelcol_pipeline_id="logs",otelcol_signal="logs",outcome="success"} 114',
  'otelcol_connector_consumed_items{otelcol_component_kind="connector",otelcol_component_id="count",otelcol_signal="traces",outcome="success"} 7',
  'otelcol_connector_produced_items{otelcol_component_kind="connector",otelcol_component_id="count",otelcol_signal="traces",otelcol_signal_output="metrics",outcome="success"} 2',
  'otelcol_exporter_consumed_items{otelcol_component_kind="exporter",otelcol_component_id="otlp",otelcol_signal="logs",outcome="success"} 98',
  'otelcol_exporter_consumed_items{otelcol_component_kind="exporter",otelcol_component_id="otlp",otelcol_signal="logs",outcome="failure"} 2',
  'otelcol_exporter_consumed_items{otelcol_component_kind="exporter",otelcol_component_id="otlp",otelcol_signal="logs",outcome="refused"} 6',
  'otelcol_exporter_consumed_items{otelcol_component_kind="exporter",otelcol_component_id="debug",otelcol_signal="traces",outcome="success"} 10',
])('%s', (line) => expect(lines()).toContain(line))

test('no series stands twice on the page', () => {
  const series = lines()
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.replace(/ [^ ]*$/, ''))
  expect(series.filter((each, i) => series.indexOf(each) < i)).toEqual([])
})

test('batches are not shown at level basic', () => {
  const names = otelcolFamilies({ ...newBooks(), level: 'basic' }).map(({ name }) => name)
  expect(names.filter((name) => name.includes('batch'))).toEqual([])
  expect(names).toContain('otelcol_exporter_sent_log_records')
})

test('suffixes of types and labels of the resource as the reader asks', () => {
  const resource = resourceLabels({ 'service.name': 'otelcol-cf', 'service.instance.id': null, team: 'a' })
  const page = lines({ typeSuffix: true, included: ['*'], excluded: ['service.version'] }, resource)
  expect(page).toContain('otelcol_exporter_sent_spans_total{exporter="debug",service_name="otelcol-cf",team="a"} 10')
  expect(page.find((line) => line.startsWith('target_info'))).toMatch(
    /^target_info\{service_name="otelcol-cf",service_version="\d+\.\d+\.\d+",team="a"\} 1$/,
  )
})

test('our own books stand on the same page', () => {
  expect(lines()).toContain('tailrace_held_records{kind="queue",id="otlp",destination="a:1",signal="logs"} 7')
})

test('at level detailed failures are told apart, and every queue shows its batches', () => {
  const page = pageText(pull, { ...newBooks(), level: 'detailed' }, []).split('\n')
  expect(page).toContain(
    'otelcol_exporter_send_failed_log_records{exporter="otlp",error_type="retries_exhausted",error_permanent="false"} 4',
  )
  expect(page).toContain('otelcol_exporter_queue_batch_send_size_count{exporter="otlp"} 4')
})
