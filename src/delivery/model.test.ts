import fc from 'fast-check'
import { expect, test } from 'vitest'
import { deliveryConfig, deliveryHost, envelopes, otlpLogs, type TestHost } from '../../test/support/delivery.ts'
import { MoodyPeer } from '../../test/support/moody-peer.ts'
import { type Outcome, Receipt } from '../telemetry/receipt.ts'
import { type Queued, queued } from './queued.ts'

// Random puts, answers, stalls, memory pressure and a stop at a random moment, against what must always hold.

const answers = ['ok', 'later', 'retry', 'maybe', 'lost', 'broken', 'drop', 'partial', 'late retry', 'hang'] as const
type Answer = (typeof answers)[number]

type Step =
  | { do: 'put'; records: number; size: number; admit: boolean; otlp: boolean; source: number }
  | { do: 'answer'; how: Answer }
  | { do: 'release' }
  | { do: 'advance'; ms: number }
  | { do: 'squeeze'; bytes: number }
  | { do: 'stop' }
  | { do: 'deadline' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      records: fc.integer({ min: 0, max: 12 }),
      size: fc.constantFrom(0, 5, 300, 3000),
      admit: fc.boolean(),
      otlp: fc.boolean(),
      source: fc.integer({ min: 0, max: 3 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('answer' as const), how: fc.constantFrom(...answers) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('release' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(1, 3, 60, 150, 6000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('squeeze' as const), bytes: fc.constantFrom(0, 40_000, 200_000) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stop' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('deadline' as const) }) },
)

const setup = fc.record({
  when_full: fc.constantFrom('drop_oldest' as const, 'drop_newest' as const, 'refuse' as const, 'wait' as const),
  queue_size: fc.constantFrom(0, 3, 10, 40),
  queue_bytes: fc.constantFrom(0, 4000, 30_000),
  linger: fc.constantFrom('0s' as const, '2ms' as const),
  max_batch_records: fc.constantFrom(1, 7, 1000),
  max_batch_bytes: fc.constantFrom(50, 2000, 1 << 20),
  consumers: fc.constantFrom(1, 1, 3),
  retry: fc.boolean(),
  batch: fc.option(fc.constantFrom({ min_size: 5, max_size: 8 }, { min_size: 20 }, { min_size: 100, sizer: 'bytes' }), {
    nil: undefined,
  }),
  maxRecordBytes: fc.option(fc.constant(1000), { nil: undefined }),
})

interface World {
  host: TestHost
  peer: MoodyPeer
  exporter: Queued
  settled: Map<number, Outcome>
  put: number
  batches: number
  squeezed: number
  deadline: AbortController
  stopped: Promise<void> | undefined
}

async function run(world: World, next: Step): Promise<void> {
  const { host, peer, exporter } = world
  if (next.do === 'put') put(world, next)
  else if (next.do === 'answer') peer.how = next.how
  else if (next.do === 'release') peer.pending.shift()?.()
  else if (next.do === 'advance') host.clock.advance(next.ms)
  else if (next.do === 'squeeze') {
    host.budget.take(next.bytes - world.squeezed)
    if (next.bytes < world.squeezed) host.budget.give(0)
    world.squeezed = next.bytes
  } else if (next.do === 'stop') world.stopped ??= exporter.stop(world.deadline.signal)
  else if (world.stopped) world.deadline.abort()
  for (let i = 0; i < 8; i++) await Promise.resolve()
}

function put(world: World, { records, size, admit, otlp, source }: Extract<Step, { do: 'put' }>): void {
  const [queue] = world.exporter.admissions()
  if (admit && queue!.admit() !== undefined) return
  const texts = Array.from({ length: records }, (_, i) => `${world.put + i}`.padEnd(8 + ((i * 7919) % (size + 1)), '.'))
  const number = world.batches++
  const receipt = new Receipt((outcome) => {
    expect(world.settled.has(number)).toBe(false)
    world.settled.set(number, outcome)
  })
  world.put += records
  const options = { receipts: [receipt] }
  world.exporter.consume(otlp ? otlpLogs(texts, options) : envelopes(texts, `source ${source}`, options))
  if (admit) queue!.settle()
}

function check(world: World, consumers: number): void {
  const { host, peer, exporter, squeezed } = world
  const { only } = host
  expect(only.imbalance()).toBe(0)
  expect(only.received).toBe(world.put)
  expect(only.held()).toBe(exporter.queue.held)
  expect(exporter.queue.records).toBeGreaterThanOrEqual(0)
  expect(exporter.queue.bytes).toBeGreaterThanOrEqual(0)
  if (only.held() === 0) {
    expect(host.budget.used).toBe(squeezed)
    expect(world.settled.size).toBe(world.batches)
  } else expect(host.budget.used).toBeGreaterThan(squeezed)
  const numbers = peer.got.map((text) => Number.parseInt(text, 10))
  const once = new Set(numbers)
  expect(numbers.length - once.size).toBeLessThanOrEqual(only.maybe_duplicate)
  if (consumers === 1) {
    const firsts = [...once]
    expect(firsts).toEqual([...firsts].sort((a, b) => a - b))
  }
}

test('the law holds, nothing is delivered twice unsaid, and one sender keeps the order', async () => {
  await fc.assert(
    fc.asyncProperty(setup, fc.array(step, { maxLength: 60 }), async (given, steps) => {
      const { consumers, retry, batch, maxRecordBytes, ...written } = given
      const host = deliveryHost(160_000)
      const peer = new MoodyPeer()
      const config = deliveryConfig({
        ...written,
        retry_on_failure: { enabled: retry, initial_interval: '2ms', max_interval: '50ms', max_elapsed_time: '8s' },
        sending_queue: { num_consumers: consumers, ...(batch && { batch }) },
      })
      const exporter = queued(config, host, peer, { random: () => 0.5, ...(maxRecordBytes && { maxRecordBytes }) })
      const world: World = {
        host,
        peer,
        exporter,
        settled: new Map(),
        put: 0,
        batches: 0,
        squeezed: 0,
        deadline: new AbortController(),
        stopped: undefined,
      }
      await exporter.start()
      for (const next of steps) {
        await run(world, next)
        check(world, consumers)
        if (given.queue_size && given.when_full.startsWith('drop'))
          expect(host.only.held()).toBeLessThanOrEqual(given.queue_size)
      }
      world.stopped ??= exporter.stop(world.deadline.signal)
      world.deadline.abort()
      await world.stopped
      check(world, consumers)
      expect(host.only.held()).toBe(0)
    }),
    { numRuns: 1000 },
  )
})
