/** Doubles as unsigned 64-bit totals. */

const TWO32 = 4294967296
const TWO63 = 2 ** 63
const TWO64 = 2 ** 64

/** Halves of the last `truncate...` call. */
export const total = { lo: 0, hi: 0 }

/**
 * Cuts the fraction off, as the original does on amd64: what does not fit (NaN, infinities, from 2^64 on, below -2^63)
 * becomes 2^63, other negative numbers wrap (-3 is 18446744073709551613).
 */
export function truncateCounter(value: number): void {
  if (!(value >= -TWO63 && value < TWO64)) set(TWO63)
  else set(Math.trunc(value))
}

/** Cuts the fraction off a count of observations; what is no count (NaN, from 2^64 on) becomes 0. */
export function truncateCount(value: number): void {
  set(value >= 0 && value < TWO64 ? Math.trunc(value) : 0)
}

function set(whole: number): void {
  const size = Math.abs(whole)
  const hi = Math.floor(size / TWO32)
  const lo = size - hi * TWO32
  if (whole >= 0) {
    total.lo = lo
    total.hi = hi
    return
  }
  total.lo = lo === 0 ? 0 : TWO32 - lo
  total.hi = (lo === 0 ? TWO32 - hi : TWO32 - hi - 1) >>> 0
}
