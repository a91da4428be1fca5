import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Consumer } from '../plugin.ts'
import type { OwnMetric } from '../runtime/own-metric.ts'
import { Batch } from '../telemetry/batch.ts'
import { writeFamilies } from '../wire/prometheus/write.ts'
import { exposition } from './otelcol-exposition.ts'
import { otelcolFamilies } from './otelcol-families.ts'
import { instruments } from './otelcol-instruments.ts'
import { newBooks, of, plan } from './otelcol-test-kit.ts'
import type { Pull } from './pull-readers.ts'
import { pageText, resourceLabels } from './telemetry-page.ts'

const levels = ['basic', 'normal', 'detailed']

const pull: Pull = {
  host: '',
  port: 0,
  typeSuffix: false,
  units: false,
  scopeInfo: false,
  included: [],
  excluded: [],
}
const lines = (of: Partial<Pull> = {}, resource = resourceLabels({})) =>
  pageText({ ...pull, ...of }, newBooks(), resource).split('\n')

test.each([
  'otelcol_receiver_accepted_log_records{receiver="otlp",transport="grpc"} 100',
  'otelcol_receiver_accepted_log_records{receiver="otlp",transport="http"} 11',
  'otelcol_receiver_refused_log_records{receiver="otlp",transport="http"} 2',
  'otelcol_receiver_accepted_spans{receiver="otlp",transport="grpc"} 7',
  'otelcol_receiver_requests{receiver="otlp",transport="grpc",outcome="success"} 9',
  'otelcol_receiver_requests{receiver="otlp",transport="http",outcome="refused"} 1',
  'otelcol_receiver_requests{receiver="syslog",transport="tcp",outcome="success"} 2',
  'otelcol_receiver_requests{receiver="syslog",transport="tcp",outcome="refused"} 1',
  'otelcol_receiver_requests{receiver="syslog",transport="tcp",outcome="failure"} 0',
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
  'otelcol_exporter_in_flight_requests{exporter="otlp",data_type="logs"} 2',
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

test('what a reload took away is not shown any more, not at level detailed either', () => {
  const books = newBooks()
  const end: Consumer = { consume() {} }
  const logs = Batch.copyOf('logs', Buffer.alloc(300), { count: 20 })
  for (const kind of ['receiver', 'exporter', 'connector'] as const)
    for (const station of [books.meter.station({ kind, id: 'gone' })]) {
      station.before(end).consume(logs)
      station.behind(end).consume(logs)
    }
  for (const [id, pipeline] of [
    ['batch', 'gone'],
    ['gone', 'logs'],
  ] as const)
    books.meter.station({ kind: 'processor', id, pipeline }).before(end).consume(logs)
  const queue = books.ledger.open('queue', 'gone', { signal: 'logs' })
  queue.received = queue.sent = 9
  const shown = otelcolFamilies({ ...books, level: 'detailed' }).flatMap(({ name, points }) =>
    points.map(({ attributes }) => `${name} ${Object.values(attributes).join()}`),
  )
  expect(shown).not.toHaveLength(0)
  expect(shown.filter((each) => /\bgone\b/.test(each))).toEqual([])
})

test('no series stands twice on the page', () => {
  const series = lines()
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.replace(/ [^ ]*$/, ''))
  expect(series.filter((each, i) => series.indexOf(each) < i)).toEqual([])
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

const signals = ['log_records', 'metric_points', 'spans']
const records = /(log_records|metric_points|spans|v1_envelopes|envelopes)$/
const each = (name: string, ofSignals = signals) => ofSignals.map((signal) => `${name}_${signal}`)
const place = 'otelcol_component_kind,otelcol_component_id'

/** The Collector's list: type, names without `otelcol_`, labels, the level from which on they are there. */
test.each<[string, string[], string, string]>([
  ['counter', each('receiver_accepted'), 'receiver,transport', 'basic'],
  ['counter', each('receiver_refused'), 'receiver,transport', 'basic'],
  ['counter', each('receiver_failed'), 'receiver,transport', 'basic'],
  ['counter', ['receiver_requests'], 'receiver,transport,outcome', 'basic'],
  ['counter', each('scraper_scraped', ['metric_points']), 'receiver,scraper', 'basic'],
  ['counter', each('scraper_errored', ['metric_points']), 'receiver,scraper', 'basic'],
  ['counter', ['processor_incoming_items', 'processor_outgoing_items'], 'processor,otel_signal', 'basic'],
  ['histogram', ['processor_internal_duration'], 'processor,otel_signal', 'detailed'],
  ['histogram', ['processor_batch_batch_send_size'], 'processor,exporter', 'normal'],
  ['histogram', ['processor_batch_batch_send_size_bytes'], 'processor,exporter', 'detailed'],
  ['counter', ['processor_batch_batch_size_trigger_send'], 'processor', 'normal'],
  ['counter', ['processor_batch_timeout_trigger_send'], 'processor', 'normal'],
  ['gauge', ['processor_batch_metadata_cardinality'], 'processor', 'normal'],
  ['counter', each('processor_memory_limiter_accepted', ['log_records']), 'processor', 'basic'],
  ['counter', each('processor_memory_limiter_refused', ['log_records']), 'processor', 'basic'],
  ['counter', each('exporter_sent'), 'exporter', 'basic'],
  ['counter', each('exporter_send_failed'), 'exporter', 'basic'],
  ['counter', each('exporter_enqueue_failed'), 'exporter', 'basic'],
  ['gauge', ['exporter_queue_size', 'exporter_queue_capacity'], 'exporter,data_type', 'basic'],
  ['gauge', ['exporter_in_flight_requests'], 'exporter,data_type', 'basic'],
  ['histogram', ['exporter_enqueue_size', 'exporter_enqueue_size_bytes'], 'exporter', 'detailed'],
  ['histogram', ['exporter_queue_batch_send_size', 'exporter_queue_batch_send_size_bytes'], 'exporter', 'detailed'],
  ['counter', ['process_cpu_seconds', 'process_uptime', 'process_runtime_total_alloc_bytes'], '', 'basic'],
  ['gauge', ['process_memory_rss', 'process_runtime_heap_alloc_bytes'], '', 'basic'],
  ['gauge', ['process_runtime_total_sys_memory_bytes'], '', 'basic'],
  ['counter', ['receiver_produced_items'], `${place},otelcol_signal,outcome`, 'basic'],
  ['counter', ['receiver_produced_size'], `${place},otelcol_signal,outcome`, 'detailed'],
  ['counter', ['processor_consumed_items'], `${place},otelcol_pipeline_id,otelcol_signal,outcome`, 'basic'],
  ['counter', ['processor_consumed_size'], `${place},otelcol_pipeline_id,otelcol_signal,outcome`, 'detailed'],
  ['counter', ['processor_produced_items'], `${place},otelcol_pipeline_id,otelcol_signal,outcome`, 'basic'],
  ['counter', ['processor_produced_size'], `${place},otelcol_pipeline_id,otelcol_signal,outcome`, 'detailed'],
  ['counter', ['connector_consumed_items'], `${place},otelcol_signal,outcome`, 'basic'],
  ['counter', ['connector_consumed_size'], `${place},otelcol_signal,outcome`, 'detailed'],
  ['counter', ['connector_produced_items'], `${place},otelcol_signal,otelcol_signal_output,outcome`, 'basic'],
  ['counter', ['connector_produced_size'], `${place},otelcol_signal,otelcol_signal_output,outcome`, 'detailed'],
  ['counter', ['exporter_consumed_items'], `${place},otelcol_signal,outcome`, 'basic'],
  ['counter', ['exporter_consumed_size'], `${place},otelcol_signal,outcome`, 'detailed'],
])('%s %s {%s} from level %s on', (type, names, labels, from) => {
  for (const level of ['basic', 'normal', 'detailed'] as const) {
    const families = exposition(otelcolFamilies({ ...newBooks(), level }), pull, [])
    for (const name of names) {
      const family = families.find((each) => each.name === `otelcol_${name}`)
      if (levels.indexOf(level) < levels.indexOf(from)) expect(family).toBeUndefined()
      else if (!/send_failed/.test(name) || level !== 'detailed') {
        expect(family?.help).toMatch(/\.$/)
        const names = family!.samples[0]!.labels.map(([label]) => label).filter((label) => label !== 'le')
        expect([family!.type, names.join(',')]).toEqual([type, labels])
      }
    }
  }
})

test.each([
  'otelcol_exporter_send_failed_log_records{exporter="otlp",error_type="retries_exhausted",error_permanent="false"} 4',
  'otelcol_exporter_queue_batch_send_size_count{exporter="otlp"} 4',
  'otelcol_exporter_queue_batch_send_size_bytes_bucket{exporter="otlp",le="512"} 0',
  'otelcol_exporter_queue_batch_send_size_bytes_bucket{exporter="otlp",le="1024"} 4',
  'otelcol_exporter_enqueue_size_sum{exporter="otlp"} 20',
  'otelcol_exporter_enqueue_size_bytes_sum{exporter="otlp"} 300',
  'otelcol_processor_internal_duration_count{processor="batch",otel_signal="logs"} 1',
  'otelcol_receiver_produced_size{otelcol_component_kind="receiver",otelcol_component_id="otlp",otelcol_signal="logs",outcome="success"} 300',
  'otelcol_connector_produced_size{otelcol_component_kind="connector",otelcol_component_id="count",otelcol_signal="traces",otelcol_signal_output="metrics",outcome="success"} 40',
])('at level detailed: %s', (line) =>
  expect(pageText(pull, { ...newBooks(), level: 'detailed' }, []).split('\n')).toContain(line),
)

test('names with unit and type, and the scope, as the reader asks', () => {
  const full = { typeSuffix: true, units: true, scopeInfo: true }
  const page = pageText({ ...pull, ...full }, newBooks(), []).split('\n')
  expect(page).toContain(
    'otelcol_exporter_sent_spans_total{exporter="debug",otel_scope_name="go.opentelemetry.io/collector/exporter/exporterhelper"} 10',
  )
  const types = page.filter((line) => /^# TYPE otelcol_process_/.test(line)).map((line) => line.slice(23))
  expect(types).toEqual([
    'cpu_seconds_total counter',
    'memory_rss_bytes gauge',
    'runtime_heap_alloc_bytes gauge',
    'runtime_total_alloc_bytes_total counter',
    'runtime_total_sys_memory_bytes gauge',
    'uptime_seconds_total counter',
  ])
})

test('a sending queue that is switched off is none', () => {
  const books = newBooks()
  const off = of('otlp', 'exporter', 'otlp', { sending_queue: { enabled: false } })
  const instances = plan.instances.map((each) => (each.spec.kind === 'exporter' && each.id === 'otlp' ? off : each))
  const names = otelcolFamilies({ ...books, plan: { ...plan, instances }, level: 'detailed' }).map(({ name }) => name)
  expect(names.filter((name) => /_exporter_(queue_size|queue_capacity|enqueue_size)/.test(name))).toEqual([])
  expect(names).toContain('otelcol_exporter_in_flight_requests')
})

test('docs/own-metrics.md names every family, and no other', () => {
  const [, table = ''] = readFileSync(new URL('../../docs/own-metrics.md', import.meta.url), 'utf8').split('| family |')
  const rows = table.split('\n').map((row) => row.split(' | ')[0]!)
  const written = rows.flatMap((row) => Array.from(row.matchAll(/`(otelcol[^`]+)`/g), ([, name]) => name!))
  const names = Array.from(instruments.values(), ({ name }) => name.replace(records, '*'))
  expect(written.toSorted()).toEqual([...new Set(names)].toSorted())
})

test('what views give one name is one family, and stays a page that can be read', () => {
  const of = (name: string, type: OwnMetric['type'], exporter: string): OwnMetric => {
    return { name, type, help: name, unit: '', scope: '', points: [{ attributes: { exporter }, value: 1 }] }
  }
  const metrics = [of('1st.sent', 'counter', 'a'), of('1st_sent', 'counter', 'b'), of('1st_sent', 'counter', 'a')]
  const families = exposition([...metrics, of('1st_sent', 'gauge', 'c')], pull, [])
  expect(writeFamilies(families)).toBe(`# HELP _1st_sent 1st.sent
# TYPE _1st_sent counter
_1st_sent{exporter="a"} 1
_1st_sent{exporter="b"} 1
`)
})
