import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Refused } from '../../src/delivery/admission.ts'
import { Budget } from '../../src/delivery/budget.ts'
import { Ledger } from '../../src/delivery/ledger.ts'
import { queued } from '../../src/delivery/queued.ts'
import type { Plan } from '../../src/engine/plan.ts'
import { buildGraph, type Graph } from '../../src/pipeline.ts'
import {
  type AnySpec,
  type Component,
  defineExporter,
  defineProcessor,
  defineReceiver,
  type Intake,
  object,
} from '../../src/plugin.ts'
import { ManualClock } from '../../src/runtime/clock.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { Metrics } from '../../src/runtime/metrics.ts'
import { deliveryConfig, envelopes } from '../support/delivery.ts'
import { killed, type MemoryFolder, memoryFolder, memoryStorage } from '../support/memory-spool.ts'
import { MoodyPeer } from '../support/moody-peer.ts'

// Random graphs that become other random graphs, also such as cannot start, and processes that are killed and come again:
// between any two turns every account adds up, and every queue has received what was let in while it was in the graph,
// no more and no less.

const settings = [
  { when_full: 'refuse', queue_size: 20, consumers: 1, disk: false },
  { when_full: 'wait', queue_size: 20, consumers: 3, disk: false },
  { when_full: 'drop_oldest', queue_size: 20, consumers: 1, disk: false },
  { when_full: 'refuse', queue_size: 1000, consumers: 2, disk: true },
] as const
const receivers = ['r0', 'r1', 'r2']
const exporters = settings.map((_, i) => `e${i}`)

const mostPipelines = 3
const some = (names: readonly string[]) => fc.subarray([...names], { minLength: 1 })
const shape = fc.record({
  pipelines: fc.array(fc.record({ receivers: some(receivers), processors: fc.boolean(), exporters: some(exporters) }), {
    minLength: 1,
    maxLength: mostPipelines,
  }),
  /** What has another number than before is made anew. */
  versions: fc.array(fc.nat(1), { minLength: 8, maxLength: 8 }),
})
type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never

