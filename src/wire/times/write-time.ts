import type { Piece } from './layout.ts'
import { dayNames, monthNames } from './names.ts'

const nanosPerMs = 1_000_000n

/** Writes a time (nanoseconds since 1970) by a layout, in UTC, as Go does. NaN where a Date does not reach. */
export function writeTime(pieces: readonly Piece[], nanos: bigint): string {
  const date = dateOf(nanos)
  let text = ''
  for (const piece of pieces) text += written(piece, date, nanos)
  return text
}

/** The moment to the millisecond; what is before it rounds down. */
export const dateOf = (nanos: bigint): Date =>
  new Date(Number((nanos - (((nanos % nanosPerMs) + nanosPerMs) % nanosPerMs)) / nanosPerMs))

/** Nanoseconds within the second. */
export const nanosOfSecond = (nanos: bigint): number =>
  Number(((nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n)

function written(piece: Piece, date: Date, nanos: bigint): string {
  switch (piece.kind) {
    case 'text':
      return piece.text
    case 'year':
      return digits(date.getUTCFullYear(), 4)
    case 'shortYear':
      return digits(date.getUTCFullYear() % 100, 2)
    case 'month':
      return digits(date.getUTCMonth() + 1, piece.fixed ? 2 : 1)
    case 'spacedMonth':
      return String(date.getUTCMonth() + 1).padStart(2)
    case 'monthName':
      return monthNames[date.getUTCMonth()]!.slice(0, 3)
    case 'longMonth':
      return monthNames[date.getUTCMonth()]!
    case 'dayName':
      return dayNames[date.getUTCDay()]!.slice(0, 3)
    case 'longDay':
      return dayNames[date.getUTCDay()]!
    case 'day':
      return digits(date.getUTCDate(), piece.fixed ? 2 : 1)
    case 'spacedDay':
      return String(date.getUTCDate()).padStart(2)
    case 'dayOfYear':
      return digits(dayOfYear(date), 3)
    case 'hour':
      return digits(date.getUTCHours(), 2)
    case 'hour12':
      return digits(date.getUTCHours() % 12 || 12, piece.fixed ? 2 : 1)
    case 'minute':
      return digits(date.getUTCMinutes(), piece.fixed ? 2 : 1)
    case 'second':
      return digits(date.getUTCSeconds(), piece.fixed ? 2 : 1)
    case 'PM':
      return date.getUTCHours() < 12 ? 'AM' : 'PM'
    case 'pm':
      return date.getUTCHours() < 12 ? 'am' : 'pm'
    case 'zone':
      return 'UTC'
    case 'offset':
      return piece.takesZ ? 'Z' : `+${Array.from({ length: piece.parts }, () => '00').join(piece.colons ? ':' : '')}`
    case 'fraction': {
      const all = digits(nanosOfSecond(nanos), 9).slice(0, piece.digits).padEnd(piece.digits, '0')
      const shown = piece.exact ? all : all.replace(/0+$/, '')
      return shown === '' ? '' : piece.mark + shown
    }
  }
}

const digits = (value: number, size: number): string => String(value).padStart(size, '0')
const dayMs = 24 * 3600 * 1000
const dayOfYear = (date: Date): number => {
  const first = new Date(date)
  first.setUTCMonth(0, 1)
  return Math.round((date.getTime() - first.getTime()) / dayMs) + 1
}
