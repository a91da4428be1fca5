/** Timestamps of syslog messages, read straight from bytes. */

/** What the last successful read found. */
export const time = {
  /** Seconds since 1970; in local time where no offset was written. Not set without a year. */
  seconds: 0,
  nanos: 0,
  /** False when only a local time was written. */
  zoned: false,
  /** BSD times: the date. */
  month: 0,
  day: 0,
  secondOfDay: 0,
  hasYear: false,
}

/**
 * RFC 3339 at `start`: answers the position behind it, or -1. Strict: `T` and `Z` in upper case, at most six fractional
 * digits, an offset. Else also a space for the `T`, nine digits, second 60, `+0100`, no offset.
 */
export function readIsoTime(b: Uint8Array, start: number, end: number, strict: boolean): number {
  if (end - start < 19 || b[start + 4] !== 0x2d || b[start + 7] !== 0x2d) return -1
  if (b[start + 13] !== 0x3a || b[start + 16] !== 0x3a) return -1
  const year = two(b, start) * 100 + two(b, start + 2)
  const month = two(b, start + 5)
  const day = two(b, start + 8)
  const hour = two(b, start + 11)
  const minute = two(b, start + 14)
  let second = two(b, start + 17)
  const between = b[start + 10]!
  if (between !== 0x54 && (strict || (between !== 0x74 && between !== 0x20))) return -1
  if (second === 60 && !strict) second = 59
  // A pair that is no number is NaN-like: far below 0, and so is every sum with it.
  if (year < 0 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return -1
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return -1
  let pos = readFraction(b, start + 19, end, strict ? 6 : 9)
  if (pos < 0) return -1
  time.seconds = daysFrom1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
  time.hasYear = true
  pos = readOffset(b, pos, end, strict)
  return pos
}

/** `.123`: sets `time.nanos`. -1 when digits are missing or too many. */
function readFraction(b: Uint8Array, start: number, end: number, most: number): number {
  time.nanos = 0
  if (start >= end || b[start] !== 0x2e) return start
  let pos = start + 1
  let value = 0
  for (; pos < end; pos++) {
    const digit = b[pos]! - 0x30
    if (digit < 0 || digit > 9) break
    if (pos - start <= 9) value = value * 10 + digit
  }
  const digits = pos - start - 1
  if (digits === 0 || digits > most) return -1
  time.nanos = value * scales[digits]!
  return pos
}

const scales = [0, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 100, 10, 1]

/** `Z`, `+01:00`: takes it off `time.seconds`. */
function readOffset(b: Uint8Array, start: number, end: number, strict: boolean): number {
  const sign = start < end ? b[start]! : 0
  time.zoned = true
  if (sign === 0x5a || (sign === 0x7a && !strict)) return start + 1
  if (sign !== 0x2b && sign !== 0x2d) {
    time.zoned = false
    return strict ? -1 : start
  }
  const colon = b[start + 3] === 0x3a
  if (strict && !colon) return -1
  const size = colon ? 6 : 5
  if (start + size > end) return -1
  const hours = two(b, start + 1)
  const minutes = two(b, start + size - 2)
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return -1
  const offset = hours * 3600 + minutes * 60
  time.seconds += sign === 0x2d ? offset : -offset
  return start + size
}

/**
 * `Mmm dd hh:mm:ss` at `start`, also with one-digit or space-padded days, a year behind the day or the time, fractions:
 * answers the position behind it, or -1. Sets month, day and second of the day; `hasYear` and `seconds` with a year.
 */
export function readBsdTime(b: Uint8Array, start: number, end: number): number {
  if (end - start < 14 || b[start + 3] !== 0x20) return -1
  const month = months.indexOf(String.fromCharCode(b[start]!, b[start + 1]!, b[start + 2]!).toLowerCase()) / 3 + 1
  if (month < 1 || !Number.isInteger(month)) return -1
  let pos = start + 4
  if (b[pos] === 0x20) pos++
  const dayEnd = digitsEnd(b, pos, end)
  const day = numberAt(b, pos, dayEnd)
  if (dayEnd === pos || dayEnd - pos > 2 || day < 1 || day > 31 || b[dayEnd] !== 0x20) return -1
  pos = dayEnd + 1
  let year = 0
  if (digitsEnd(b, pos, end) === pos + 4 && b[pos + 4] === 0x20) {
    year = numberAt(b, pos, pos + 4)
    pos += 5
  }
  if (pos + 8 > end || b[pos + 2] !== 0x3a || b[pos + 5] !== 0x3a) return -1
  const hour = two(b, pos)
  const minute = two(b, pos + 3)
  const second = Math.min(two(b, pos + 6), 60)
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0) return -1
  pos = readFraction(b, pos + 8, end, 9)
  if (pos < 0) return -1
  if (
    year === 0 &&
    pos + 5 <= end &&
    b[pos] === 0x20 &&
    digitsEnd(b, pos + 1, end) === pos + 5 &&
    b[pos + 5] === 0x20
  ) {
    const written = numberAt(b, pos + 1, pos + 5)
    if (written >= 1990 && written < 2200) {
      year = written
      pos += 5
    }
  }
  time.month = month
  time.day = day
  time.secondOfDay = hour * 3600 + minute * 60 + Math.min(second, 59)
  time.zoned = false
  time.hasYear = year > 0
  if (year > 0) time.seconds = daysFrom1970(year, month, day) * 86_400 + time.secondOfDay
  return pos
}

