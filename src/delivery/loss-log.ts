import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { DropReason } from './reasons.ts'

const everyMs = 10_000

/** Says that a queue loses records: at the first loss, then at most every ten seconds, and at the end, with what was lost since. */
export class LossLog {
  private readonly clock: Clock
  private readonly log: Log
  private next = Number.NEGATIVE_INFINITY
  private since = 0
  private reason: DropReason | undefined
  private detail: string | undefined

  constructor(clock: Clock, log: Log) {
    this.clock = clock
    this.log = log
  }

  add(reason: DropReason, records: number, detail?: string): void {
    this.since += records
    this.reason = reason
    this.detail = detail
    const now = this.clock.monotonic()
    if (now < this.next) return
    this.next = now + everyMs
    this.tell()
  }

  /** Says what has not been said yet. */
  close(): void {
    if (this.since > 0) this.tell()
  }

  private tell(): void {
    const { since, reason, detail } = this
    this.log.warn(`${since} ${since === 1 ? 'record' : 'records'} lost`, { reason, detail })
    this.since = 0
  }
}
