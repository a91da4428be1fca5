import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { DropReason } from './reasons.ts'

const everyMs = 10_000

/** Says that a queue loses records: at the first loss, then at most every ten seconds with what was lost since. */
export class LossLog {
  private readonly clock: Clock
  private readonly log: Log
  private next = Number.NEGATIVE_INFINITY
  private since = 0

  constructor(clock: Clock, log: Log) {
    this.clock = clock
    this.log = log
  }

  add(reason: DropReason, records: number, detail?: string): void {
    this.since += records
    const now = this.clock.monotonic()
    if (now < this.next) return
    this.next = now + everyMs
    this.log.warn(`${this.since} records lost`, { reason, detail })
    this.since = 0
  }
}
