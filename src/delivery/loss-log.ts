import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { DropReason } from './reasons.ts'

const everyMs = 10_000

/** Says that a queue loses records: at the first loss, then at most every ten seconds, and at the end, with what was lost since, a line for each reason. */
export class LossLog {
  private readonly clock: Clock
  private readonly log: Log
  private next = Number.NEGATIVE_INFINITY
  private refusals = 0
  private nextRefusal = Number.NEGATIVE_INFINITY
  /** What has not been said yet. */
  private readonly since = new Map<DropReason, { records: number; detail: string | undefined }>()

  constructor(clock: Clock, log: Log) {
    this.clock = clock
    this.log = log
  }

  add(reason: DropReason, records: number, detail?: string): void {
    this.since.set(reason, { records: records + (this.since.get(reason)?.records ?? 0), detail })
    const now = this.clock.monotonic()
    if (now < this.next) return
    this.next = now + everyMs
    this.close()
  }

  /** Records were sent back to whom they came from, which is no loss: told as often, apart from losses. */
  refused(records: number, why: string): void {
    this.refusals += records
    const now = this.clock.monotonic()
    if (now < this.nextRefusal) return
    this.nextRefusal = now + everyMs
    this.log.warn('Exporting failed. Rejecting data.', { error: why, rejected_items: this.refusals })
    this.refusals = 0
  }

  /** Says what has not been said yet. */
  close(): void {
    for (const [reason, { records, detail }] of this.since) {
      const hint = reason === 'connection' ? retryHint : ''
      if (failed.has(reason))
        this.log.warn(`Exporting failed. Dropping data.${hint}`, { dropped_items: records, reason, error: detail })
      else this.log.warn(records === 1 ? '1 record lost' : `${records} records lost`, { reason, detail })
    }
    this.since.clear()
  }
}

/** Losses because of what the peer said or did: told in the words that operators of a Collector search for. */
const failed: ReadonlySet<DropReason> = new Set(['rejected', 'retries_exhausted', 'connection'])
const retryHint = ' Try enabling retry_on_failure config option to retry on retryable errors.'
