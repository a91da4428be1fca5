import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Refused } from '../../src/delivery/admission.ts'
import { Budget } from '../../src/delivery/budget.ts'
import { type Account, Ledger } from '../../src/delivery/ledger.ts'
import { queued } from '../../src/delivery/queued.ts'
import type { Instance, PipelinePlan, Plan } from '../../src/engine/plan.ts'
import { buildGraph, type Graph } from '../../src/pipeline.ts'
import {
  type AnySpec,
  type Batch,
  defineConnector,
  defineExporter,
  defineProcessor,
  defineReceiver,
  type Format,
  type Intake,
  object,
} from '../../src/plugin.ts'
import { ManualClock } from '../../src/runtime/clock.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { Metrics } from '../../src/runtime/metrics.ts'
import { Receipt } from '../../src/telemetry/receipt.ts'
import { deliveryConfig, envelopes, otlpLogs, textsOf } from '../support/delivery.ts'
import { type MemoryFolder, memoryFolder, memoryStorage } from '../support/memory-spool.ts'
import { MoodyPeer } from '../support/moody-peer.ts'

// Random graphs of small components, random traffic and random faults, against the ledger's law: between two turns every
// account adds up, what one hands on is what the next receives, a refused offer touched nobody, every receipt is settled
// once, and one sender keeps the order.

const whenFull = ['drop_oldest', 'drop_newest', 'refuse', 'wait'] as const
const answers = ['ok', 'ok', 'later', 'retry', 'lost', 'drop', 'partial', 'fault'] as const

/** When a component throws, on every third batch: before it has done anything with it, or when all is done. */
const faults = ['never', 'never', 'before', 'after'] as const

