import { type Clock, sleep } from '../runtime/clock.ts'
import type { Batch } from '../telemetry/batch.ts'
import { type Admission, Refused, Undelivered } from './admission.ts'
import type { Account } from './ledger.ts'

export interface RequeueOptions {
  readonly admission: Admission
  readonly account: Account
  readonly clock: Clock
  /** The exporter has ended. */
  isClosed(): boolean
  consume(batch: Batch): void
}

const patienceMs = 10_000
const againMs = 50

/**
 * Puts a batch that had been put aside back into its queue, behind what waits there, as long as that leaves half of it to
 * what comes. Rejects with what stands in the way when it still does after ten seconds; then nothing was touched.
 */
export function newRequeue(options: RequeueOptions): (batch: Batch) => Promise<void> {
  const { admission, account, clock, isClosed, consume } = options
  const obstacle = () => {
    if (isClosed()) return new Refused('the exporter has ended')
    const { fill } = account
    if (fill && fill.size() * 2 >= fill.capacity) return new Refused('half of the queue is full')
    const verdict = admission.admit()
    return verdict === 'wait' ? new Refused('the queue is full') : verdict
  }
  return async (batch) => {
    const since = clock.monotonic()
    for (let why = obstacle(); why; why = obstacle()) {
      if (clock.monotonic() - since >= patienceMs) throw why
      await sleep(clock, againMs)
    }
    account.recovered += batch.count
    consume(batch)
    try {
      await admission.settle()
    } catch (error) {
      // It was taken, and refused once more: it has been put aside anew.
      if (!(error instanceof Undelivered)) throw error
    }
  }
}
