import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Budget } from '../../src/delivery/budget.ts'
import { Ledger } from '../../src/delivery/ledger.ts'
import { Queue } from '../../src/delivery/queue.ts'
import { newHost } from '../../src/engine/host.ts'
import { ReceiverIntake } from '../../src/engine/intake.ts'
import otlp from '../../src/exporters/otlp/index.ts'
import otlphttp from '../../src/exporters/otlphttp/index.ts'
import prometheus from '../../src/exporters/prometheus/index.ts'
import { FrameReader, frameMessage } from '../../src/net/frames.ts'
import { newGrpcServer } from '../../src/net/grpc-server.ts'
import { newHttpServer } from '../../src/net/http-server.ts'
import { connectionBytes } from '../../src/net/memory.ts'
import { newTcpServer } from '../../src/net/tcp-server.ts'
import type { Component, ExporterSpec, Format, Processor, ProcessorSpec } from '../../src/plugin.ts'
import counterTotals from '../../src/processors/counter-totals/index.ts'
import toDelta from '../../src/processors/cumulativetodelta/index.ts'
import tailSampling from '../../src/processors/tail-sampling/index.ts'
import { Aggregator } from '../../src/receivers/statsd/aggregator.ts'
import { config as statsdConfig } from '../../src/receivers/statsd/config.ts'
import { newPartialMessages } from '../../src/receivers/syslog/partial-messages.ts'
import { ManualClock } from '../../src/runtime/clock.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { Metrics } from '../../src/runtime/metrics.ts'
import { Batch } from '../../src/telemetry/batch.ts'
import { encodeEnvelopeBatch, encodeOtlpMetrics, encodeOtlpTraces } from '../support/decode.ts'
import { envelopes, otlpLogs } from '../support/delivery.ts'
import { until } from '../support/role.ts'
import { otlpPaths, startSink } from '../support/sinks.ts'

// Whoever holds bytes says so: what stands here is what `service.memory_limit` counts, and it comes back when it is over.

interface World {
  readonly budget: Budget
  readonly clock: ManualClock
  readonly host: (kind: 'processor' | 'exporter') => ReturnType<typeof newHost>
}

/** Begins to hold something; answers what ends it. */
type Holder = (world: World) => (() => unknown) | Promise<() => unknown>

function newWorld(): World {
  const clock = new ManualClock()
  const budget = new Budget('service', 64 << 20)
  const ledger = new Ledger()
  const shared = { log: silentLog, clock, metrics: new Metrics(), ledger, budget }
  const host = (kind: 'processor' | 'exporter') =>
    newHost(shared, {
      kind,
      type: 'holder',
      id: 'holder',
      account: ledger.open('processor', 'holder'),
      readsOrigins: false,
      extension: () => undefined,
      next: { consume: () => {} },
    })
  return { budget, clock, host }
}

const points = (count: number) =>
  Batch.copyOf(
    'metrics',
    encodeOtlpMetrics({
      resourceMetrics: [
        {
          scopeMetrics: [
            {
              metrics: Array.from({ length: count }, (_, i) => ({
                name: `metric_${i}`,
                sum: {
                  aggregationTemporality: 2,
                  isMonotonic: true,
                  dataPoints: [{ timeUnixNano: 2n, startTimeUnixNano: 1n, asDouble: i }],
                },
              })),
            },
          ],
        },
      ],
    }),
  )

const address = { host: '127.0.0.1', port: 0 }

/** Opens a connection; answers what closes it. */
async function connected(server: { start(): Promise<{ port: number }>; stop(signal: AbortSignal): Promise<void> }) {
  const { port } = await server.start()
  onTestFinished(() => server.stop(AbortSignal.abort()))
  const socket: Socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  return () => socket.destroy()
}

const stops = (made: unknown) => () => (made as Component).stop(AbortSignal.abort())

const started = (spec: unknown, host: World['host'], format: Format, written = {}) => {
  const { config, create } = spec as ProcessorSpec
  return create({ config: config.parse(written) as never, host: host('processor'), format }) as Processor
}

