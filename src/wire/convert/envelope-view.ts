import { int64Text, Reader } from '../protobuf.ts'
import { textOf } from '../utf8.ts'
import { FieldView, fields } from './field-view.ts'
import { entry, readEntry } from './map-entry.ts'
import { TagFlag, TagTable } from './tag-table.ts'

/** Fields of Envelope that hold its message (loggregator-api, v2/envelope.proto). */
export const MessageField = { none: 0, log: 4, counter: 5, gauge: 6, timer: 7, event: 10 } as const
const messageFields = fields(4, 5, 6, 7, 10)

/** How a conversion treats deprecated tags: each hop prints numbers in its own way. */
export interface DeprecatedStyle {
  decimal(value: number): string
  /** Whether a value without data is an empty text; else its key is left out. */
  keepsEmpty: boolean
}

const reader = new Reader()
const value = new FieldView()

/**
 * One pass over a v2 envelope: ids, time, message and tags. Deprecated tags are merged into `tags`, where they replace
 * plain ones with the same key; `tags.findPreferred` still finds the plain one. Reused for every record.
 */
export class EnvelopeView {
  bytes: Uint8Array = new Uint8Array(0)
  /** The envelope's own extent. */
  start = 0
  end = 0
  timestampLo = 0
  timestampHi = 0
  sourceStart = 0
  sourceEnd = 0
  instanceStart = 0
  instanceEnd = 0
  /** Field number of the message (MessageField), and its body. */
  message = 0
  bodyStart = 0
  bodyEnd = 0
  readonly tags = new TagTable()
  private readonly style: DeprecatedStyle

  constructor(style: DeprecatedStyle) {
    this.style = style
  }

  /** Reads the envelope `[start, end)`; false when the bytes are no protobuf. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    this.bytes = bytes
    this.start = start
    this.end = end
    this.timestampLo = this.timestampHi = 0
    this.sourceStart = this.sourceEnd = this.instanceStart = this.instanceEnd = 0
    this.message = this.bodyStart = this.bodyEnd = 0
    this.tags.reset(bytes)
    let deprecated = false
    reader.reset(bytes, start, end)
    while (reader.next()) {
      const { field, wire } = reader
      if (wire === 0 && field === 1) {
        reader.varint64()
        this.timestampLo = reader.lo
        this.timestampHi = reader.hi
        continue
      }
      if (!reader.skip()) return false
      if (wire !== 2) continue
      if (field === 9) {
        if (!readEntry(bytes, reader.start, reader.stop)) return false
        this.tags.add(entry.keyStart, entry.keyEnd, entry.valueStart, entry.valueEnd)
      } else if (field === 2) {
        this.sourceStart = reader.start
        this.sourceEnd = reader.stop
      } else if (field === 8) {
        this.instanceStart = reader.start
        this.instanceEnd = reader.stop
      } else if (field === 3) deprecated = true
      else if (field < 16 && (messageFields >>> field) & 1) {
        this.message = field
        this.bodyStart = reader.start
        this.bodyEnd = reader.stop
      }
    }
    return reader.ok && (!deprecated || this.mergeDeprecated(start, end))
  }

  /** Deprecated tags come first on the wire and win over plain ones, so they take a pass of their own. */
  private mergeDeprecated(start: number, end: number): boolean {
    reader.reset(this.bytes, start, end)
    while (reader.next() && reader.skip()) {
      if (reader.field !== 3 || reader.wire !== 2) continue
      if (!readEntry(this.bytes, reader.start, reader.stop) || !this.addDeprecated()) return false
    }
    return reader.ok
  }

  private addDeprecated(): boolean {
    const { keyStart, keyEnd } = entry
    if (!value.read(this.bytes, entry.valueStart, entry.valueEnd, fields(2), fields(3), fields(1))) return false
    const flags = TagFlag.deprecated
    if (value.seen === 0) {
      if (this.style.keepsEmpty) this.tags.add(keyStart, keyEnd, keyStart, keyStart, flags)
    } else if (value.last === 1) this.tags.add(keyStart, keyEnd, value.start(1), value.end(1), flags)
    else if (value.last === 2) this.tags.addRendered(keyStart, keyEnd, int64Text(value.lo(2), value.hi(2)), flags)
    else this.tags.addRendered(keyStart, keyEnd, this.style.decimal(value.double(3)), flags)
    return true
  }

  /** The value of a tag entry as text, for what needs a string. */
  tagText(i: number): string {
    const { tags } = this
    return textOf(tags.valueSource(i), tags.valueStart(i), tags.valueEnd(i))
  }
}