const answers = ['ok', 'ok', 'later', 'retry', 'drop', 'partial'] as const
const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('offer' as const),
      by: fc.constantFrom(...receivers),
      records: fc.integer({ min: 1, max: 9 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('answer' as const),
      by: fc.constantFrom(...exporters),
      how: fc.constantFrom(...answers),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), by: fc.constantFrom(...exporters) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(1, 5, 70, 3000) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('reload' as const), to: shape, fails: fc.constantFrom(false, false, true) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/**
 * How many copies of a record go from a receiver to an exporter, at least and at most, while each pipeline may be that of
 * either shape: who leaves hands what it still has to the pipelines it knew, and those that leave stand until then.
 */
function copies(shapes: readonly Shape[], from: string, to: string): { least: number; most: number } {
  const sum = { least: 0, most: 0 }
  for (let i = 0; i < mostPipelines; i++) {
    const ways = shapes.map(({ pipelines }) => pipelines[i])
    const comes = ways.map((way) => way?.receivers.includes(from) ?? false)
    const goes = ways.map((way) => way?.exporters.includes(to) ?? false)
    if (comes.every(Boolean) && goes.every(Boolean)) sum.least++
    if (comes.some(Boolean) && goes.some(Boolean)) sum.most++
  }
  return sum
}

/** A batch that was offered: the shapes that may have led it, and whether it is in. */
interface Offer {
  readonly by: string
  readonly records: number
  readonly shapes: Shape[]
  state: 'waits' | 'taken' | 'refused'
}

class World {
  readonly clock = new ManualClock()
  readonly peers = new Map(exporters.map((id) => [id, new MoodyPeer()]))
  private disks = new Map(exporters.map((id) => [id, memoryFolder()]))
  private readonly specs = new Map<string, AnySpec>()
  /** Intakes of the receivers that run, those that came last at the end. */
  private readonly intakes = new Map<string, Intake[]>()
  private shape: Shape
  /** The shapes of which one is in force: two while a reload is under way. */
  private inForce: Shape[]
  private offers: Offer[] = []
  private fails = false
  ledger = new Ledger()
  graph: Graph
  private number = 0

  constructor(first: Shape) {
    this.shape = first
    this.inForce = [first]
    this.graph = this.newGraph()
  }

  private newGraph(): Graph {
    this.ledger = new Ledger()
    const budget = new Budget('service', 10_000_000)
    const { clock, ledger } = this
    return buildGraph(this.planOf(this.shape), { log: silentLog, clock, metrics: new Metrics(), ledger, budget })
  }

  private planOf({ pipelines, versions }: Shape): Plan {
    const ids = new Set(
      pipelines.flatMap((each) => [...each.receivers, ...each.exporters, ...(each.processors ? ['p'] : [])]),
    )
    const all = [...receivers, ...exporters, 'p']
    return {
      instances: [...ids].map((id) => {
        const spec = this.specOf(id)
        return { id, spec, config: { version: versions[all.indexOf(id)]! }, required: true }
      }),
      pipelines: pipelines.map((each, i) => ({
        id: `envelopes/${i}`,
        format: 'envelopes',
        receivers: each.receivers,
        processors: each.processors ? ['p'] : [],
        exporters: each.exporters,
      })),
      extensions: [],
      memoryLimit: 10_000_000,
      shutdownTimeoutMs: 20,
    }
  }

  private specOf(id: string): AnySpec {
    const make = id === 'p' ? () => pass : id.startsWith('r') ? () => this.receiver(id) : () => this.exporter(id)
    const spec = this.specs.get(id) ?? (make() as AnySpec)
    this.specs.set(id, spec)
    return spec
  }

  private receiver(id: string) {
    const open: Intake[] = []
    this.intakes.set(id, open)
    return defineReceiver({
      ...about,
      type: 'receiver',
      makes: ['envelopes'],
      pushesBack: id !== 'r2',
      create: ({ intakes }): Component => ({
        start: async () => {
          if (this.fails) throw new Error('the port is taken')
          open.push(intakes.envelopes!)
        },
        async stop() {
          const at = open.indexOf(intakes.envelopes!)
          if (at >= 0) open.splice(at, 1)
        },
      }),
    })
  }

  private exporter(id: string) {
    const { when_full, queue_size, consumers, disk } = settings[Number(id[1])]!
    const config = deliveryConfig({
      when_full,
      queue_size,
      linger: '2ms',
      max_batch_records: 7,
      retry_on_failure: { initial_interval: '2ms', max_interval: '20ms', max_elapsed_time: '6s' },
      sending_queue: { num_consumers: consumers, ...(disk && { storage: 'disk' }) },
    })
    return defineExporter({
      ...about,
      type: 'exporter',
      takes: ['envelopes'],
      delivery: { semantics: 'at least once', order: 'kept', on_kill: '' },
      create: ({ host }) => {
        const extension = <T>() => memoryStorage(this.disks, 500) as T
        return queued(config, { ...host, extension }, this.peers.get(id)!, { random: () => 0.5 })
      },
    })
  }

  async run(next: Step): Promise<void> {
    if (next.do === 'offer') this.offer(next.by, next.records)
    else if (next.do === 'answer') this.peers.get(next.by)!.how = next.how
    else if (next.do === 'release') this.peers.get(next.by)!.pending.shift()?.()
    else if (next.do === 'advance') this.clock.advance(next.ms)
    else if (next.do === 'reload') await this.reload(next.to, next.fails)
    else await this.kill()
    await turn()
  }

  private offer(by: string, records: number): void {
    const intake = this.intakes.get(by)?.at(-1)
    if (!intake) return
    const texts = Array.from({ length: records }, () => String(this.number++).padStart(6, '0'))
    const offer: Offer = { by, records, shapes: [...this.inForce], state: 'waits' }
    this.offers.push(offer)
    const refused = (error: unknown) => {
      expect(error).toBeInstanceOf(Refused)
      offer.state = 'refused'
    }
    try {
      const waits = intake.offer(envelopes(texts, by))
      if (!waits) offer.state = 'taken'
      else
        waits.then(() => {
          offer.state = 'taken'
        }, refused)
    } catch (error) {
      refused(error)
    }
  }

  /** Becomes another graph while senders go on. */
  private async reload(to: Shape, fails: boolean): Promise<void> {
    const before = this.shape
    this.inForce = [before, to]
    for (const offer of this.offers) if (offer.state === 'waits') offer.shapes.push(to)
    this.fails = fails
    let isOver = false
    const reloading = this.graph.reload(this.planOf(to)).then(
      ({ settled }) => {
        this.shape = to
        isOver = true
        return settled
      },
      () => {
        isOver = true
      },
    )
    for (let i = 0; i < 500 && !isOver; i++) {
      this.offer(receivers[i % receivers.length]!, 1)
      // What an exporter has on the wire may take its timeout, 5 s.
      this.clock.advance(i < 100 ? 1 : 20)
      await turn()
      this.check()
    }
    expect(isOver, 'the reload came to an end').toBe(true)
    this.fails = false
    this.inForce = [this.shape]
    // Those who leave send what they have, within their time.
    for (let i = 0; i < 60; i++) {
      this.clock.advance(10)
      await turn()
      this.check()
    }
    for (const peer of this.peers.values()) for (const done of peer.pending.splice(0)) done()
    await reloading
  }

  /** Nothing of the process is left but what is on its disks. */
  private async kill(): Promise<void> {
    this.disks = new Map([...this.disks].map(([id, folder]): [string, MemoryFolder] => [id, killed(folder)]))
    for (const open of this.intakes.values()) open.length = 0
    this.offers = []
    for (const peer of this.peers.values()) peer.pending.length = 0
    this.graph = this.newGraph()
    await this.graph.start()
  }

  check(): void {
    for (const account of this.ledger.accounts) {
      expect(account.imbalance(), `${account.kind} ${account.id}`).toBe(0)
      expect(account.held()).toBeGreaterThanOrEqual(0)
    }
    for (const id of exporters) {
      const queue = this.ledger.accounts.find((account) => account.kind === 'queue' && account.id === id)
      const { least, most } = this.owed(id)
      expect(queue?.received ?? 0, `into ${id}, at least`).toBeGreaterThanOrEqual(least)
      expect(queue?.received ?? 0, `into ${id}, at most`).toBeLessThanOrEqual(most)
    }
  }

  /** What must have come to an exporter, and what may have: batches that wait may be in already, and wait for a disk. */
  private owed(id: string): { least: number; most: number } {
    const sum = { least: 0, most: 0 }
    for (const { by, records, shapes, state } of this.offers) {
      if (state === 'refused') continue
      const { least, most } = copies(shapes, by, id)
      if (state === 'taken') sum.least += records * least
      sum.most += records * most
    }
    return sum
  }

  async stop(): Promise<void> {
    await this.graph.stop(AbortSignal.abort())
    await turn()
    this.check()
    for (const account of this.ledger.accounts) expect(account.held(), account.id).toBe(0)
  }
}

const about = { stability: 'beta', summary: '', config: object({}) } as const

const pass = defineProcessor({ ...about, type: 'processor', takes: ['envelopes'], create: () => (batch) => batch })

async function turn(): Promise<void> {
  for (let i = 0; i < 30; i++) await Promise.resolve()
}

test('the books add up through reloads and kills, whatever happens meanwhile', async () => {
  await fc.assert(
    fc.asyncProperty(shape, fc.array(step, { minLength: 15, maxLength: 40 }), async (first, steps) => {
      const world = new World(first)
      await world.graph.start()
      for (const next of steps) {
        await world.run(next)
        world.check()
      }
      await world.stop()
    }),
    { numRuns: Number(process.env.RUNS ?? 150) },
  )
})
