import { readDeprecated } from '../../telemetry/find-field.ts'
import { Value, ValueType } from '../../telemetry/value.ts'
import { entry, readEntry } from '../../wire/convert/map-entry.ts'
import { plainDecimal } from '../../wire/convert/numbers.ts'
import { ForwardWriter } from '../../wire/forward-writer.ts'
import { Reader, varintSize, writeVarint } from '../../wire/protobuf.ts'

const value = new Value()

/** The longest text a number becomes is that of a double near its limits: sign, `0.`, and 324 + 16 digits. */
const longestNumber = 345
/** Bytes around key and value of an entry, at most: three tags and three lengths of five bytes. */
const entryOverhead = 18

/** Rewrites one envelope after the other with its deprecated tags copied over its tags. The deprecated ones stay. */
export class DeprecatedTags {
  /** The last envelope read, without default tags. */
  readonly body = new ForwardWriter(1024)
  /** Place of its source id in `body`. */
  sourceStart = 0
  sourceEnd = 0
  private readonly texts = new Map<string, Buffer>()
  private readonly reader = new Reader()

  /** By how much an envelope grows at most. */
  growth(buf: Buffer, start: number, end: number): number {
    let size = 4
    const reader = this.reader.reset(buf, start, end)
    while (reader.next() && reader.skip()) {
      if (reader.field === 3 && reader.wire === 2) size += reader.stop - reader.start + longestNumber + entryOverhead
    }
    return size
  }

  /** Rewrites an envelope into `body`. */
  read(buf: Buffer, start: number, end: number): void {
    const { texts, body } = this
    this.collect(buf, start, end)
    body.reset()
    this.sourceStart = this.sourceEnd = 0
    const reader = this.reader.reset(buf, start, end)
    for (let frame = start; reader.next() && reader.skip(); frame = reader.pos) {
      const { field } = reader
      if (reader.wire === 2 && field === 9 && readEntry(buf, reader.start, reader.stop)) {
        if (texts.has(keyText(buf, entry.keyStart, entry.keyEnd))) continue
      }
      body.raw(buf, frame, reader.pos)
      if (reader.wire !== 2 || field !== 2) continue
      this.sourceStart = body.pos - (reader.stop - reader.start)
      this.sourceEnd = body.pos
    }
    for (const [key, text] of texts) body.raw(tagEntry(Buffer.from(key, 'latin1'), text))
  }

  /** The deprecated tags of an envelope as text; the last one of a key counts. */
  private collect(buf: Buffer, start: number, end: number): void {
    this.texts.clear()
    const reader = this.reader.reset(buf, start, end)
    while (reader.next() && reader.skip()) {
      if (reader.field !== 3 || reader.wire !== 2 || !readEntry(buf, reader.start, reader.stop)) continue
      const key = keyText(buf, entry.keyStart, entry.keyEnd)
      readDeprecated(buf, entry.valueStart, entry.valueEnd, value)
      this.texts.set(key, rendered(buf))
    }
  }
}

/** The value just read as the original agent writes it: doubles shortest and never with an exponent, nothing as "". */
function rendered(buf: Buffer): Buffer {
  if (value.type === ValueType.text) return buf.subarray(value.start, value.end)
  return Buffer.from(value.type === ValueType.double ? plainDecimal(value.double) : value.toString())
}

/** One character per byte: equal exactly when the bytes are. */
const keyText = (buf: Buffer, start: number, end: number) => buf.toString('latin1', start, end)

/** A tag as a field of an envelope: 9 {1 key, 2 value}. */
export function tagEntry(key: Buffer, text: Buffer): Buffer {
  const size = 2 + varintSize(key.length) + key.length + varintSize(text.length) + text.length
  const out = Buffer.allocUnsafe(1 + varintSize(size) + size)
  out[0] = 0x4a
  let pos = writeVarint(out, 1, size)
  out[pos] = 0x0a
  pos = writeVarint(out, pos + 1, key.length)
  pos += key.copy(out, pos)
  out[pos] = 0x12
  text.copy(out, writeVarint(out, pos + 1, text.length))
  return out
}
