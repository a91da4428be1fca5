import type { Batch } from '../telemetry/batch.ts'
import { Row } from '../telemetry/record-index.ts'
import { bucketOf, buckets, sourceBuckets } from './source-buckets.ts'

/** Bytes of one record as kept in its share: 24 bits. */
const mostBytes = 0xffffff

/**
 * What each record adds to the bucket of its source: `bytes << 8 | bucket`, one number a row. Kept with a queue's
 * entry, so that leaving needs no second look at the bytes.
 */
export type Shares = Uint32Array

/** Bytes per bucket of sources in one queue, whatever its format: who floods it, without a table that grows with the number of apps. */
export class Fairness {
  private readonly bytes = new Float64Array(buckets)
  private active = 0

  /** What the records of a batch would add. */
  shares(batch: Batch, first = 0, end: number = batch.count): Shares {
    const bucket = sourceBuckets(batch)
    const { rows } = batch.index()
    const shares = new Uint32Array(end - first)
    for (let i = first; i < end; i++) {
      const row = batch.rowAt(i)
      const size = Math.min(mostBytes, rows[row + Row.end]! - rows[row + Row.frame]!)
      shares[i - first] = (size << 8) | bucket(row)
    }
    return shares
  }

  enter(shares: Shares): void {
    for (let i = 0; i < shares.length; i++) {
      const share = shares[i]!
      if (this.bytes[share & 255] === 0) this.active++
      this.bytes[share & 255]! += share >>> 8
    }
  }

  leave(shares: Shares, first: number, end: number): void {
    for (let i = first; i < end; i++) {
      const share = shares[i]!
      this.bytes[share & 255]! -= share >>> 8
      if (this.bytes[share & 255] === 0) this.active--
    }
  }

  /** Starts from nothing. */
  clear(): void {
    this.bytes.fill(0)
    this.active = 0
  }

  /** The records whose bucket holds no more than its part of `capacity` bytes, and those of a bucket that is not in use. */
  fair(batch: Batch, shares: Shares, capacity: number): Batch {
    const most = capacity / Math.max(1, this.active)
    let over = 0
    for (let i = 0; i < shares.length; i++) if (this.bytes[shares[i]! & 255]! > most) over++
    if (over === 0) return batch
    let i = 0
    return batch.where(() => this.bytes[shares[i++]! & 255]! <= most)
  }

  /** Bytes in the bucket of a source id; for tests and status. */
  held(sourceId: string): number {
    const id = Buffer.from(sourceId)
    return this.bytes[bucketOf(id, 0, id.length)]!
  }

  get activeBuckets(): number {
    return this.active
  }
}
