import { spawn, spawnSync } from 'node:child_process'
import { expect, onTestFinished, test } from 'vitest'
import { newFolder } from '../support/folder.ts'
import { freePort } from '../support/free-port.ts'
import { startRole, until } from '../support/role.ts'

// A real Prometheus (Debian: prometheus): tailrace scrapes it, it scrapes tailrace, and it takes tailrace's remote write.

const isThere = spawnSync('prometheus', ['--version']).error === undefined
if (!isThere) {
  const missing = 'prometheus is not installed: apt-get install prometheus'
  if (process.env.CI) throw new Error(missing)
  console.warn(`\n*** interop with Prometheus is NOT tested: ${missing} ***\n`)
}

function startPrometheus(port: number, target: number): void {
  const folder = newFolder({
    'prometheus.yml': `global: {scrape_interval: 500ms}
scrape_configs:
  - job_name: tailrace
    static_configs: [{targets: ['127.0.0.1:${target}']}]
`,
  })
  const child = spawn(
    'prometheus',
    [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--web.enable-remote-write-receiver',
      '--enable-feature=native-histograms,exemplar-storage',
    ],
    { stdio: 'ignore' },
  )
  onTestFinished(() => void child.kill('SIGKILL'))
}

const configuration = (prometheus: number, page: number, otlp: number) => `
receivers:
  otlp:
    protocols: {http: {endpoint: 127.0.0.1:${otlp}}}
  prometheus:
    config:
      scrape_configs:
        - job_name: itself
          scrape_interval: 500ms
          static_configs: [{targets: ['127.0.0.1:${prometheus}'], labels: {az: z1}}]
          metric_relabel_configs:
            - {action: keep, source_labels: [__name__], regex: 'prometheus_(build_info|http_request_duration_seconds.*)'}
exporters:
  prometheus:
    endpoint: 127.0.0.1:${page}
    enable_open_metrics: true
  prometheusremotewrite:
    endpoint: http://127.0.0.1:${prometheus}/api/v1/write
    external_labels: {via: remote_write}
    send_metadata: true
    max_batch_size_bytes: 4096
service:
  pipelines:
    metrics:
      receivers: [otlp, prometheus]
      exporters: [prometheus, prometheusremotewrite]
`

const now = () => `${Date.now()}000000`

function metrics() {
  const timeUnixNano = now()
  const attributes = [{ key: 'odd.label', value: { stringValue: 'a"b\\c\nd ü' } }]
  return [
    { name: 'heat', unit: 'Cel', gauge: { dataPoints: [{ timeUnixNano, asDouble: 21.5, attributes }] } },
    {
      name: 'jobs.done',
      sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [{ timeUnixNano, asInt: '7' }] },
    },
    {
      name: 'size',
      exponentialHistogram: {
        aggregationTemporality: 2,
        dataPoints: [
          {
            timeUnixNano,
            count: '3',
            sum: 6,
            scale: 1,
            zeroCount: '1',
            positive: { offset: 1, bucketCounts: ['1', '1'] },
          },
        ],
      },
    },
  ]
}

/** A tailrace and a Prometheus that scrape each other; what was sent to one can be asked of the other. */
async function startBoth() {
  const [prometheus, page, otlp] = [await freePort(), await freePort(), await freePort()]
  startPrometheus(prometheus, page)
  const folder = newFolder({ 'agent.yaml': configuration(prometheus, page, otlp) })
  await startRole(`${folder}/agent.yaml`, {})
  const api = async <T>(path: string): Promise<T | undefined> => {
    try {
      const answer = await fetch(`http://127.0.0.1:${prometheus}/api/v1/${path}`)
      return ((await answer.json()) as { data?: T }).data
    } catch {
      return undefined
    }
  }
  const query = async (text: string) => {
    type Rows = { metric: Record<string, string>; value: [number, string] }[]
    return (await api<{ result: Rows }>(`query?query=${encodeURIComponent(text)}`))?.result ?? []
  }
  const value = async (text: string) => (await query(text))[0]?.value[1]
  await until('Prometheus runs', async () => (await query('vector(1)')).length === 1)
  const send = async (metrics: object[]) => {
    const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'kiln' } }] }
    const described = metrics.map((metric) => ({ description: 'For a test.', ...metric }))
    const body = JSON.stringify({ resourceMetrics: [{ resource, scopeMetrics: [{ metrics: described }] }] })
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`http://127.0.0.1:${otlp}/v1/metrics`, { method: 'POST', headers, body })
    expect(answer.status).toBe(200)
  }
  return { api, query, value, send, page: `http://127.0.0.1:${page}/metrics` }
}

const ways = ['job="tailrace"', 'via="remote_write"']

