/** Numbers as decimal text, written byte by byte. Each function writes at `pos`, where there is room, and answers the position behind. */
import { boundText } from '../convert/numbers.ts'

/** Room that any number takes at most. */
export const decimalRoom = 32

/** An unsigned number up to 2^32 - 1. */
export function writeUint32(buf: Uint8Array, pos: number, value: number): number {
  const end = pos + digitsOf(value)
  let at = end - 1
  let rest = value
  if (rest > 0x7fffffff) {
    const tenth = Math.floor(rest / 10)
    buf[at--] = 0x30 + rest - tenth * 10
    rest = tenth
  }
  // Whole numbers from here on, divided by a multiplication.
  for (let small = rest | 0; at >= pos; at--) {
    const tenth = (small / 10) | 0
    buf[at] = 0x30 + small - tenth * 10
    small = tenth
  }
  return end
}

/** Decimal digits of an unsigned number up to 2^53. */
export function digitsOf(value: number): number {
  if (value < 100) return value < 10 ? 1 : 2
  if (value < 10000) return value < 1000 ? 3 : 4
  let digits = 5
  for (let limit = 1e5; value >= limit; limit *= 10) digits++
  return digits
}

/** An unsigned 64-bit number from its halves. */
export function writeUint64(buf: Uint8Array, pos: number, lo: number, hi: number): number {
  if (hi === 0) return writeUint32(buf, pos, lo)
  // Long division by 10^9: every intermediate value stays below 2^62 in two exact parts.
  const upper = Math.floor(hi / 1e9)
  const carry = hi - upper * 1e9
  const middle = carry * 65536 + (lo >>> 16)
  const high = Math.floor(middle / 1e9)
  const rest = (middle - high * 1e9) * 65536 + (lo & 0xffff)
  const low = Math.floor(rest / 1e9)
  const last = rest - low * 1e9
  return writeBillions(buf, pos, upper * 4294967296 + high * 65536 + low, last)
}

/** `whole * 10^9 + rest`, where whole is below 2^53. */
function writeBillions(buf: Uint8Array, pos: number, whole: number, rest: number): number {
  let next = pos
  if (whole > 0) {
    const billions = Math.floor(whole / 1e9)
    const middle = whole - billions * 1e9
    if (billions > 0) next = writePadded(buf, writeUint32(buf, next, billions), middle)
    else next = writeUint32(buf, next, middle)
    return writePadded(buf, next, rest)
  }
  return writeUint32(buf, next, rest)
}

function writePadded(buf: Uint8Array, pos: number, value: number): number {
  let rest = value
  for (let at = pos + 8; at >= pos; at--) {
    const tenth = Math.floor(rest / 10)
    buf[at] = 0x30 + rest - tenth * 10
    rest = tenth
  }
  return pos + 9
}

/** A signed 64-bit number from its two's complement halves. */
export function writeInt64(buf: Uint8Array, pos: number, lo: number, hi: number): number {
  if (hi < 0x80000000) return writeUint64(buf, pos, lo, hi)
  buf[pos] = 0x2d
  return writeUint64(buf, pos + 1, -lo >>> 0, lo === 0 ? -hi >>> 0 : ~hi >>> 0)
}

/** A double as Go's `%g` in the fewest digits: `0.23`, `1234`, `2.68435456e+08`, `-0`, `NaN`, `+Inf`. */
export function writeDouble(buf: Uint8Array, pos: number, value: number): number {
  const size = Math.abs(value)
  if (size >= 0.001 && size < 1e6) {
    // A quotient of two exact doubles is the double nearest to that decimal, and up to 15 digits are the only such ones.
    for (let scale = 1, digits = 0; digits <= 6; scale *= 10, digits++) {
      const whole = Math.round(size * scale)
      if (whole / scale === size) return writeScaled(buf, pos, value < 0, whole, digits)
    }
  }
  const text = boundText(value)
  for (let i = 0; i < text.length; i++) buf[pos + i] = text.charCodeAt(i)
  return pos + text.length
}

/** `whole / 10^digits` with exactly that many digits behind the point. */
function writeScaled(buf: Uint8Array, pos: number, negative: boolean, whole: number, digits: number): number {
  let start = pos
  if (negative) buf[start++] = 0x2d
  const size = Math.max(digitsOf(whole), digits + 1)
  const end = start + size + (digits > 0 ? 1 : 0)
  let rest = whole
  for (let at = end - 1; at >= start; at--) {
    if (digits > 0 && at === end - 1 - digits) {
      buf[at] = 0x2e
      continue
    }
    const tenth = Math.floor(rest / 10)
    buf[at] = 0x30 + rest - tenth * 10
    rest = tenth
  }
  return end
}
