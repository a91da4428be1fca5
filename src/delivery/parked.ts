import type { Batch } from '../telemetry/batch.ts'
import type { Refused } from './admission.ts'

/** What the disk did not take although there was room when it was asked: kept, and its sender not answered, until it does. One run's worth. */
export class Parked {
  records = 0
  private batches: Batch[] = []
  private pending: PromiseWithResolvers<void> | undefined

  get first(): Batch | undefined {
    return this.batches[0]
  }

  add(batch: Batch): void {
    this.batches.push(batch)
    this.records += batch.count
  }

  shift(): void {
    const batch = this.batches.shift()
    if (batch) this.records -= batch.count
  }

  /** What the sender waits for. */
  answer(): Promise<void> {
    if (!this.pending) {
      this.pending = Promise.withResolvers<void>()
      // Nobody need listen.
      this.pending.promise.catch(() => {})
    }
    return this.pending.promise
  }

  /** All of it was written; `synced`: it is not safe before. */
  done(synced: Promise<void> | undefined): void {
    const { pending } = this
    this.pending = undefined
    if (synced) synced.then(pending?.resolve, pending?.reject)
    else pending?.resolve()
  }

  /** The end: `lose` is called for each. */
  giveUp(lose: (batch: Batch) => void, why: Refused): void {
    for (const batch of this.batches.splice(0)) {
      this.records -= batch.count
      lose(batch)
    }
    this.pending?.reject(why)
    this.pending = undefined
  }
}
