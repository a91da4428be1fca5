import type { Clock, Timer } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { Batch } from '../telemetry/batch.ts'
import { type Part, settleAll } from './backlog.ts'
import { backoff } from './backoff.ts'
import type { Account } from './ledger.ts'
import type { LostPart } from './loss-notes.ts'
import { ownCopy } from './own-memory.ts'
import { Progress, type Trouble } from './progress.ts'
import type { Queue } from './queue.ts'
import type { DropReason } from './reasons.ts'
import { Rhythm } from './rhythm.ts'
import { Dropped, fatesOf, maybeDelivered, Retryable, type SendResult } from './sender.ts'
import type { Batching, DeliverySettings } from './settings.ts'
import type { Legacy } from './succession.ts'
import type { Attempts } from './traced.ts'

/** One batch on its way, through all of its attempts. */
interface Shipment extends Part {
  /** Number of the attempt under way, from 1. */
  attempt: number
  /** When the first attempt began, monotonic milliseconds. */
  since: number
  /** An earlier attempt may have delivered it. */
  uncertain: boolean
  over: boolean
  abort: AbortController | undefined
  /** Until the timeout of an attempt, or between two of them until the next. */
  timer: Timer | undefined
  paused: boolean
}

export interface OutboxOptions {
  queue: Queue
  sender: Attempts
  settings: DeliverySettings
  account: Account
  clock: Clock
  log: Log
  /** Told of every record that ends here unsent, and what the sender said about it. */
  onDrop: OnDrop
  onRefused?: OnRefused | undefined
  random: () => number
}

/** With what the records were in: see `Account.drop`. */
export type OnDrop = (reason: DropReason, records: number, detail?: string, batch?: Batch, part?: LostPart) => void

/** Told of a batch before it ends, of which a backend refused `records` for good: it does not say which. */
export type OnRefused = (batch: Batch, records: number, reason: DropReason, detail: string) => void

/** Sends what a queue holds: when, how much at once, how often, and what became of it. */
export class Outbox {
  private readonly queue: Queue
  private readonly sender: Attempts
  private readonly settings: DeliverySettings
  private readonly account: Account
  private readonly clock: Clock
  private readonly log: Log
  private readonly onDrop: OnDrop
  private readonly onRefused: OnRefused | undefined
  private readonly random: () => number
  private readonly rhythm: Rhythm
  private readonly progress = new Progress()
  private patienceMs: number
  private running = false
  /** Sends nothing yet: what comes before it is on the wire still. */
  private waiting = false
  private heir: ((legacy: Legacy, first: boolean) => void) | undefined
  /** The heir gives it back. */
  private isRecalling = false
  private draining = false
  private pumping = false
  private free: number
  /** Not aborted, and nobody listens to it. */
  private spare = new AbortController()
  /** Oldest first. No Set: its former tables lead from one to the next, and keep batches from being collected young. */
  private readonly flying: Shipment[] = []
  private whenIdle: (() => void)[] = []

  constructor({ queue, sender, settings, account, clock, log, onDrop, onRefused, random }: OutboxOptions) {
    this.queue = queue
    this.sender = sender
    this.settings = settings
    this.account = account
    this.clock = clock
    this.log = log
    this.onDrop = onDrop
    this.onRefused = onRefused
    this.random = random
    this.free = settings.consumers
    this.patienceMs = settings.batching?.flushMs ?? 0
    this.rhythm = new Rhythm(settings, queue, clock, (now) => this.pump(now))
  }

  /** Batch settings to be obeyed to the letter from now on. */
  obey(batching: Batching): void {
    this.rhythm.obey(batching)
    this.patienceMs = batching.flushMs ?? 0
  }

  /** Requests on the wire or between two attempts. */
  get inFlight(): number {
    return this.flying.length
  }

  /** What keeps it from delivering; undefined while all is well. */
  trouble(): Trouble | undefined {
    if (!this.running) return undefined
    const [first] = this.flying
    const oldest = Math.min(first?.since ?? Number.POSITIVE_INFINITY, this.queue.oldest ?? Number.POSITIVE_INFINITY)
    const waits = Number.isFinite(oldest) ? oldest : undefined
    return this.progress.trouble(this.clock.monotonic(), waits, this.patienceMs)
  }

