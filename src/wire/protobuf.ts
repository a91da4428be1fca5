/**
 * Protobuf wire primitives: a reader over borrowed bytes and a writer that fills a buffer from its end.
 *
 * Numbers of 64 bits travel as two unsigned 32-bit halves (`lo`, `hi`): BigInt costs ten times as much per field.
 * Nothing here throws on bad input: a reader that meets malformed bytes sets `ok` to false and stands at its end.
 */

export const WireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

const TWO32 = 4294967296

/** A moving view over one message. Reuse one with `reset`; it never copies. */
export class Reader {
  buf: Uint8Array
  pos: number
  end: number
  /** False once malformed bytes were met; everything read after that is worthless. */
  ok = true
  /** Field number of the last `next()`. */
  field = 0
  /** Wire type of the last `next()`. */
  wire = 0
  /** Halves of the last `varint64()` or `fixed64()`. */
  lo = 0
  hi = 0
  /** Body of the last `span()`. */
  start = 0
  stop = 0

  constructor(buf: Uint8Array = EMPTY, pos = 0, end = buf.length) {
    this.buf = buf
    this.pos = pos
    this.end = end
  }

  reset(buf: Uint8Array, pos: number, end: number): this {
    this.buf = buf
    this.pos = pos
    this.end = end
    this.ok = true
    return this
  }

  /** Reads the next tag into `field` and `wire`; false at the end or on malformed bytes. */
  next(): boolean {
    if (this.pos >= this.end) return false
    const tag = this.varint32()
    this.field = tag >>> 3
    this.wire = tag & 7
    if (!this.ok || this.field === 0) return this.fail()
    return true
  }

  /** A varint cut to its low 32 bits, unsigned (enums, lengths, tags). */
  varint32(): number {
    const { buf, end } = this
    let pos = this.pos
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (pos >= end) break
      const byte = buf[pos++]!
      if (shift < 32) value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        this.pos = pos
        return value >>> 0
      }
    }
    this.fail()
    return 0
  }

  /** Reads a varint into `lo` and `hi`. */
  varint64(): void {
    const { buf, end } = this
    let pos = this.pos
    let lo = 0
    let hi = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (pos >= end) break
      const byte = buf[pos++]!
      const bits = byte & 0x7f
      if (shift < 28) lo |= bits << shift
      else if (shift === 28) {
        lo |= bits << 28
        hi |= bits >>> 4
      } else if (shift < 64) hi |= bits << (shift - 32)
      if (byte < 0x80) {
        this.pos = pos
        this.lo = lo >>> 0
        this.hi = hi >>> 0
        return
      }
    }
    this.fail()
    this.lo = this.hi = 0
  }

  /** Reads eight bytes, little-endian, into `lo` and `hi`. */
  fixed64(): void {
    const pos = this.pos
    if (pos + 8 > this.end) {
      this.fail()
      this.lo = this.hi = 0
      return
    }
    const b = this.buf
    this.lo = (b[pos]! | (b[pos + 1]! << 8) | (b[pos + 2]! << 16) | (b[pos + 3]! << 24)) >>> 0
    this.hi = (b[pos + 4]! | (b[pos + 5]! << 8) | (b[pos + 6]! << 16) | (b[pos + 7]! << 24)) >>> 0
    this.pos = pos + 8
  }

  double(): number {
    this.fixed64()
    return joinDouble(this.lo, this.hi)
  }

  /** Reads a length-delimited field's extent into `start` and `stop` and stands behind it. False when it does not fit. */
  span(): boolean {
    const length = this.varint32()
    if (!this.ok) return false
    const start = this.pos
    if (length > this.end - start) return this.fail()
    this.start = start
    this.pos = this.stop = start + length
    return true
  }

  /** Steps over the value of the field just read by `next()`. Groups (wire types 3 and 4) count as malformed. */
  skip(): boolean {
    switch (this.wire) {
      case WireType.varint:
        this.varint32()
        return this.ok
      case WireType.fixed64:
        return this.advance(8)
      case WireType.bytes:
        return this.span()
      case WireType.fixed32:
        return this.advance(4)
      default:
        return this.fail()
    }
  }

  private advance(bytes: number): boolean {
    if (this.pos + bytes > this.end) return this.fail()
    this.pos += bytes
    return true
  }

  private fail(): false {
    this.ok = false
    this.pos = this.end
    return false
  }
}

