import type { Clock, Timer } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { Trouble } from './progress.ts'

/** How long after a failure the disk is asked again. */
export const diskRetryMs = 1000

/** The time in which a disk does not take what it is given: told once at its beginning and once at its end. */
export class DiskGap {
  /** Why, while it lasts. */
  trouble: string | undefined
  private readonly clock: Clock
  private readonly log: Log
  private readonly again: () => void
  private timer: Timer | undefined
  private since = 0
  private lost = 0
  private unsaved = 0
  private closed = false

  /** `again` is called when it is time for another attempt. */
  constructor(clock: Clock, log: Log, again: () => void) {
    this.clock = clock
    this.log = log
    this.again = again
  }

  /** The same as what keeps a queue from its work. */
  fault(): Trouble | undefined {
    if (this.trouble === undefined) return undefined
    return { error: `the queue on disk cannot be written: ${this.trouble}`, since: this.since, lasting: false }
  }

  /** Nothing is to be tried right now. */
  get isPausing(): boolean {
    return this.timer !== undefined
  }

  failed(error: unknown, folder: string): void {
    const text = error instanceof Error ? error.message : String(error)
    if (this.trouble === undefined) {
      this.log.error('the queue on disk cannot be written; trying again every second', { error: text, folder })
      this.since = this.clock.monotonic()
    }
    this.trouble = text
    if (this.closed) return
    this.timer ??= this.clock.after(diskRetryMs, () => {
      this.timer = undefined
      this.again()
    })
  }

  /** Records that were lost in this gap. */
  addLost(records: number): void {
    if (this.trouble !== undefined) this.lost += records
  }

  /** Records that go on in memory alone. */
  addUnsaved(records: number): void {
    if (this.trouble !== undefined) this.unsaved += records
  }

  worked(): void {
    if (this.trouble === undefined) return
    const seconds = Math.round((this.clock.monotonic() - this.since) / 1000)
    const { lost, unsaved } = this
    this.log.info('the queue on disk is written again', { after: `${seconds} s`, lost, sent_unsaved: unsaved })
    this.trouble = undefined
    this.lost = this.unsaved = 0
    this.timer?.cancel()
    this.timer = undefined
  }

  close(): void {
    this.closed = true
    this.timer?.cancel()
    this.timer = undefined
  }
}
