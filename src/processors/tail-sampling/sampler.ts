import { settleAll } from '../../delivery/backlog.ts'
import { type Budget, entryCost } from '../../delivery/budget.ts'
import { Batch, type DropReason } from '../../plugin.ts'
import type { Clock, Timer } from '../../runtime/clock.ts'
import { type Policy, verdictOf } from './decision.ts'
import { DecidedIds } from './decision-cache.ts'
import { Splitter } from './splitter.ts'
import type { Trace } from './trace.ts'

export interface SamplerOptions {
  waitMs: number
  mostTraces: number
  mostBytes: number
  /** What becomes of the oldest trace when there are too many: it is decided early, or dropped. */
  whenFull: 'decide_oldest' | 'drop_oldest'
  sampledIds: number
  otherIds: number
  firstMatch: boolean
  dropPending: boolean
  /** Those that drop stand first. */
  policies: readonly Policy[]
  clock: Clock
  budget: Budget
  handOn(batch: Batch): void
  /** Counts the spans of a part as lost. */
  drop(reason: DropReason, part: Batch): void
  /** Told of a policy that threw. */
  onFault(error: unknown): void
}

/** What is counted, for metrics. */
export interface SamplerCounts {
  sampled: number
  not_sampled: number
  dropped: number
  early: number
  lateSampled: number
  lateOther: number
}

/** Traces are looked at this often: what is sampled in between goes on together. */
const tickMs = 100
/** What is handed on in one batch. */
const mostBatch = 1 << 20

/** Holds traces until they are decided, oldest first. */
export class Sampler {
  readonly counts: SamplerCounts = { sampled: 0, not_sampled: 0, dropped: 0, early: 0, lateSampled: 0, lateOther: 0 }
  /** What the traces that are held cost. */
  heldBytes = 0
  private waitingSpans = 0
  private readonly options: SamplerOptions
  private readonly splitter = new Splitter()
  /** In the order in which their first spans came, which is that of their decisions. */
  private readonly traces = new Map<string, Trace>()
  private readonly sampledIds: DecidedIds
  private readonly otherIds: DecidedIds
  private readonly released: Batch[] = []
  private releasedBytes = 0
  private releasedSpans = 0
  private timer: Timer | undefined
  private stopped = false

  constructor(options: SamplerOptions) {
    this.options = options
    this.sampledIds = new DecidedIds(options.sampledIds, options.budget)
    this.otherIds = new DecidedIds(options.otherIds, options.budget)
  }

  get heldTraces(): number {
    return this.traces.size
  }

  get heldSpans(): number {
    return this.waitingSpans + this.releasedSpans
  }

  /** Takes spans in. What is released by that goes on before this returns. */
  take(batch: Batch): void {
    this.splitter.split(batch, this.takePart)
    if (this.stopped) this.decideAll()
    this.flush()
    this.schedule()
  }

  /** Decides what is held with what has come, or drops it. What comes later is decided at once. */
  stop(): void {
    this.stopped = true
    this.timer?.cancel()
    this.timer = undefined
    this.decideAll()
    this.flush()
    this.sampledIds.release()
    this.otherIds.release()
  }

  private readonly takePart = (id: string, part: Batch): void => {
    const { counts } = this
    if (this.sampledIds.has(id)) {
      counts.lateSampled += part.count
      this.release(part)
    } else if (this.otherIds.has(id)) {
      counts.lateOther += part.count
      this.lose(part, 'rule')
    } else this.hold(id, part)
  }

  private hold(id: string, part: Batch): void {
    const { options, traces } = this
    let trace = traces.get(id)
    if (!trace) {
      const dueMs = options.clock.monotonic() + options.waitMs
      trace = { id, parts: [], spans: 0, bytes: 0, cost: 0, dueMs }
      traces.set(id, trace)
    }
    const cost = entryCost(part.size, part.count)
    trace.parts.push(part)
    trace.spans += part.count
    trace.bytes += part.size
    trace.cost += cost
    this.waitingSpans += part.count
    this.heldBytes += cost
    options.budget.take(cost)
    while (this.isFull()) this.makeRoom()
  }

  private isFull(): boolean {
    const { mostTraces, mostBytes, budget } = this.options
    const { size } = this.traces
    return size > 0 && (size > mostTraces || this.heldBytes > mostBytes || !budget.fits(0))
  }

  private makeRoom(): void {
    const oldest = this.traces.values().next().value!
    this.counts.early++
    if (this.options.whenFull === 'decide_oldest') this.decide(oldest)
    else this.discard(oldest, 'displaced')
  }

  private readonly tick = (): void => {
    this.timer = undefined
    const now = this.options.clock.monotonic()
    for (const trace of this.traces.values()) {
      if (trace.dueMs > now) break
      this.decide(trace)
    }
    this.flush()
    this.schedule()
  }

  private schedule(): void {
    if (this.timer || this.stopped) return
    const oldest = this.traces.values().next().value
    if (!oldest) return
    const left = oldest.dueMs - this.options.clock.monotonic()
    this.timer = this.options.clock.after(Math.max(left, Math.min(tickMs, this.options.waitMs)), this.tick)
  }

  private decideAll(): void {
    for (const trace of this.traces.values()) {
      if (this.options.dropPending) this.discard(trace, 'shutdown')
      else this.decide(trace)
    }
  }

  private decide(trace: Trace): void {
    const { policies, firstMatch, onFault } = this.options
    let verdict: ReturnType<typeof verdictOf>
    try {
      verdict = verdictOf(policies, trace, firstMatch)
    } catch (error) {
      // A bug of a policy: it costs this trace, and nothing else.
      onFault(error)
      this.discard(trace, 'fault')
      return
    }
    this.counts[verdict]++
    this.forget(trace)
    if (verdict === 'sampled') {
      this.sampledIds.add(trace.id)
      for (const part of trace.parts) this.release(part)
    } else {
      this.otherIds.add(trace.id)
      for (const part of trace.parts) this.lose(part, 'rule')
    }
  }

  private discard(trace: Trace, reason: DropReason): void {
    this.forget(trace)
    for (const part of trace.parts) this.lose(part, reason)
  }

  private forget(trace: Trace): void {
    this.traces.delete(trace.id)
    this.waitingSpans -= trace.spans
    this.heldBytes -= trace.cost
    this.options.budget.give(trace.cost)
  }

  private lose(part: Batch, reason: DropReason): void {
    this.options.drop(reason, part)
    settleAll(part.receipts, reason === 'rule' ? 'delivered' : { dropped: reason })
  }

  private release(part: Batch): void {
    this.released.push(part)
    this.releasedBytes += part.size
    this.releasedSpans += part.count
    if (this.releasedBytes >= mostBatch) this.flush()
  }

  private flush(): void {
    if (this.released.length === 0) return
    const whole = Batch.join(this.released)
    this.released.length = 0
    this.releasedBytes = this.releasedSpans = 0
    this.options.handOn(whole)
  }
}
