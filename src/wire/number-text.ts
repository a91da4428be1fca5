/** Number texts read straight from bytes. Go's strconv rules: no hexadecimal, no underscores, overflow is an error. */

/** What the last `readFloat` or `readInteger` met; its return value counts only when this is true. */
export const read = { ok: true }

const POWERS = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`))

/** `12`, `-1.5`, `.5`, `5.`, `1e9`, `NaN`, `+Inf`, `infinity` in any letter case. Sets `read.ok`. */
export function readFloat(text: Buffer, start: number, end: number): number {
  const value = readPlain(text, start, end)
  return read.ok ? value : readGeneral(text, start, end)
}

/**
 * Decimals whose digits fit 2^53 and whose scale is at most 10^22: then one division of two exact doubles is correctly
 * rounded (Clinger 1990). Everything else is left to `readGeneral`.
 */
function readPlain(text: Buffer, start: number, end: number): number {
  read.ok = false
  let pos = start
  const first = text[pos]
  if (first === 0x2d || first === 0x2b) pos++
  // 15 digits and a dot at most, so that the digits stay below 2^53.
  if (pos >= end || end - pos > 16) return 0
  let digits = 0
  let point = -1
  for (let i = pos; i < end; i++) {
    const digit = text[i]! - 0x30
    if (digit >= 0 && digit <= 9) digits = digits * 10 + digit
    else if (digit === -2 && point < 0) point = i
    else return 0
  }
  const length = end - pos - (point < 0 ? 0 : 1)
  if (length === 0 || length > 15) return 0
  read.ok = true
  const value = point < 0 ? digits : digits / POWERS[end - point - 1]!
  return first === 0x2d ? -value : value
}

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const INFINITE = /^[+-]?inf(?:inity)?$/i

function readGeneral(text: Buffer, start: number, end: number): number {
  const word = text.toString('latin1', start, end)
  read.ok = true
  if (DECIMAL.test(word)) {
    const value = Number(word)
    read.ok = Number.isFinite(value)
    return value
  }
  if (INFINITE.test(word)) return word[0] === '-' ? -Infinity : Infinity
  read.ok = word.toLowerCase() === 'nan'
  return Number.NaN
}

const INTEGER = /^[+-]?\d+$/

/** A decimal that fits a signed 64-bit integer, as (possibly rounded) number. Sets `read.ok`. */
export function readInteger(text: Buffer, start: number, end: number): number {
  const word = text.toString('latin1', start, end)
  read.ok = INTEGER.test(word) && (end - start < 19 || fitsInt64(word))
  return Number(word)
}

function fitsInt64(word: string): boolean {
  // A run of digits of any length must not cost a BigInt of that length.
  const digits = word.replace(/^[+-]?0*/, '')
  if (digits.length > 19) return false
  const value = BigInt(`${word[0] === '-' ? '-' : ''}${digits || '0'}`)
  return BigInt.asIntN(64, value) === value
}
