import { monitorEventLoopDelay } from 'node:perf_hooks'

/** Milliseconds between two measurements; also what each of them is longer than the delay that it shows. */
const everyMs = 20

/** After this long a new window begins. */
const windowMs = 15_000

/** What is needed of a running measurement. */
type Delays = Pick<ReturnType<typeof monitorEventLoopDelay>, 'count' | 'percentile' | 'enable' | 'disable'>

/**
 * Delays of the event loop over a sliding window: what is read covers the last fifteen to thirty seconds (less right after
 * the start), however often and by however many it is read. Started anew at each reading, one reader would take from the
 * other what it has not seen yet; never started anew, a bad minute of last week would stand there for good.
 */
export class DelayWindow {
  private readonly measure: () => Delays
  private older: Delays
  private newer: Delays

  constructor(measure: () => Delays = () => monitorEventLoopDelay({ resolution: everyMs })) {
    this.measure = measure
    this.older = this.newer = this.begin()
  }

  /** Rotates by itself from now on; keeps no process alive. */
  run(): this {
    setInterval(() => this.rotate(), windowMs).unref()
    return this
  }

  /** Forgets what is older than the last window. */
  rotate(): void {
    if (this.older !== this.newer) this.older.disable()
    this.older = this.newer
    this.newer = this.begin()
  }

  /** In seconds; 0 before anything was measured. */
  percentile(percent: number): number {
    const { older } = this
    return older.count === 0 ? 0 : Math.max(0, older.percentile(percent) / 1e9 - everyMs / 1000)
  }

  private begin(): Delays {
    const delays = this.measure()
    delays.enable()
    return delays
  }
}