const graph = fc.record({
  receivers: fc.array(fc.record({ pushesBack: fc.boolean() }), { minLength: 1, maxLength: 3 }),
  processors: fc.array(fc.constantFrom('pass', 'half', 'none', 'double', 'throw'), { minLength: 1, maxLength: 3 }),
  exporters: fc.array(
    fc.record({
      whenFull: fc.constantFrom(...whenFull),
      size: fc.constantFrom(3, 20, 1000),
      bytes: fc.constantFrom(4000, 100_000),
      consumers: fc.constantFrom(1, 1, 3),
      otlp: fc.boolean(),
      retry: fc.boolean(),
      disk: fc.constantFrom(false, false, true),
      throws: fc.constantFrom(...faults),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  connectors: fc.array(fc.constantFrom(...faults), { maxLength: 1 }),
  pipelines: fc.array(
    fc.record({
      receivers: fc.array(fc.nat(9), { minLength: 1, maxLength: 2 }),
      processors: fc.array(fc.nat(9), { maxLength: 3 }),
      exporters: fc.array(fc.nat(9), { minLength: 1, maxLength: 3 }),
      toConnector: fc.boolean(),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  memory: fc.constantFrom(20_000, 10_000_000),
})
type Shape = typeof graph extends fc.Arbitrary<infer T> ? T : never

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('offer' as const),
      by: fc.nat(9),
      records: fc.integer({ min: 1, max: 12 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('answer' as const), by: fc.nat(9), how: fc.constantFrom(...answers) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('release' as const), by: fc.nat(9) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(1, 5, 70, 3000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('withdraw' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('disk' as const),
      failure: fc.constantFrom(undefined, undefined, 'ENOSPC' as const, 'EIO' as const),
    }),
  },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

class World {
  readonly clock = new ManualClock()
  readonly ledger = new Ledger()
  readonly budget: Budget
  readonly intakes: Intake[] = []
  readonly peers: MoodyPeer[] = []
  readonly disks: MemoryFolder[] = []
  readonly graph: Graph
  readonly plan: Plan
  readonly abort = new AbortController()
  readonly settled: number[] = []
  readonly accepted = new Set<number>()
  waiting = 0
  batches = 0
  records = 0

  constructor(shape: Shape) {
    this.budget = new Budget('service', shape.memory)
    this.plan = this.planOf(shape)
    const shared = {
      log: silentLog,
      clock: this.clock,
      metrics: new Metrics(),
      ledger: this.ledger,
      budget: this.budget,
    }
    this.graph = buildGraph(this.plan, shared)
  }

  /** Ids wrap around, so that every random number names something. */
  private planOf(shape: Shape): Plan {
    const instances: Instance[] = []
    const add = (id: string, spec: unknown) => {
      instances.push({ id, spec: spec as AnySpec, config: {}, required: true })
      return id
    }
    const receivers = shape.receivers.map(({ pushesBack }, i) => add(`r${i}`, this.receiver(pushesBack)))
    const processors = shape.processors.map((how, i) => add(`p${i}`, processor(how)))
    const exporters = shape.exporters.map((given, i) => add(`e${i}`, this.exporter(given)))
    const connectors = shape.connectors.map((throws, i) => add(`c${i}`, connector(throws)))
    const pick = (ids: string[], numbers: number[]) => [...new Set(numbers.map((n) => ids[n % ids.length]!))]
    const pipelines = shape.pipelines.map((given, i): PipelinePlan => {
      const last = i > 0 && i === shape.pipelines.length - 1
      return {
        id: `envelopes/${i}`,
        format: 'envelopes',
        receivers: [...pick(receivers, given.receivers), ...(last ? connectors : [])],
        processors: pick(processors, given.processors),
        exporters: [
          ...pick(exporters, given.exporters),
          ...(!last && given.toConnector && shape.pipelines.length > 1 ? connectors : []),
        ],
      }
    })
    // A connector that nobody feeds is no receiver.
    const fed = pipelines.some(({ exporters }) => exporters.includes('c0'))
    if (!fed) pipelines.push(without(pipelines.pop()!))
    return { instances, pipelines, extensions: [], memoryLimit: shape.memory, shutdownTimeoutMs: 0 }
  }

  private receiver(pushesBack: boolean) {
    return defineReceiver({
      type: 'receiver',
      stability: 'beta',
      summary: '',
      makes: ['envelopes'],
      pushesBack,
      config: object({}),
      create: ({ intakes }) => {
        this.intakes.push(intakes.envelopes!)
        return { start: async () => {}, stop: async () => {} }
      },
    })
  }

  private exporter(given: Shape['exporters'][number]) {
    const peer = new MoodyPeer()
    this.peers.push(peer)
    const takes: readonly Format[] = given.otlp ? ['logs'] : ['envelopes']
    const config = deliveryConfig({
      when_full: given.whenFull,
      queue_size: given.size,
      queue_bytes: given.bytes,
      linger: '2ms',
      max_batch_records: 7,
      retry_on_failure: { enabled: given.retry, initial_interval: '2ms', max_interval: '20ms', max_elapsed_time: '6s' },
      sending_queue: { num_consumers: given.consumers, ...(given.disk && { storage: 'disk' }) },
    })
    const disk = memoryFolder()
    if (given.disk) this.disks.push(disk)
    return defineExporter({
      type: 'exporter',
      stability: 'beta',
      summary: '',
      takes,
      delivery: { semantics: 'at least once', order: 'kept', on_kill: '' },
      config: object({}),
      create({ host }) {
        const extension = <T>() => memoryStorage(new Map([[host.id, disk]]), given.retry ? 0 : 500, 4000) as T
        const made = queued(config, { ...host, extension }, peer, { random: () => 0.5 })
        return { ...made, ...throwing(given.throws, (batch) => made.consume(batch)) }
      },
    })
  }

  async run(next: Step): Promise<void> {
    if (next.do === 'offer') this.offer(next.by, next.records)
    else if (next.do === 'answer') this.peers[next.by % this.peers.length]!.how = next.how
    else if (next.do === 'release') this.peers[next.by % this.peers.length]!.pending.shift()?.()
    else if (next.do === 'advance') this.clock.advance(next.ms)
    else if (next.do === 'disk') for (const disk of this.disks) disk.failure = next.failure
    else this.abort.abort()
    for (let i = 0; i < 10; i++) await Promise.resolve()
  }

  private offer(by: number, records: number): void {
    if (this.intakes.length === 0) return
    const number = this.batches++
    this.settled[number] = 0
    const texts = Array.from({ length: records }, (_, i) => `${this.records + i}`.padStart(6, '0'))
    this.records += records
    const batch = envelopes(texts, `source ${by}`, { receipts: [new Receipt(() => this.settle(number))] })
    const before = this.fingerprint()
    try {
      const result = this.intakes[by % this.intakes.length]!.offer(batch, this.abort.signal)
      if (!result) return void this.accepted.add(number)
      this.waiting++
      // Unless it is in, and its sender waits for a disk.
      if (this.disks.length === 0) expect(this.fingerprint()).toEqual(before)
      result.then(
        () => {
          this.waiting--
          this.accepted.add(number)
        },
        (error) => {
          expect(error).toBeInstanceOf(Refused)
          this.waiting--
        },
      )
    } catch (error) {
      expect(error).toBeInstanceOf(Refused)
      // Nobody got it.
      expect(this.fingerprint()).toEqual(before)
    }
  }

  private settle(number: number): void {
    this.settled[number]!++
  }

  /** What an offer that was not taken must leave alone: everything but the receiver's own books. */
  private fingerprint(): unknown {
    const own = (a: Account) => [a.received, a.passed, a.consumed, a.made, a.sent, a.droppedTotal, a.held()]
    return this.ledger.accounts.filter(({ kind }) => kind !== 'receiver').map(own)
  }

  check(): void {
    for (const account of this.ledger.accounts) {
      expect(account.imbalance(), `${account.kind} ${account.id}`).toBe(0)
      expect(Math.min(account.held(), account.passed, account.sent, account.consumed)).toBeGreaterThanOrEqual(0)
    }
    this.checkEdges()
    for (const count of this.settled) expect(count).toBeLessThanOrEqual(1)
  }

  /** Handed on by everything in front of a processor or queue = what it received. */
  private checkEdges(): void {
    const { pipelines } = this.plan
    const find = (kind: Account['kind'], id: string, pipeline?: string) =>
      this.ledger.accounts.find((a) => a.kind === kind && a.id === id && (!pipeline || a.labels.pipeline === pipeline))
    const outOf = (a: Account | undefined) => (a ? a.passed + a.made : 0)
    const intoPipeline = ({ receivers }: PipelinePlan) =>
      receivers.reduce(
        (sum, id) => sum + (id.startsWith('c') ? outOf(find('processor', id)) : (find('receiver', id)?.taken ?? 0)),
        0,
      )
    const outOfPipeline = (pipeline: PipelinePlan) => {
      let handed = intoPipeline(pipeline)
      for (const id of pipeline.processors) {
        const account = find('processor', id, pipeline.id)!
        expect(account.received, `${id} in ${pipeline.id}`).toBe(handed)
        handed = outOf(account)
      }
      return handed
    }
    const handed = new Map(pipelines.map((pipeline) => [pipeline.id, outOfPipeline(pipeline)]))
    const sinks = new Set(pipelines.flatMap(({ exporters }) => exporters))
    for (const id of sinks) {
      const feeders = pipelines.filter(({ exporters }) => exporters.includes(id))
      const converts = takesOtlp(this.plan, id)
      const given = feeders.map(({ id: pipeline }) =>
        converts ? outOf(find('processor', 'envelopes to logs, metrics, traces', pipeline)) : handed.get(pipeline)!,
      )
      const account = id.startsWith('c') ? find('processor', id) : find('queue', id)
      expect(account?.received ?? 0, `into ${id}`).toBe(given.reduce((a, b) => a + b, 0))
    }
  }
}

const takesOtlp = ({ instances }: Plan, id: string) => {
  const { spec } = instances.find((instance) => instance.id === id)!
  return spec.kind === 'exporter' && (spec.takes as readonly Format[]).includes('logs')
}

const without = (pipeline: PipelinePlan): PipelinePlan => ({
  ...pipeline,
  receivers: pipeline.receivers.filter((id) => !id.startsWith('c')),
})

const connector = (throws: (typeof faults)[number]) =>
  defineConnector({
    type: 'connector',
    stability: 'beta',
    summary: '',
    takes: ['envelopes'],
    makes: ['envelopes'],
    config: object({}),
    create: ({ next }) => throwing(throws, (batch) => next.consume(batch)),
  })

function throwing(when: (typeof faults)[number], consume: (batch: Batch) => void) {
  let turn = 0
  return {
    consume(batch: Batch) {
      const now = ++turn % 3 === 0 ? when : 'never'
      if (now === 'before') throw new Error('a bug')
      consume(batch)
      if (now === 'after') throw new Error('a bug')
    },
  }
}

const processor = (how: Shape['processors'][number]) =>
  defineProcessor({
    type: 'processor',
    stability: 'beta',
    summary: '',
    takes: ['envelopes'],
    config: object({}),
    create: ({ host }) => {
      let turn = 0
      return (batch) => {
        turn++
        if (how === 'pass') return batch
        if (how === 'none') {
          host.dropped('rule', batch.count)
          return undefined
        }
        if (how === 'throw' && turn % 3 === 0) throw new Error('a bug of a processor')
        if (how === 'half') {
          let i = 0
          const kept = batch.where(() => i++ % 2 === 0)
          host.dropped('rule', batch.count - kept.count)
          return kept
        }
        if (how === 'double' && turn % 2 === 0) {
          // Makes two of what it consumed.
          host.consumed(batch.count)
          host.made(2 * batch.count)
          const texts = textsOf(batch)
          return envelopes([...texts, ...texts], 'made', { receipts: batch.receipts })
        }
        return batch
      }
    },
  })

test('the books add up on every graph, whatever happens', async () => {
  await fc.assert(
    fc.asyncProperty(graph, fc.array(step, { maxLength: 50 }), async (shape, steps) => {
      const world = new World(shape)
      await world.graph.start()
      for (const next of steps) {
        await world.run(next)
        world.check()
      }
      await world.graph.stop(AbortSignal.abort())
      for (let i = 0; i < 10; i++) await Promise.resolve()
      world.check()
      expect(world.waiting).toBe(0)
      for (const account of world.ledger.accounts) expect(account.held(), account.id).toBe(0)
      for (const number of world.accepted) expect(world.settled[number], `receipt of batch ${number}`).toBe(1)
      checkOrder(world, shape)
    }),
    { numRuns: 400 },
  )
})

/** Whoever gets records from one receiver by one path only, with one sender and no repeats, gets them in order. */
function checkOrder({ peers, plan }: World, shape: Shape): void {
  for (const [i, given] of shape.exporters.entries()) {
    const feeders = plan.pipelines.filter(({ exporters }) => exporters.includes(`e${i}`))
    const simple =
      feeders.length === 1 &&
      feeders[0]!.receivers.every((id) => id.startsWith('r')) &&
      feeders[0]!.receivers.length === 1
    const doubles = feeders.some(({ processors }) =>
      processors.some((id) => shape.processors[Number(id.slice(1))] === 'double'),
    )
    if (!simple || doubles || given.consumers > 1 || given.otlp || given.disk) continue
    const { got } = peers[i]!
    expect(got).toEqual([...got].sort())
  }
}

const otlpTexts = textsOf(otlpLogs(['a']))
test('the helpers of this test read what they write', () => {
  expect(otlpTexts).toEqual(['a'])
  expect(textsOf(envelopes(['a', 'b']))).toEqual(['a', 'b'])
})
