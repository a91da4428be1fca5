import type { Batch } from '../telemetry/batch.ts'
import { type Loss, Receipt } from '../telemetry/receipt.ts'
import { type Admission, Undelivered, type Verdict } from './admission.ts'

/**
 * Answers the senders of a queue when it is known what became of their records: there is no `sending_queue`, or it says
 * `wait_for_result`. Protocols that cannot refuse wait for nothing.
 */
export class Awaited implements Admission {
  private readonly queue: Admission
  private admitted = false
  /** What the run under way has brought: its own branch is settled last. */
  private run: { readonly receipt: Receipt; readonly ended: Promise<void> } | undefined

  constructor(queue: Admission) {
    this.queue = queue
  }

  /** The batch, with a receipt for the sender that waits for it. */
  follow(batch: Batch): Batch {
    if (!this.admitted || batch.count === 0) return batch
    this.run ??= newRun()
    const { receipt } = this.run
    receipt.fork(1)
    return batch.withReceipts([...batch.receipts, receipt])
  }

  admit(): Verdict {
    const verdict = this.queue.admit()
    if (verdict === undefined) this.admitted = true
    return verdict
  }

  /** The promise rejects with `Undelivered`. */
  settle(): Promise<void> | undefined {
    const { run } = this
    this.admitted = false
    this.run = undefined
    void this.queue.settle()
    run?.receipt.settle('durable')
    return run?.ended
  }

  sentBack(records: number): void {
    this.queue.sentBack?.(records)
  }

  onRoom(fn: () => void): void {
    this.queue.onRoom(fn)
  }
}

function newRun() {
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>()
  // Nobody need listen.
  ended.catch(() => {})
  const receipt = new Receipt((outcome) => (isLost(outcome) ? reject(new Undelivered(outcome)) : resolve()))
  return { receipt, ended }
}

/** Who said no to a part has taken the rest, which must not come again. */
const isLost = (outcome: string | Loss): outcome is Loss => typeof outcome === 'object' && !outcome.isPartial
