import type { Batch } from '../telemetry/batch.ts'
import { headroom } from '../telemetry/slab.ts'

const chunkBytes = 64 << 10

/** Memory of one stalled queue: batches copied here pin nothing that others use. Freed in the order of the queue. */
export class OwnMemory {
  private chunk: Buffer | undefined
  private used = 0

  /** A copy of records `[first, end)` of the batch, in memory of this queue. Shared batches are left as they are. */
  copy(batch: Batch, first: number, end: number): Batch {
    const copy = apart(batch, first, end)
    copy.moveTo(this.claim(copy.size))
    return copy
  }

  private claim(bytes: number): { buffer: Buffer; start: number } {
    const needed = bytes + headroom
    if (!this.chunk || this.used + needed > chunkBytes) {
      // What would leave a large hole gets a buffer of its own size.
      if (needed > chunkBytes >> 2) return roomOf(bytes)
      this.chunk = Buffer.allocUnsafeSlow(chunkBytes)
      this.used = 0
    }
    const start = this.used + headroom
    this.used += needed
    return { buffer: this.chunk, start }
  }
}

/** A copy of the batch in a buffer of just its size. */
export function ownCopy(batch: Batch): Batch {
  const copy = apart(batch, 0, batch.count)
  copy.moveTo(roomOf(copy.size))
  return copy
}

/** The records as a batch of its own, which can move without moving what others hold. */
function apart(batch: Batch, first: number, end: number): Batch {
  return first === 0 && end === batch.count ? batch.withReceipts(batch.receipts) : batch.slice(first, end)
}

const roomOf = (bytes: number) => ({ buffer: Buffer.allocUnsafeSlow(bytes + headroom), start: headroom })
