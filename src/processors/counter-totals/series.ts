import type { Budget } from '../../delivery/budget.ts'
import { TableCharge } from '../../delivery/table-charge.ts'
import type { SeriesKey } from './series-key.ts'

const none = -1
/** What a counter costs beside its key: its numbers and the object of the key. */
const bytesPerSeries = 144

/** The totals of counters by identity. When the table or memory is full the one that was not used for longest leaves. */
export class Series {
  /** Halves of the totals, by slot. */
  lo: Uint32Array
  hi: Uint32Array
  count = 0
  private readonly most: number
  private readonly evicted: () => void
  private readonly charge: TableCharge
  private keys: Buffer[] = []
  private hashes: Uint32Array
  private heads: Int32Array
  /** Next slot in the same bucket. */
  private chain: Int32Array
  /** The slots in a ring by use; `newest` is the one used last, the one behind it the oldest. */
  private older: Int32Array
  private newer: Int32Array
  private newest = none

  constructor(most: number, budget: Budget, evicted: () => void) {
    this.most = most
    this.evicted = evicted
    this.charge = new TableCharge(budget, bytesPerSeries)
    const room = Math.min(most, 256)
    this.lo = new Uint32Array(room)
    this.hi = new Uint32Array(room)
    this.hashes = new Uint32Array(room)
    this.heads = new Int32Array(512).fill(none)
    this.chain = new Int32Array(room)
    this.older = new Int32Array(room)
    this.newer = new Int32Array(room)
  }

  /** The slot of a key, which is the last one used from now on. A new one has total 0. */
  slot(key: SeriesKey): number {
    const { hash, bytes, size } = key
    for (let slot = this.heads[hash & (this.heads.length - 1)]!; slot !== none; slot = this.chain[slot]!) {
      if (this.hashes[slot] !== hash) continue
      const own = this.keys[slot]!
      if (own.length !== size || own.compare(bytes, 0, size) !== 0) continue
      this.touch(slot)
      return slot
    }
    const slot = this.free(size)
    this.keys[slot] = Buffer.from(bytes.subarray(0, size))
    this.hashes[slot] = hash
    this.lo[slot] = this.hi[slot] = 0
    const head = hash & (this.heads.length - 1)
    this.chain[slot] = this.heads[head]!
    this.heads[head] = slot
    this.insert(slot)
    return slot
  }

  /** Adds to a total; both halves unsigned, the sum wraps at 2^64. */
  add(slot: number, lo: number, hi: number): void {
    const low = this.lo[slot]! + lo
    this.lo[slot] = low
    this.hi[slot] = this.hi[slot]! + hi + (low > 0xffffffff ? 1 : 0)
  }

  set(slot: number, lo: number, hi: number): void {
    this.lo[slot] = lo
    this.hi[slot] = hi
  }

  /** Gives its memory back: nothing more is counted. */
  close(): void {
    this.charge.release()
  }

  private free(size: number): number {
    if (this.count < this.most && (this.charge.add(size) || this.count === 0)) {
      if (this.count === this.lo.length) this.grow()
      return this.count++
    }
    const oldest = this.newer[this.newest]!
    this.remove(oldest)
    this.charge.remove(this.keys[oldest]!.length)
    this.charge.force(size)
    const head = this.hashes[oldest]! & (this.heads.length - 1)
    if (this.heads[head] === oldest) this.heads[head] = this.chain[oldest]!
    else {
      let before = this.heads[head]!
      while (this.chain[before] !== oldest) before = this.chain[before]!
      this.chain[before] = this.chain[oldest]!
    }
    this.evicted()
    return oldest
  }

  private touch(slot: number): void {
    if (slot === this.newest) return
    this.remove(slot)
    this.insert(slot)
  }

  private insert(slot: number): void {
    if (this.newest === none) this.older[slot] = this.newer[slot] = slot
    else {
      const oldest = this.newer[this.newest]!
      this.older[slot] = this.newest
      this.newer[this.newest] = slot
      this.newer[slot] = oldest
      this.older[oldest] = slot
    }
    this.newest = slot
  }

  private remove(slot: number): void {
    const older = this.older[slot]!
    if (older === slot) {
      this.newest = none
      return
    }
    const newer = this.newer[slot]!
    this.newer[older] = newer
    this.older[newer] = older
    if (this.newest === slot) this.newest = older
  }

  private grow(): void {
    const room = Math.min(this.most, this.lo.length * 2)
    this.lo = widened(this.lo, room)
    this.hi = widened(this.hi, room)
    this.hashes = widened(this.hashes, room)
    this.older = widened(this.older, room)
    this.newer = widened(this.newer, room)
    this.chain = new Int32Array(room)
    this.heads = new Int32Array(this.heads.length * 2).fill(none)
    for (let slot = 0; slot < this.count; slot++) {
      const head = this.hashes[slot]! & (this.heads.length - 1)
      this.chain[slot] = this.heads[head]!
      this.heads[head] = slot
    }
  }
}

function widened<T extends Uint32Array | Int32Array>(old: T, room: number): T {
  const wider = new (old.constructor as new (n: number) => T)(room)
  wider.set(old)
  return wider
}
