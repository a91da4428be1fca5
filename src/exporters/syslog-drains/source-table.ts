/** Finds what belongs to a source id by its bytes, without making a string of it. Made anew when bindings change. */
export class SourceTable<T> {
  readonly size: number
  private readonly mask: number
  /** Per slot: number of the entry + 1; 0 is free. */
  private readonly slots: Uint32Array
  private readonly hashes: Int32Array
  private readonly ends: Uint32Array
  private readonly text: Buffer
  private readonly values: T[]

  constructor(entries: Iterable<readonly [string, T]>) {
    const all = [...entries]
    this.size = all.length
    this.values = all.map(([, value]) => value)
    const keys = all.map(([key]) => Buffer.from(key))
    this.text = Buffer.concat(keys)
    this.ends = new Uint32Array(all.length)
    this.hashes = new Int32Array(all.length)
    let slots = 4
    while (slots < all.length * 2) slots *= 2
    this.slots = new Uint32Array(slots)
    this.mask = slots - 1
    let end = 0
    for (const [i, key] of keys.entries()) {
      end += key.length
      this.ends[i] = end
      const hash = hashOf(key, 0, key.length)
      this.hashes[i] = hash
      let slot = hash & this.mask
      while (this.slots[slot] !== 0) slot = (slot + 1) & this.mask
      this.slots[slot] = i + 1
    }
  }

  /** What belongs to the source id `bytes[start, end)`. */
  find(bytes: Uint8Array, start: number, end: number): T | undefined {
    if (this.size === 0) return undefined
    const hash = hashOf(bytes, start, end)
    for (let slot = hash & this.mask; ; slot = (slot + 1) & this.mask) {
      const entry = this.slots[slot]! - 1
      if (entry < 0) return undefined
      if (this.hashes[entry] === hash && this.isKey(entry, bytes, start, end)) return this.values[entry]
    }
  }

  private isKey(entry: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { text, ends } = this
    const from = entry === 0 ? 0 : ends[entry - 1]!
    if (ends[entry]! - from !== end - start) return false
    for (let i = start, at = from; i < end; i++, at++) if (bytes[i] !== text[at]) return false
    return true
  }
}

/** FNV-1a with a last stir, since slots are taken from its low bits. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  return hash ^ (hash >>> 15)
}
