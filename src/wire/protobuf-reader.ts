import { joinDouble } from './halves.ts'
import { WireType } from './wire-type.ts'

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
    const tag = this.uint32()
    this.field = tag >>> 3
    this.wire = tag & 7
    if (!this.ok || this.field === 0) return this.fail()
    return true
  }

  /** A varint cut to its low 32 bits, unsigned (enums, small numbers). */
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
        // The tenth byte has room for one bit.
        if (shift === 63 && byte > 1) break
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
    const length = this.uint32()
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

  /** A varint that must fit 32 bits, as tags and lengths do: a peer that cut it off would read other bytes than we. */
  private uint32(): number {
    const { buf, pos } = this
    const left = this.end - pos
    const byte = buf[pos]!
    if (byte < 0x80 && left > 0) {
      this.pos = pos + 1
      return byte
    }
    const next = buf[pos + 1]!
    if (next < 0x80 && left > 1) {
      this.pos = pos + 2
      return (byte & 0x7f) | (next << 7)
    }
    this.varint64()
    if (this.hi !== 0) this.fail()
    return this.lo
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
