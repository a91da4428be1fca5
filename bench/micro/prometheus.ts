/** `node --conditions=tailrace-source bench/micro/prometheus.ts`: CPU microseconds a series, page in, envelopes out. */
import { ForwardWriter } from '../../src/wire/forward-writer.ts'
import { writePageEnvelopes } from '../../src/wire/prometheus/envelopes.ts'
import { encodeResource, writePageOtlp } from '../../src/wire/prometheus/otlp-metrics.ts'
import { Page } from '../../src/wire/prometheus/page.ts'
import { parsePage } from '../../src/wire/prometheus/parse.ts'
import { newTarget } from '../../src/wire/prometheus/target.ts'
import { BackwardWriter } from '../../src/wire/protobuf.ts'

const SERIES = 10_000
const ROUNDS = 15

function counters(): string {
  let text = ''
  for (let i = 0; i < SERIES; i++) {
    if (i % 100 === 0) text += `# HELP requests_${i / 100}_total Requests.\n# TYPE requests_${i / 100}_total counter\n`
    text += `requests_${Math.floor(i / 100)}_total{method="GET",code="${200 + (i % 7)}",handler="/api/v1/query${i % 100}"} ${i * 37}\n`
  }
  return text
}

function histograms(): string {
  let text = '# TYPE latency_seconds histogram\n'
  const bounds = ['0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '10', '+Inf']
  for (let i = 0; i < SERIES / 14; i++) {
    const labels = `method="GET",handler="/api/v1/query${i}"`
    bounds.forEach((le, at) => {
      text += `latency_seconds_bucket{${labels},le="${le}"} ${at * 10 + i}\n`
    })
    text += `latency_seconds_sum{${labels}} ${i * 1.25}\nlatency_seconds_count{${labels}} ${120 + i}\n`
  }
  return text
}

const target = newTarget({
  sourceId: 'prom_scraper',
  defaultSourceId: 'default',
  instanceId: '8f0c2a3e-6b1d-4c55-9d7f-0a1b2c3d4e5f',
  labels: { deployment: 'cf', job: 'router' },
})
const out = new ForwardWriter()
const backward = new BackwardWriter(1 << 20)
const otlp = {
  resource: encodeResource([['service.name', 'router']]),
  scope: { name: 'tailrace', version: '1' },
  timeLo: 1,
  timeHi: 400_000_000,
  startLo: 0,
  startHi: 0,
}
const into = new Page()

function best(work: () => void): number {
  let least = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(start)
    least = Math.min(least, user + system)
  }
  return least
}

for (const [name, text, openMetrics] of [
  ['counters, 3 labels', counters(), false],
  ['histograms, 12 buckets', histograms(), false],
  ['OpenMetrics histograms', `${histograms()}# EOF\n`, true],
] as const) {
  const bytes = Buffer.from(text)
  const parse = best(() => parsePage(bytes, { into, openMetrics }))
  const { page } = parsePage(bytes, { into, openMetrics })
  let envelopes = 0
  const write = best(() => {
    out.reset()
    envelopes = writePageEnvelopes(page!, target, 1, 400_000_000, out).envelopes
  })
  const writeOtlp = best(() => {
    backward.reset()
    writePageOtlp(page!, otlp, backward)
  })
  const each = (micros: number) => (micros / envelopes).toFixed(3)
  const size = (bytes.length / envelopes).toFixed(0)
  console.log(
    `${name} (${envelopes} series, ${size} bytes each): parse ${each(parse)}, envelopes ${each(write)}, OTLP ${each(writeOtlp)} µs/series`,
  )
}
