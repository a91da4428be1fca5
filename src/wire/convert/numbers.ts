/** A double as Go's `%f` prints it: six decimals, halves to even, `NaN`, `+Inf`, `-Inf`, `-0.000000`. */
export function fixedDecimal(value: number): string {
  if (!Number.isFinite(value)) return infinityText(value)
  if (Object.is(value, -0)) return '-0.000000'
  if (Math.abs(value) >= 1e21) return `${BigInt(value)}.000000`
  const rounded = value.toFixed(6)
  // An odd multiple of 1/128 lies exactly between two numbers of six decimals; toFixed goes up, Go to the even one.
  if (Number.isInteger(value * 128) && !Number.isInteger(value * 64)) {
    const cut = value.toFixed(7).slice(0, -1)
    return Number(cut.at(-1)) % 2 === 0 ? cut : rounded
  }
  return rounded
}

/** A double in the fewest digits that read back the same, never with an exponent: `0.0000001`, `-0`, `+Inf`. */
export function plainDecimal(value: number): string {
  if (!Number.isFinite(value)) return infinityText(value)
  if (Object.is(value, -0)) return '-0'
  const text = String(value)
  const mark = text.indexOf('e')
  if (mark < 0) return text
  const sign = value < 0 ? '-' : ''
  const [whole = '', fraction = ''] = text.slice(sign.length, mark).split('.')
  const exponent = Number(text.slice(mark + 1))
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${whole}${fraction}`
  return sign + whole + fraction.padEnd(exponent, '0')
}

/** A double in the fewest digits: JavaScript's form, with `NaN`, `+Inf` and `-Inf`. */
export function shortestDecimal(value: number): string {
  return Number.isFinite(value) ? (Object.is(value, -0) ? '-0' : String(value)) : infinityText(value)
}

function infinityText(value: number): string {
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

/** Result of the last `parseInt64` that answered true, as two's complement halves. */
export const parsed = { lo: 0, hi: 0 }

/** Reads a base-10 int64 with optional sign, nothing else around it. False (and zero) for anything else. */
export function parseInt64(bytes: Uint8Array, start: number, end: number): boolean {
  parsed.lo = parsed.hi = 0
  const negative = bytes[start] === 0x2d
  let pos = start < end && (negative || bytes[start] === 0x2b) ? start + 1 : start
  if (pos >= end) return false
  let lo = 0
  let hi = 0
  for (; pos < end; pos++) {
    const digit = bytes[pos]! - 0x30
    if (digit < 0 || digit > 9) return false
    // Times ten in two halves; hi stays below 2^31 + 9, so every product is exact.
    const next = lo * 10 + digit
    lo = next % 4294967296
    hi = hi * 10 + (next - lo) / 4294967296
    if (hi > 0x80000000) return false
  }
  if (hi >= 0x80000000 && !(negative && hi === 0x80000000 && lo === 0)) return false
  if (negative) {
    lo = -lo >>> 0
    hi = lo === 0 ? -hi >>> 0 : ~hi >>> 0
  }
  parsed.lo = lo >>> 0
  parsed.hi = hi >>> 0
  return true
}

/** Base-10 int32, or 0 for what is none. */
export function parseInt32(bytes: Uint8Array, start: number, end: number): number {
  if (!parseInt64(bytes, start, end)) return 0
  const low = parsed.lo | 0
  return (low < 0 ? 0xffffffff : 0) === parsed.hi ? low : 0
}

/** A bucket bound or quantile as Go's `%g`: exponent form below 1e-4 and from 1e6 on (`100000`, `1e+06`, `2.5e-05`). */
export function boundText(value: number): string {
  if (!Number.isFinite(value)) return infinityText(value)
  const [mantissa = '', exponent = ''] = value.toExponential().split('e')
  const power = Number(exponent)
  if (value === 0 || (power >= -4 && power < 6)) return plainDecimal(value)
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
}
