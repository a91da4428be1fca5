import type { Piece } from './layout.ts'
import { type Location, offsetOfZone } from './location.ts'
import { dayNames, monthNames } from './names.ts'

/** What was read of a time; absent parts are as in Go: the first of January of no year. */
interface Civil {
  year: number | undefined
  month: number
  day: number
  dayOfYear: number
  hour: number
  isPm: boolean | undefined
  minute: number
  second: number
  nanos: number
  /** Seconds east of Greenwich. */
  offset: number | undefined
  zone: string | undefined
}

const longMonths = monthNames.map((name) => name.toLowerCase())
const months = longMonths.map((name) => name.slice(0, 3))
const longDays = dayNames.map((name) => name.toLowerCase())
const days = longDays.map((name) => name.slice(0, 3))
const weekMs = 7 * 24 * 3600 * 1000
const isDigit = (code: number) => code >= 0x30 && code <= 0x39

/** What a time without an offset or a year is read with. */
export interface TimeContext {
  readonly location: Location
  /** Locations by the abbreviations of their zones. */
  readonly zones: ReadonlyMap<string, Location>
  now(): number
}

/** Reads a time by a layout, as Go does: nanoseconds since 1970; a text says what is wrong. */
export function readTime(pieces: readonly Piece[], text: string, context: TimeContext): bigint | string {
  const civil: Civil = {
    year: undefined,
    month: 1,
    day: 1,
    dayOfYear: 0,
    hour: 0,
    isPm: undefined,
    minute: 0,
    second: 0,
    nanos: 0,
    offset: undefined,
    zone: undefined,
  }
  let pos = 0
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i]!
    pos = take(piece, text, pos, civil)
    if (pos < 0) return `it does not match the layout at its part ${i + 1}`
    // A fraction that the layout does not have is read too, directly behind the seconds.
    if (piece.kind === 'second' && pieces[i + 1]?.kind !== 'fraction') pos = takeFraction(text, pos, undefined, civil)
  }
  if (pos < text.length) return 'there is more than the layout has'
  return nanosOf(civil, context)
}

/** The position behind a piece, or -1. */
function take(piece: Piece, text: string, pos: number, civil: Civil): number {
  switch (piece.kind) {
    case 'text':
      return takeText(text, pos, piece.text)
    case 'fraction':
      return takeFraction(text, pos, piece.exact ? piece.digits : undefined, civil)
    case 'offset':
      return takeOffset(piece, text, pos, civil)
    case 'monthName':
      return takeName(text, pos, months, (at) => {
        civil.month = at + 1
      })
    case 'longMonth':
      return takeName(text, pos, longMonths, (at) => {
        civil.month = at + 1
      })
    case 'dayName':
      return takeName(text, pos, days)
    case 'longDay':
      return takeName(text, pos, longDays)
    case 'PM':
    case 'pm': {
      const word = text.slice(pos, pos + 2)
      const isUpper = piece.kind === 'PM'
      if (word !== (isUpper ? 'PM' : 'pm') && word !== (isUpper ? 'AM' : 'am')) return -1
      civil.isPm = word[0]!.toLowerCase() === 'p'
      return pos + 2
    }
    case 'zone': {
      const [zone] = /^(?:[A-Z]{3,5}|[+-]\d\d)/.exec(text.slice(pos, pos + 5)) ?? []
      if (zone === undefined) return -1
      civil.zone = zone
      return pos + zone.length
    }
    default:
      return takeNumber(piece.kind, piece.fixed, text, pos, civil)
  }
}

/** A run of spaces stands for one or more, or for the end. */
function takeText(text: string, start: number, wanted: string): number {
  let pos = start
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] === ' ') {
      if (pos < text.length && text[pos] !== ' ') return -1
      while (wanted[i + 1] === ' ') i++
      while (text[pos] === ' ') pos++
    } else if (text[pos++] !== wanted[i]) return -1
  }
  return pos
}

function takeFraction(text: string, pos: number, digits: number | undefined, civil: Civil): number {
  const isThere = (text[pos] === '.' || text[pos] === ',') && isDigit(text.charCodeAt(pos + 1))
  if (!isThere) return digits === undefined ? pos : -1
  let end = pos + 1
  while (isDigit(text.charCodeAt(end))) end++
  if (digits !== undefined && end - pos - 1 !== digits) return -1
  civil.nanos = Number(text.slice(pos + 1, Math.min(end, pos + 10)).padEnd(9, '0'))
  return end
}

