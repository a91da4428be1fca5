import fc from 'fast-check'
import { expect, test } from 'vitest'
import { deliveryConfig, deliveryHost, envelopes, type TestHost } from '../../test/support/delivery.ts'
import { killed, type MemoryFolder, memoryFolder, memoryStorage } from '../../test/support/memory-spool.ts'
import { MoodyPeer } from '../../test/support/moody-peer.ts'
import { Receipt } from '../telemetry/receipt.ts'
import { type Queued, queued } from './queued.ts'
import { withdrawalAt } from './withdrawal.ts'

// A queue on disk under random traffic, answers, failures of the disk, stops and kills, against what must always hold.

const kindly = ['ok', 'ok', 'later', 'retry', 'maybe'] as const
const answers = [...kindly, 'drop', 'partial', 'broken'] as const
type Answer = (typeof answers)[number]

/** `taken`: up to which sequence an operator takes batches away; -1: none. */
const stepOf = (hows: readonly Answer[], taken: readonly number[]) =>
  fc.oneof(
    {
      weight: 9,
      arbitrary: fc.record({
        do: fc.constant('put' as const),
        records: fc.integer({ min: 0, max: 9 }),
        size: fc.constantFrom(0, 60, 900),
        admit: fc.boolean(),
        batches: fc.integer({ min: 1, max: 3 }),
      }),
    },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('answer' as const), how: fc.constantFrom(...hows) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('release' as const) }) },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(1, 60, 1000, 6000) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('disk' as const),
        failure: fc.constantFrom(undefined, undefined, 'ENOSPC' as const, 'EIO' as const),
        unreadable: fc.boolean(),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('sync' as const), works: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('take' as const), upTo: fc.constantFrom(...taken) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('letGo' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('stop' as const), atOnce: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const) }) },
  )
type Step = ReturnType<typeof stepOf> extends fc.Arbitrary<infer T> ? T : never

const setupOf = (policies: readonly ('drop_oldest' | 'drop_newest' | 'refuse' | 'wait')[]) =>
  fc.record({
    when_full: fc.constantFrom(...policies),
    queue_size: fc.constantFrom(3, 10, 1000),
    max_batch_records: fc.constantFrom(1, 7, 1000),
    consumers: fc.constantFrom(1, 1, 3),
    bound: fc.constantFrom(undefined, { queue_size: 4 }, { queue_size: 12, sizer: 'items' }),
    maxBytes: fc.constantFrom(0, 2000, 20_000),
    maxLossMs: fc.constantFrom(0, 500),
    slowSync: fc.boolean(),
  })
type Setup = ReturnType<typeof setupOf> extends fc.Arbitrary<infer T> ? T : never

const turns = async () => {
  for (let i = 0; i < 12; i++) await Promise.resolve()
}

/** Processes one after the other over one folder and one peer. */
class World {
  readonly peer = new MoodyPeer()
  readonly acknowledged = new Set<number>()
  host!: TestHost
  exporter!: Queued
  /** What the current process was handed, beside what it found. */
  put = 0
  records = 0
  life = 0
  private folder: MemoryFolder
  private readonly setup: Setup

  constructor(setup: Setup) {
    this.setup = setup
    this.folder = { ...memoryFolder(), slowSync: setup.slowSync }
  }

  get disk(): MemoryFolder {
    return this.folder
  }

  async begin(): Promise<void> {
    const { consumers, bound, maxBytes, maxLossMs, slowSync: _, ...written } = this.setup
    const folders = new Map([['test', this.folder]])
    this.host = deliveryHost()
    const host = { ...this.host, extension: <T>() => memoryStorage(folders, maxLossMs, maxBytes) as T }
    const config = deliveryConfig({
      ...written,
      linger: 0,
      timeout: '20s',
      retry_on_failure: { initial_interval: '20ms', max_interval: '50ms', max_elapsed_time: 0 },
      sending_queue: { num_consumers: consumers, storage: 'file_storage', ...bound },
    })
    this.put = 0
    this.life++
    this.exporter = queued(config, host, this.peer, { random: () => 0.5 })
    await this.exporter.start()
  }

  offer({ records, size, admit, batches }: Extract<Step, { do: 'put' }>): void {
    const [queue] = this.exporter.admissions()
    if (admit && queue!.admit() !== undefined) return
    const { life } = this
    const lines: number[] = []
    for (let i = 0; i < batches; i++) lines.push(...this.consume(records, size))
    if (!admit) return
    const settled = queue!.settle()
    const taken = () => {
      if (life === this.life) for (const line of lines) this.acknowledged.add(line)
    }
    if (settled) settled.then(taken, () => {})
    else taken()
  }