/** A request of 100 kB of noise on its way: it costs that in the queue, and more as what it was made into. */
async function sending(spec: unknown, host: World['host'], written: object) {
  const { config, create } = spec as ExporterSpec
  const made = create({ config: config.parse(written) as never, host: host('exporter') })
  await made.start()
  made.consume(otlpLogs([randomBytes(75_000).toString('base64')]))
  return stops(made)
}

const holders: [what: string, least: number, Holder][] = [
  [
    'a batch in a queue',
    10_000,
    ({ budget, clock }) => {
      const own = budget.child('queue')
      const queue = new Queue({ whenFull: 'refuse', clock, memory: budget, budget: own, onDrop: () => {} })
      queue.push(envelopes(['x'.repeat(10_000)]), 0)
      return () => queue.drain('shutdown')
    },
  ],
  [
    'a batch that waits for room in `offer`',
    10_000,
    ({ budget }) => {
      const admissions = () => [{ admit: () => 'wait' as const, settle: () => undefined, onRoom: () => {} }]
      const account = new Ledger().open('receiver', 'r')
      const intake = new ReceiverIntake({ next: { consume() {} }, account, budget, admissions, pushesBack: true })
      const withdraw = new AbortController()
      Promise.resolve(intake.offer(envelopes(['x'.repeat(10_000)]), withdraw.signal)).catch(() => {})
      return () => withdraw.abort()
    },
  ],
  [
    'a gRPC message that has not arrived whole',
    100_000,
    ({ budget }) => {
      const reader = new FrameReader({ maxBytes: 1 << 20, memory: budget, onMessage: () => {} })
      reader.push(frameMessage(Buffer.alloc(200_000)).subarray(0, 110_000))
      return () => reader.close()
    },
  ],
  [
    'a syslog message that has not arrived whole',
    10_000,
    ({ budget }) => {
      const partial = newPartialMessages(budget, { isBlocked: false })
      partial.hold(10_000)
      return () => partial.hold(-10_000)
    },
  ],
  [
    'a connection of a gRPC server',
    connectionBytes.plain,
    ({ budget }) => connected(newGrpcServer({ endpoint: address, memory: budget, methods: {}, log: silentLog })),
  ],
  [
    'a connection of an HTTP server',
    connectionBytes.plain,
    ({ budget }) => connected(newHttpServer({ endpoint: address, memory: budget, routes: {}, log: silentLog })),
  ],
  [
    'a connection of a TCP server',
    connectionBytes.plain,
    ({ budget }) => {
      const open = () => ({ data: () => {}, end: () => {} })
      return connected(newTcpServer({ endpoint: address, memory: budget, open, log: silentLog }))
    },
  ],
  [
    'spans that wait for the decision of tail_sampling',
    10_000,
    ({ host }) => {
      const made = started(tailSampling, host, 'traces', { policies: [{ name: 'all', type: 'always_sample' }] })
      const spans = [{ traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 1), name: 'x'.repeat(10_000) }]
      const bytes = encodeOtlpTraces({ resourceSpans: [{ scopeSpans: [{ spans }] }] })
      made.process(Batch.copyOf('traces', bytes))
      return stops(made)
    },
  ],
  [
    'decisions that tail_sampling remembers',
    100 * 80,
    ({ host, clock }) => {
      const made = started(tailSampling, host, 'traces', { policies: [{ name: 'all', type: 'always_sample' }] })
      const spans = Array.from({ length: 100 }, (_, i) => ({
        traceId: Buffer.alloc(16, i + 1),
        spanId: Buffer.alloc(8, 1),
      }))
      made.process(Batch.copyOf('traces', encodeOtlpTraces({ resourceSpans: [{ scopeSpans: [{ spans }] }] })))
      clock.advance(60_000)
      return stops(made)
    },
  ],
  [
    'a request that was compressed to be sent, by HTTP',
    160_000,
    async ({ host }) => {
      const server = createServer(() => {}).listen(0, '127.0.0.1')
      onTestFinished(() => void server.close().closeAllConnections())
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      return sending(otlphttp, host, { endpoint: `http://127.0.0.1:${port}` })
    },
  ],
  [
    'a request that was compressed to be sent, by gRPC',
    160_000,
    async ({ host }) => {
      const answer = () => new Promise<Buffer>(() => {})
      const sink = await startSink({ name: 'none', plaintext: true, unaries: [otlpPaths.logs], answer })
      return sending(otlp, host, { endpoint: sink.address, tls: { insecure: true } })
    },
  ],
  [
    'streams of cumulativetodelta',
    100 * 384,
    ({ host }) => {
      const made = started(toDelta, host, 'metrics')
      made.process(points(100))
      return stops(made)
    },
  ],
  [
    'totals of counter_totals',
    100 * 144,
    ({ host }) => {
      const made = started(counterTotals, host, 'envelopes')
      const counters = Array.from({ length: 100 }, (_, i) => ({
        source_id: 'a',
        counter: { name: `c${i}`, delta: 1n },
      }))
      made.process(Batch.copyOf('envelopes', encodeEnvelopeBatch(counters)))
      return stops(made)
    },
  ],
  [
    'series of a statsd receiver',
    100 * 320,
    ({ budget }) => {
      const aggregator = new Aggregator(statsdConfig.parse({}), budget)
      for (let i = 0; i < 100; i++) aggregator.take(Buffer.from(`name${i}:1|c`), 0)
      return () => aggregator.release()
    },
  ],
  [
    'series on the page of a prometheus exporter',
    100 * 640,
    ({ host }) => {
      const config = prometheus.config.parse({ endpoint: '127.0.0.1:0' })
      const made = prometheus.create({ config, host: host('exporter') })
      made.consume(points(100))
      return stops(made)
    },
  ],
]

