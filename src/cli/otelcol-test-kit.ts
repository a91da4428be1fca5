import { BatchStats } from '../delivery/batch-stats.ts'
import { Ledger } from '../delivery/ledger.ts'
import { newFlow } from '../engine/flow-counts.ts'
import { FlowMeter } from '../engine/flow-meter.ts'
import type { Plan } from '../engine/plan.ts'
import type { AnySpec, Consumer } from '../plugin.ts'
import batch from '../processors/batch/index.ts'
import memoryLimiter from '../processors/memory-limiter/index.ts'
import { ManualClock } from '../runtime/clock.ts'
import { Metrics } from '../runtime/metrics.ts'
import { Batch } from '../telemetry/batch.ts'
import type { Format } from '../telemetry/format.ts'

/** A component of a plan. */
export const of = (id: string, kind: string, type: string, config: unknown = {}) => {
  return { id, spec: { kind, type } as AnySpec, config, required: true }
}

export const plan: Plan = {
  instances: [
    of('otlp', 'receiver', 'otlp'),
    of('syslog', 'receiver', 'syslog', { tcp: {} }),
    { id: 'memory_limiter', spec: memoryLimiter, config: {}, required: true },
    { id: 'batch', spec: batch, config: batch.config.parse({}), required: true },
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

/** Logs through the receiver, both processors and the exporter; spans into the connector, and metrics out of it. */
function newMeter() {
  const meter = new FlowMeter(new ManualClock())
  const logs = Batch.copyOf('logs', Buffer.alloc(300), { count: 20 })
  const end: Consumer = { consume() {} }
  meter.station({ kind: 'receiver', id: 'otlp' }).behind(end).consume(logs)
  for (const id of ['memory_limiter', 'batch']) {
    const station = meter.station({ kind: 'processor', id, pipeline: 'logs' })
    station.before(station.behind(end)).consume(logs)
  }
  meter.station({ kind: 'exporter', id: 'otlp' }).before(end).consume(logs)
  const count = meter.station({ kind: 'connector', id: 'count' })
  count.before(end).consume(Batch.copyOf('traces', Buffer.alloc(70), { count: 7 }))
  count.behind(end).consume(Batch.copyOf('metrics', Buffer.alloc(40), { count: 2 }))
  return meter
}

/** Two records in a request. */
const flow = (id: string, format: Format, taken: number, refused = 0) => {
  const of = (records: number) => ({ records, requests: Math.ceil(records / 2) })
  return { id, format, ...newFlow(), success: of(taken), refused: of(refused) }
}

export function newBooks() {
  const ledger = new Ledger()
  const metrics = new Metrics()
  const inOtlp = (name: string, transport: string, signal: string, n: number) =>
    metrics.counter(`tailrace_otlp_${name}_records_total`, '', { id: 'otlp', transport, signal }).add(n)
  inOtlp('accepted', 'grpc', 'logs', 100)
  inOtlp('accepted', 'http', 'logs', 11)
  inOtlp('refused', 'http', 'logs', 2)
  inOtlp('accepted', 'grpc', 'traces', 7)
  for (const name of ['accepted', 'refused', 'failed'])
    for (const signal of ['logs', 'metrics', 'traces']) inOtlp(name, 'grpc', signal, 0)
  for (const [transport, outcome, n] of [
    ['grpc', 'success', 9],
    ['http', 'refused', 1],
  ] as const)
    metrics.counter('tailrace_otlp_requests_total', '', { id: 'otlp', transport, outcome }).add(n)
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
    queue.inFlight = () => 1
    queue.batches = new BatchStats()
    queue.batches.add(20, 1000, true)
    queue.batches.add(9000, 1000, false)
  }
  const debug = ledger.open('queue', 'debug')
  debug.received = debug.sent = 30
  const flows = () => ({
    receivers: [
      flow('otlp', 'logs', 111, 2),
      flow('otlp', 'traces', 7),
      flow('otlp', 'metrics', 0),
      flow('syslog', 'logs', 3, 1),
      flow('gone', 'logs', 5),
    ],
    exporters: [
      { id: 'debug', format: 'logs' as const, received: 20 },
      { id: 'debug', format: 'traces' as const, received: 10 },
      { id: 'debug', format: 'metrics' as const, received: 0 },
    ],
  })
  return { plan, ledger, metrics, flows, meter: newMeter(), level: 'normal' as const }
}
