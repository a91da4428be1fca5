import { digitsEnd, halves, readIsoTime, splitNanos, time } from '../parse/parse-time.ts'
import type { Zone } from '../parse/time-zone.ts'

/** Where the last `readOriginalHead` found the timestamp. */
export const original = { timeStart: 0, timeEnd: 0 }

/**
 * Whether `b[start, end)` is an RFC 5424 message with the priority and the time (nanoseconds, 0 for none) of its record:
 * then its timestamp still stands there as its sender wrote it, with its offset and its digits.
 */
export function readOriginalHead(
  b: Uint8Array,
  start: number,
  end: number,
  priority: number,
  timeLo: number,
  timeHi: number,
): boolean {
  if (end - start < 8 || b[start] !== 0x3c) return false
  let pos = start + 1
  let value = 0
  for (; pos < start + 4 && b[pos]! >= 0x30 && b[pos]! <= 0x39; pos++) value = value * 10 + b[pos]! - 0x30
  if (value !== priority || b[pos] !== 0x3e) return false
  const version = pos + 1
  pos = digitsEnd(b, version, end)
  if (pos === version || pos - version > 3 || b[pos] !== 0x20) return false
  const timeStart = pos + 1
  original.timeStart = timeStart
  const isNil = timeStart + 1 < end && b[timeStart] === 0x2d && b[timeStart + 1] === 0x20
  if (isNil) {
    original.timeEnd = timeStart + 1
    return (timeLo | timeHi) === 0
  }
  pos = readIsoTime(b, timeStart, end, true)
  original.timeEnd = pos
  if (pos < 0 || pos >= end || b[pos] !== 0x20) return false
  // Before 1970 there is no time in a record.
  if (time.seconds < 0) return (timeLo | timeHi) === 0
  return splitNanos(time.seconds, time.nanos) && halves.lo === timeLo && halves.hi === timeHi
}

const months = 'JanFebMarAprMayJunJulAugSepOctNovDec'

/** Seconds since 1970 as `Oct  1 22:14:15` of a time zone (RFC 3164, 4.1.2). */
export class BsdTimestamp {
  static readonly size = 15
  private readonly zone: Zone
  private second = Number.NaN
  private readonly text = Buffer.alloc(BsdTimestamp.size)

  constructor(zone: Zone) {
    this.zone = zone
  }

  write(to: Buffer, pos: number, seconds: number): number {
    if (seconds !== this.second) this.set(seconds)
    return pos + this.text.copy(to, pos)
  }

  private set(seconds: number): void {
    this.second = seconds
    // The zone is asked by local time: near a change of the clock the second question has it right.
    const near = seconds + this.zone.offsetAt(seconds)
    const local = new Date((seconds + this.zone.offsetAt(near)) * 1000)
    const two = (n: number, pad: string) => String(n).padStart(2, pad)
    const month = months.slice(local.getUTCMonth() * 3, local.getUTCMonth() * 3 + 3)
    const clock = [local.getUTCHours(), local.getUTCMinutes(), local.getUTCSeconds()].map((n) => two(n, '0')).join(':')
    this.text.write(`${month} ${two(local.getUTCDate(), ' ')} ${clock}`, 'latin1')
  }
}

/** Whole seconds of unsigned nanoseconds. */
export function secondsOf(lo: number, hi: number): number {
  return Math.floor((hi * 4294967296 + lo) / 1e9)
}
