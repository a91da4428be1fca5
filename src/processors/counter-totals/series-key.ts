import { createHash } from 'node:crypto'
import { copySpan, sameBytes } from '../../telemetry/value.ts'

/** Keys longer than this are kept as their SHA-256, so that a series has a bounded size. */
const longestKey = 1024
/** Numbers kept per tag: start and end of its key, start and end of its value, a rank to sort by. */
const stride = 5

/**
 * The identity of a counter as bytes: name, source, and its tags as a set. Tags may be added in any order; of two with
 * one key the last counts. `bytes[0, size)` is equal exactly when the identity is.
 */
export class SeriesKey {
  bytes = Buffer.allocUnsafeSlow(4096)
  size = 0
  hash = 0
  /** The same bytes four at a time. */
  private words = new Int32Array(this.bytes.buffer)
  private tagCount = 0
  private cells = new Uint32Array(stride * 32)
  private order = new Uint32Array(32)
  private source: Buffer = this.bytes
  private readonly seed: number

  constructor(seed = (Math.random() * 0x100000000) >>> 0) {
    this.seed = seed
  }

  /** Starts a key. All its spans lie in `source`. */
  begin(source: Buffer): void {
    this.source = source
    this.tagCount = 0
  }

  addTag(keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    const n = this.tagCount++
    if (n === this.order.length) this.grow()
    const { cells, source } = this
    const at = n * stride
    cells[at] = keyStart
    cells[at + 1] = keyEnd
    cells[at + 2] = valueStart
    cells[at + 3] = valueEnd
    // Any order will do as long as it is always the same: length, first, middle and last byte tell most keys apart.
    const size = keyEnd - keyStart
    cells[at + 4] =
      size === 0
        ? 0
        : ((size & 0xff) << 24) |
          (source[keyStart]! << 16) |
          (source[keyStart + (size >> 1)]! << 8) |
          source[keyEnd - 1]!
  }

  /** Ends it with the counter's name and source: brings the tags into one order and makes `bytes`, `size` and `hash`. */
  end(nameStart: number, nameEnd: number, sourceStart: number, sourceEnd: number): void {
    this.size = 0
    this.add(nameStart, nameEnd, sourceStart, sourceEnd)
    this.sort()
    const { cells, order, tagCount } = this
    for (let i = 0; i < tagCount; i++) {
      const at = order[i]! * stride
      // Equal keys stand next to each other, the last one behind the others.
      if (i + 1 < tagCount && this.compare(order[i]!, order[i + 1]!) === 0) continue
      this.add(cells[at]!, cells[at + 1]!, cells[at + 2]!, cells[at + 3]!)
    }
    if (this.size > longestKey) this.shorten()
    const { bytes, words, size } = this
    bytes[size] = bytes[size + 1] = bytes[size + 2] = 0
    let hash = this.seed
    for (let i = 0, end = (size + 3) >>> 2; i < end; i++) {
      hash = Math.imul(hash ^ words[i]!, 0x9e3779b1)
      hash ^= hash >>> 15
    }
    this.hash = hash >>> 0
  }

  /** Two texts with their lengths in front. */
  private add(aStart: number, aEnd: number, bStart: number, bEnd: number): void {
    const aSize = aEnd - aStart
    const bSize = bEnd - bStart
    const needed = this.size + aSize + bSize + 12
    if (needed > this.bytes.length) this.widen(needed)
    const { bytes, source } = this
    let pos = length(bytes, this.size, aSize)
    pos = length(bytes, pos, bSize)
    pos = copySpan(bytes, pos, source, aStart, aEnd)
    pos = copySpan(bytes, pos, source, bStart, bEnd)
    this.size = pos
  }

  private sort(): void {
    const { order, tagCount, cells } = this
    if (tagCount > 32) {
      const all = order.subarray(0, tagCount)
      for (let i = 0; i < tagCount; i++) all[i] = i
      all.sort((a, b) => this.compare(a, b) || a - b)
      return
    }
    for (let i = 0; i < tagCount; i++) {
      const rank = cells[i * stride + 4]!
      let at = i
      while (at > 0) {
        const other = order[at - 1]!
        const otherRank = cells[other * stride + 4]!
        if (otherRank < rank || (otherRank === rank && this.compare(other, i) <= 0)) break
        order[at] = other
        at--
      }
      order[at] = i
    }
  }

  private compare(a: number, b: number): number {
    const { cells, source } = this
    const ranks = cells[a * stride + 4]! - cells[b * stride + 4]!
    if (ranks !== 0) return ranks
    const aStart = cells[a * stride]!
    const aEnd = cells[a * stride + 1]!
    const bStart = cells[b * stride]!
    const bEnd = cells[b * stride + 1]!
    if (sameBytes(source, aStart, aEnd, source, bStart, bEnd)) return 0
    return Buffer.compare(source.subarray(aStart, aEnd), source.subarray(bStart, bEnd))
  }

  private shorten(): void {
    this.size = createHash('sha256').update(this.bytes.subarray(0, this.size)).digest().copy(this.bytes)
  }

  private widen(needed: number): void {
    const wider = Buffer.allocUnsafeSlow(Math.ceil(needed / 2048) * 4096)
    this.bytes.copy(wider, 0, 0, this.size)
    this.bytes = wider
    this.words = new Int32Array(wider.buffer)
  }

  private grow(): void {
    const cells = new Uint32Array(this.cells.length * 2)
    cells.set(this.cells)
    this.cells = cells
    const order = new Uint32Array(this.order.length * 2)
    order.set(this.order)
    this.order = order
  }
}

/** Writes a length: one byte below 255, else that byte and four more. */
function length(bytes: Buffer, pos: number, size: number): number {
  if (size < 255) {
    bytes[pos] = size
    return pos + 1
  }
  bytes[pos] = 255
  return bytes.writeUInt32LE(size, pos + 1)
}
