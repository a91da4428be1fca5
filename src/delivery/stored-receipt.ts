import type { Batch } from '../telemetry/batch.ts'
import { Receipt } from '../telemetry/receipt.ts'
import type { TracePoint } from './batch-trace.ts'

/** The receipt of a batch that stands on disk: what is given up at the end of the process stays there. */
export class StoredReceipt extends Receipt {
  /** `finish` is called when the batch is done with, whatever became of it. */
  constructor(finish: () => void, trace?: TracePoint) {
    super((outcome) => {
      if (typeof outcome !== 'object' || outcome.dropped !== 'shutdown') finish()
    }, trace)
  }
}

/** Whether all of a batch stands on disk, so that giving it up at the end loses nothing. */
export function isStored({ receipts }: Batch): boolean {
  for (let i = 0; i < receipts.length; i++) if (!(receipts[i] instanceof StoredReceipt)) return false
  return receipts.length > 0
}