  run(): void {
    this.running = true
    this.pump(this.clock.monotonic())
  }

  /** Sends as long as it is time to and a sender is free. */
  pump(now: number): void {
    if (this.pumping) return
    this.pumping = true
    try {
      while (this.running && !this.waiting && this.free > 0 && this.queue.records > 0 && this.rhythm.due(now)) {
        const { batches } = this.account
        const full = batches !== undefined && this.rhythm.enough()
        const part = this.queue.take(this.rhythm.limits)
        if (!part) break
        batches?.add(part.batch.count, part.bytes, full)
        this.rhythm.beat(now)
        this.free--
        const next = shipment(part, now)
        this.flying.push(next)
        this.attempt(next)
      }
    } finally {
      this.pumping = false
    }
    if (this.whenIdle.length > 0 && this.queue.held === 0) for (const fn of this.whenIdle.splice(0)) fn()
  }

  /** Sends nothing before `ready` resolves, unless it keeps no order anyway. */
  waitFor(ready: Promise<void>): void {
    if (this.settings.consumers > 1) return
    this.waiting = true
    void ready.then(() => {
      this.waiting = false
      this.pump(this.clock.monotonic())
    })
  }

  /**
   * Gives everything to an heir: what is queued and what waits for its next attempt now, what is on the wire when it comes
   * back undelivered. Resolves when nothing is on the wire.
   */
  async bequeath(inherit: (legacy: Legacy, first: boolean) => void): Promise<void> {
    this.heir = inherit
    this.isRecalling = false
    this.rhythm.stop()
    const queued = this.queue.release()
    // In the order in which they stood: each goes before the one that came after it.
    for (const shipment of [...this.flying]) if (shipment.paused) this.giveBack(shipment, false)
    for (const legacy of queued) inherit(legacy, false)
    await this.idle()
  }

  /** Has everything back; then sends what comes. What is still on the wire when `deadline` aborts is broken off. */
  async recall(inherit: (legacy: Legacy, first: boolean) => void, deadline: AbortSignal): Promise<void> {
    const breakOff = () => {
      if (this.heir !== inherit) return
      for (const legacy of this.queue.release()) inherit(legacy, false)
      for (const shipment of [...this.flying]) this.breakOff(shipment)
    }
    deadline.addEventListener('abort', breakOff, { once: true })
    const back = this.bequeath(inherit)
    this.isRecalling = true
    if (deadline.aborted) breakOff()
    await back
    deadline.removeEventListener('abort', breakOff)
    if (this.heir === inherit) this.heir = undefined
  }

  /** Hands a batch that was not delivered to the heir. */
  private giveBack(shipment: Shipment, first: boolean): void {
    const { batch, since, uncertain } = shipment
    if (uncertain) this.account.maybe_duplicate += batch.count
    this.end(shipment)
    this.heir!({ batch, at: since }, first)
    this.pump(this.clock.monotonic())
  }

  /** Resolves when nothing is queued or on its way. */
  idle(): Promise<void> {
    if (this.queue.held === 0) return Promise.resolve()
    return new Promise((resolve) => this.whenIdle.push(resolve))
  }

  /** One attempt for all that is here, without waiting in between. What is left when `deadline` aborts is given up. */
  async drain(deadline: AbortSignal): Promise<void> {
    this.draining = true
    if (this.isRecalling) this.heir = undefined
    this.rhythm.hurry = true
    const giveUp = () => this.giveUp()
    if (deadline.aborted || !this.running) giveUp()
    else {
      deadline.addEventListener('abort', giveUp, { once: true })
      for (const shipment of [...this.flying]) if (shipment.paused) this.repeat(shipment)
      this.pump(this.clock.monotonic())
      await this.idle()
      deadline.removeEventListener('abort', giveUp)
    }
    this.running = false
    this.rhythm.stop()
    // Its heirs have heirs of their own by and by: none must keep all who came after it.
    this.heir = undefined
  }

