import { AnyKind, AnyView } from '../../convert/any-value.ts'
import { entry, readEntry } from '../../convert/map-entry.ts'
import { Reader } from '../../protobuf.ts'

/** The parts of a message that attributes give. */
export const slots = [
  'priority',
  'facility',
  'severity',
  'hostname',
  'appName',
  'procId',
  'msgId',
  'structuredData',
  'message',
  'version',
  'element',
] as const
export type Slot = (typeof slots)[number]
/** Number of each part. */
export const slot = Object.fromEntries(slots.map((name, i) => [name, i])) as Record<Slot, number>

/** Names of attributes for each part, the best first: each is looked for in the record, then in its resource. */
export type LogSources = Readonly<Partial<Record<Slot, readonly string[]>>>

/** An attribute that no part is made of: extents of its key and of its AnyValue. */
export const restSize = 4
const mostRest = 256

/**
 * Finds the attributes of a record (and of its resource) that messages are made of, in one pass over their bytes. A cell is
 * one name of one part; those of the record come first, those of the resource `count` later.
 */
export class LogCells {
  /** Member of AnyValue that the cell holds (`AnyKind`); 0: the attribute is not there. */
  readonly kinds: Uint8Array
  /** Extent of a text, list or map; of a number's AnyValue. */
  readonly starts: Int32Array
  readonly ends: Int32Array
  readonly keys: readonly Buffer[]
  readonly count: number
  /** Attributes of the record that have no cell, `restSize` numbers each. */
  readonly rest = new Int32Array(restSize * mostRest)
  restCount = 0
  /** The resource has something that messages are made of. */
  usesResource = false
  private readonly keepsRest: boolean
  private readonly firsts: Int32Array
  private readonly byLength: readonly (readonly number[])[]
  private readonly any = new AnyView()
  private readonly reader = new Reader()

  constructor(sources: LogSources, keepsRest: boolean) {
    const keys: Buffer[] = []
    this.firsts = new Int32Array(slots.length + 1)
    slots.forEach((slot, i) => {
      for (const name of sources[slot] ?? []) keys.push(Buffer.from(name))
      this.firsts[i + 1] = keys.length
    })
    this.keys = keys
    this.count = keys.length
    this.keepsRest = keepsRest
    this.kinds = new Uint8Array(keys.length * 2)
    this.starts = new Int32Array(keys.length * 2)
    this.ends = new Int32Array(keys.length * 2)
    const longest = keys.reduce((most, key) => Math.max(most, key.length), 0)
    this.byLength = Array.from({ length: longest + 1 }, (_, n) =>
      keys.flatMap((key, i) => (key.length === n ? [i] : [])),
    )
  }

  /** Forgets the attributes of the record. */
  clear(): void {
    const { kinds, count } = this
    for (let i = 0; i < count; i++) kinds[i] = 0
    this.restCount = 0
  }

  /** Takes the attributes of a Resource `b[start, end)`, for all records until the next call. */
  readResource(b: Uint8Array, start: number, end: number): void {
    this.kinds.fill(0, this.count)
    const reader = this.reader.reset(b, start, end)
    while (reader.next() && reader.skip())
      if (reader.field === 1 && reader.wire === 2) this.take(b, reader.start, reader.stop, this.count)
    this.usesResource = this.kinds.subarray(this.count).some((kind) => kind !== 0)
  }

  /** Takes one attribute, a KeyValue `b[start, end)`. */
  takeAttribute(b: Uint8Array, start: number, end: number): void {
    this.take(b, start, end, 0)
  }

  /** The cell of a part, or -1. `slot` is an index into `slots`. */
  find(slot: number): number {
    const { kinds, firsts, count } = this
    const end = firsts[slot + 1]!
    for (let cell = firsts[slot]!; cell < end; cell++) {
      if (kinds[cell] !== 0) return cell
      if (kinds[cell + count] !== 0) return cell + count
    }
    return -1
  }

  /** First cell of a part, and the one behind its last. */
  firstOf(slot: number): number {
    return this.firsts[slot]!
  }

  private take(b: Uint8Array, start: number, end: number, offset: number): void {
    // `0a len key 12 len value` and nothing else, as everybody writes it.
    const size = b[start + 1]!
    let keyStart = start + 2
    let keyEnd = keyStart + size
    let valueStart = keyEnd + 2
    let valueEnd = end
    const length = keyEnd + 2 < end ? b[keyEnd + 1]! : 0
    const isShort = length < 0x80 ? valueStart + length === end : isLong(b, keyEnd + 1, end) && ++valueStart > 0
    if (b[start] !== 0x0a || size > 0x7f || keyEnd + 2 > end || b[keyEnd] !== 0x12 || !isShort) {
      if (!readEntry(b, start, end)) return
      keyStart = entry.keyStart
      keyEnd = entry.keyEnd
      valueStart = entry.valueStart
      valueEnd = entry.valueEnd
    }
    let isKnown = false
    const candidates = this.byLength[keyEnd - keyStart]
    if (candidates !== undefined) {
      for (let i = 0; i < candidates.length; i++) {
        const cell = candidates[i]!
        if (!isKey(b, keyStart, this.keys[cell]!)) continue
        isKnown = true
        this.put(b, valueStart, valueEnd, cell + offset)
      }
    }
    if (isKnown || !this.keepsRest || offset > 0 || this.restCount >= mostRest) return
    const at = this.restCount++ * restSize
    this.rest[at] = keyStart
    this.rest[at + 1] = keyEnd
    this.rest[at + 2] = valueStart
    this.rest[at + 3] = valueEnd
  }

  private put(b: Uint8Array, start: number, end: number, cell: number): void {
    const { kinds, starts, ends } = this
    const tag = b[start]
    // One text or map and nothing else; numbers are read where they are needed.
    if ((tag === 0x0a || tag === 0x32) && start + 2 <= end) {
      let body = start + 2
      let size = b[start + 1]!
      if (size >= 0x80 && start + 3 <= end && b[start + 2]! < 0x80) {
        size = (size & 0x7f) | (b[start + 2]! << 7)
        body++
      }
      if (body + size === end) {
        kinds[cell] = tag >>> 3
        starts[cell] = body
        ends[cell] = end
        return
      }
    }
    if (tag === 0x18 && end - start === 2 && b[start + 1]! < 0x80) {
      kinds[cell] = AnyKind.int
      starts[cell] = start
      ends[cell] = end
      return
    }
    const { any } = this
    if (!any.read(b, start, end)) return
    kinds[cell] = any.kind
    const isNumber = any.kind >= AnyKind.bool && any.kind <= AnyKind.double
    starts[cell] = isNumber ? start : any.start
    ends[cell] = isNumber ? end : any.end
  }
}

/** Whether the length at `pos` has two bytes and reaches exactly to `end`. */
function isLong(b: Uint8Array, pos: number, end: number): boolean {
  const high = b[pos + 1]!
  return high < 0x80 && pos + 2 + (b[pos]! & 0x7f) + (high << 7) === end
}

function isKey(b: Uint8Array, start: number, key: Buffer): boolean {
  for (let i = 0; i < key.length; i++) if (b[start + i] !== key[i]) return false
  return true
}
