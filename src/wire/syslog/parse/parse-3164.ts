import type { SyslogMessage } from './message.ts'
import { digitsEnd, readBsdTime, readIsoTime, time } from './parse-time.ts'
import { resolveTime, type Zone } from './time-zone.ts'

/** What the bytes themselves do not say. */
export interface BsdContext {
  readonly zone: Zone
  /** Time of arrival: gives the year. */
  nowSeconds: number
  /** True for local sockets, where no host name is written. */
  noHost: boolean
}

/**
 * RFC 3164 and what is sent in its name, from behind `<PRI>` on:
 *
 *     Oct 11 22:14:15 host app[230]: text            BSD, rsyslog's traditional format
 *     2003-10-11T22:14:15.003+02:00 host app: text   rsyslog's forward format
 *     29: router: *Mar  1 18:46:11.123: %SYS-5-X: text   Cisco
 *     app[230]: text, and plain text
 *
 * Never fails: what is not recognised is text.
 */
export function parse3164(
  b: Uint8Array,
  start: number,
  end: number,
  message: SyslogMessage,
  context: BsdContext,
): void {
  const begin = skipByteOrderMark(b, start, end)
  let pos = readTime(b, begin, end, message, context)
  if (pos < 0) pos = readCisco(b, begin, end, message, context)
  const hasTime = pos >= 0
  if (pos < 0) pos = begin
  pos = skipSpaces(b, pos, end)
  if (hasTime && !context.noHost && message.hostStart === message.hostEnd && !isTag(b, pos, end)) {
    const stop = wordEnd(b, pos, end)
    message.hostStart = pos
    message.hostEnd = stop
    pos = skipSpaces(b, stop, end)
  }
  readTag(b, pos, end, message)
}

/** Position behind the timestamp, or -1. */
function readTime(b: Uint8Array, pos: number, end: number, message: SyslogMessage, context: BsdContext): number {
  let next = readBsdTime(b, pos, end)
  if (next < 0) next = readIsoTime(b, pos, end, false)
  // A time zone's name or a colon may follow; then a space or the end.
  if (next < 0 || (next < end && b[next] !== 0x20 && b[next] !== 0x3a)) return -1
  message.hasTime = true
  message.nanos = time.nanos
  message.seconds = resolveTime(context.zone, context.nowSeconds)
  return next < end && b[next] === 0x3a ? next + 1 : next
}

/** `29: router: *Mar  1 18:46:11.123 UTC: `: sequence number, host and marks may be there or not. */
function readCisco(b: Uint8Array, start: number, end: number, message: SyslogMessage, context: BsdContext): number {
  let pos = start
  const number = digitsEnd(b, pos, end)
  if (number > pos && number < end && b[number] === 0x3a) pos = skipSpaces(b, number + 1, end)
  for (let words = 0; words < 2; words++) {
    const at = pos < end && (b[pos] === 0x2a || b[pos] === 0x2e) ? pos + 1 : pos
    const next = readTime(b, at, end, message, context)
    if (next >= 0) return skipZoneName(b, next, end)
    const stop = wordEnd(b, pos, end)
    if (words > 0 || stop === pos || stop >= end || b[stop - 1] !== 0x3a) break
    message.hostStart = pos
    message.hostEnd = stop - 1
    pos = skipSpaces(b, stop, end)
  }
  message.hostStart = message.hostEnd = start
  return -1
}

/** ` UTC:` behind a time. */
function skipZoneName(b: Uint8Array, start: number, end: number): number {
  const pos = skipSpaces(b, start, end)
  let stop = pos
  while (stop < end && stop - pos < 6 && b[stop]! >= 0x41 && b[stop]! <= 0x5a) stop++
  return stop > pos && stop < end && b[stop] === 0x3a ? stop + 1 : start
}

/** `app[230]: text`, `app: text`, or text alone. */
function readTag(b: Uint8Array, start: number, end: number, message: SyslogMessage): void {
  message.textStart = start
  const stop = tagEnd(b, start, end)
  if (stop === start || stop >= end) return
  let next = stop
  let procStart = start
  let procEnd = start
  if (b[stop] === 0x5b) {
    let close = stop + 1
    while (close < end && b[close] !== 0x5d && b[close] !== 0x20 && close - stop <= longestPid) close++
    if (close >= end || b[close] !== 0x5d) return
    procStart = stop + 1
    procEnd = close
    next = close + 1
    if (next < end && b[next] === 0x3a) next++
  } else if (b[stop] === 0x3a) next = stop + 1
  else return
  if (next < end && b[next] !== 0x20 && next === stop + 1) return
  message.appStart = start
  message.appEnd = stop
  if (procEnd > procStart) {
    message.procStart = procStart
    message.procEnd = procEnd
  }
  message.textStart = next < end && b[next] === 0x20 ? next + 1 : next
}

/** Whether `app:` or `app[230]` stands here, rather than a host name. */
function isTag(b: Uint8Array, start: number, end: number): boolean {
  const stop = tagEnd(b, start, end)
  if (stop === start || stop >= end) return false
  if (b[stop] === 0x5b) return b[wordEnd(b, stop, end) - 1] === 0x3a || b[wordEnd(b, stop, end) - 1] === 0x5d
  return b[stop] === 0x3a && (stop + 1 === end || b[stop + 1] === 0x20)
}

const longestTag = 128
const longestPid = 128

/** End of a run of what tags are made of. */
function tagEnd(b: Uint8Array, start: number, end: number): number {
  let pos = start
  while (pos < end && pos - start <= longestTag && b[pos]! > 0x20 && b[pos] !== 0x3a && b[pos] !== 0x5b) pos++
  return pos - start > longestTag ? start : pos
}

function wordEnd(b: Uint8Array, start: number, end: number): number {
  let pos = start
  while (pos < end && b[pos] !== 0x20) pos++
  return pos
}

function skipSpaces(b: Uint8Array, start: number, end: number): number {
  let pos = start
  while (pos < end && b[pos] === 0x20) pos++
  return pos
}

const skipByteOrderMark = (b: Uint8Array, pos: number, end: number): number =>
  pos + 3 <= end && b[pos] === 0xef && b[pos + 1] === 0xbb && b[pos + 2] === 0xbf ? pos + 3 : pos
