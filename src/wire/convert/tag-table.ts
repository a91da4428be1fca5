import { knownKey } from './known-keys.ts'

/** Numbers kept per entry. */
const stride = 6
/** Flags of an entry. */
export const TagFlag = { dead: 1, rendered: 2, deprecated: 4 } as const
/** Above this many entries equal keys are found through a Map: comparing each with each would be quadratic. */
const scanLimit = 32

/**
 * The entries of a string map as spans over the bytes they came in; one entry per key, the last one wins.
 * Reused for every record: `reset`, then `add`. Values that are no bytes of the input are rendered into `scratch`.
 */
export class TagTable {
  bytes: Uint8Array = empty
  count = 0
  /** Text of rendered values. */
  scratch = Buffer.allocUnsafeSlow(1024)
  private cells = new Uint32Array(stride * 64)
  private scratchUsed = 0
  /** Entry of a known key as it stands in the map. */
  private readonly live = new Int32Array(32).fill(-1)
  /** Entry of a known key where plain tags go before deprecated ones. */
  private readonly preferred = new Int32Array(32).fill(-1)
  private byKey: Map<string, number> | undefined

  reset(bytes: Uint8Array): void {
    for (let i = 0; i < this.count; i++) {
      const code = this.code(i)
      this.live[code] = -1
      this.preferred[code] = -1
    }
    this.bytes = bytes
    this.count = 0
    this.scratchUsed = 0
    this.byKey = undefined
  }

  /** Adds an entry; an earlier one with the same key is dead from now on. */
  add(keyStart: number, keyEnd: number, valueStart: number, valueEnd: number, flags = 0): void {
    const code = knownKey(this.bytes, keyStart, keyEnd)
    const index = this.count
    const earlier = code === 0 ? this.findOther(keyStart, keyEnd, index) : this.live[code]!
    if (earlier >= 0) this.cells[earlier * stride + 5]! |= TagFlag.dead
    if ((index + 1) * stride > this.cells.length) this.grow()
    const { cells } = this
    const at = index * stride
    cells[at] = keyStart
    cells[at + 1] = keyEnd
    cells[at + 2] = valueStart
    cells[at + 3] = valueEnd
    cells[at + 4] = code
    cells[at + 5] = flags
    this.count = index + 1
    if (code === 0) return
    this.live[code] = index
    const kept = this.preferred[code]!
    if (kept < 0 || (flags & TagFlag.deprecated) === 0 || cells[kept * stride + 5]! & TagFlag.deprecated) {
      this.preferred[code] = index
    }
  }

  /** Adds an entry whose value is text of ours. */
  addRendered(keyStart: number, keyEnd: number, value: string, flags = 0): void {
    const size = Buffer.byteLength(value)
    if (this.scratchUsed + size > this.scratch.length) {
      const wider = Buffer.allocUnsafeSlow(Math.max(this.scratch.length * 2, this.scratchUsed + size))
      this.scratch.copy(wider, 0, 0, this.scratchUsed)
      this.scratch = wider
    }
    const start = this.scratchUsed
    this.scratch.write(value, start, size)
    this.scratchUsed = start + size
    this.add(keyStart, keyEnd, start, this.scratchUsed, flags | TagFlag.rendered)
  }

  keyStart(i: number): number {
    return this.cells[i * stride]!
  }
  keyEnd(i: number): number {
    return this.cells[i * stride + 1]!
  }
  valueStart(i: number): number {
    return this.cells[i * stride + 2]!
  }
  valueEnd(i: number): number {
    return this.cells[i * stride + 3]!
  }
  /** Number of the entry's key (known-keys.ts), or 0. */
  code(i: number): number {
    return this.cells[i * stride + 4]!
  }
  /** Whether a later entry with the same key replaced this one. */
  isDead(i: number): boolean {
    return (this.cells[i * stride + 5]! & TagFlag.dead) !== 0
  }
  /** The bytes that the value's span refers to. */
  valueSource(i: number): Uint8Array {
    return this.cells[i * stride + 5]! & TagFlag.rendered ? this.scratch : this.bytes
  }

  /** Entry of a known key, or -1. */
  find(code: number): number {
    return this.live[code]!
  }

  /** Entry of a known key, a plain tag before a deprecated one; or -1. */
  findPreferred(code: number): number {
    return this.preferred[code]!
  }

  /** Entry of the key `bytes[start, end)` of another buffer, or -1. */
  findKey(bytes: Uint8Array, start: number, end: number, code: number): number {
    if (code !== 0) return this.live[code]!
    if (this.count > scanLimit) return this.keyMap().get(keyText(bytes, start, end)) ?? -1
    for (let i = 0; i < this.count; i++) if (this.hasKey(i, bytes, start, end)) return i
    return -1
  }

  private hasKey(i: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { cells } = this
    const at = i * stride
    const from = cells[at]!
    if (cells[at + 1]! - from !== end - start || cells[at + 4] !== 0) return false
    if (cells[at + 5]! & TagFlag.dead) return false
    const own = this.bytes
    const shift = start - from
    for (let pos = cells[at + 1]! - 1; pos >= from; pos--) if (own[pos] !== bytes[pos + shift]) return false
    return true
  }

  /** The live entry with this key among those whose key has no number; remembers the new one where a Map is in use. */
  private findOther(start: number, end: number, next: number): number {
    if (this.count < scanLimit) {
      for (let i = 0; i < this.count; i++) if (this.hasKey(i, this.bytes, start, end)) return i
      return -1
    }
    const map = this.keyMap()
    const key = keyText(this.bytes, start, end)
    const earlier = map.get(key) ?? -1
    map.set(key, next)
    return earlier
  }

  private keyMap(): Map<string, number> {
    if (this.byKey) return this.byKey
    this.byKey = new Map()
    for (let i = 0; i < this.count; i++) {
      if (this.code(i) === 0 && !this.isDead(i))
        this.byKey.set(keyText(this.bytes, this.keyStart(i), this.keyEnd(i)), i)
    }
    return this.byKey
  }

  private grow(): void {
    const wider = new Uint32Array(this.cells.length * 2)
    wider.set(this.cells)
    this.cells = wider
  }
}

const empty = new Uint8Array(0)

/** One character per byte: equal exactly when the bytes are equal. */
function keyText(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
}
