import { hashWords, sameWords } from './byte-words.ts'

/** Bounds of the table: entries, bytes of them all, bytes of one. */
const maxEntries = 1 << 14
const maxBytes = 1 << 20
const maxEntryBytes = 512
const slots = maxEntries * 2
/** Entries with equal hashes are looked for no further than this. */
const maxProbes = 8

/**
 * Numbers for the raw bytes of tag entries: equal bytes, equal number. The order of the entries of a map is arbitrary in
 * every envelope (Go shuffles them), so whole tag sections hardly repeat while their entries do.
 */
export class TagEntries {
  count = 0
  /** True once an entry had no room: whoever holds numbers forgets them, then calls `clear`. */
  full = false
  /** A random number per entry: sums of them tell sets apart in any order. */
  readonly weights = new Int32Array(maxEntries)
  private bytes = Buffer.allocUnsafeSlow(1 << 14)
  private view = viewOf(this.bytes)
  private used = 0
  /** Start and size in `bytes`. */
  private readonly places = new Int32Array(maxEntries * 2)
  private readonly table = new Int32Array(slots).fill(-1)
  /** Which entry came behind each the last time: a guess that saves the hash where the order is steady. */
  private readonly followers = new Int32Array(maxEntries + 1).fill(-1)

  /** Number of the entry, or -1 when it cannot be kept. `before` is the number of the entry in front of it, or -1. */
  numberOf(view: DataView, source: Buffer, start: number, end: number, before: number): number {
    const guess = this.followers[before + 1]!
    const size = end - start
    if (guess >= 0 && this.places[guess * 2 + 1] === size) {
      if (sameWords(this.view, this.places[guess * 2]!, view, start, size)) return guess
    }
    const found = this.find(view, source, start, end)
    if (found >= 0) this.followers[before + 1] = found
    return found
  }

  clear(): void {
    this.count = this.used = 0
    this.full = false
    this.table.fill(-1)
    this.followers.fill(-1)
  }

  private find(view: DataView, source: Buffer, start: number, end: number): number {
    const size = end - start
    let slot = hashWords(view, start, end) & (slots - 1)
    for (let probe = 0; probe < maxProbes; probe++, slot = (slot + 1) & (slots - 1)) {
      const entry = this.table[slot]!
      if (entry < 0) return this.add(source, start, end, slot)
      const at = entry * 2
      if (this.places[at + 1] === size && sameWords(this.view, this.places[at]!, view, start, size)) return entry
    }
    return -1
  }

  private add(source: Buffer, start: number, end: number, slot: number): number {
    const size = end - start
    if (size > maxEntryBytes) return -1
    if (this.count === maxEntries || this.used + size > maxBytes) {
      this.full = true
      return -1
    }
    if (this.used + size > this.bytes.length) this.grow()
    source.copy(this.bytes, this.used, start, end)
    const entry = this.count++
    this.places[entry * 2] = this.used
    this.places[entry * 2 + 1] = size
    this.weights[entry] = (Math.random() * 0x100000000) | 0
    this.table[slot] = entry
    this.used += size
    return entry
  }

  private grow(): void {
    const wider = Buffer.allocUnsafeSlow(this.bytes.length * 2)
    this.bytes.copy(wider, 0, 0, this.used)
    this.bytes = wider
    this.view = viewOf(wider)
  }
}

const viewOf = (bytes: Buffer) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
