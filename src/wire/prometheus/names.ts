/** Interned names: equal byte runs of one text get one small number, without making strings. */
import { hashBytes, sameBytes } from '../byte-runs.ts'

export class NameTable {
  /** Number of names; their ids are `0 .. count - 1`, in order of first appearance. */
  count = 0
  start = new Int32Array(16)
  end = new Int32Array(16)
  private hashes = new Int32Array(16)
  /** Open addressing: id + 1, or 0 for a free slot. Always at most half full. */
  private slots = new Int32Array(64)

  clear(): void {
    this.count = 0
    this.slots.fill(0)
  }

  /** The id of `text[start, end)`; a new one is `count - 1` afterwards. */
  intern(text: Uint8Array, start: number, end: number): number {
    const hash = hashBytes(text, start, end)
    const mask = this.slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const id = this.slots[slot]! - 1
      if (id < 0) return this.add(slot, hash, start, end)
      if (this.hashes[id] === hash && this.equals(text, id, start, end)) return id
    }
  }

  /** The id of `text[start, end)`, or -1. */
  find(text: Uint8Array, start: number, end: number): number {
    const hash = hashBytes(text, start, end)
    const mask = this.slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const id = this.slots[slot]! - 1
      if (id < 0 || (this.hashes[id] === hash && this.equals(text, id, start, end))) return id
    }
  }

  private equals(text: Uint8Array, id: number, start: number, end: number): boolean {
    return sameBytes(text, this.start[id]!, this.end[id]!, text, start, end)
  }

  private add(slot: number, hash: number, start: number, end: number): number {
    const id = this.count++
    if (id === this.start.length) this.grow()
    this.start[id] = start
    this.end[id] = end
    this.hashes[id] = hash
    this.slots[slot] = id + 1
    if (this.count * 2 > this.slots.length) this.rehash()
    return id
  }

  private grow(): void {
    this.start = grown(this.start)
    this.end = grown(this.end)
    this.hashes = grown(this.hashes)
  }

  private rehash(): void {
    const slots = new Int32Array(this.slots.length * 4)
    const mask = slots.length - 1
    for (let id = 0; id < this.count; id++) {
      let slot = this.hashes[id]! & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = id + 1
    }
    this.slots = slots
  }
}

/** A copy of twice the length. */
export function grown<T extends Int32Array | Float64Array>(array: T): T {
  const next = new (array.constructor as new (length: number) => T)(array.length * 2)
  next.set(array)
  return next
}
