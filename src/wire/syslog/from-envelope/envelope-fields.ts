import { readEntry } from '../../convert/map-entry.ts'
import { Reader } from '../../protobuf.ts'

const reader = new Reader()
/** Where tags begin in `extents`. */
const firstTag = 4
/** Kind of message by its field number in Envelope, as numbered in telemetry/envelope-scan.ts. */
const kindOfField: readonly number[] = [0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 5]

/** Where the parts of one v2 envelope lie (loggregator-api, v2/envelope.proto). Reused for every record. */
export class EnvelopeFields {
  bytes: Buffer = Buffer.alloc(0)
  timestampLo = 0
  timestampHi = 0
  sourceStart = 0
  sourceEnd = 0
  instanceStart = 0
  instanceEnd = 0
  /** 0 none, 1 log, 2 counter, 3 gauge, 4 timer, 5 event. */
  kind = 0
  bodyStart = 0
  bodyEnd = 0
  /** Start and end of whole fields: source id, instance id (zero when absent), then each of `tags`. */
  extents = new Int32Array(128)
  tagCount = 0

  /** Reads the envelope `bytes[start, end)`. Answers its kind, or -1 when the bytes are no protobuf. */
  read(bytes: Buffer, start: number, end: number): number {
    this.bytes = bytes
    this.timestampLo = this.timestampHi = 0
    this.sourceStart = this.sourceEnd = this.instanceStart = this.instanceEnd = 0
    this.kind = this.bodyStart = this.bodyEnd = this.tagCount = 0
    const { extents } = this
    extents[0] = extents[1] = extents[2] = extents[3] = 0
    let pos = start
    while (pos < end) {
      const tag = bytes[pos]!
      // Tags, source id and instance id of less than 128 bytes: nearly all fields there are.
      if ((tag === 0x4a || tag === 0x12 || tag === 0x42) && pos + 1 < end) {
        const size = bytes[pos + 1]!
        const next = pos + 2 + size
        if (size < 0x80 && next <= end) {
          if (tag === 0x4a) this.addTag(pos, next)
          else this.keepId(tag >>> 3, pos, pos + 2, next)
          pos = next
          continue
        }
      }
      if (tag === 0x08 && pos + 10 <= end && this.readTime(pos + 1)) {
        pos += 10
        continue
      }
      pos = this.readField(pos, end)
      if (pos < 0) {
        this.kind = -1
        break
      }
    }
    return this.kind
  }

  /** Reads a varint of nine bytes, as the nanoseconds of our time are (2^56 to 2^63). False when it is another one. */
  private readTime(pos: number): boolean {
    const { bytes } = this
    const a = bytes[pos]!
    const b = bytes[pos + 1]!
    const c = bytes[pos + 2]!
    const d = bytes[pos + 3]!
    const e = bytes[pos + 4]!
    const f = bytes[pos + 5]!
    const g = bytes[pos + 6]!
    const h = bytes[pos + 7]!
    const last = bytes[pos + 8]!
    if ((a & b & c & d & e & f & g & h) < 0x80 || last >= 0x80) return false
    const low = (a & 0x7f) | ((b & 0x7f) << 7) | ((c & 0x7f) << 14) | ((d & 0x7f) << 21) | (e << 28)
    this.timestampLo = low >>> 0
    this.timestampHi = ((e & 0x7f) >>> 4) | ((f & 0x7f) << 3) | ((g & 0x7f) << 10) | ((h & 0x7f) << 17) | (last << 24)
    return true
  }

  /** Reads the field at `pos`; answers the position behind it, or -1. */
  private readField(pos: number, end: number): number {
    reader.reset(this.bytes, pos, end)
    if (!reader.next()) return -1
    const { field, wire } = reader
    if (wire === 0 && field === 1) {
      reader.varint64()
      this.timestampLo = reader.lo
      this.timestampHi = reader.hi
    } else if (!reader.skip()) return -1
    else if (wire === 2) this.keep(field, pos, reader.start, reader.stop)
    return reader.ok ? reader.pos : -1
  }

  private keep(field: number, from: number, start: number, end: number): void {
    if (field === 9) this.addTag(from, end)
    else if (field === 2 || field === 8) this.keepId(field, from, start, end)
    else if (field < 11 && kindOfField[field] !== 0) {
      this.kind = kindOfField[field]!
      this.bodyStart = start
      this.bodyEnd = end
    }
  }

  private keepId(field: number, from: number, start: number, end: number): void {
    if (field === 2) {
      this.extents[0] = from
      this.extents[1] = end
      this.sourceStart = start
      this.sourceEnd = end
    } else {
      this.extents[2] = from
      this.extents[3] = end
      this.instanceStart = start
      this.instanceEnd = end
    }
  }

  private addTag(from: number, end: number): void {
    const at = firstTag + this.tagCount++ * 2
    if (at === this.extents.length) this.grow()
    this.extents[at] = from
    this.extents[at + 1] = end
  }

  private grow(): void {
    const wider = new Int32Array(this.extents.length * 2)
    wider.set(this.extents)
    this.extents = wider
  }
}

/** Reads the map entry in tag `i` of the envelope into `entry`. False when it does not parse. */
export function readTag({ bytes, extents }: EnvelopeFields, i: number): boolean {
  const at = firstTag + i * 2
  reader.reset(bytes, extents[at]!, extents[at + 1]!)
  return reader.next() && reader.span() && readEntry(bytes, reader.start, reader.stop)
}
