import { type ChunkPool, chunkCost } from './chunk-pool.ts'

/** What the shares know of a drain: it stands in one list per size class, so that a large one is found at once. */
export interface Shareholder {
  /** Bytes of its chunks. */
  held: number
  /** Of these, what it could give back just now. */
  givable: number
  /** Size class of that, 0 for none. */
  sizeClass: number
  before: Shareholder | undefined
  after: Shareholder | undefined
  /** Drops its oldest chunk; answers false when it has none that can go. */
  dropChunk(): boolean
}

const classes = 32
const nearly = 0.8
/** How many drains of a class are asked: one whose only old chunk is half on its way gives nothing. */
const asked = 8

/**
 * The memory of all drains together. What does not fit makes room at the drain that puts it when that holds more than its
 * share, else at one of the largest: so whoever floods, or does not read, loses its own.
 */
export class Shares {
  readonly pool: ChunkPool
  private maxBytes: number
  private readonly heads: (Shareholder | undefined)[] = new Array(classes).fill(undefined)
  /** A bit per class that has a drain. */
  private used = 0
  private holders = 0

  constructor(pool: ChunkPool, maxBytes: number) {
    this.pool = pool
    this.maxBytes = maxBytes
  }

  /** Another bound: what is beyond it goes, at the largest first. */
  bound(maxBytes: number): void {
    this.maxBytes = maxBytes
    this.pool.bound(maxBytes)
    while (this.pool.used > maxBytes && this.dropAtLargest());
  }

  /** Drains that hold something. */
  get count(): number {
    return this.holders
  }

  /** How much of its share a drain has taken, when the memory of all is nearly used up; 0 before. */
  pressure({ held }: Shareholder): number {
    return this.pool.used < this.maxBytes * nearly ? 0 : (held * Math.max(1, this.holders)) / this.maxBytes
  }

  /** Makes room for a chunk of `size` bytes; answers false when nobody has anything to give. */
  makeRoom(size: number, own: Shareholder): boolean {
    const enough = this.pool.used - chunkCost(size)
    while (!this.pool.fits(size)) {
      // Memory that others than drains use up is answered by giving back what is taken, and no more.
      if (this.pool.used <= enough) return true
      const over = own.held > this.maxBytes / Math.max(1, this.holders)
      if (over && own.dropChunk()) continue
      if (!this.dropAtLargest()) return false
    }
    return true
  }

  /** Notes that a drain holds `by` bytes more, or less. */
  changed(drain: Shareholder, by: number): void {
    if (drain.held === 0) this.holders++
    drain.held += by
    if (drain.held === 0) this.holders--
  }

  /** Notes that a drain could give back `by` bytes more, or less. */
  changedGivable(drain: Shareholder, by: number): void {
    drain.givable += by
    const sizeClass = drain.givable === 0 ? 0 : 32 - Math.clz32(drain.givable)
    if (sizeClass === drain.sizeClass) return
    if (drain.sizeClass !== 0) this.remove(drain)
    if (sizeClass !== 0) this.insert(drain, sizeClass)
    drain.sizeClass = sizeClass
  }

  private dropAtLargest(): boolean {
    for (let bits = this.used; bits !== 0; ) {
      const sizeClass = 31 - Math.clz32(bits)
      let drain = this.heads[sizeClass]
      for (let i = 0; drain && i < asked; i++) {
        if (drain.dropChunk()) return true
        drain = drain.after
      }
      bits &= ~(1 << sizeClass)
    }
    return false
  }

  private insert(drain: Shareholder, sizeClass: number): void {
    const head = this.heads[sizeClass]
    drain.before = undefined
    drain.after = head
    if (head) head.before = drain
    this.heads[sizeClass] = drain
    this.used |= 1 << sizeClass
  }

  private remove(drain: Shareholder): void {
    const { before, after, sizeClass } = drain
    if (before) before.after = after
    else this.heads[sizeClass] = after
    if (after) after.before = before
    drain.before = drain.after = undefined
    if (!this.heads[sizeClass]) this.used &= ~(1 << sizeClass)
  }
}
