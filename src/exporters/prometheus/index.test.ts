import { describe, expect, test } from 'vitest'
import { Batch } from '../../plugin.ts'
import { decodeOtlpJson } from '../../wire/otlp/json-decode.ts'
import { parsePage } from '../../wire/prometheus/parse.ts'
import { at, batchOf, exporting, gauge, nanos, point, sum } from './test-kit.ts'

const openMetrics = { accept: 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3' }

describe('the page', () => {
  test('has every kind of metric', async () => {
    const { exporter, text, account } = await exporting()
    const resource = {
      'service.name': 'router',
      'service.namespace': 'cf',
      'service.instance.id': 'i-1',
      'host.name': 'vm',
    }
    exporter.consume(
      batchOf(
        [
          { ...gauge('cpu.utilization', [point(0.5, { 'cpu.id': '0' })], '1'), description: 'Used\nup \\ "now"' },
          sum('requests', [point(7, { code: '200' }), { timeUnixNano: nanos(at), asInt: -3n, attributes: [] }]),
          sum('open', [point(1e6)], 2, false),
          {
            name: 'latency',
            unit: 's',
            histogram: {
              aggregationTemporality: 2,
              dataPoints: [
                { timeUnixNano: nanos(at), count: 6n, sum: 2.5, bucketCounts: [1n, 2n, 3n], explicitBounds: [0.1, 1] },
              ],
            },
          },
          {
            name: 'size',
            exponentialHistogram: {
              aggregationTemporality: 2,
              dataPoints: [{ timeUnixNano: nanos(at), count: 4n, sum: 10, scale: 0, zeroCount: 0n }],
            },
          },
          {
            name: 'quantiles',
            summary: {
              dataPoints: [
                { timeUnixNano: nanos(at), count: 2n, sum: 3, quantileValues: [{ quantile: 0.5, value: 1.5 }] },
              ],
            },
          },
        ],
        resource,
        { name: 'lib', version: '1.2' },
      ),
    )
    const labels = 'instance="i-1",job="cf/router",otel_scope_name="lib",otel_scope_version="1.2"'
    expect(await text()).toBe(`# HELP cpu_utilization_ratio Used\\nup \\\\ "now"
# TYPE cpu_utilization_ratio gauge
cpu_utilization_ratio{cpu_id="0",${labels}} 0.5
# TYPE latency_seconds histogram
latency_seconds_bucket{${labels},le="0.1"} 1
latency_seconds_bucket{${labels},le="1"} 3
latency_seconds_bucket{${labels},le="+Inf"} 6
latency_seconds_sum{${labels}} 2.5
latency_seconds_count{${labels}} 6
# TYPE open gauge
open{${labels}} 1e+06
# TYPE quantiles summary
quantiles{${labels},quantile="0.5"} 1.5
quantiles_sum{${labels}} 3
quantiles_count{${labels}} 2
# TYPE requests_total counter
requests_total{code="200",${labels}} 7
requests_total{${labels}} -3
# TYPE size histogram
size_bucket{${labels},le="+Inf"} 4
size_sum{${labels}} 10
size_count{${labels}} 4
# HELP target_info Target metadata
# TYPE target_info gauge
target_info{host_name="vm",instance="i-1",job="cf/router"} 1
`)
    expect([account.received, account.sent]).toEqual([7, 7])
  })

  test('is OpenMetrics, with exemplars, for readers that prefer it and where that is on', async () => {
    const exemplar = (asDouble: number) => ({
      timeUnixNano: String(nanos(at + 5n)),
      asDouble,
      traceId: 'ab'.repeat(16),
      spanId: '01'.repeat(8),
    })
    const on = await exporting({ enable_open_metrics: true, send_timestamps: true })
    const timeUnixNano = String(nanos(at))
    const buckets = { timeUnixNano, count: '2', sum: 2, bucketCounts: ['1', '1'], explicitBounds: [1] }
    const metrics = [
      sum('requests', [{ timeUnixNano, asDouble: 7, exemplars: [exemplar(1)] }]),
      gauge('g', [{ timeUnixNano, asDouble: 2 }]),
      {
        name: 'latency',
        histogram: { aggregationTemporality: 2, dataPoints: [{ ...buckets, exemplars: [exemplar(1.5)] }] },
      },
    ]
    const json = Buffer.from(JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics }] }] }))
    on.exporter.consume(Batch.copyOf('metrics', decodeOtlpJson('metrics', json) as Buffer))
    const { text, headers } = await on.page(openMetrics)
    expect(headers['content-type']).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8')
    const ids = `{trace_id="${'ab'.repeat(16)}",span_id="${'01'.repeat(8)}"}`
    expect(text).toBe(`# TYPE g gauge
g 2.0 1700000000
# TYPE latency histogram
latency_bucket{le="1.0"} 1 1700000000
latency_bucket{le="+Inf"} 2 1700000000 # ${ids} 1.5 1700000000.005
latency_sum 2.0 1700000000
latency_count 2 1700000000
# TYPE requests counter
requests_total 7.0 1700000000 # ${ids} 1 1700000000.005
# EOF
`)
    expect(parsePage(Buffer.from(text), { openMetrics: true }).error).toBeNull()
    expect(await on.text()).toContain('requests_total 7 1700000000000\n')
    const off = await exporting()
    expect((await off.page(openMetrics)).headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
  })

  test('is gzipped for readers that take it; HEAD has no body; other paths are not found', async () => {
    const { take, page } = await exporting()
    take(gauge('g', [point(1)]))
    const packed = await page({ 'accept-encoding': 'gzip, deflate' })
    expect(packed.headers['content-encoding']).toBe('gzip')
    expect(packed.text).toBe('# TYPE g gauge\ng 1\n')
    expect((await page({ 'accept-encoding': 'gzip;q=0' })).headers['content-encoding']).toBeUndefined()
  })

  test('has namespace, constant labels and no suffixes where that is said', async () => {
    const { take, text } = await exporting({
      namespace: 'ns',
      const_labels: { env: 'prod', a: 'constant' },
      add_metric_suffixes: false,
    })
    take(sum('requests', [point(7, { a: 'own' })]))
    expect(await text()).toBe('# TYPE ns_requests counter\nns_requests{a="own",env="prod"} 7\n')
  })

  test('has attributes of the resource where that is on; the resource wins', async () => {
    const { exporter, text } = await exporting({
      resource_to_telemetry_conversion: { enabled: true, exclude_service_attributes: true },
      without_scope_info: true,
    })
    exporter.consume(
      batchOf([gauge('g', [point(1, { zone: 'p' })])], { 'service.name': 's', zone: 'r' }, { name: 'lib' }),
    )
    expect(await text()).toContain('g{job="s",zone="r"} 1\n')
  })
})

