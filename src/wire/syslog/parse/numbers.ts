import { read, readFloat } from '../../number-text.ts'

/** Numbers in structured data, by the rules of Go's strconv. */

/** Halves of the last integer read. */
export const integer = { lo: 0, hi: 0 }

const TWO32 = 4294967296

/** Decimal digits of a uint64, no sign: sets `integer`. False when it is none. */
export function readUint64(b: Uint8Array, start: number, end: number): boolean {
  return end > start && b[start]! >= 0x30 && b[start]! <= 0x39 && readDigits(b, start, end)
}

/** Decimal digits of an int64 with an optional sign: sets `integer` (two's complement). False when it is none. */
export function readInt64(b: Uint8Array, start: number, end: number): boolean {
  const sign = end > start ? b[start]! : 0
  const from = sign === 0x2d || sign === 0x2b ? start + 1 : start
  if (!readDigits(b, from, end)) return false
  const isMinus = sign === 0x2d
  const { lo, hi } = integer
  const isLowest = isMinus && hi === 0x80000000 && lo === 0
  if (hi >= 0x80000000 && !isLowest) return false
  if (isMinus) {
    integer.lo = -lo >>> 0
    integer.hi = (~hi + (lo === 0 ? 1 : 0)) >>> 0
  }
  return true
}

function readDigits(b: Uint8Array, start: number, end: number): boolean {
  if (start >= end) return false
  let lo = 0
  let hi = 0
  for (let pos = start; pos < end; pos++) {
    const digit = b[pos]! - 0x30
    if (digit < 0 || digit > 9) return false
    const low = lo * 10 + digit
    hi = hi * 10 + Math.floor(low / TWO32)
    lo = low % TWO32
    if (hi >= TWO32) return false
  }
  integer.lo = lo
  integer.hi = hi
  return true
}

const HEX = /^([+-]?)0[xX]([0-9a-fA-F]*)(?:\.([0-9a-fA-F]*))?[pP]([+-]?\d{1,6})$/

/** The value and whether there is one. */
export const float = { value: 0 }

/** `0.5`, `1e9`, `NaN`, `+Inf`, `0x1p-2`, `1_0`: sets `float.value`. False when it is none, or overflows. */
export function readGoFloat(b: Buffer, start: number, end: number): boolean {
  // Nothing sound is longer; a long run of digits must not cost its length twice.
  if (end - start > 400) return false
  float.value = readFloat(b, start, end)
  if (read.ok) return true
  const text = b.toString('latin1', start, end)
  if (/\d_\d/.test(text) && !/__|^_|_$/.test(text)) {
    const plain = Buffer.from(text.replaceAll('_', ''), 'latin1')
    float.value = readFloat(plain, 0, plain.length)
    if (read.ok) return true
  }
  const hex = HEX.exec(text.replaceAll('_', ''))
  if (!hex || (hex[2]! + (hex[3] ?? '')).length === 0) return false
  const digits = hex[2]! + (hex[3] ?? '')
  const value = Number(BigInt(`0x${digits}`)) * 2 ** (Number(hex[4]) - 4 * (hex[3] ?? '').length)
  float.value = hex[1] === '-' ? -value : value
  return Number.isFinite(value)
}
