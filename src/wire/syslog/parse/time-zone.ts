import { daysFrom1970, time } from './parse-time.ts'

/** Turns local times into UTC. */
export interface Zone {
  /** Seconds to take off a local time, given in seconds since 1970 as if it were UTC. */
  offsetAt(localSeconds: number): number
}

const utc: Zone = { offsetAt: () => 0 }

/** A zone by its IANA name (`Europe/Berlin`), `UTC`, or `Local`. Throws a sentence when there is no such zone. */
export function newZone(name: string): Zone {
  if (name === '' || name === 'UTC') return utc
  let format: Intl.DateTimeFormat
  try {
    const timeZone = name === 'Local' ? undefined : name
    format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', ...fields })
  } catch {
    throw new Error(`there is no time zone ${JSON.stringify(name)}; write a name such as Europe/Berlin, UTC or Local`)
  }
  let lastHour = Number.NaN
  let lastOffset = 0
  return {
    offsetAt(localSeconds) {
      const hour = Math.floor(localSeconds / 900)
      if (hour === lastHour) return lastOffset
      lastHour = hour
      // The offset of the instant that has this local time: found in two steps, right but for the hour of a change.
      const near = offsetOf(format, localSeconds)
      lastOffset = offsetOf(format, localSeconds - near)
      return lastOffset
    },
  }
}

const fields = {
  year: 'numeric',
  month: 'numeric',
  day: 'numeric',
  hour: 'numeric',
  minute: 'numeric',
  second: 'numeric',
} as const

function offsetOf(format: Intl.DateTimeFormat, seconds: number): number {
  const parts: Record<string, number> = {}
  for (const { type, value } of format.formatToParts(seconds * 1000)) parts[type] = Number(value)
  const { year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
  return daysFrom1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - seconds
}

/**
 * Seconds since 1970 of the last time read by `readBsdTime` or, without an offset, `readIsoTime`. A missing year is the
 * one that brings it nearest to `nowSeconds`, at most a week ahead.
 */
export function resolveTime(zone: Zone, nowSeconds: number): number {
  if (time.zoned) return time.seconds
  if (time.hasYear) return time.seconds - zone.offsetAt(time.seconds)
  const year = new Date(nowSeconds * 1000).getUTCFullYear()
  for (const each of [year + 1, year]) {
    const local = daysFrom1970(each, time.month, time.day) * 86_400 + time.secondOfDay
    const seconds = local - zone.offsetAt(local)
    if (seconds <= nowSeconds + weekSeconds) return seconds
  }
  const local = daysFrom1970(year - 1, time.month, time.day) * 86_400 + time.secondOfDay
  return local - zone.offsetAt(local)
}

const weekSeconds = 7 * 86_400
