import type { DropReason } from '../../plugin.ts'
import type { Clock, Timer } from '../../runtime/clock.ts'
import type { FrameRing } from './frame-ring.ts'
import { RetrySchedule } from './retry-schedule.ts'
import type { RetrySlots } from './retry-slots.ts'
import type { Rounds, Sends } from './rounds.ts'
import type { DrainError, Transport } from './transport.ts'
import type { Route } from './transports.ts'

/** Messages that gather before they are sent together. */
export interface Gathering {
  /** At the latest so long after the first. */
  readonly flushMs: number
  /** Repeated attempts share these. */
  readonly slots: RetrySlots
}

export interface DeliveryOptions {
  ring: FrameRing
  transport: Transport
  clock: Clock
  rounds: Rounds
  gathering?: Gathering | undefined
  /** Messages that the drain has taken. */
  onSent(messages: number): void
  /** A failed attempt with so many messages, and the pause that follows; `failures` in a row. */
  onFailed(error: DrainError, messages: number, pauseMs: number, failures: number): void
  /** A repeated attempt had to wait for a slot. */
  onDelayed?(): void
  /** At the end of the process, before what is left is lost: the ring may be emptied. */
  onLeft?(): void
  /** Once, after `close`: nothing is held any more. */
  onClosed(): void
}

/** Takes frames from a ring and has them sent, one flight at a time, again and again until the drain has them. */
export class Delivery implements Sends {
  marked = false
  readonly schedule: RetrySchedule = new RetrySchedule()
  private options: DeliveryOptions
  /** How the next attempt is made, when that is to change. */
  private next: Route | undefined = undefined
  private busy = false
  private retry: Timer | undefined = undefined
  private flush: Timer | undefined = undefined
  private due = false
  private inLine: (() => void) | undefined = undefined
  private hasSlot = false
  /** Why what cannot be sent at the end is lost. */
  private closing: DropReason | undefined = undefined
  private over = false

  constructor(options: DeliveryOptions) {
    this.options = options
  }

  /** Whether the last attempt failed. */
  get failing(): boolean {
    return this.schedule.failures > 0
  }

  pump(): void {
    if (this.busy || this.retry || this.over) return
    const { ring, gathering } = this.options
    if (ring.waiting === 0) {
      if (this.closing) this.finish()
      return
    }
    if (gathering && !this.isRipe(gathering)) return
    this.busy = true
    this.due = false
    this.flush?.cancel()
    this.flush = undefined
    const go = () => {
      this.inLine = undefined
      this.options.transport.send(this.take, this.attempted)
    }
    if (!gathering || !this.failing) return void go()
    this.hasSlot = true
    this.inLine = go
    if (!gathering.slots.acquire(go)) this.options.onDelayed?.()
  }

  /** Sends in another way from the next attempt on; what failed before may work now, so that comes at once. */
  sendBy(route: Route): void {
    this.next?.transport.close()
    this.next = route
    if (this.changeRoute()) this.hurry()
  }

  /** Sends what waits, while that works; what is left then is lost for `reason`. Ends with `onClosed`. */
  close(reason: DropReason): void {
    if (this.closing || this.over) return
    this.closing = reason
    if (this.retry) this.lose()
    else if (!this.busy) this.pump()
  }

  /** Gives up here and now. */
  abort(reason: DropReason): void {
    if (this.over) return
    this.closing ??= reason
    if (this.busy) {
      this.busy = false
      this.releaseSlot()
      this.options.ring.undo()
    }
    this.lose()
  }

  /** Nothing waits, and nothing is under way. */
  get idle(): boolean {
    return !this.busy && !this.retry && this.options.ring.waiting === 0
  }

  private take = () => this.options.ring.take(this.options.transport.limits)

  private attempted = (error?: DrainError): void => {
    if (!this.busy) return
    this.busy = false
    this.releaseSlot()
    const { ring, onSent, rounds } = this.options
    const messages = ring.taken
    const isChanged = this.changeRoute()
    if (error) {
      this.failed(error, messages)
      if (isChanged) this.hurry()
      return
    }
    ring.done()
    this.schedule.worked()
    onSent(messages)
    if (this.closing) return void this.pump()
    if (ring.waiting === 0) return
    rounds.mark(this)
    rounds.turn()
  }

  /** Nothing may be on its way by the old route. */
  private changeRoute(): boolean {
    if (!this.next || (this.busy && !this.inLine)) return false
    this.options.transport.close()
    this.options = { ...this.options, ...this.next }
    this.next = undefined
    return true
  }

  private hurry(): void {
    this.schedule.worked()
    if (!this.retry) return
    this.retry.cancel()
    this.retry = undefined
    this.pump()
  }

  private failed(error: DrainError, messages: number): void {
    const { ring, transport, clock, onFailed } = this.options
    ring.undo()
    const pause = this.schedule.failed()
    onFailed(error, messages, pause, this.schedule.failures)
    if (this.closing) return void this.lose()
    if (this.schedule.exhausted) {
      // The oldest message has had all its attempts; of a gathered request, all of them.
      ring.dropOldest(transport.limits.overshoot ? this.nextCount() : 1, 'retries_exhausted')
      this.schedule.givenUp()
    }
    this.due = true
    this.retry = clock.after(pause, () => {
      this.retry = undefined
      this.pump()
    })
  }

  /** How many messages the next request would have. */
  private nextCount(): number {
    const count = this.take()?.messages ?? 0
    this.options.ring.undo()
    return count
  }

  private isRipe({ flushMs }: Gathering): boolean {
    const { ring, transport, clock } = this.options
    // Five bytes a message are its octet count.
    if (this.due || this.closing || ring.waitingBytes - 5 * ring.waiting >= transport.limits.bytes) return true
    this.flush ??= clock.after(flushMs, () => {
      this.flush = undefined
      this.due = true
      this.pump()
    })
    return false
  }

  private lose(): void {
    const { ring, onLeft } = this.options
    if (this.closing === 'shutdown') onLeft?.()
    ring.dropOldest(ring.waiting, this.closing!)
    this.finish()
  }

  private finish(): void {
    if (this.over) return
    this.over = true
    this.retry?.cancel()
    this.flush?.cancel()
    this.next?.transport.close()
    this.options.transport.close()
    this.options.onClosed()
  }

  private releaseSlot(): void {
    const { gathering } = this.options
    if (!gathering || !this.hasSlot) return
    this.hasSlot = false
    const waited = this.inLine !== undefined && gathering.slots.leave(this.inLine)
    this.inLine = undefined
    if (!waited) gathering.slots.release()
  }
}
