import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { newFolder } from '../support/folder.ts'
import { startRole, until } from '../support/role.ts'

// A real Prometheus (Debian: prometheus): tailrace scrapes it, it scrapes tailrace, and it takes tailrace's remote write.

const isThere = spawnSync('prometheus', ['--version']).error === undefined
if (!isThere) {
  const missing = 'prometheus is not installed: apt-get install prometheus'
  if (process.env.CI) throw new Error(missing)
  console.warn(`\n*** interop with Prometheus is NOT tested: ${missing} ***\n`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
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
service:
  pipelines:
    metrics:
      receivers: [otlp, prometheus]
      exporters: [prometheus, prometheusremotewrite]
`

const request = () => {
  const timeUnixNano = `${Date.now()}000000`
  const attributes = [{ key: 'odd.label', value: { stringValue: 'a"b\\c\nd ü' } }]
  const metrics = [
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
  return JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics }] }] })
}

test.skipIf(!isThere)(
  'Prometheus reads the page and takes remote write: values, labels, histograms',
  async () => {
    const [prometheus, page, otlp] = [await freePort(), await freePort(), await freePort()]
    startPrometheus(prometheus, page)
    const folder = newFolder({ 'agent.yaml': configuration(prometheus, page, otlp) })
    await startRole(`${folder}/agent.yaml`, {})
    const query = async (text: string): Promise<{ metric: Record<string, string>; value: [number, string] }[]> => {
      try {
        const url = `http://127.0.0.1:${prometheus}/api/v1/query?query=${encodeURIComponent(text)}`
        const answer = (await (await fetch(url)).json()) as { data?: { result: [] } }
        return answer.data?.result ?? []
      } catch {
        return []
      }
    }
    const value = async (text: string) => (await query(text))[0]?.value[1]
    await until('Prometheus runs', async () => (await query('vector(1)')).length === 1)
    const send = () =>
      fetch(`http://127.0.0.1:${otlp}/v1/metrics`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: request(),
      })
    expect((await send()).status).toBe(200)
    for (const via of ['job="tailrace"', 'via="remote_write"']) {
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
    expect(await value('up{job="tailrace"}')).toBe('1')
    await until('a native histogram', async () => (await value('histogram_count(size{via="remote_write"})')) === '3')
    expect(await value('histogram_sum(size{via="remote_write"})')).toBe('6')
    expect(await value('size_count{job="tailrace"}')).toBe('3')
  },
  60_000,
)
