import type { Clock, Timer } from '../../runtime/clock.ts'
import type { Log } from '../../runtime/log.ts'

/** A disk that is full is full for all drains: what it refuses in this time is told together, */
const gatherMs = 1000
/** and not again before so long. */
const everyMs = 60_000

/** What the disk did not do for drains, in one sentence for all of them. */
export class DiskRefusals {
  private readonly text: string
  private readonly log: Log
  private readonly clock: Clock
  private readonly drains = new Set<string>()
  private messages = 0
  private lastError = ''
  private toldAt = Number.NEGATIVE_INFINITY
  private timer: Timer | undefined

  /** `text` says what was refused, and how to mend it. */
  constructor(text: string, log: Log, clock: Clock) {
    this.text = text
    this.log = log
    this.clock = clock
  }

  note(drain: string, messages: number, error: unknown): void {
    this.drains.add(drain)
    this.messages += messages
    this.lastError = String(error)
    const wait = Math.max(gatherMs, this.toldAt + everyMs - this.clock.monotonic())
    this.timer ??= this.clock.after(wait, () => this.tell())
  }

  /** Says at once what was not said yet. */
  tell(): void {
    this.timer?.cancel()
    this.timer = undefined
    if (this.drains.size === 0) return
    const { messages, lastError: error } = this
    this.log.error(this.text, { drains: this.drains.size, ...(messages > 0 && { messages }), error })
    this.drains.clear()
    this.messages = 0
    this.toldAt = this.clock.monotonic()
  }
}
