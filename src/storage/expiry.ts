import type { Clock, Timer } from '../runtime/clock.ts'
import type { Segment } from './segments.ts'

/** Age is looked at this often. */
const mostExpiryMs = 60_000

export interface ExpiryOptions {
  clock: Clock
  /** 0: nothing expires. */
  maxAgeMs: number
  /** The oldest segment, its front looked at. */
  oldest(): Segment | undefined
  /** Removes it; false when that cannot be. */
  remove(): boolean
}

/** Removes segments whose newest batch is too old. */
export class Expiry {
  private readonly options: ExpiryOptions
  /** Wall time at the opening, and the monotonic time then: a wall clock that does not jump. */
  private readonly opened: { wall: number; tick: number }
  private timer: Timer | undefined

  constructor(options: ExpiryOptions) {
    const { clock } = options
    this.options = options
    this.opened = { wall: clock.now(), tick: clock.monotonic() }
  }

  /** Looks now, and from time to time. */
  watch(): void {
    const { clock, maxAgeMs, oldest, remove } = this.options
    if (maxAgeMs === 0) return
    for (let first = oldest(); first && this.isOld(first) && remove(); first = oldest());
    const again = Math.min(mostExpiryMs, Math.max(1, maxAgeMs / 8))
    this.timer = clock.after(again, () => this.watch())
  }

  close(): void {
    this.timer?.cancel()
  }

  private isOld({ lastTick, lastAt }: Segment): boolean {
    const { clock, maxAgeMs } = this.options
    const tick = clock.monotonic()
    if (lastTick !== undefined) return tick - lastTick > maxAgeMs
    if (lastAt === undefined) return false
    return this.opened.wall + (tick - this.opened.tick) - lastAt > maxAgeMs
  }
}
