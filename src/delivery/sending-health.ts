import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { textOf } from './after-failure.ts'
import { Progress, type Trouble } from './progress.ts'
import type { DropReason } from './reasons.ts'

/** How sending goes, for those who ask and for the log: the first failure of a series is told, and its end. */
export class SendingHealth {
  private readonly clock: Clock
  private readonly log: Log
  private readonly progress = new Progress()

  constructor(clock: Clock, log: Log) {
    this.clock = clock
    this.log = log
  }

  /** What is wrong right now: see `Progress.trouble`. */
  trouble(oldest: number | undefined, patienceMs: number): Trouble | undefined {
    return this.progress.trouble(this.clock.monotonic(), oldest, patienceMs)
  }

  /** An attempt failed, and the next one comes after a pause in milliseconds. In the Collector's words. */
  failed(error: unknown, pause: number): void {
    if (!this.progress.failing) {
      const interval = `${Number((pause / 1000).toPrecision(3))}s`
      this.log.warn('Exporting failed. Will retry the request after interval.', { error: textOf(error), interval })
    }
    this.gaveUp(error)
  }

  /** An attempt failed, and there is no next one. */
  gaveUp(error: unknown): void {
    this.progress.failed(this.clock.monotonic(), textOf(error))
  }

  /** The sender says that it is lost. */
  refused(reason: DropReason, why: string): void {
    if (reason === 'connection') this.progress.failed(this.clock.monotonic(), why)
    else this.progress.refused(this.clock.monotonic(), why)
  }

  /** The peer answered: what it took, and what it refused. */
  answered(sent: number, rejected: number, detail = ''): void {
    if (this.progress.failing) {
      this.progress.answered()
      this.log.info('sending works again')
    }
    if (sent > 0) this.progress.delivered(this.clock.monotonic())
    else if (rejected > 0) this.progress.refused(this.clock.monotonic(), detail)
  }
}