function takeOffset(piece: Extract<Piece, { kind: 'offset' }>, text: string, pos: number, civil: Civil): number {
  if (piece.takesZ && text[pos] === 'Z') {
    civil.offset = 0
    return pos + 1
  }
  const sign = text[pos] === '+' ? 1 : text[pos] === '-' ? -1 : 0
  if (sign === 0) return -1
  let at = pos + 1
  let seconds = 0
  for (let i = 0; i < piece.parts; i++) {
    if (i > 0 && piece.colons && text[at++] !== ':') return -1
    const value = digitsAt(text, at, 2)
    if (value < 0 || value > (i === 0 ? 24 : 59)) return -1
    seconds += value * [3600, 60, 1][i]!
    at += 2
  }
  civil.offset = sign * seconds
  return at
}

function takeName(text: string, pos: number, names: readonly string[], found?: (at: number) => void): number {
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!
    if (text.slice(pos, pos + name.length).toLowerCase() !== name) continue
    found?.(i)
    return pos + name.length
  }
  return -1
}

const ranges: Readonly<Record<string, readonly [least: number, most: number, size: number]>> = {
  year: [0, 9999, 4],
  shortYear: [0, 99, 2],
  month: [1, 12, 2],
  spacedMonth: [1, 12, 2],
  day: [1, 31, 2],
  spacedDay: [1, 31, 2],
  dayOfYear: [1, 366, 3],
  hour: [0, 23, 2],
  hour12: [0, 12, 2],
  minute: [0, 59, 2],
  second: [0, 59, 2],
}

function takeNumber(kind: string, fixed: boolean, text: string, start: number, civil: Civil): number {
  const [least, most, size] = ranges[kind]!
  let pos = start
  if (kind.startsWith('spaced') && text[pos] === ' ') pos++
  let used = size
  if (!fixed && !isDigit(text.charCodeAt(pos + 1))) used = 1
  const value = digitsAt(text, pos, used)
  if (value < least || value > most) return -1
  if (kind === 'year') civil.year = value
  else if (kind === 'shortYear') civil.year = value + (value >= 69 ? 1900 : 2000)
  else if (kind === 'hour' || kind === 'hour12') civil.hour = value
  else if (kind === 'month' || kind === 'spacedMonth') civil.month = value
  else if (kind === 'day' || kind === 'spacedDay') civil.day = value
  else civil[kind as 'minute'] = value
  return pos + used
}

function digitsAt(text: string, pos: number, count: number): number {
  let value = 0
  for (let i = pos; i < pos + count; i++) {
    const code = text.charCodeAt(i)
    if (!isDigit(code)) return -1
    value = value * 10 + code - 0x30
  }
  return value
}

function nanosOf(civil: Civil, context: TimeContext): bigint | string {
  const { month, day, dayOfYear, minute, second, nanos, isPm } = civil
  let { hour } = civil
  if (isPm === true && hour < 12) hour += 12
  else if (isPm === false && hour === 12) hour = 0
  const hasYear = civil.year !== undefined && civil.year > 0
  const thisYear = new Date(context.now()).getUTCFullYear()
  const wallOf = (year: number): number => {
    const date = new Date(0)
    if (dayOfYear > 0) date.setUTCFullYear(year, 0, dayOfYear)
    else date.setUTCFullYear(year, month - 1, day)
    const isThere = dayOfYear > 0 ? date.getUTCFullYear() === year : date.getUTCDate() === day
    return isThere ? date.setUTCHours(hour, minute, second, 0) : Number.NaN
  }
  const at = (year: number): number => {
    const wall = wallOf(year)
    return Number.isNaN(wall) ? wall : wall - offsetMs(civil, context, wall)
  }
  let ms = at(hasYear ? civil.year! : thisYear)
  // Without a year it is this one, unless that were more than a week ahead.
  if (!hasYear && (Number.isNaN(ms) || ms > context.now() + weekMs)) ms = at(thisYear - 1)
  if (Number.isNaN(ms)) return 'there is no such day, or its zone is not known'
  return ms < 0 ? 'it is before 1970' : BigInt(ms) * 1_000_000n + BigInt(nanos)
}

/** NaN when the zone is not known. */
function offsetMs({ offset, zone }: Civil, { location, zones }: TimeContext, wall: number): number {
  if (offset !== undefined) return offset * 1000
  if (zone === undefined) return location.offsetMs(wall)
  const known = zones.get(zone)
  return known ? known.offsetMs(wall) : offsetOfZone(zone, location, wall)
}
