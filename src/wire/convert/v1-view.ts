import { Reader } from '../protobuf.ts'
import { entry, readEntry } from './map-entry.ts'
import { TagTable } from './tag-table.ts'

const reader = new Reader()

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
  readonly tags = new TagTable()
  /** Extents of length-delimited fields 1 to 16, by field number: start (or -1), end. */
  private readonly extents = new Int32Array(34)

  /** Reads the envelope `[start, end)`; false when the bytes are no protobuf. Says nothing about required fields. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    this.bytes = bytes
    this.eventType = -1
    this.timestampLo = this.timestampHi = 0
    this.tags.reset(bytes)
    const { extents } = this
    for (let i = 2; i < 34; i += 2) extents[i] = extents[i + 1] = -1
    reader.reset(bytes, start, end)
    while (reader.next()) {
      const { field, wire } = reader
      if (wire === 0 && field === 2) this.eventType = reader.varint32() | 0
      else if (wire === 0 && field === 6) {
        reader.varint64()
        this.timestampLo = reader.lo
        this.timestampHi = reader.hi
      } else if (!reader.skip()) return false
      else if (wire === 2 && field === 17) {
        if (!readEntry(bytes, reader.start, reader.stop)) return false
        this.tags.add(entry.keyStart, entry.keyEnd, entry.valueStart, entry.valueEnd)
      } else if (wire === 2 && field < 17) {
        extents[field * 2] = reader.start
        extents[field * 2 + 1] = reader.stop
      }
    }
    return reader.ok
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

/** Field numbers of the header of a v1 envelope. */
export const V1Field = { origin: 1, deployment: 13, job: 14, index: 15, ip: 16 } as const
