/** One number per series, for at most so many series: the one not touched for longest leaves first. */
import { hashBytes, sameBytes } from '../byte-runs.ts'

export class SeriesTable {
  /** Series that left because the table was full. */
  evicted = 0
  /** Number of series held. */
  count = 0
  /** By slot. */
  values = new Float64Array(16)
  private readonly max: number
  private keys: Buffer[] = []
  private kinds = new Uint8Array(16)
  private hashes = new Int32Array(16)
  /** First slot of each bucket, and the next of the same bucket; -1 ends a chain. */
  private heads = new Int32Array(32).fill(-1)
  private chain = new Int32Array(16)
  /** Ring of all slots by age. */
  private newer = new Int32Array(16)
  private older = new Int32Array(16)
  private newest = -1
  private oldest = -1

  constructor(max: number) {
    this.max = Math.max(1, max)
  }

  /** The slot of the series named `bytes[start, end)` of a kind; a new one starts at 0. The name is copied. */
  slot(kind: number, bytes: Buffer, start: number, end: number): number {
    const hash = hashBytes(bytes, start, end) ^ kind
    for (let slot = this.heads[hash & (this.heads.length - 1)]!; slot >= 0; slot = this.chain[slot]!) {
      if (this.hashes[slot] !== hash || this.kinds[slot] !== kind) continue
      const key = this.keys[slot]!
      if (sameBytes(key, 0, key.length, bytes, start, end)) return this.touch(slot)
    }
    return this.add(hash, kind, Buffer.from(bytes.subarray(start, end)))
  }

  private touch(slot: number): number {
    if (slot !== this.newest) {
      this.unlink(slot)
      this.linkNewest(slot)
    }
    return slot
  }

  private add(hash: number, kind: number, key: Buffer): number {
    const slot = this.count < this.max ? this.fresh() : this.evict()
    this.keys[slot] = key
    this.kinds[slot] = kind
    this.hashes[slot] = hash
    this.values[slot] = 0
    this.linkBucket(slot)
    this.linkNewest(slot)
    return slot
  }

  private fresh(): number {
    const slot = this.count++
    if (slot === this.values.length) this.grow()
    return slot
  }

  private evict(): number {
    const slot = this.oldest
    this.evicted++
    this.unlink(slot)
    const bucket = this.hashes[slot]! & (this.heads.length - 1)
    if (this.heads[bucket] === slot) this.heads[bucket] = this.chain[slot]!
    else {
      let before = this.heads[bucket]!
      while (this.chain[before] !== slot) before = this.chain[before]!
      this.chain[before] = this.chain[slot]!
    }
    return slot
  }

  private linkBucket(slot: number): void {
    const bucket = this.hashes[slot]! & (this.heads.length - 1)
    this.chain[slot] = this.heads[bucket]!
    this.heads[bucket] = slot
  }

  private linkNewest(slot: number): void {
    this.older[slot] = this.newest
    this.newer[slot] = -1
    if (this.newest >= 0) this.newer[this.newest] = slot
    else this.oldest = slot
    this.newest = slot
  }

  private unlink(slot: number): void {
    const newer = this.newer[slot]!
    const older = this.older[slot]!
    if (newer >= 0) this.older[newer] = older
    else this.newest = older
    if (older >= 0) this.newer[older] = newer
    else this.oldest = newer
  }

  private grow(): void {
    const size = this.values.length * 2
    const wider = (array: Int32Array<ArrayBuffer>) => {
      const next = new Int32Array(size)
      next.set(array)
      return next
    }
    const values = new Float64Array(size)
    values.set(this.values)
    this.values = values
    const kinds = new Uint8Array(size)
    kinds.set(this.kinds)
    this.kinds = kinds
    this.hashes = wider(this.hashes)
    this.chain = wider(this.chain)
    this.newer = wider(this.newer)
    this.older = wider(this.older)
    this.heads = new Int32Array(size * 2).fill(-1)
    // The slot being added is linked by its caller.
    for (let slot = 0; slot < this.count - 1; slot++) this.linkBucket(slot)
  }
}