const EMPTY = new Uint8Array(0)

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
    if (value < 128) this.byte(value)
    else this.varint64(value >>> 0, Math.floor(value / TWO32))
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
    // A call into the runtime costs more than a short loop: measured break-even near 24 bytes.
    if (size < 24) for (let i = 0; i < size; i++) this.buf[this.pos + i] = source[start + i]!
    else this.buf.set(start === 0 && end === source.length ? source : source.subarray(start, end), this.pos)
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
    const keySize = keyEnd - keyStart
    const valueSize = valueEnd - valueStart
    if (keySize + valueSize < 120) {
      // Lengths of one byte, as nearly always: one piece, one check for room.
      this.reserve(keySize + valueSize + 5)
      const { buf } = this
      let pos = this.pos - valueSize
      copyShort(buf, pos, values, valueStart, valueSize)
      buf[--pos] = valueSize
      buf[--pos] = 0x12
      pos -= keySize
      copyShort(buf, pos, keys, keyStart, keySize)
      buf[--pos] = keySize
      buf[--pos] = 0x0a
      buf[--pos] = keySize + valueSize + 4
      this.pos = pos
      this.tag(field, WireType.bytes)
      return
    }
    const mark = this.length
    this.bytesField(2, values, valueStart, valueEnd)
    this.bytesField(1, keys, keyStart, keyEnd)
    this.message(field, mark)
  }

  /** A KeyValue of OTLP whose value is a string: `{1 key, 2 {1 string}}`. */
  textAttribute(
    field: number,
    keys: Uint8Array,
    keyStart: number,
    keyEnd: number,
    values: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void {
    const keySize = keyEnd - keyStart
    const valueSize = valueEnd - valueStart
    if (keySize + valueSize < 120) {
      this.reserve(keySize + valueSize + 7)
      const { buf } = this
      let pos = this.pos - valueSize
      copyShort(buf, pos, values, valueStart, valueSize)
      buf[--pos] = valueSize
      buf[--pos] = 0x0a
      buf[--pos] = valueSize + 2
      buf[--pos] = 0x12
      pos -= keySize
      copyShort(buf, pos, keys, keyStart, keySize)
      buf[--pos] = keySize
      buf[--pos] = 0x0a
      buf[--pos] = keySize + valueSize + 6
      this.pos = pos
      this.tag(field, WireType.bytes)
      return
    }
    const mark = this.length
    this.bytesField(1, values, valueStart, valueEnd)
    this.message(2, mark)
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

/** Copies a short run by hand: below some 40 bytes a call into the runtime costs more. */
function copyShort(to: Uint8Array, at: number, from: Uint8Array, start: number, size: number): void {
  for (let i = 0; i < size; i++) to[at + i] = from[start + i]!
}

/** Bytes that the varint of an unsigned 32-bit number takes. */
export function varintSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5
}

export function varintSize64(lo: number, hi: number): number {
  if (hi === 0) return varintSize(lo)
  if (hi < 8) return 5
  return hi < 0x400 ? 6 : hi < 0x20000 ? 7 : hi < 0x1000000 ? 8 : hi < 0x80000000 ? 9 : 10
}

/** Writes the varint of an unsigned 32-bit number at `pos`; returns the position behind it. */
export function writeVarint(buf: Uint8Array, pos: number, value: number): number {
  let rest = value
  while (rest >= 0x80) {
    buf[pos++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  buf[pos++] = rest
  return pos
}

/** Writes the varint of a 64-bit number at `pos`; returns the position behind it. */
export function writeVarint64(buf: Uint8Array, pos: number, lo: number, hi: number): number {
  let low = lo >>> 0
  let high = hi >>> 0
  while (high !== 0 || low >= 0x80) {
    buf[pos++] = (low & 0x7f) | 0x80
    low = ((low >>> 7) | (high << 25)) >>> 0
    high >>>= 7
  }
  buf[pos++] = low
  return pos
}

const doubleBytes = new DataView(new ArrayBuffer(8))

/** The double whose bits are the two halves. */
export function joinDouble(lo: number, hi: number): number {
  doubleBytes.setUint32(0, lo, true)
  doubleBytes.setUint32(4, hi, true)
  return doubleBytes.getFloat64(0, true)
}

/** An unsigned 64-bit number as decimal text. */
export function uint64Text(lo: number, hi: number): string {
  return hi === 0 ? String(lo) : ((BigInt(hi) << 32n) | BigInt(lo)).toString()
}

/** A signed 64-bit number (two's complement halves) as decimal text. */
export function int64Text(lo: number, hi: number): string {
  return BigInt.asIntN(64, (BigInt(hi) << 32n) | BigInt(lo)).toString()
}

/** Halves of a BigInt, cut to 64 bits. */
export function splitBigInt(value: bigint): [lo: number, hi: number] {
  const bits = BigInt.asUintN(64, value)
  return [Number(bits & 0xffffffffn), Number(bits >> 32n)]
}

/** Nanoseconds since 1970 from a millisecond clock, as halves. */
export function nanosFromMillis(millis: number, nanos = 0): [lo: number, hi: number] {
  return splitBigInt(BigInt(Math.trunc(millis)) * 1_000_000n + BigInt(nanos))
}
