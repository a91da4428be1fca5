import type { Batch } from '../telemetry/batch.ts'
import { headroom } from '../telemetry/slab.ts'

const chunkBytes = 64 << 10

/** Memory of one stalled queue: batches copied here pin nothing that others use. Freed in the order of the queue. */
export class OwnMemory {
  private chunk: Buffer | undefined
  private used = 0

  /** A copy of records `[first, end)` of the batch, in memory of this queue. Shared batches are left as they are. */
  copy(batch: Batch, first: number, end: number): Batch {
    const all = first === 0 && end === batch.count
    const copy = all ? batch.withReceipts(batch.receipts) : batch.slice(first, end)
    copy.moveTo(this.claim(copy.size))
    return copy
  }

  /** Forgets the chunk being filled. */
  reset(): void {
    this.chunk = undefined
  }

  private claim(bytes: number): { buffer: Buffer; start: number } {
    const needed = bytes + headroom
    if (!this.chunk || this.used + needed > chunkBytes) {
      // What would leave a large hole gets a buffer of its own size.
      if (needed > chunkBytes >> 2) return { buffer: Buffer.allocUnsafeSlow(needed), start: headroom }
      this.chunk = Buffer.allocUnsafeSlow(chunkBytes)
      this.used = 0
    }
    const start = this.used + headroom
    this.used += needed
    return { buffer: this.chunk, start }
  }
}