describe('charged to the memory of the process', () => {
  test.each(holders)('%s', async (_, least, begin) => {
    const world = newWorld()
    const end = await begin(world)
    await until('it is charged', () => world.budget.used >= least)
    expect(world.budget.used).toBeLessThan(12 * least)
    await end()
    await until('it is given back', () => world.budget.used === 0)
  })
})

test('what waits in `offer` is let in only while there is memory', async () => {
  const budget = new Budget('service', 20_000)
  const account = new Ledger().open('receiver', 'r')
  const admissions = () => [{ admit: () => 'wait' as const, settle: () => undefined, onRoom: () => {} }]
  const intake = new ReceiverIntake({ next: { consume() {} }, account, budget, admissions, pushesBack: true })
  account.held = () => intake.held
  const offer = async () => intake.offer(envelopes(['x'.repeat(5000)]))
  for (let i = 0; i < 3; i++) void offer().catch(() => {})
  await expect(offer()).rejects.toMatchObject({ reason: 'data refused due to high memory usage', retryAfterMs: 1000 })
  expect([account.imbalance(), account.offered, account.refused]).toEqual([0, 4, 1])
  expect(budget.used).toBeLessThan(20_000)
  intake.close()
  expect(budget.used).toBe(0)
})

test('a connection that there is no memory for is closed at once', async () => {
  const budget = new Budget('service', 2 * connectionBytes.plain)
  const open = () => ({ data: () => {}, end: () => {} })
  const server = newTcpServer({ endpoint: address, memory: budget, open, log: silentLog })
  const { port } = await server.start()
  onTestFinished(() => server.stop(AbortSignal.abort()))
  const sockets = Array.from({ length: 3 }, () => connect(port, '127.0.0.1').on('error', () => {}))
  await until('one is refused', () => server.stats.connectionsRefused === 1)
  expect(server.stats.connectionsOpen).toBe(2)
  for (const socket of sockets) socket.destroy()
  await until('all are gone', () => budget.used === 0)
})
