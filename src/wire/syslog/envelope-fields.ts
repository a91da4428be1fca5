import { Reader } from '../protobuf.ts'

const reader = new Reader()
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
  /** Start and end of the map entries of `tags`. */
  entries = new Int32Array(128)
  tagCount = 0

  /** Reads the envelope `bytes[start, end)`. Answers its kind, or -1 when the bytes are no protobuf. */
  read(bytes: Buffer, start: number, end: number): number {
    this.bytes = bytes
    this.timestampLo = this.timestampHi = 0
    this.sourceStart = this.sourceEnd = this.instanceStart = this.instanceEnd = 0
    this.kind = this.bodyStart = this.bodyEnd = this.tagCount = 0
    let pos = start
    while (pos >= 0 && pos < end) pos = this.readField(pos, end)
    if (pos < 0) this.kind = -1
    return this.kind
  }

  /** Reads the field at `pos`; answers the position behind it, or -1. */
  private readField(pos: number, end: number): number {
    const { bytes } = this
    const tag = bytes[pos]!
    if ((tag & 0x87) === 2 && pos + 1 < end) {
      const size = bytes[pos + 1]!
      const next = pos + 2 + size
      if (size < 0x80 && next <= end) {
        this.keep(tag >>> 3, pos + 2, next)
        return tag > 7 ? next : -1
      }
    }
    reader.reset(bytes, pos, end)
    if (!reader.next()) return -1
    const { field, wire } = reader
    if (wire === 0 && field === 1) {
      reader.varint64()
      this.timestampLo = reader.lo
      this.timestampHi = reader.hi
    } else if (!reader.skip()) return -1
    else if (wire === 2) this.keep(field, reader.start, reader.stop)
    return reader.ok ? reader.pos : -1
  }

  private keep(field: number, start: number, end: number): void {
    if (field === 9) {
      const at = this.tagCount++ * 2
      if (at === this.entries.length) this.grow()
      this.entries[at] = start
      this.entries[at + 1] = end
    } else if (field === 2) {
      this.sourceStart = start
      this.sourceEnd = end
    } else if (field === 8) {
      this.instanceStart = start
      this.instanceEnd = end
    } else if (field < 11 && kindOfField[field] !== 0) {
      this.kind = kindOfField[field]!
      this.bodyStart = start
      this.bodyEnd = end
    }
  }

  private grow(): void {
    const wider = new Int32Array(this.entries.length * 2)
    wider.set(this.entries)
    this.entries = wider
  }
}