test.skipIf(!isThere)('Prometheus reads the page and takes remote write: values, labels, histograms', async () => {
  const { query, value, send } = await startBoth()
  await send(metrics())
  for (const via of ways) {
    await until(`values with ${via}`, async () => (await value(`heat_celsius{${via}}`)) === '21.5')
    const [heat] = await query(`heat_celsius{${via}}`)
    expect(heat!.metric.odd_label).toBe('a"b\\c\nd ü')
    await until(`counters with ${via}`, async () => (await value(`jobs_done_total{${via}}`)) === '7')
    const scraped = via.startsWith('job') ? 'exported_job="itself"' : 'job="itself",via="remote_write"'
    await until(`what was scraped, ${via}`, async () => (await value(`prometheus_build_info{${scraped}}`)) === '1')
    const count = `prometheus_http_request_duration_seconds_count{${scraped},az="z1",handler="/api/v1/query"}`
    const buckets = count.replace('_count', '_bucket').replace('}', ',le="+Inf"}')
    await until(`histograms, ${via}`, async () => Number(await value(`${buckets} == ignoring(le) ${count}`)) > 0)
  }
  await until('it is up', async () => (await value('up{job="tailrace"}')) === '1')
  await until('what a scrape added', async () => Number(await value('scrape_series_added{via="remote_write"}')) === 0)
  const added = 'max_over_time(scrape_series_added{via="remote_write"}[10m])'
  expect(Number(await value(added))).toBeGreaterThan(10)
  await until('a native histogram', async () => (await value('histogram_count(size{via="remote_write"})')) === '3')
  await until('its sum', async () => (await value('histogram_sum(size{via="remote_write"})')) === '6')
  await until('it on the page', async () => (await value('size_count{job="tailrace"}')) === '3')
})

test.skipIf(!isThere)(
  'Prometheus reads summaries, exemplars, odd numbers, types and help, and sees the end of a series',
  async () => {
    const { api, query, value, send, page } = await startBoth()
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    const exemplars = [{ timeUnixNano: now(), asDouble: 3, traceId, spanId: 'b7ad6b7169203331' }]
    const histogram = {
      timeUnixNano: now(),
      count: '2',
      sum: 4,
      bucketCounts: ['1', '1'],
      explicitBounds: [2.5],
      exemplars,
    }
    const quantileValues = [
      { quantile: 0.5, value: 1.25 },
      { quantile: 0.99, value: 9 },
    ]
    const ends = (more: object) => ({ name: 'ends', gauge: { dataPoints: [{ timeUnixNano: now(), ...more }] } })
    const delta = { name: 'steps', unit: 'By', description: 'Taken.' }
    const steps = (asInt: string) => ({
      ...delta,
      sum: { aggregationTemporality: 1, isMonotonic: true, dataPoints: [{ timeUnixNano: now(), asInt }] },
    })
    await send([
      { name: 'wait', unit: 's', histogram: { aggregationTemporality: 2, dataPoints: [histogram] } },
      { name: 'took', summary: { dataPoints: [{ timeUnixNano: now(), count: '4', sum: 12.5, quantileValues }] } },
      { name: 'none', gauge: { dataPoints: [{ timeUnixNano: now(), asDouble: 'NaN' }] } },
      { name: 'much', gauge: { dataPoints: [{ timeUnixNano: now(), asDouble: 'Infinity' }] } },
      ends({ asDouble: 1 }),
      steps('2'),
    ])
    await send([steps('3')])
    for (const via of ways) {
      const has = (text: string, expected: string) =>
        until(
          `${text} with ${via}`,
          async () => (await value(text.replace('}', `,${via}}`).replace('{,', '{'))) === expected,
        )
      await has('took{quantile="0.99"}', '9')
      await has('took_sum{}', '12.5')
      await has('took_count{}', '4')
      await has('none{}', 'NaN')
      await has('much{}', '+Inf')
      await has('wait_seconds_bucket{le="2.5"}', '1')
      await has('wait_seconds_bucket{le="+Inf"}', '2')
      await has('ends{}', '1')
    }
    // Prometheus has no deltas: the page adds them up, remote write leaves them out.
    await until('a sum of deltas', async () => (await value('steps_bytes_total{job="tailrace"}')) === '5')
    expect(await query('steps_bytes_total{via="remote_write"}')).toEqual([])

    type Exemplars = { exemplars: { labels: object; value: string }[] }[]
    for (const via of ways) {
      const selector = encodeURIComponent(`wait_seconds_bucket{${via}}`)
      const asked = `query_exemplars?query=${selector}&start=${Date.now() / 1000 - 600}&end=${Date.now() / 1000 + 600}`
      await until(`an exemplar, ${via}`, async () => ((await api<Exemplars>(asked)) ?? []).length > 0)
      expect((await api<Exemplars>(asked))![0]!.exemplars[0]).toMatchObject({
        labels: { trace_id: traceId, span_id: 'b7ad6b7169203331' },
        value: '3',
      })
    }
    const types = await api<Record<string, { type: string; help: string }[]>>('metadata')
    expect(types).toMatchObject({
      took: [{ type: 'summary' }],
      wait_seconds: [{ type: 'histogram' }],
      none: [{ type: 'gauge' }],
    })
    expect(types).toMatchObject({
      [types!.steps_bytes ? 'steps_bytes' : 'steps_bytes_total']: [{ type: 'counter', help: 'Taken.' }],
    })

    const over = { timeUnixNano: now(), flags: 1 }
    await send([
      ends({ flags: 1 }),
      { name: 'wait', unit: 's', histogram: { aggregationTemporality: 2, dataPoints: [over] } },
    ])
    for (const via of ways) {
      for (const name of ['ends', 'wait_seconds_bucket', 'wait_seconds_count'])
        await until(`the end of ${name}, ${via}`, async () => (await query(`${name}{${via}}`)).length === 0)
    }

    const text = await (await fetch(page)).text()
    const { status, stderr, stdout } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
    expect({ status, stderr, stdout }).toEqual({ status: 0, stderr: '', stdout: '' })
  },
)
