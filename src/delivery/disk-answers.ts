import type { Spool } from '../storage/contract.ts'
import type { Batch } from '../telemetry/batch.ts'
import { Refused } from './admission.ts'
import { settleAll } from './backlog.ts'
import { diskRetryMs } from './disk-gap.ts'

/** When senders of what stands on disk are answered: at once, or when it is synced. */
export class DiskAnswers {
  private readonly spool: Spool
  private readonly syncs: boolean
  /** The last batch of this run whose sender must not be answered before it is synced. */
  private unsynced = -1

  constructor(spool: Spool, syncs: boolean) {
    this.spool = spool
    this.syncs = syncs
  }

  /** A batch was written: settles its receipts when it is time to. */
  wrote({ receipts }: Batch, sequence: number): void {
    if (this.syncs) this.unsynced = sequence
    if (receipts.length === 0) return
    const safe = () => settleAll(receipts, 'durable')
    if (!this.syncs) safe()
    // It goes on all the same; whoever reads it again sends it twice.
    else this.spool.whenSynced(sequence).then(safe, () => settleAll(receipts, { dropped: 'storage' }))
  }

  /** When what was written since the last call is synced; undefined: it is safe now. Nobody need listen. */
  whenSafe(): Promise<void> | undefined {
    const sequence = this.unsynced
    if (sequence < 0) return undefined
    this.unsynced = -1
    const late = this.spool.whenSynced(sequence).catch((error) => {
      throw new Refused((error as Error).message, diskRetryMs)
    })
    late.catch(() => {})
    return late
  }
}
