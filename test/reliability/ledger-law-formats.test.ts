import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Refused } from '../../src/delivery/admission.ts'
import { Budget } from '../../src/delivery/budget.ts'
import { type Account, Ledger } from '../../src/delivery/ledger.ts'
import { queued } from '../../src/delivery/queued.ts'
import { converters, findConverter } from '../../src/engine/converters.ts'
import type { Instance, PipelinePlan, Plan } from '../../src/engine/plan.ts'
import { buildGraph, type Graph } from '../../src/pipeline.ts'
import {
  type AnySpec,
  Batch,
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
import { deliveryConfig } from '../support/delivery.ts'
import { MoodyPeer } from '../support/moody-peer.ts'
import { recordsOf } from '../support/records.ts'

// The ledger's law on graphs of every format: v1 and v2 envelopes, OTLP logs, metrics and traces, with converters at both
// ends of pipelines and connectors between them. ledger-law.test.ts goes deeper into queues, with envelopes alone.

const formats = ['envelopes', 'dropsonde', 'logs', 'metrics', 'traces'] as const satisfies readonly Format[]
const takings: readonly (readonly Format[])[] = [
  ...formats.map((format) => [format]),
  ['logs', 'metrics', 'traces'],
  ['envelopes', 'dropsonde'],
  formats,
]
const answers = ['ok', 'ok', 'later', 'retry', 'lost', 'drop', 'partial', 'fault'] as const
const oneFormat = fc.constantFrom(...formats)
const choice = fc.array(fc.nat(9), { minLength: 1, maxLength: 3 })

const graph = fc.record({
  receivers: fc.array(fc.record({ makes: oneFormat, pushesBack: fc.boolean() }), { minLength: 2, maxLength: 4 }),
  processors: fc.array(fc.constantFrom('pass', 'half', 'none', 'throw'), { minLength: 1, maxLength: 3 }),
  exporters: fc.array(
    fc.record({
      takes: fc.constantFrom(...takings),
      whenFull: fc.constantFrom('drop_oldest', 'drop_newest', 'refuse', 'wait'),
      size: fc.constantFrom(5, 1000),
      consumers: fc.constantFrom(1, 3),
      retry: fc.boolean(),
    }),
    { minLength: 2, maxLength: 4 },
  ),
  connectors: fc.array(fc.record({ takes: oneFormat, makes: oneFormat, fails: fc.boolean() }), { maxLength: 2 }),
  pipelines: fc.array(
    fc.record({
      format: oneFormat,
      receivers: choice,
      processors: fc.array(fc.nat(9), { maxLength: 2 }),
      exporters: choice,
    }),
    { minLength: 2, maxLength: 4 },
  ),
})
type Shape = typeof graph extends fc.Arbitrary<infer T> ? T : never

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('offer' as const),
      by: fc.nat(9),
      records: fc.array(fc.nat(99), { minLength: 1, maxLength: 8 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('answer' as const), by: fc.nat(9), how: fc.constantFrom(...answers) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), by: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(1, 70, 3000) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** Whether records of one format reach a taker of others, converted or not. */
const fits = (from: Format, takes: readonly Format[]) =>
  takes.includes(from) || findConverter(from, takes) !== undefined

/** A plan of what fits together; ids wrap around, and what does not fit is left out. */
function planOf(shape: Shape, specs: Specs): Plan {
  const pick = <T>(all: readonly T[], numbers: number[], suits: (item: T) => boolean, prefix: string) =>
    [...new Set(numbers.map((n) => n % all.length).filter((i) => suits(all[i]!)))].map((i) => `${prefix}${i}`)
  let pipelines = shape.pipelines.map(
    (given, i): PipelinePlan => ({
      id: `${given.format}/${i}`,
      format: given.format,
      receivers: pick(shape.receivers, given.receivers, ({ makes }) => fits(makes, [given.format]), 'r'),
      processors: pick(shape.processors, given.processors, () => true, 'p'),
      exporters: pick(shape.exporters, given.exporters, ({ takes }) => fits(given.format, takes), 'e'),
    }),
  )
  for (const [i, { takes, makes }] of shape.connectors.entries()) {
    const from = pipelines.findIndex(({ format, receivers }) => receivers.length > 0 && fits(format, [takes]))
    const to = pipelines.findIndex(
      ({ format, exporters }, at) => at > from && exporters.length > 0 && fits(makes, [format]),
    )
    if (from < 0 || to < 0) continue
    pipelines = pipelines.map((pipeline, at) => ({
      ...pipeline,
      receivers: at === to ? [...pipeline.receivers, `c${i}`] : pipeline.receivers,
      exporters: at === from ? [...pipeline.exporters, `c${i}`] : pipeline.exporters,
    }))
  }
  pipelines = pipelines.filter(({ receivers, exporters }) => receivers.length > 0 && exporters.length > 0)
  // What lost its other end.
  const named = (side: 'receivers' | 'exporters') => new Set(pipelines.flatMap((pipeline) => pipeline[side]))
  const [fed, read] = [named('exporters'), named('receivers')]
  const whole = (id: string) => !id.startsWith('c') || (fed.has(id) && read.has(id))
  pipelines = pipelines
    .map((p) => ({ ...p, receivers: p.receivers.filter(whole), exporters: p.exporters.filter(whole) }))
    .filter(({ receivers, exporters }) => receivers.length > 0 && exporters.length > 0)
  const left = [...named('exporters'), ...named('receivers')].filter((id) => id.startsWith('c'))
  if (left.some((id) => !named('exporters').has(id) || !named('receivers').has(id))) pipelines = []
  const instances: Instance[] = Object.entries(specs(shape)).map(([id, spec]) => ({
    id,
    spec,
    config: {},
    required: true,
  }))
  return { instances, pipelines, extensions: [], memoryLimit: 1 << 24, shutdownTimeoutMs: 0 }
}
type Specs = (shape: Shape) => Record<string, AnySpec>

const common = { stability: 'beta', summary: '', config: object({}) } as const

class World {
  readonly clock = new ManualClock()
  readonly ledger = new Ledger()
  readonly intakes: { makes: Format; intake: Intake }[] = []
  readonly peers: MoodyPeer[] = []
  readonly settled: number[] = []
  readonly accepted = new Set<number>()
  readonly plan: Plan
  readonly graph: Graph
  private readonly shape: Shape

  constructor(shape: Shape) {
    this.shape = shape
    this.plan = planOf(shape, () => this.specs())
    const budget = new Budget('service', 1 << 24)
    const shared = { log: silentLog, clock: this.clock, metrics: new Metrics(), ledger: this.ledger, budget }
    this.graph = buildGraph(this.plan, shared)
  }

  private specs(): Record<string, AnySpec> {
    const { receivers, processors, exporters, connectors } = this.shape
    const named = (prefix: string, specs: unknown[]) => specs.map((spec, i) => [`${prefix}${i}`, spec as AnySpec])
    return Object.fromEntries([
      ...named(
        'r',
        receivers.map((given) => this.receiver(given)),
      ),
      ...named('p', processors.map(processor)),
      ...named(
        'e',
        exporters.map((given) => this.exporter(given)),
      ),
      ...named('c', connectors.map(connector)),
    ])
  }

  private receiver({ makes, pushesBack }: Shape['receivers'][number]) {
    return defineReceiver({
      ...common,
      type: 'receiver',
      makes: [makes],
      pushesBack,
      create: ({ intakes }) => {
        this.intakes.push({ makes, intake: intakes[makes]! })
        return { start: async () => {}, stop: async () => {} }
      },
    })
  }

  private exporter(given: Shape['exporters'][number]) {
    const peer = new MoodyPeer(({ count }) => Array<string>(count).fill(''))
    this.peers.push(peer)
    const config = deliveryConfig({
      when_full: given.whenFull,
      queue_size: given.size,
      linger: '2ms',
      max_batch_records: 7,
      retry_on_failure: { enabled: given.retry, initial_interval: '2ms', max_interval: '20ms', max_elapsed_time: '6s' },
      sending_queue: { num_consumers: given.consumers },
    })
    return defineExporter({
      ...common,
      type: 'exporter',
      takes: given.takes,
      delivery: { semantics: 'at least once', order: 'kept', on_kill: '' },
      create: ({ host }) => queued(config, host, peer, { random: () => 0.5 }),
    })
  }

  async run(next: Step): Promise<void> {
    if (next.do === 'offer') this.offer(next.by, next.records)
    else if (next.do === 'advance') this.clock.advance(next.ms)
    else {
      const peer = this.peers[next.by % this.peers.length]!
      if (next.do === 'answer') peer.how = next.how
      else peer.pending.shift()?.()
    }
    for (let i = 0; i < 10; i++) await Promise.resolve()
  }

  private offer(by: number, kinds: number[]): void {
    if (this.intakes.length === 0) return
    const { makes, intake } = this.intakes[by % this.intakes.length]!
    const number = this.settled.push(0) - 1
    const receipts = [new Receipt(() => void this.settled[number]!++)]
    const batch = Batch.copyOf(makes, recordsOf(makes, kinds), { receipts })
    const taken = () => void this.accepted.add(number)
    try {
      const result = intake.offer(batch)
      if (result) result.then(taken, (error) => expect(error).toBeInstanceOf(Refused))
      else taken()
    } catch (error) {
      expect(error).toBeInstanceOf(Refused)
    }
  }

  check(): void {
    for (const account of this.ledger.accounts) {
      expect(account.imbalance(), `${account.kind} ${account.id}`).toBe(0)
      const { passed, sent, consumed, made } = account
      expect(Math.min(account.held(), passed, sent, consumed, made), account.id).toBeGreaterThanOrEqual(0)
    }
    this.checkEdges()
    expect(this.settled.filter((times) => times > 1)).toEqual([])
  }

  /** What one hands on is what the next one received, converters included. */
  private checkEdges(): void {
    const into = new Map<string, { exact: boolean; records: number }>()
    const give = (id: string, records: number, exact = true) => {
      const before = into.get(id) ?? { exact: true, records: 0 }
      into.set(id, { exact: before.exact && exact, records: before.records + records })
    }
    for (const pipeline of this.plan.pipelines) {
      let handed = this.intoPipeline(pipeline)
      for (const id of pipeline.processors) {
        const account = this.account('processor', id, pipeline.id)
        expect(account.received, `${id} in ${pipeline.id}`).toBe(handed)
        handed = outOf(account)
      }
      const direct = pipeline.exporters.filter((id) => this.takes(id).includes(pipeline.format))
      const others = pipeline.exporters.filter((id) => !direct.includes(id))
      for (const id of direct) give(id, handed)
      const ways = Map.groupBy(others, (id) => findConverter(pipeline.format, this.takes(id))!)
      for (const [way, ids] of ways) {
        const converter = this.account('processor', nameOf(way), pipeline.id)
        expect(converter.received, `${converter.id} in ${pipeline.id}`).toBe(handed)
        // Takers of different signals share what was made between them.
        const signals = new Set(ids.map((id) => way.to.filter((to) => this.takes(id).includes(to)).join()))
        for (const id of ids) give(id, converter.made, signals.size === 1)
      }
    }
    for (const [id, { exact, records }] of into) {
      const { received } = id.startsWith('c') ? this.account('processor', id) : this.account('queue', id)
      if (exact) expect(received, `into ${id}`).toBe(records)
      else expect(received, `into ${id}`).toBeLessThanOrEqual(records)
    }
  }

  private intoPipeline({ id, format, receivers }: PipelinePlan): number {
    const given = new Map<Format, number>()
    for (const receiver of receivers) {
      const makes = this.makes(receiver)
      const isConnector = receiver.startsWith('c')
      const records = isConnector
        ? outOf(this.account('processor', receiver))
        : this.account('receiver', receiver).taken
      given.set(makes, (given.get(makes) ?? 0) + records)
    }
    let sum = 0
    for (const [makes, records] of given) {
      if (makes === format) sum += records
      else {
        const converter = this.account('processor', nameOf(findConverter(makes, [format])!), id)
        expect(converter.received, `${converter.id} before ${id}`).toBe(records)
        sum += converter.made
      }
    }
    return sum
  }

  private account(kind: Account['kind'], id: string, pipeline?: string): Account {
    const found = this.ledger.accounts.find(
      (a) => a.kind === kind && a.id === id && (pipeline === undefined || a.labels.pipeline === pipeline),
    )
    if (!found) throw new Error(`no account of ${kind} ${id} in ${pipeline}`)
    return found
  }

  private takes(id: string): readonly Format[] {
    const i = Number(id.slice(1))
    return id.startsWith('c') ? [this.shape.connectors[i]!.takes] : this.shape.exporters[i]!.takes
  }

  private makes(id: string): Format {
    const i = Number(id.slice(1))
    return (id.startsWith('c') ? this.shape.connectors : this.shape.receivers)[i]!.makes
  }
}

const outOf = ({ passed, made }: Account) => passed + made
const nameOf = ({ from, to }: (typeof converters)[number]) => `${from} to ${to.join(', ')}`

const processor = (how: Shape['processors'][number]) =>
  defineProcessor({
    ...common,
    type: 'processor',
    takes: formats,
    create: ({ host }) => {
      let turn = 0
      return (batch) => {
        turn++
        if (how === 'pass') return batch
        if (how === 'throw' && turn % 3 === 0) throw new Error('a bug of a processor')
        if (how === 'throw') return batch
        let i = 0
        const kept = how === 'half' ? batch.where(() => i++ % 2 === 0) : undefined
        host.dropped('rule', batch.count - (kept?.count ?? 0))
        return kept
      }
    },
  })

/** Hands on what it gets when the formats are the same, else makes one record of each batch. */
const connector = ({ takes, makes, fails }: Shape['connectors'][number]) =>
  defineConnector({
    ...common,
    type: 'connector',
    takes: [takes],
    makes: [makes],
    create: ({ host, next }) => {
      let turn = 0
      return {
        consume(batch) {
          if (fails && turn++ % 2 === 0) {
            host.dropped('rule', batch.count)
            for (const receipt of batch.receipts) receipt.settle({ dropped: 'rule' })
            return
          }
          if (takes === makes) return next.consume(batch)
          const made = Batch.copyOf(makes, recordsOf(makes, [0]), { receipts: batch.receipts })
          host.consumed(batch.count)
          host.made(made.count)
          next.consume(made)
        },
      }
    },
  })

test('the books add up on graphs of every format, through converters and connectors', async () => {
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(graph, fc.array(step, { minLength: 5, maxLength: 40 }), async (shape, steps) => {
      const world = new World(shape)
      await world.graph.start()
      for (const next of steps) {
        await world.run(next)
        world.check()
      }
      await world.graph.stop(AbortSignal.abort())
      for (let i = 0; i < 10; i++) await Promise.resolve()
      world.check()
      for (const account of world.ledger.accounts) {
        expect(account.held(), account.id).toBe(0)
        if (account.made > 0) seen.add(account.id)
      }
      for (const number of world.accepted) expect(world.settled[number], `receipt of batch ${number}`).toBe(1)
    }),
    { numRuns: 200 },
  )
  // None of the ways was left out.
  expect(converters.map(nameOf).filter((name) => !seen.has(name))).toEqual([])
  expect([...seen].some((id) => id.startsWith('c'))).toBe(true)
})