describe('values', () => {
  test('of deltas add up, histograms too; of cumulative series the latest counts', async () => {
    const { take, text } = await exporting()
    const histogram = (counts: bigint[]) => ({
      name: 'h',
      histogram: {
        aggregationTemporality: 1,
        dataPoints: [
          {
            timeUnixNano: nanos(at),
            count: counts.reduce((a, b) => a + b),
            sum: 1,
            bucketCounts: counts,
            explicitBounds: [5],
          },
        ],
      },
    })
    take(sum('d', [point(2)], 1), sum('c', [point(9)]), histogram([1n, 2n]))
    take(sum('d', [point(3)], 1), sum('c', [point(4, {}, { timeUnixNano: nanos(at - 1n) })]), histogram([4n, 0n]))
    expect(await text()).toContain('d_total 5\n')
    expect(await text()).toContain('c_total 9\n')
    expect(await text()).toContain('h_bucket{le="5"} 5\nh_bucket{le="+Inf"} 7\nh_sum 2\nh_count 7\n')
    take(sum('c', [point(1, {}, { timeUnixNano: nanos(at + 1n) })]))
    expect(await text()).toContain('c_total 1\n')
  })

  test('leave the page when they expire, or when their source says there is none', async () => {
    const { take, text, clock, metrics } = await exporting({ metric_expiration: '1m' })
    take(gauge('old', [point(1)]), gauge('stale', [point(1)]), gauge('new', [point(1)]))
    take(gauge('stale', [point(0, {}, { flags: 1, timeUnixNano: nanos(at + 1n) })]))
    expect(await text()).not.toContain('stale')
    clock.advance(50_000)
    take(gauge('new', [point(2)]))
    clock.advance(20_000)
    expect(await text()).toBe('# TYPE new gauge\nnew 2\n')
    expect(metrics.find('tailrace_prometheus_series')?.series[0]?.value).toBe(1)
    take(gauge('old', [point(3)]))
    expect(await text()).toContain('old 3\n')
  })

  test('of one series are found whatever the order of attributes', async () => {
    const { take, text } = await exporting()
    take(sum('d', [point(1, { a: '1', b: '2' })], 1))
    take(sum('d', [point(2, { b: '2', a: '1' })], 1))
    expect(await text()).toContain('d_total{a="1",b="2"} 3\n')
  })
})
