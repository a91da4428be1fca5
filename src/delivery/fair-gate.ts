import type { Batch } from '../telemetry/batch.ts'
import type { Backlog } from './backlog.ts'
import { Fairness, type Shares } from './fairness.ts'

/** Fairness is asked for from here on, and kept up until the queue is down to a quarter. */
const half = 0.5
const quarter = 0.25

/** Lets a source into a queue that is half full only up to its share. Costs nothing while the queue is below that. */
export class FairGate {
  /** What the records that were let in last count for. */
  shares: Shares | undefined
  private readonly backlog: Backlog
  private readonly fairness = new Fairness()

  constructor(backlog: Backlog) {
    this.backlog = backlog
  }

  /** The records of an arriving batch that may enter a queue that is full to the part `fill`. */
  enter(batch: Batch, fill: number): Batch {
    this.shares = undefined
    if (batch.count === 0 || !this.watching(fill)) return batch
    const { fairness } = this
    const shares = fairness.shares(batch)
    const fair = fill < half ? batch : fairness.fair(batch, shares, this.backlog.bytes / fill)
    this.shares = fair === batch ? shares : fairness.shares(fair)
    fairness.enter(this.shares)
    return fair
  }

  private watching(fill: number): boolean {
    const { backlog } = this
    if (backlog.fairness ? fill < quarter : fill < half) {
      if (backlog.fairness) this.end()
      return false
    }
    if (!backlog.fairness) this.begin()
    return true
  }

  /** Counts what is queued already. */
  private begin(): void {
    const { backlog, fairness } = this
    backlog.fairness = fairness
    fairness.clear()
    for (let i = 0; i < backlog.entries; i++) {
      const entry = backlog.entry(i)!
      entry.shares = fairness.shares(entry.batch)
      fairness.enter(entry.shares.subarray(entry.first, entry.first + entry.count))
    }
  }

  private end(): void {
    const { backlog } = this
    backlog.fairness = undefined
    for (let i = 0; i < backlog.entries; i++) backlog.entry(i)!.shares = undefined
  }
}