  private giveUp(): void {
    this.queue.drain('shutdown')
    for (const shipment of [...this.flying]) {
      if (this.heir) this.breakOff(shipment)
      else {
        shipment.abort?.abort(broken)
        this.drop(shipment, 'shutdown')
      }
    }
    this.pump(this.clock.monotonic())
  }

  private breakOff(shipment: Shipment): void {
    shipment.abort?.abort(broken)
    shipment.uncertain ||= !shipment.paused
    this.giveBack(shipment, true)
  }

  private attempt(shipment: Shipment): void {
    const { batch } = shipment
    const number = ++shipment.attempt
    this.account.attempts += batch.count
    if (shipment.uncertain) this.account.maybe_duplicate += batch.count
    const controller = this.spare
    let result: SendResult | Promise<SendResult>
    try {
      result = this.sender.send(batch, controller.signal, number)
    } catch (error) {
      this.failed(shipment, error)
      return
    }
    if (result instanceof Promise) this.follow(shipment, number, controller, result)
    else this.delivered(shipment, result)
  }

  /** Waits for the answer of an attempt, or for its timeout. */
  private follow(shipment: Shipment, number: number, controller: AbortController, result: Promise<SendResult>): void {
    // Whoever waits may listen to the signal, so it is this attempt's alone.
    this.spare = new AbortController()
    shipment.abort = controller
    const { timeoutMs } = this.settings
    if (timeoutMs > 0) shipment.timer = this.clock.after(timeoutMs, () => this.timedOut(shipment, number))
    const current = () => shipment.attempt === number && !shipment.over && !shipment.paused
    result.then(
      (answer) => void (current() && this.delivered(shipment, answer)),
      (error) => void (current() && this.failed(shipment, error)),
    )
  }

  private timedOut(shipment: Shipment, number: number): void {
    if (shipment.attempt !== number || shipment.over) return
    const error = new Retryable(`no answer within ${this.settings.timeoutMs} ms`, { maybeDelivered: true })
    shipment.abort?.abort(error)
    this.failed(shipment, error)
  }

  private delivered(shipment: Shipment, result: SendResult): void {
    const { sent, rejected, fault } = fatesOf(result, shipment.batch.count)
    this.account.sent += sent
    if (!result.unproven) this.noteAnswer(sent, rejected, result.detail)
    if (rejected > 0) {
      this.onRefused?.(shipment.batch, rejected, 'rejected', result.detail ?? '')
      // Which of several it was the peer does not say.
      const all = rejected === shipment.batch.count ? shipment.batch : undefined
      this.onDrop('rejected', rejected, result.detail, all)
    }
    if (fault > 0) this.onDrop('fault', fault, 'the sender did not say what became of them')
    if (rejected > 0) this.finish(shipment, { dropped: 'rejected', detail: result.detail, isPartial: sent > 0 })
    else if (fault > 0) this.finish(shipment, { dropped: 'fault' })
    else this.finish(shipment, result.durable ? 'durable' : 'delivered')
  }

  private failed(shipment: Shipment, error: unknown): void {
    shipment.timer?.cancel()
    shipment.timer = undefined
    const asked = error instanceof Retryable ? error.retryAfterMs : 0
    const { retry } = this.settings
    const own = retry ? backoff(retry, shipment.attempt - 1, this.random) : 0
    const pause = Math.min(Math.max(asked, own), longestTimerMs)
    const end = this.endAfter(shipment, error, pause)
    if (this.heir && (!end || end === 'shutdown')) {
      shipment.uncertain ||= maybeDelivered(error)
      this.giveBack(shipment, true)
    } else if (end) {
      if (error instanceof Dropped) this.refused(shipment, end, error.message)
      else this.progress.failed(this.clock.monotonic(), textOf(error))
      this.drop(shipment, end, `${whyNotAgain[end] ?? ''}${textOf(error)}`, error)
    } else this.pause(shipment, error, pause)
  }

  private refused({ batch }: Shipment, reason: DropReason, why: string): void {
    if (reason === 'connection') this.progress.failed(this.clock.monotonic(), why)
    else this.progress.refused(this.clock.monotonic(), why)
    this.onRefused?.(batch, batch.count, reason, why)
  }