  private consume(records: number, size: number): number[] {
    const lines = Array.from({ length: records }, () => this.records++)
    this.put += records
    let settledTimes = 0
    const receipt = new Receipt(() => expect(++settledTimes).toBe(1))
    const texts = lines.map((line) => `${line} `.padEnd(8 + ((line * 7919) % (size + 1)), '.'))
    this.exporter.consume(envelopes(texts, 'app', { receipts: [receipt] }))
    return lines
  }

  async step(next: Step): Promise<void> {
    const { peer, folder } = this
    if (next.do === 'put') this.offer(next)
    else if (next.do === 'answer') peer.how = next.how
    else if (next.do === 'release') peer.pending.shift()?.()
    else if (next.do === 'advance') this.host.clock.advance(next.ms)
    else if (next.do === 'disk') Object.assign(folder, { failure: next.failure, unreadable: next.unreadable })
    else if (next.do === 'sync') this.sync(next.works)
    else if (next.do === 'take') this.take(next.upTo)
    else if (next.do === 'letGo') this.take(-1, true)
    else if (next.do === 'stop') await this.stop(next.atOnce)
    else await this.kill()
    await turns()
  }

  private take(upTo: number, last = false): void {
    const { life } = this
    withdrawalAt('memory')
      ?.take({ upTo }, 'kept', { last })
      .then(
        ({ records, next }) => {
          if (life !== this.life) return
          expect(records === 0 || upTo > 0).toBe(true)
          expect(next).toBe(this.folder.next)
        },
        (error: Error) => expect(error.message).toMatch(/already|ended|in memory alone|input\/output/),
      )
  }

  sync(works: boolean): void {
    for (const { resolve, reject } of this.folder.syncs.splice(0)) works ? resolve() : reject(new Error('EIO'))
  }

  private async stop(atOnce: boolean): Promise<void> {
    const deadline = new AbortController()
    const stopped = this.exporter.stop(deadline.signal)
    if (!atOnce) await turns()
    deadline.abort()
    await stopped
    await turns()
    this.check()
    expect(this.host.only.held()).toBe(0)
    this.peer.pending = []
    await this.begin()
  }

  private async kill(): Promise<void> {
    this.folder = killed(this.folder)
    // What a dead process was sending may arrive all the same; nobody hears of it.
    this.peer.pending = []
    await this.begin()
  }

  check(): void {
    const { only } = this.host
    expect(only.imbalance()).toBe(0)
    expect(only.received).toBe(this.put)
    expect(only.held()).toBeGreaterThanOrEqual(0)
  }

  /** Everything works again, until nothing is left. */
  async heal(): Promise<void> {
    this.peer.how = 'ok'
    Object.assign(this.folder, { failure: undefined, unreadable: false, slowSync: false })
    this.sync(true)
    for (let i = 0; i < 2000 && this.host.only.held() > 0; i++) {
      for (const release of this.peer.pending.splice(0)) release()
      this.host.clock.advance(1000)
      await turns()
    }
    this.check()
    expect(this.host.only.held()).toBe(0)
  }
}

async function run(setup: Setup, steps: readonly Step[]): Promise<World> {
  const world = new World(setup)
  await world.begin()
  for (const next of steps) {
    await world.step(next)
    world.check()
  }
  await world.heal()
  return world
}

test('the books of a queue on disk add up whatever happens to it, its disk and its process', async () => {
  const setup = setupOf(['drop_oldest', 'drop_newest', 'refuse', 'wait'])
  await fc.assert(
    fc.asyncProperty(setup, fc.array(stepOf(answers, [-1, 5, 20, 1000]), { maxLength: 50 }), async (given, steps) => {
      const world = await run(given, steps)
      const left = world.disk.stored.filter(({ finished }) => !finished)
      expect(left).toEqual([])
    }),
    { numRuns: Number(process.env.MODEL_RUNS ?? 300) },
  )
})

test('what was acknowledged arrives once at least, as long as nobody says it may be lost', async () => {
  // Smaller than one batch it would lose that as too large.
  const setup = setupOf(['refuse', 'wait']).filter(({ maxBytes }) => maxBytes !== 2000)
  await fc.assert(
    fc.asyncProperty(setup, fc.array(stepOf(kindly, [-1]), { maxLength: 50 }), async (given, steps) => {
      const world = await run(given, steps)
      const got = world.peer.got.map((text) => Number.parseInt(text, 10))
      const lost = [...world.acknowledged].filter((line) => !got.includes(line))
      expect(lost).toEqual([])
    }),
    { numRuns: Number(process.env.MODEL_RUNS ?? 300) },
  )
})
