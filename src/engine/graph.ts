import type { ServiceStatus } from '../plugin.ts'
import { batchingOf } from './batching.ts'
import { checkEdges } from './check-edges.ts'
import { FlowCounts, type Flows } from './flow-counts.ts'
import { type Generation, newGeneration } from './generation.ts'
import { GraphError } from './graph-error.ts'
import type { Shared } from './host.ts'
import { canWork, inStartOrder, serviceStatus, startMs, startPart, stopParts, withinLimit } from './lifecycle.ts'
import type { Part, Workshop } from './parts.ts'
import type { Plan } from './plan.ts'
import { intakesOf, leadOn, type Ports, portsOf, wire } from './wiring.ts'

/** What a reload did, by the keys of parts: `exporter otlp`, `processor batch logs/app`. */
export interface Reloaded {
  readonly kept: readonly string[]
  readonly changed: readonly string[]
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /** Resolves when those who left are gone. */
  readonly settled: Promise<void>
}

/** What is on the wire may take so long when a queue on disk changes hands, in milliseconds. */
const diskMs = 500
/** Between two attempts to start what did not start and is not required, in milliseconds: doubled each time. */
const retryMs = { first: 1000, most: 60_000 }

/** What runs: its parts, where they are plugged in, and how they come and go. */
export class RunningGraph {
  private readonly shared: Shared
  private readonly ports: Ports = { sinks: new Map(), heads: new Map() }
  private readonly counts = new FlowCounts()
  private plan: Plan
  private parts: ReadonlyMap<string, Part> = new Map()
  /** Being made, or on their way out. */
  private besides: readonly Part[] = []
  private readySince: number | undefined
  private stopping = false
  private turn: Promise<unknown> = Promise.resolve()
  private retry: { cancel(): void } | undefined
  private retries = 0

  /** Creates every component, from the exporters back to the receivers. Throws `GraphError` when the ends do not fit. */
  constructor(plan: Plan, shared: Shared) {
    this.shared = shared
    this.plan = plan
    const first = this.prepare(plan)
    this.takeOver(first)
    first.settled()
  }

  /** Starts everything in order; rejects with the first failure of a required component. */
  start(): Promise<void> {
    const started = this.startAll()
    // A reload that is asked for meanwhile comes after it.
    this.turn = started.catch(() => {})
    return started
  }

  private async startAll(): Promise<void> {
    const all = inStartOrder(this.parts.values())
    for (const part of all) await this.startOne(part)
    for (const { component, started } of all) if (started) component.started?.()
    this.readySince = Date.now()
    this.retryLater()
  }

  /** Receivers first, then what they feed. Records that are left when `deadline` aborts are dropped and counted. */
  async stop(deadline: AbortSignal): Promise<void> {
    this.stopping = true
    this.readySince = undefined
    this.retry?.cancel()
    const { log } = this.shared
    const all = new Set([...this.parts.values(), ...this.besides])
    await stopParts(all, { log, deadline, stopMs: this.plan.shutdownTimeoutMs })
  }

  /** Whether everything has started, nothing stops, and every required component can do its work. */
  ready(): boolean {
    return (
      this.readySince !== undefined && [...this.parts.values()].every((p) => !p.wanted.instance.required || canWork(p))
    )
  }

  status(): ServiceStatus {
    return serviceStatus(this.parts.values(), this.plan, { ready: this.ready(), readySince: this.readySince })
  }

  flows(): Flows {
    return this.counts.read()
  }

  /**
   * Makes the plan what runs. What is the same stays, untouched; rejects with the reason, and then everything is as it
   * was. One at a time: who asks meanwhile waits until those who leave are gone.
   */
  reload(plan: Plan): Promise<Reloaded> {
    return this.inTurn(async () => {
      if (this.stopping) throw new Error('the process is stopping')
      this.retries = 0
      return this.change(plan, (part) => part.wanted.instance.required)
    })
  }

  private inTurn(change: () => Promise<Reloaded>): Promise<Reloaded> {
    this.retry?.cancel()
    const done = this.turn.then(change)
    this.turn = done.then(({ settled }) => settled).catch(() => {})
    void this.turn.then(() => this.retryLater())
    return done
  }

  private async change(plan: Plan, isVital: (part: Part) => boolean): Promise<Reloaded> {
    const next = this.prepare(plan)
    const limit = AbortSignal.timeout(startMs)
    this.besides = next.fresh
    try {
      for (const part of inStartOrder(next.parts.values())) {
        if (part.started || next.late.has(part)) continue
        await withinLimit(this.startOne(part, isVital), limit, part)
        if (this.stopping) break
      }
      if (this.stopping) throw new Error('the process is stopping')
      this.takeOver(next)
    } catch (error) {
      await this.giveUp(next)
      throw error
    }
    for (const { component, started } of inStartOrder(next.fresh)) if (started) component.started?.()
    const { kept, changed, added, removed } = next.difference
    const keys = (all: readonly { readonly wanted: { readonly key: string } }[]) => all.map(({ wanted }) => wanted.key)
    return {
      kept: keys(kept),
      changed: keys(changed),
      added: added.map(({ key }) => key),
      removed: keys(removed),
      settled: this.dismiss(next),
    }
  }

