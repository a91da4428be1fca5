/**
 * `node --conditions=tailrace-source bench/micro/prometheus-export.ts`: CPU time of the Prometheus parts for 10,000
 * series with three labels, best of 15 rounds: page to OTLP as the receiver does it, OTLP to the table of the exporter
 * `prometheus`, its page, and remote write with snappy.
 */
import { Budget } from '../../src/delivery/budget.ts'
import { piecesOf } from '../../src/exporters/prometheus/page.ts'
import { SeriesTable } from '../../src/exporters/prometheus/series-table.ts'
import { newMetricsSink } from '../../src/receivers/prometheus/metrics-sink.ts'
import type { ScrapeTarget } from '../../src/receivers/prometheus/scrape-target.ts'
import { unlimited } from '../../src/receivers/prometheus/scrape-target.ts'
import type { Batch } from '../../src/telemetry/batch.ts'
import { Page } from '../../src/wire/prometheus/page.ts'
import { parsePage } from '../../src/wire/prometheus/parse.ts'
import { RemoteWriter } from '../../src/wire/prometheus/remote-write.ts'
import { encodeSnappy } from '../../src/wire/prometheus/snappy.ts'

const SERIES = 10_000
const ROUNDS = 15

let text = ''
for (let i = 0; i < SERIES; i++) {
  const family = Math.floor(i / 100)
  if (i % 100 === 0) text += `# HELP requests_${family} Requests.\n# TYPE requests_${family} counter\n`
  text += `requests_${family}{method="GET",code="${200 + (i % 7)}",handler="/api/v1/query${i % 100}"} ${i * 37}\n`
}
const bytes = Buffer.from(text)

async function best(work: () => unknown): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.cpuUsage()
    await work()
    const { user, system } = process.cpuUsage(start)
    least = Math.min(least, user + system)
  }
  return least
}

const target: ScrapeTarget = {
  ...unlimited,
  url: 'http://127.0.0.1:9100/metrics',
  headers: {},
  intervalMs: 1000,
  timeoutMs: 1000,
  maxBytes: 1 << 26,
  sampleLimit: 0,
  tls: undefined,
  serverName: '',
  negotiates: true,
  honorLabels: false,
  labels: { az: 'z1' },
  sourceId: 'bench',
  defaultSourceId: '',
  instanceId: '',
  job: 'bench',
  instance: '127.0.0.1:9100',
}
let batch: Batch | undefined
const keep = (made: Batch): void => {
  batch = made
}
const sink = newMetricsSink({ offer: keep }, new Budget('service'))(target)
const into = new Page()
let now = Date.now()
const show = (name: string, micros: number, more = '') =>
  console.log(`${name}: ${(micros / SERIES).toFixed(3)} µs/series, ${(micros / 1000).toFixed(1)} ms${more}`)

const scrape = await best(() => {
  const { page } = parsePage(bytes, { into })
  now += 1000
  return sink.write(page!, { timeMs: now, durationMs: 1, samples: SERIES, kept: SERIES })
})
show('page to OTLP, with what ended', scrape)

const labels = { resourceToTelemetry: false, excludeService: false, scopeInfo: true, fixed: [] }
const naming = { namespace: '', addSuffixes: true }
const table = new SeriesTable({
  naming,
  labels,
  budget: new Budget('service'),
  maxSeries: 100_000,
  expireMs: 300_000,
  exemplars: false,
  lost: () => {},
  told: () => {},
})
const request = batch!.bytes()
const first = process.cpuUsage()
table.take(request, 1)
const { user, system } = process.cpuUsage(first)
show('OTLP to table, new series', user + system)
show('OTLP to table, known series', await best(() => table.take(request, 2)))
let size = 0
const render = await best(() => {
  size = 0
  for (const piece of piecesOf(table, { openMetrics: false, timestamps: false }, 0)) size += Buffer.from(piece).length
})
show('exposition', render, `, ${size} bytes`)

const writer = new RemoteWriter({ naming, labels, targetInfo: true, maxBytes: 3_000_000, maxKnown: 200_000 })
const write = await best(() => writer.write(request))
const [piece] = writer.write(request)
const packed = encodeSnappy(piece!.body)
show('remote write', write, `, ${piece!.body.length} bytes`)
show('snappy', await best(() => encodeSnappy(piece!.body)), `, ${packed.length} bytes`)