const months = 'janfebmaraprmayjunjulaugsepoctnovdec'

/** Two digits as a number; far below 0 when one is none. */
function two(b: Uint8Array, pos: number): number {
  const tens = b[pos]! - 0x30
  const ones = b[pos + 1]! - 0x30
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1e6
}

export function digitsEnd(b: Uint8Array, start: number, end: number): number {
  let pos = start
  while (pos < end && b[pos]! >= 0x30 && b[pos]! <= 0x39) pos++
  return pos
}

function numberAt(b: Uint8Array, start: number, end: number): number {
  let value = 0
  for (let pos = start; pos < end && pos < start + 9; pos++) value = value * 10 + b[pos]! - 0x30
  return value
}

/** Days from 1970-01-01 to a date of the proleptic Gregorian calendar. */
export function daysFrom1970(year: number, month: number, day: number): number {
  // The year starts in March, so that the leap day is its last.
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const ofEra = y - era * 400
  const ofYear = (((month + 9) % 12) * 153 + 2) / 5
  return era * 146_097 + ofEra * 365 + (ofEra >> 2) - Math.trunc(ofEra / 100) + Math.trunc(ofYear) + day - 1 - 719_468
}

const lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

function daysIn(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return month === 2 && isLeap ? 29 : lengths[month - 1]!
}

/** Halves of an int64 of nanoseconds; `lo` and `hi` of the last `splitNanos`. */
export const halves = { lo: 0, hi: 0 }

const TWO32 = 4294967296

/** Nanoseconds since 1970 as two halves. False when they do not fit into an int64 (years 1678 to 2261 do). */
export function splitNanos(seconds: number, nanos: number): boolean {
  // In parts that a double holds exactly.
  const high = Math.floor(seconds / 65_536)
  const low = (seconds - high * 65_536) * 1e9 + nanos
  const upper = high * 1e9
  const shifted = Math.floor(upper / 65_536)
  const lo = (upper - shifted * 65_536) * 65_536 + (low % TWO32)
  halves.lo = lo >>> 0
  halves.hi = (shifted + Math.floor(low / TWO32) + (lo >= TWO32 ? 1 : 0)) >>> 0
  return seconds > -9_223_372_037 && (seconds < 9_223_372_036 || (seconds === 9_223_372_036 && nanos <= 854_775_807))
}
