import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { Batch } from '../telemetry/batch.ts'
import { endAfter, pauseAfter, whyGivenUp } from './after-failure.ts'
import { settleAll } from './backlog.ts'
import { Courier } from './courier.ts'
import type { Account } from './ledger.ts'
import type { LostPart } from './loss-notes.ts'
import { ownCopy } from './own-memory.ts'
import type { Trouble } from './progress.ts'
import type { Queue } from './queue.ts'
import type { DropReason } from './reasons.ts'
import { Rhythm } from './rhythm.ts'
import { Dropped, fatesOf, maybeDelivered, type SendResult } from './sender.ts'
import { SendingHealth } from './sending-health.ts'
import type { Batching, DeliverySettings } from './settings.ts'
import { newShipment, type Shipment } from './shipment.ts'
import type { Legacy } from './succession.ts'
import type { Attempts } from './traced.ts'

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
  private readonly onDrop: OnDrop
  private readonly onRefused: OnRefused | undefined
  private readonly random: () => number
  private readonly rhythm: Rhythm
  private readonly courier: Courier
  private readonly health: SendingHealth
  private patienceMs: number
  private running = false
  /** Sends nothing yet: what comes before it is on the wire still. */
  private waiting = false
  private heir: ((legacy: Legacy, first: boolean) => void) | undefined
  /** The heir gives it back; nothing is sent before it has all. */
  private isRecalling = false
  private draining = false
  private pumping = false
  private free: number
  /** Oldest first. No Set: its former tables lead from one to the next, and keep batches from being collected young. */
  private readonly flying: Shipment[] = []
  private whenIdle: (() => void)[] = []

  constructor({ queue, sender, settings, account, clock, log, onDrop, onRefused, random }: OutboxOptions) {
    this.queue = queue
    this.sender = sender
    this.settings = settings
    this.account = account
    this.clock = clock
    this.onDrop = onDrop
    this.onRefused = onRefused
    this.random = random
    this.free = settings.consumers
    this.patienceMs = settings.batching?.flushMs ?? 0
    this.health = new SendingHealth(clock, log)
    this.courier = new Courier({
      sender,
      account,
      clock,
      timeoutMs: settings.timeoutMs,
      delivered: (shipment, result) => this.delivered(shipment, result),
      failed: (shipment, error) => this.failed(shipment, error),
    })
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
    return this.health.trouble(waits, this.patienceMs)
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
      while (this.maySend && this.free > 0 && this.queue.records > 0 && this.rhythm.due(now)) {
        const { batches } = this.account
        const full = batches !== undefined && this.rhythm.enough()
        const part = this.queue.take(this.rhythm.limits)
        if (!part) break
        batches?.add(part.batch.count, part.bytes, full)
        this.rhythm.beat(now)
        this.free--
        const next = newShipment(part, now)
        this.flying.push(next)
        this.courier.attempt(next)
      }
    } finally {
      this.pumping = false
    }
    if (this.whenIdle.length > 0 && this.isIdle) for (const fn of this.whenIdle.splice(0)) fn()
  }

  private get maySend(): boolean {
    return this.running && !this.waiting && !this.isRecalling
  }

  /** Nothing is queued or on its way; what comes during a recall waits for its end. */
  private get isIdle(): boolean {
    return this.isRecalling ? this.flying.length === 0 : this.queue.held === 0
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

  /** Has everything back; what comes meanwhile is sent afterwards. What is still on the wire when `deadline` aborts is broken off. */
  async recall(inherit: (legacy: Legacy, first: boolean) => void, deadline: AbortSignal): Promise<void> {
    const breakOff = () => {
      if (this.heir !== inherit) return
      for (const shipment of [...this.flying]) this.breakOff(shipment)
    }
    deadline.addEventListener('abort', breakOff, { once: true })
    const back = this.bequeath(inherit)
    this.isRecalling = true
    if (deadline.aborted) breakOff()
    await back
    deadline.removeEventListener('abort', breakOff)
    if (this.heir === inherit) this.endRecall()
  }

  private endRecall(): void {
    this.heir = undefined
    this.isRecalling = false
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
    if (this.isIdle) return Promise.resolve()
    return new Promise((resolve) => this.whenIdle.push(resolve))
  }

  /** One attempt for all that is here, without waiting in between. What is left when `deadline` aborts is given up. */
  async drain(deadline: AbortSignal): Promise<void> {
    this.draining = true
    if (this.isRecalling) this.endRecall()
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

  private delivered(shipment: Shipment, result: SendResult): void {
    const { sent, rejected, fault } = fatesOf(result, shipment.batch.count)
    this.account.sent += sent
    if (!result.unproven) this.health.answered(sent, rejected, result.detail)
    this.rejected(shipment.batch, rejected, result.detail)
    if (fault > 0) this.onDrop('fault', fault, 'the sender did not say what became of them')
    if (rejected > 0) this.finish(shipment, { dropped: 'rejected', detail: result.detail, isPartial: sent > 0 })
    else if (fault > 0) this.finish(shipment, { dropped: 'fault' })
    else this.finish(shipment, result.durable ? 'durable' : 'delivered')
  }

  /** Refused for good, of all of a batch or a part: which, the peer does not say. */
  private rejected(batch: Batch, records: number, detail: string | undefined): void {
    if (records === 0) return
    this.onRefused?.(batch, records, 'rejected', detail ?? '')
    this.onDrop('rejected', records, detail, records === batch.count ? batch : undefined)
  }

  private failed(shipment: Shipment, error: unknown): void {
    shipment.timer?.cancel()
    shipment.timer = undefined
    const { retry } = this.settings
    const pause = pauseAfter(shipment, error, retry, this.random)
    const { draining } = this
    const end = endAfter(shipment, error, pause, { retry, draining, now: this.clock.monotonic() })
    if (this.heir && (!end || end === 'shutdown')) {
      shipment.uncertain ||= maybeDelivered(error)
      this.giveBack(shipment, true)
    } else if (end) {
      if (error instanceof Dropped) this.refused(shipment.batch, end, error.message)
      else this.health.gaveUp(error)
      this.drop(shipment, end, whyGivenUp(end, error), error)
    } else this.pause(shipment, error, pause)
  }

  private refused(batch: Batch, reason: DropReason, why: string): void {
    this.health.refused(reason, why)
    this.onRefused?.(batch, batch.count, reason, why)
  }

  private pause(shipment: Shipment, error: unknown, pause: number): void {
    if (maybeDelivered(error)) shipment.uncertain = true
    // It may stand here for long: it must not pin the memory that others share.
    if (shipment.attempt === 1) shipment.batch = ownCopy(shipment.batch)
    this.health.failed(error, pause)
    shipment.abort = undefined
    shipment.paused = true
    shipment.timer = this.clock.after(pause, () => this.repeat(shipment))
  }

  private repeat(shipment: Shipment): void {
    shipment.timer?.cancel()
    shipment.timer = undefined
    shipment.paused = false
    this.courier.attempt(shipment)
  }

  private drop(shipment: Shipment, reason: DropReason, detail?: string, cause?: unknown): void {
    const { batch } = shipment
    const part = this.sender.abandon(batch) ?? { sent: 0, rejected: 0 }
    const { sent, rejected, fault: rest } = fatesOf(part, batch.count)
    this.account.sent += sent
    this.rejected(batch, rejected, part.detail)
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
}

const broken = new Error('the process is stopping')
