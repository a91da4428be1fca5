import { sameBytes } from '../../byte-runs.ts'
import { sameWords, viewOf } from '../byte-words.ts'

/** Bounds of the table: numbers are below this; bytes of all fields, bytes of one. */
export const maxNumbers = 1 << 14
const maxBytes = 1 << 20
const maxFieldBytes = 512
const slots = maxNumbers * 2
/** A field is looked for in no more places than this: the bytes are those of strangers. */
const maxProbes = 8
/** Words kept of each field: the first four and the last four. */
const stride = 8

/**
 * Numbers for raw fields of envelopes: equal bytes, equal number. The tags of an app come in another order in each of its
 * envelopes (Go shuffles maps), so whole envelopes hardly repeat themselves, but their fields do.
 *
 * The sizes of fields vary at random, and a loop over each would be mispredicted each time. Therefore the eight words are
 * read at once, both to hash and to compare them, and are all there is of a field of 32 bytes.
 */
export class FieldNumbers {
  count = 0
  /** Weights of the fields that `take` took last. */
  sum = 0
  /** True once a field had no room: whoever holds numbers forgets them, then calls `clear`. */
  full = false
  /** A random number per field: sums of them tell sets apart, in any order. */
  private readonly weights = new Int32Array(maxNumbers)
  private readonly words = new Int32Array(maxNumbers * stride)
  private readonly sizes = new Int32Array(maxNumbers)
  private readonly places = new Int32Array(maxNumbers)
  /** Number plus one, 0 where nobody is. */
  private readonly table = new Int32Array(slots)
  private bytes = Buffer.allocUnsafeSlow(1 << 14)
  private view = viewOf(this.bytes)
  private used = 0

  /**
   * Numbers of `count` fields, whose start and end in `source` stand in `extents`; an empty one has none. They go to
   * `numbers`, their weights into `sum`. Answers how many, or -1 when one of them cannot be kept. `view` is one over `source`.
   */
  take(view: DataView, source: Buffer, extents: Int32Array, count: number, numbers: Int32Array): number {
    const { table, words, sizes, weights } = this
    let taken = 0
    let sum = 0
    for (let i = 0; i < count; i++) {
      const start = extents[i * 2]!
      const end = extents[i * 2 + 1]!
      const size = end - start
      let a = 0
      let b = 0
      let c = 0
      let d = 0
      let e = 0
      let f = 0
      let g = 0
      let h = 0
      if (size >= 16) {
        a = view.getInt32(start, true)
        b = view.getInt32(start + 4, true)
        c = view.getInt32(start + 8, true)
        d = view.getInt32(start + 12, true)
        e = view.getInt32(end - 16, true)
        f = view.getInt32(end - 12, true)
        g = view.getInt32(end - 8, true)
        h = view.getInt32(end - 4, true)
      } else if (size >= 8) {
        a = view.getInt32(start, true)
        b = view.getInt32(start + 4, true)
        g = view.getInt32(end - 8, true)
        h = view.getInt32(end - 4, true)
      } else if (size >= 4) {
        a = view.getInt32(start, true)
        h = view.getInt32(end - 4, true)
      } else if (size > 0) {
        a = view.getUint8(start)
        if (size > 1) b = view.getUint8(start + 1)
        if (size > 2) h = view.getUint8(start + 2)
      } else continue
      let slot =
        (Math.imul(b, 0x9e3779b1) + Math.imul(g, 0x85ebca6b)) ^
        (Math.imul(h, 0xc2b2ae35) + Math.imul(f, 0x27d4eb2f) + a)
      slot = (slot ^ (slot >>> 15)) & (slots - 1)
      let number = table[slot]! - 1
      const at = number * stride
      const difference =
        number < 0
          ? 1
          : (words[at]! ^ a) |
            (words[at + 1]! ^ b) |
            (words[at + 2]! ^ c) |
            (words[at + 3]! ^ d) |
            (words[at + 4]! ^ e) |
            (words[at + 5]! ^ f) |
            (words[at + 6]! ^ g) |
            (words[at + 7]! ^ h) |
            (sizes[number]! ^ size)
      if (difference !== 0 || (size > 32 && !this.sameMiddle(number, view, start, size))) {
        number = this.search(view, source, start, end, slot)
      }
      if (number < 0) return -1
      numbers[taken++] = number
      sum = (sum + weights[number]!) | 0
    }
    this.sum = sum
    return taken
  }

  /** The number in this slot or in one behind it; a new one in the first that is empty; or -1. */
  private search(view: DataView, source: Buffer, start: number, end: number, slot: number): number {
    for (let probe = 0; probe < maxProbes; probe++) {
      const at = (slot + probe) & (slots - 1)
      const number = this.table[at]! - 1
      if (number < 0) return this.add(view, source, start, end, at)
      if (
        this.sizes[number] === end - start &&
        sameBytes(this.bytes, this.places[number]!, this.places[number]! + end - start, source, start, end)
      )
        return number
    }
    return -1
  }

  clear(): void {
    this.count = this.used = 0
    this.full = false
    this.table.fill(0)
  }

  private sameMiddle(number: number, b: DataView, start: number, size: number): boolean {
    const a = this.view
    const from = this.places[number]!
    if (size > 64) return sameWords(a, from + 16, b, start + 16, size - 32)
    const to = from + size - 32
    const end = start + size - 32
    return (
      ((a.getInt32(from + 16, true) ^ b.getInt32(start + 16, true)) |
        (a.getInt32(from + 20, true) ^ b.getInt32(start + 20, true)) |
        (a.getInt32(from + 24, true) ^ b.getInt32(start + 24, true)) |
        (a.getInt32(from + 28, true) ^ b.getInt32(start + 28, true)) |
        (a.getInt32(to, true) ^ b.getInt32(end, true)) |
        (a.getInt32(to + 4, true) ^ b.getInt32(end + 4, true)) |
        (a.getInt32(to + 8, true) ^ b.getInt32(end + 8, true)) |
        (a.getInt32(to + 12, true) ^ b.getInt32(end + 12, true))) ===
      0
    )
  }

  private add(view: DataView, source: Buffer, start: number, end: number, slot: number): number {
    const size = end - start
    if (size > maxFieldBytes) return -1
    if (this.count === maxNumbers || this.used + size > maxBytes) {
      this.full = true
      return -1
    }
    if (this.used + size > this.bytes.length) this.grow()
    source.copy(this.bytes, this.used, start, end)
    const number = this.count++
    this.keepWords(view, start, end, number * stride)
    this.sizes[number] = size
    this.places[number] = this.used
    this.weights[number] = (Math.random() * 0x100000000) | 0
    this.table[slot] = number + 1
    this.used += size
    return number
  }

  /** The words as `take` reads them. */
  private keepWords(view: DataView, start: number, end: number, at: number): void {
    const { words } = this
    const size = end - start
    words.fill(0, at, at + stride)
    if (size < 4) {
      words[at] = view.getUint8(start)
      if (size > 1) words[at + 1] = view.getUint8(start + 1)
      if (size > 2) words[at + 7] = view.getUint8(start + 2)
      return
    }
    const each = size >= 16 ? 4 : size >= 8 ? 2 : 1
    for (let i = 0; i < each; i++) {
      words[at + i] = view.getInt32(start + i * 4, true)
      words[at + 7 - i] = view.getInt32(end - 4 - i * 4, true)
    }
  }

  private grow(): void {
    const wider = Buffer.allocUnsafeSlow(this.bytes.length * 2)
    this.bytes.copy(wider, 0, 0, this.used)
    this.bytes = wider
    this.view = viewOf(wider)
  }
}
