/**
 * A sampling threshold, or the randomness that is held against it: 56 bits (OpenTelemetry, probability sampling), as two
 * halves of 28. A record is sampled when its randomness is not below the threshold.
 */
export interface Bits56 {
  hi: number
  lo: number
}

export const half = 2 ** 28
const whole = 2 ** 56
/** Hexadecimal digits of 56 bits. */
export const mostDigits = 14

/** Threshold of 100 %. */
export const always: Readonly<Bits56> = { hi: 0, lo: 0 }
/** Threshold of 0 %: no randomness is as large. */
export const never: Readonly<Bits56> = { hi: half, lo: 0 }
/** The largest randomness: sampled at every probability but 0. */
export const largest: Readonly<Bits56> = { hi: half - 1, lo: half - 1 }

export const isBelow = (a: Readonly<Bits56>, b: Readonly<Bits56>): boolean =>
  a.hi < b.hi || (a.hi === b.hi && a.lo < b.lo)

/** The probability of a threshold. */
export function probabilityOf({ hi, lo }: Readonly<Bits56>): number {
  const lowPart = lo > 0 ? half - lo : 0
  return ((half - hi - (lo > 0 ? 1 : 0)) * half + lowPart) / whole
}

/**
 * The threshold of a probability with `precision` hexadecimal digits behind its leading `0` or `f` (0: all there are), as
 * the Collector rounds it. Undefined for one below 2^-56.
 */
export function thresholdOf(probability: number, precision: number): Bits56 | undefined {
  if (!(probability >= 1 / whole && probability <= 1)) return undefined
  if (probability === 1) return { hi: 0, lo: 0 }
  const base = precision === 0 ? mostDigits : precision
  const digits = Math.min(mostDigits, base + Math.max(leadingDigits(probability), leadingDigits(1 - probability)))
  const scaled = Math.round(probability * whole)
  const scaledHi = Math.floor(scaled / half)
  const scaledLo = scaled - scaledHi * half
  const exact = { hi: half - scaledHi - (scaledLo > 0 ? 1 : 0), lo: scaledLo > 0 ? half - scaledLo : 0 }
  return rounded(exact, 4 * (mostDigits - digits))
}

/** How many hexadecimal digits of `value` are zero before the first that is not. */
function leadingDigits(value: number): number {
  // The exponent for a fraction in [0.5, 1).
  let exponent = Math.floor(Math.log2(value)) + 1
  if (value < 2 ** (exponent - 1)) exponent--
  else if (value >= 2 ** exponent) exponent++
  return exponent < 0 ? Math.floor(-exponent / 4) : 0
}

/** The number with its lowest `shift` bits rounded away, halves upwards. */
function rounded({ hi, lo }: Bits56, shift: number): Bits56 {
  if (shift === 0) return { hi, lo }
  if (shift > 28) {
    const unit = 2 ** (shift - 28)
    return { hi: Math.floor((hi + unit / 2) / unit) * unit, lo: 0 }
  }
  const unit = 2 ** shift
  const low = Math.floor((lo + unit / 2) / unit) * unit
  return low >= half ? { hi: hi + 1, lo: low - half } : { hi, lo: low }
}

/** Exactly 14 digits: `9b8233f7e3a151`. */
export const randomnessText = ({ hi, lo }: Readonly<Bits56>): string =>
  hi.toString(16).padStart(7, '0') + lo.toString(16).padStart(7, '0')

/** As few digits as say the same, at least one: `c` for 25 %, `0` for 100 %. */
export function thresholdText(threshold: Readonly<Bits56>): string {
  const text = randomnessText(threshold).replace(/0+$/, '')
  return text === '' ? '0' : text
}

/** Undefined for what is not exactly 14 hexadecimal digits. */
export const parseRandomness = (text: string): Bits56 | undefined =>
  text.length === mostDigits ? parseThreshold(text) : undefined

/** Undefined for what is not 1 to 14 hexadecimal digits. */
export function parseThreshold(text: string): Bits56 | undefined {
  if (!/^[0-9a-fA-F]{1,14}$/.test(text)) return undefined
  const digits = text.padEnd(mostDigits, '0')
  return { hi: Number.parseInt(digits.slice(0, 7), 16), lo: Number.parseInt(digits.slice(7), 16) }
}