  private prepare(plan: Plan): Generation {
    const [wrong] = checkEdges(plan)
    if (wrong) throw new GraphError(`pipeline "${wrong.pipeline}": ${wrong.message}`)
    const batching = batchingOf(plan)
    const shop: Omit<Workshop, 'stage' | 'opened'> = {
      shared: this.shared,
      extension: (id) => this.parts.get(`extension ${id}`)?.component,
      status: () => this.status(),
      batching,
      came: this.counts.arrived,
      flow: this.counts.flow,
    }
    return newGeneration(plan, [...this.parts.values()], shop)
  }

  /** One turn of the event loop: from here on the new plan is what runs. */
  private takeOver(next: Generation): void {
    const { plan, parts, leaving } = next
    const { shared, ports } = this
    wire({ plan, shared, parts, ports })
    const intakes = [...parts.values(), ...leaving].flatMap(intakesOf)
    // Who waits for room must not go before what a queue hands on.
    for (const intake of intakes) intake.hold()
    for (const fault of next.takeOver())
      shared.log.error('a fault while parts changed; going on', { error: String(fault) })
    this.plan = plan
    this.parts = parts
    this.besides = leaving
    for (const part of leaving) leadOn(part, parts.get(part.wanted.key))
    for (const intake of intakes) intake.goOn()
  }

  /** Stops those who leave, and starts who waited for what they held. */
  private async dismiss(next: Generation): Promise<void> {
    const { leaving, late, plan, parts } = next
    const { log } = this.shared
    const stopMs = plan.shutdownTimeoutMs
    const gone = new Map(leaving.map((part) => [part, Promise.withResolvers<void>()]))
    let starting = Promise.resolve()
    for (const [part, holders] of late) {
      const free = Promise.all([starting, ...holders.map((holder) => gone.get(holder)!.promise)])
      starting = free.then(async () => {
        if (!this.stopping) await this.startOne(part, () => false)
        if (part.started) part.component?.started?.()
      })
    }
    const deadline = AbortSignal.timeout(Math.min(stopMs, 2 ** 31 - 1))
    // What is on disk waits there for the successor, and the successor for the folder.
    const sooner = (part: Part) =>
      parts.has(part.wanted.key) && part.accounts.some(({ disk }) => disk) ? AbortSignal.timeout(diskMs) : undefined
    await stopParts(leaving, { log, stopMs, deadline, sooner, gone: (part) => gone.get(part)!.resolve() })
    await starting
    const { heads, sinks } = this.ports
    for (const id of heads.keys()) if (!plan.pipelines.some((pipeline) => pipeline.id === id)) heads.delete(id)
    for (const id of sinks.keys()) {
      if (parts.has(`exporter ${id}`)) continue
      this.shared.taps?.forget(new Set([sinks.get(id)!.port]))
      sinks.delete(id)
    }
    this.shared.taps?.forget(new Set(leaving.flatMap(portsOf)))
    next.settled()
    this.besides = []
  }

  private async giveUp(next: Generation): Promise<void> {
    const stopMs = this.plan.shutdownTimeoutMs
    next.withdraw()
    // What they have taken already goes where they send it, within the limit; what they found on disk stays there.
    const deadline = AbortSignal.timeout(Math.min(stopMs, 2 ** 31 - 1))
    const sooner = (part: Part) => (part.accounts.some(({ disk }) => disk) ? AbortSignal.abort() : undefined)
    await stopParts(next.fresh, { log: this.shared.log, stopMs, deadline, sooner })
    next.abandon()
    this.besides = []
  }

  /** A vital part that does not start fails whoever starts it; without another the process goes on. */
  private async startOne(part: Part, isVital = (one: Part) => one.wanted.instance.required): Promise<void> {
    try {
      await startPart(part)
    } catch (error) {
      if (isVital(part)) throw error
      const log = this.shared.log.named(part.wanted.id)
      if (this.retries === 0)
        log.error('did not start and is not required: going on without it', { reason: part.error })
      else log.debug('did not start, again', { reason: part.error, retries: this.retries })
    }
  }

  /** Tries again to start what did not start, with growing pauses. */
  private retryLater(): void {
    this.retry?.cancel()
    const failed = [...this.parts.values()].filter(({ error }) => error !== undefined)
    if (failed.length === 0 || this.stopping) {
      this.retries = 0
      return
    }
    const pause = Math.min(retryMs.first * 2 ** this.retries, retryMs.most)
    this.retry = this.shared.clock.after(pause, () => {
      this.retries++
      void this.inTurn(async () => {
        const done = await this.change(this.plan, () => false)
        for (const { wanted } of failed) {
          if (this.parts.get(wanted.key)?.error === undefined)
            this.shared.log.named(wanted.id).info('started after all', { retries: this.retries })
        }
        return done
      }).catch((error: Error) => this.shared.log.warn(error.message))
    })
  }
}
