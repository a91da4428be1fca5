import { readEntry } from '../convert/map-entry.ts'
import { Reader } from '../protobuf.ts'

const reader = new Reader()
/** Kind of message by its field number in Envelope, as numbered in telemetry/envelope-scan.ts. */
const kindOfField: readonly number[] = [0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 5]

/** Where the parts of one v2 envelope lie (loggregator-api, v2/envelope.proto). Reused for every record. */
export class EnvelopeFields {
  bytes: Buffer = Buffer.alloc(0)
  timestampLo = 0
  timestampHi = 0
  /** Source id and instance id: where the field begins, its text, its end. All equal when there is none. */
  sourceField = 0
  sourceStart = 0
  sourceEnd = 0
  instanceField = 0
  instanceStart = 0
  instanceEnd = 0
  /** 0 none, 1 log, 2 counter, 3 gauge, 4 timer, 5 event. */
  kind = 0
  bodyStart = 0
  bodyEnd = 0
  /** Start and end of each `tags` field, with its own tag and length. */
  tags = new Int32Array(128)
  tagCount = 0

  /** Reads the envelope `bytes[start, end)`. Answers its kind, or -1 when the bytes are no protobuf. */
  read(bytes: Buffer, start: number, end: number): number {
    this.bytes = bytes
    this.timestampLo = this.timestampHi = 0
    this.sourceField = this.sourceStart = this.sourceEnd = 0
    this.instanceField = this.instanceStart = this.instanceEnd = 0
    this.kind = this.bodyStart = this.bodyEnd = this.tagCount = 0
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
      pos = this.readField(pos, end)
      if (pos < 0) {
        this.kind = -1
        break
      }
    }
    return this.kind
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
      this.sourceField = from
      this.sourceStart = start
      this.sourceEnd = end
    } else {
      this.instanceField = from
      this.instanceStart = start
      this.instanceEnd = end
    }
  }

  private addTag(from: number, end: number): void {
    const at = this.tagCount++ * 2
    if (at === this.tags.length) this.grow()
    this.tags[at] = from
    this.tags[at + 1] = end
  }

  private grow(): void {
    const wider = new Int32Array(this.tags.length * 2)
    wider.set(this.tags)
    this.tags = wider
  }
}

/** Reads the map entry in tag `i` of the envelope into `entry`. False when it does not parse. */
export function readTag({ bytes, tags }: EnvelopeFields, i: number): boolean {
  reader.reset(bytes, tags[i * 2]!, tags[i * 2 + 1]!)
  return reader.next() && reader.span() && readEntry(bytes, reader.start, reader.stop)
}
