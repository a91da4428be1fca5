/**
 * A growable buffer written from front to back, for messages whose lengths are known before they are written.
 *
 * Hot code asks once with `reserve` for all it is going to write, then uses `buf` and `pos` directly.
 */
import { copyBytes } from './byte-runs.ts'
import { varintSize64, writeVarint64 } from './protobuf.ts'

const TWO32 = 4294967296

export class ForwardWriter {
  /** What is written so far stands in `[0, pos)`. Replaced when it grows: read it again after `reserve`. */
  buf: Buffer
  pos = 0

  constructor(capacity = 4096) {
    this.buf = Buffer.allocUnsafeSlow(capacity)
  }

  /** How many bytes are written. */
  get length(): number {
    return this.pos
  }

  /** Makes room for `bytes` more. */
  reserve(bytes: number): void {
    const need = this.pos + bytes
    if (need <= this.buf.length) return
    const next = Buffer.allocUnsafeSlow(Math.max(this.buf.length * 2, need))
    this.buf.copy(next, 0, 0, this.pos)
    this.buf = next
  }

  byte(value: number): void {
    this.reserve(1)
    this.buf[this.pos++] = value
  }

  /** An unsigned number up to 2^53 - 1 as varint. */
  varint(value: number): void {
    this.varint64(value >>> 0, Math.floor(value / TWO32))
  }

  varint64(lo: number, hi: number): void {
    this.reserve(varintSize64(lo, hi))
    this.pos = writeVarint64(this.buf, this.pos, lo, hi)
  }

  double(value: number): void {
    this.reserve(8)
    this.pos = this.buf.writeDoubleLE(value, this.pos)
  }

  /** Raw bytes `[start, end)` of a source. */
  raw(source: Uint8Array, start = 0, end = source.length): void {
    this.reserve(end - start)
    this.pos = copyBytes(this.buf, this.pos, source, start, end)
  }

  /** Text as UTF-8. */
  text(value: string): void {
    const size = Buffer.byteLength(value)
    this.reserve(size)
    this.pos += this.buf.write(value, this.pos, size)
  }

  /** What was written, as a view: valid until the next write or `reset`. */
  view(): Buffer {
    return this.buf.subarray(0, this.pos)
  }

  /** What was written, copied out; the writer is empty and reusable afterwards. */
  take(): Buffer {
    const out = Buffer.allocUnsafeSlow(this.pos)
    this.buf.copy(out, 0, 0, this.pos)
    this.pos = 0
    return out
  }

  reset(): void {
    this.pos = 0
  }
}
