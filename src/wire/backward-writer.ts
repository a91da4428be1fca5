import { copyBytes } from './byte-runs.ts'
import { varintSize64, writeVarint64 } from './varint.ts'
import { WireType } from './wire-type.ts'

const TWO32 = 4294967296

/**
 * Writes messages from the last byte to the first, so that the length of a nested message is known when its prefix is
 * due: write a message's fields in reverse, then `message(field, mark)`. Grows as needed; `finish` hands the bytes out.
 */
export class BackwardWriter {
  private buf: Buffer
  private pos: number

  constructor(capacity = 4096) {
    this.buf = Buffer.allocUnsafeSlow(capacity)
    this.pos = capacity
  }

  /** How many bytes are written: also the mark to give to `message` later. */
  get length(): number {
    return this.buf.length - this.pos
  }

  /** Makes room for `bytes` more in front. */
  reserve(bytes: number): void {
    if (this.pos >= bytes) return
    const used = this.length
    const next = Buffer.allocUnsafeSlow(Math.max(this.buf.length * 2, used + bytes + 1024))
    this.buf.copy(next, next.length - used, this.pos)
    this.pos = next.length - used
    this.buf = next
  }

  byte(value: number): void {
    this.reserve(1)
    this.buf[--this.pos] = value
  }

  /** An unsigned number up to 2^53 - 1 as varint. */
  varint(value: number): void {
    if (value < 0x80) this.byte(value)
    else if (value < 0x4000) {
      this.reserve(2)
      this.buf[--this.pos] = value >>> 7
      this.buf[--this.pos] = (value & 0x7f) | 0x80
    } else this.varint64(value >>> 0, Math.floor(value / TWO32))
  }

  varint64(lo: number, hi: number): void {
    const size = varintSize64(lo, hi)
    this.reserve(size)
    this.pos -= size
    writeVarint64(this.buf, this.pos, lo, hi)
  }

  fixed64(lo: number, hi: number): void {
    this.reserve(8)
    this.pos -= 8
    this.buf.writeUInt32LE(lo >>> 0, this.pos)
    this.buf.writeUInt32LE(hi >>> 0, this.pos + 4)
  }

  double(value: number): void {
    this.reserve(8)
    this.pos -= 8
    this.buf.writeDoubleLE(value, this.pos)
  }

  /** Raw bytes `[start, end)` of a source. */
  raw(source: Uint8Array, start = 0, end = source.length): void {
    const size = end - start
    this.reserve(size)
    this.pos -= size
    copyBytes(this.buf, this.pos, source, start, end)
  }

  /** Text as UTF-8. */
  text(value: string): void {
    const size = Buffer.byteLength(value)
    this.reserve(size)
    this.pos -= size
    this.buf.write(value, this.pos, size, 'utf8')
  }

  tag(field: number, wire: number): void {
    this.varint((field << 3) | wire)
  }

  /** Closes the message whose end stood at `mark`: writes its length and the tag of `field`. */
  message(field: number, mark: number): void {
    this.varint(this.length - mark)
    this.tag(field, WireType.bytes)
  }

  /** A length-delimited field from raw bytes. */
  bytesField(field: number, source: Uint8Array, start = 0, end = source.length): void {
    this.raw(source, start, end)
    this.varint(end - start)
    this.tag(field, WireType.bytes)
  }

  /** A string field. */
  textField(field: number, value: string): void {
    const mark = this.length
    this.text(value)
    this.message(field, mark)
  }

  /** An entry of a map from string to string (or bytes): key and value are spans of two sources. */
  entryField(
    field: number,
    keys: Uint8Array,
    keyStart: number,
    keyEnd: number,
    values: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void {
    this.pair(field, keys, keyStart, keyEnd, values, valueStart, valueEnd, false)
  }

  /** A KeyValue of OTLP whose value is a string, or a deprecated tag of Loggregator: `{1 key, 2 {1 string}}`. */
  textAttribute(
    field: number,
    keys: Uint8Array,
    keyStart: number,
    keyEnd: number,
    values: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void {
    this.pair(field, keys, keyStart, keyEnd, values, valueStart, valueEnd, true)
  }

  /** `{1 key, 2 value}`, or `{1 key, 2 {1 value}}` when wrapped. */
  private pair(
    field: number,
    keys: Uint8Array,
    keyStart: number,
    keyEnd: number,
    values: Uint8Array,
    valueStart: number,
    valueEnd: number,
    wrapped: boolean,
  ): void {
    const keySize = keyEnd - keyStart
    const valueSize = valueEnd - valueStart
    if (keySize + valueSize < 120) {
      // Lengths of one byte, as nearly always: one piece, one check for room.
      this.reserve(keySize + valueSize + 7)
      const { buf } = this
      let pos = this.pos - valueSize
      copyBytes(buf, pos, values, valueStart, valueEnd)
      buf[--pos] = valueSize
      if (wrapped) {
        buf[--pos] = 0x0a
        buf[--pos] = valueSize + 2
      }
      buf[--pos] = 0x12
      pos -= keySize
      copyBytes(buf, pos, keys, keyStart, keyEnd)
      buf[--pos] = keySize
      buf[--pos] = 0x0a
      buf[--pos] = keySize + valueSize + (wrapped ? 6 : 4)
      this.pos = pos
      this.tag(field, WireType.bytes)
      return
    }
    const mark = this.length
    this.bytesField(wrapped ? 1 : 2, values, valueStart, valueEnd)
    if (wrapped) this.message(2, mark)
    this.bytesField(1, keys, keyStart, keyEnd)
    this.message(field, mark)
  }

  /** An int32 as varint: ten bytes when negative, as protobuf wants it. */
  int32(value: number): void {
    this.varint64(value >>> 0, value < 0 ? 0xffffffff : 0)
  }

  /** What was written, as a view of the internal buffer. The writer must not be used afterwards unless `reset`. */
  finish(): Buffer {
    return this.buf.subarray(this.pos)
  }

  /** What was written, copied out; the writer is empty and reusable afterwards. */
  take(): Buffer {
    const out = Buffer.allocUnsafeSlow(this.length)
    this.buf.copy(out, 0, this.pos)
    this.pos = this.buf.length
    return out
  }

  reset(): void {
    this.pos = this.buf.length
  }
}
