import { createHash } from 'node:crypto'
import { sameBytes } from '../../telemetry/value.ts'

/** Keys longer than this are kept as their SHA-256, so that a series has a bounded size. */
const longestKey = 1024

/**
 * The identity of a counter as bytes: name, source, and its tags as a set. Tags may be added in any order; of two with
 * one key the last counts. `bytes[0, size)` is equal exactly when the identity is.
 */
export class SeriesKey {
  bytes = Buffer.allocUnsafeSlow(4096)
  size = 0
  hash = 0
  private used = 0
  private tagCount = 0
  /** Per tag: start and end of its key, start and end of its value, hash of its key. */
  private cells = new Uint32Array(5 * 32)
  private order = new Uint32Array(32)
  private source: Uint8Array = this.bytes
  private readonly seed: number

  constructor(seed = (Math.random() * 0x100000000) >>> 0) {
    this.seed = seed
  }

  /** Starts a key. All spans of one key lie in `source`. */
  begin(source: Uint8Array, nameStart: number, nameEnd: number, sourceStart: number, sourceEnd: number): void {
    this.source = source
    this.used = 0
    this.tagCount = 0
    this.part(nameStart, nameEnd)
    this.part(sourceStart, sourceEnd)
  }

  addTag(keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    const n = this.tagCount++
    if (n === this.order.length) this.grow()
    const { cells, source } = this
    cells[n * 5] = keyStart
    cells[n * 5 + 1] = keyEnd
    cells[n * 5 + 2] = valueStart
    cells[n * 5 + 3] = valueEnd
    let hash = this.seed
    for (let i = keyStart; i < keyEnd; i++) hash = Math.imul(hash ^ source[i]!, 0x01000193)
    cells[n * 5 + 4] = hash
  }

  /** Brings the tags into one order and makes `bytes`, `size` and `hash`. */
  end(): void {
    this.sort()
    const { cells, order, tagCount } = this
    for (let i = 0; i < tagCount; i++) {
      const at = order[i]! * 5
      // Equal keys stand next to each other, the last one behind the others.
      if (i + 1 < tagCount && this.compare(order[i]!, order[i + 1]!) === 0) continue
      this.part(cells[at]!, cells[at + 1]!)
      this.part(cells[at + 2]!, cells[at + 3]!)
    }
    this.size = this.used
    if (this.size > longestKey) this.shorten()
    let hash = this.seed
    const { bytes, size } = this
    for (let i = 0; i < size; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
    this.hash = (hash ^ (hash >>> 15)) >>> 0
  }

  private part(start: number, end: number): void {
    const size = end - start
    if (this.used + size + 4 > this.bytes.length) {
      const wider = Buffer.allocUnsafeSlow((this.used + size + 4) * 2)
      this.bytes.copy(wider, 0, 0, this.used)
      this.bytes = wider
    }
    const { bytes, source } = this
    let pos = this.used
    bytes[pos++] = size
    bytes[pos++] = size >>> 8
    bytes[pos++] = size >>> 16
    bytes[pos++] = size >>> 24
    if (size < 24) for (let i = start; i < end; i++) bytes[pos++] = source[i]!
    else bytes.set(source.subarray(start, end), pos)
    this.used += size + 4
  }

  private sort(): void {
    const { order, tagCount } = this
    if (tagCount > 32) {
      const all = order.subarray(0, tagCount)
      for (let i = 0; i < tagCount; i++) all[i] = i
      all.sort((a, b) => this.compare(a, b) || a - b)
      return
    }
    for (let i = 0; i < tagCount; i++) {
      let at = i
      while (at > 0 && this.compare(order[at - 1]!, i) > 0) {
        order[at] = order[at - 1]!
        at--
      }
      order[at] = i
    }
  }

  /** Any order will do as long as it is always the same: by hash of the key, then by its bytes. */
  private compare(a: number, b: number): number {
    const { cells, source } = this
    const hashes = cells[a * 5 + 4]! - cells[b * 5 + 4]!
    if (hashes !== 0) return hashes
    const [aStart, aEnd, bStart, bEnd] = [cells[a * 5]!, cells[a * 5 + 1]!, cells[b * 5]!, cells[b * 5 + 1]!]
    if (sameBytes(source, aStart, aEnd, source, bStart, bEnd)) return 0
    return Buffer.compare(source.subarray(aStart, aEnd), source.subarray(bStart, bEnd))
  }

  private shorten(): void {
    this.size = createHash('sha256').update(this.bytes.subarray(0, this.size)).digest().copy(this.bytes)
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
