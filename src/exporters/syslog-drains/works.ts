import type { Account } from '../../delivery/ledger.ts'
import type { Trouble } from '../../delivery/progress.ts'
import type { AppLines } from '../../drains/app-lines.ts'
import { type Host, sleep } from '../../plugin.ts'
import { newFrameForm } from '../../wire/syslog/from-envelope/frame-form.ts'
import { ChunkPool } from './chunk-pool.ts'
import type { SyslogDrainsConfig } from './config.ts'
import type { Drain } from './drain.ts'
import type { DrainWorld } from './drain-world.ts'
import { Notices } from './notices.ts'
import { Registry } from './registry.ts'
import type { RetrySlots } from './retry-slots.ts'
import { Rounds } from './rounds.ts'
import { Router } from './router.ts'
import { SeriesTable } from './series.ts'
import { Shares } from './shares.ts'
import type { SpillWorld } from './spill-world.ts'
import { giveUpStrays } from './strays.ts'
import type { Transports } from './transports.ts'

/** So long what is on disk waits for drains that do not come. */
const patienceMs = 600_000

/** So long a turn may be in which drains learn of other settings, */
const sliceMs = 3
/** and so many always do. */
const togetherAtLeast = 64

/** What one exporter's settings make of the drains. */
export interface WorksSettings {
  config: SyslogDrainsConfig
  transports: Transports
  stream: AppLines | undefined
  /** The disk, where the configuration names one. */
  spill: SpillWorld | undefined
}

export interface WorksOptions extends WorksSettings {
  host: Host
  account: Account
  slots: RetrySlots
}

/**
 * The drains of an exporter with everything that waits for them. They outlive it: a reload makes another exporter, which goes on with
 * them as they are and tells them its settings.
 */
export class Works {
  readonly world: DrainWorld
  readonly registry: Registry
  readonly router: Router
  readonly slots: RetrySlots
  /** The exporter whose settings hold. */
  owner: object | undefined
  /** Makes the one that is to come the owner. */
  successor: (() => void) | undefined
  /** Drains that do not know the settings of the moment yet. */
  private adapting: Drain[] = []

  constructor({ host, account, slots, config, transports, stream, spill }: WorksOptions) {
    const { clock, log } = host
    const pool = new ChunkPool(host.budget, host.id, config.max_memory)
    const rounds = new Rounds(clock, config.max_round_interval)
    this.slots = slots
    this.world = {
      shares: new Shares(pool, config.max_memory),
      limits: limitsOf(config),
      clock,
      rounds,
      account,
      series: new SeriesTable(host.id, host.metrics),
      notices: new Notices(stream, log, clock),
      transports,
      formOf: newForms(),
      live: new Set(),
      spill,
    }
    this.registry = new Registry(this.world)
    const door = host.ledger.open('processor', host.id, { step: 'routing' })
    this.router = new Router({ registry: this.registry, rounds, pool, clock, account, door })
  }

  /** Messages that wait for drains, or are on their way to them. */
  get held(): number {
    const { live, spill } = this.world
    return (spill?.leftovers.messages ?? 0) + sum(live, heldBy)
  }

  /** Of the drains that the operator gave; the one that has failed for longest. */
  get trouble(): Trouble | undefined {
    let worst: Trouble | undefined
    for (const { trouble } of this.world.live)
      if (trouble && trouble.since < (worst?.since ?? Number.POSITIVE_INFINITY)) worst = trouble
    return worst
  }

  /** Other settings hold from now on. What is more than they allow is lost, the oldest first. */
  configure({ config, transports, stream, spill }: WorksSettings): void {
    const { world } = this
    world.notices.stream = stream
    world.transports = transports
    world.rounds.maxMs = config.max_round_interval
    if (spill !== world.spill) this.changeDisk(spill)
    Object.assign(world.limits, limitsOf(config))
    this.adapting = [...world.live]
    this.adapt(this.adapting, config.max_memory)
  }

  /** In slices: to make ten thousand connections anew takes long. A drain whose turn has not come goes on as before. */
  private adapt(drains: Drain[], maxMemory: number): void {
    const { live, clock, shares } = this.world
    const end = clock.monotonic() + sliceMs
    for (let done = 1; ; done++) {
      const drain = drains.pop()
      if (!drain) break
      if (live.has(drain)) drain.adapt()
      if (done % togetherAtLeast > 0 || clock.monotonic() < end) continue
      setImmediate(() => {
        if (this.adapting === drains) this.adapt(drains, maxMemory)
      })
      return
    }
    shares.bound(maxMemory)
  }

  /** What drains have on the disk before comes from there until it is used up; what is written from then on goes to this one. */
  private changeDisk(spill: SpillWorld | undefined): void {
    const before = this.world.spill
    this.world.spill = spill
    for (const { key } of before?.open ?? []) spill?.left.delete(key)
    void before?.leftovers.close()
    void spill?.leftovers.recover().then(() => this.resumeAll())
  }

  /** Folders of the process before wait until there are few enough; those that no drain comes for are given up. */
  tendDisk(): void {
    const { spill, clock } = this.world
    if (!spill || (spill.left.size === 0 && spill.leftovers.isEmpty)) return
    this.resumeAll()
    const since = Math.max(spill.since, this.registry.knownSince)
    if (clock.monotonic() - since >= patienceMs) void giveUpStrays(spill, this.registry.all())
  }

  private resumeAll(): void {
    for (const drain of this.registry.all()) drain.resume()
  }

  /** The end of the process: one attempt for what waits in memory; what is left then goes to disk, where there is one. */
  async stop(deadline: AbortSignal): Promise<void> {
    const { live, clock, rounds, notices, spill } = this.world
    this.adapting = []
    await Promise.all(Array.from(live, (drain) => drain.spill?.park()))
    if (sum(live, heldBy) > 0) await spill?.leftovers.open()
    for (const drain of live) drain.stop()
    while (live.size > 0 && !deadline.aborted) await sleep(clock, 5, deadline)
    for (const drain of live) drain.abort()
    await spill?.leftovers.close()
    spill?.notTaken.tell()
    spill?.notOpened.tell()
    rounds.close()
    notices.close()
  }
}

const limitsOf = ({ queue_size, queue_bytes }: SyslogDrainsConfig) => ({
  maxMessages: queue_size,
  maxBytes: queue_bytes,
})

const heldBy = ({ ring, spill }: Drain): number => (ring ? ring.waiting + ring.taken : 0) + (spill?.messages ?? 0)

/** Forms are shared by the drains of one application; those of others are never equal. */
function newForms(): DrainWorld['formOf'] {
  const forms = new Map<string, ReturnType<typeof newFrameForm>>()
  return (hostname, metadata) => {
    const key = `${metadata} ${hostname}`
    let form = forms.get(key)
    if (!form) {
      if (forms.size >= 256) forms.clear()
      form = newFrameForm({ hostname, metadata })
      forms.set(key, form)
    }
    return form
  }
}

export function sum<T>(all: Iterable<T>, value: (one: T) => number): number {
  let total = 0
  for (const one of all) total += value(one)
  return total
}