  /** The reason to give up after this failure, if there is one; `pause` would be the wait before the next attempt. */
  private endAfter(shipment: Shipment, error: unknown, pause: number): DropReason | undefined {
    if (error instanceof Dropped) return error.reason
    const { retry } = this.settings
    if (!retry) return 'connection'
    if (this.draining) return 'shutdown'
    if (retry.maxRetries !== undefined && shipment.attempt > retry.maxRetries) return 'retries_exhausted'
    const elapsed = this.clock.monotonic() - shipment.since
    return retry.maxElapsedMs > 0 && elapsed + pause > retry.maxElapsedMs ? 'retries_exhausted' : undefined
  }

  private pause(shipment: Shipment, error: unknown, pause: number): void {
    if (maybeDelivered(error)) shipment.uncertain = true
    // It may stand here for long: it must not pin the memory that others share.
    if (shipment.attempt === 1) shipment.batch = ownCopy(shipment.batch)
    this.complain(error, pause)
    shipment.abort = undefined
    shipment.paused = true
    shipment.timer = this.clock.after(pause, () => this.repeat(shipment))
  }

  private repeat(shipment: Shipment): void {
    shipment.timer?.cancel()
    shipment.timer = undefined
    shipment.paused = false
    this.attempt(shipment)
  }

  private drop(shipment: Shipment, reason: DropReason, detail?: string, cause?: unknown): void {
    const { batch } = shipment
    const part = this.sender.abandon(batch) ?? { sent: 0, rejected: 0 }
    const { sent, rejected, fault: rest } = fatesOf(part, batch.count)
    this.account.sent += sent
    if (rejected > 0) this.onDrop('rejected', rejected, part.detail)
    if (rest > 0) this.onDrop(reason, rest, detail, batch, batch.count - rest)
    this.finish(shipment, { dropped: reason, detail, cause })
  }

  /** The end of a shipment: its books are done. */
  private finish(shipment: Shipment, outcome: Parameters<typeof settleAll>[1]): void {
    this.end(shipment)
    const { receipts } = shipment.batch
    if (receipts.length > 0) settleAll(receipts, outcome)
    if (!this.pumping) this.pump(this.clock.monotonic())
  }

  private end(shipment: Shipment): void {
    shipment.timer?.cancel()
    shipment.over = true
    this.flying.splice(this.flying.indexOf(shipment), 1)
    this.free++
    this.queue.done(shipment)
  }

  /** The first of a series is told, in the Collector's words. */
  private complain(error: unknown, pause: number): void {
    if (!this.progress.failing) {
      const interval = `${Number((pause / 1000).toPrecision(3))}s`
      this.log.warn('Exporting failed. Will retry the request after interval.', { error: textOf(error), interval })
    }
    this.progress.failed(this.clock.monotonic(), textOf(error))
  }

  private noteAnswer(sent: number, rejected: number, detail = ''): void {
    if (this.progress.failing) this.recovered()
    if (sent > 0) this.progress.delivered(this.clock.monotonic())
    else if (rejected > 0) this.progress.refused(this.clock.monotonic(), detail)
  }

  private recovered(): void {
    this.progress.answered()
    this.log.info('sending works again')
  }
}

function shipment(part: Part, since: number): Shipment {
  const { batch, requests, bytes, cost } = part
  return {
    batch,
    requests,
    bytes,
    cost,
    attempt: 0,
    since,
    uncertain: false,
    over: false,
    abort: undefined,
    timer: undefined,
    paused: false,
  }
}

const broken = new Error('the process is stopping')

/** Timers of the runtime that are longer end at once. A peer may ask for any pause. */
const longestTimerMs = 2_147_483_647

/** In front of the error of what is not sent again: the Collector's words. */
const whyNotAgain: Partial<Record<DropReason, string>> = {
  rejected: 'not retryable error: ',
  retries_exhausted: 'no more retries left: ',
  shutdown: 'request will be cancelled before next retry: ',
}

const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
