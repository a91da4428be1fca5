import { Reader } from '../protobuf.ts'
import { Key, keyBytes, spanEquals } from './known-keys.ts'
import { entry, readEntry } from './map-entry.ts'
import { TagTable } from './tag-table.ts'

const reader = new Reader()
const sourceId = keyBytes[Key.source_id]!
const tagField = 17

/**
 * One pass over a v1 envelope (package events, proto2): where its header fields, payloads and tags lie. Reused for every
 * record. A start of -1 means that the field is absent; of a field given twice the last one counts.
 */
export class V1View {
  bytes: Uint8Array = new Uint8Array(0)
  /** Number of the event type, -1 when absent. */
  eventType = -1
  timestampLo = 0
  timestampHi = 0
  /** There is a tag `source_id`, and it is not empty. */
  hasSourceId = false
  /** Empty after `readHeader`. */
  readonly tags = new TagTable()
  private keepsTags = true
  /** Extents of length-delimited fields 1 to 16, by field number: start (or -1), end. */
  private readonly extents = new Int32Array(34)

  /** Reads the envelope `[start, end)`; false when the bytes are no protobuf. Says nothing about required fields. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    this.keepsTags = true
    return this.walk(bytes, start, end)
  }

  /** The same without the tags, of which it says only whether all of them parse, and `hasSourceId`. */
  readHeader(bytes: Uint8Array, start: number, end: number): boolean {
    this.keepsTags = false
    return this.walk(bytes, start, end)
  }

  private walk(bytes: Uint8Array, start: number, end: number): boolean {
    this.bytes = bytes
    this.eventType = -1
    this.timestampLo = this.timestampHi = 0
    this.hasSourceId = false
    this.tags.reset(bytes)
    this.extents.fill(-1)
    for (let pos = start; pos < end; ) {
      // Nearly all of it is {tag, length, bytes}, tag and length in one or two bytes each.
      let at = pos
      let tag = bytes[at++]!
      if (tag >= 0x80) tag = at < end ? twoBytes(tag, bytes[at++]!) : none
      let size = at < end ? bytes[at++]! : none
      if (size >= 0x80) size = at < end ? twoBytes(size, bytes[at++]!) : none
      const stop = at + size
      if ((tag & 7) !== 2 || tag < 8 || size < 0 || stop > end) pos = this.readOther(bytes, pos, end)
      else pos = this.note(tag >>> 3, at, stop) ? stop : -1
      if (pos < 0) return false
    }
    return true
  }

  /** A field of any kind; answers where it ends, or -1 when it does not parse. */
  private readOther(bytes: Uint8Array, start: number, end: number): number {
    reader.reset(bytes, start, end)
    if (!reader.next()) return -1
    const { field, wire } = reader
    if (wire === 0 && field === 2) this.eventType = reader.varint32() | 0
    else if (wire === 0 && field === 6) {
      reader.varint64()
      this.timestampLo = reader.lo
      this.timestampHi = reader.hi
    } else if (!reader.skip() || (wire === 2 && !this.note(field, reader.start, reader.stop))) return -1
    return reader.ok ? reader.pos : -1
  }

  /** A length-delimited field; false when it does not parse. */
  private note(field: number, start: number, stop: number): boolean {
    if (field < tagField) {
      this.extents[field * 2] = start
      this.extents[field * 2 + 1] = stop
    } else if (field === tagField) return this.noteTag(start, stop)
    return true
  }

  private noteTag(start: number, stop: number): boolean {
    if (!readEntry(this.bytes, start, stop)) return false
    const { keyStart, keyEnd, valueStart, valueEnd } = entry
    if (spanEquals(this.bytes, keyStart, keyEnd, sourceId)) this.hasSourceId = valueEnd > valueStart
    if (this.keepsTags) this.tags.add(keyStart, keyEnd, valueStart, valueEnd)
    return true
  }

  has(field: number): boolean {
    return this.extents[field * 2]! >= 0
  }

  /** Start of a length-delimited field's body; 0 when absent, where the end is 0 too. */
  start(field: number): number {
    return Math.max(this.extents[field * 2]!, 0)
  }

  end(field: number): number {
    return Math.max(this.extents[field * 2 + 1]!, 0)
  }
}

/** Not to be read in two bytes. */
const none = -1

const twoBytes = (first: number, second: number) => (second < 0x80 ? (first & 0x7f) | (second << 7) : none)

/** Field numbers of the header of a v1 envelope. */
export const V1Field = { origin: 1, deployment: 13, job: 14, index: 15, ip: 16 } as const
