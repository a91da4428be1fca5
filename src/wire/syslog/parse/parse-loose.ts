import { readPriority, type SyslogMessage } from './message.ts'
import { type BsdContext, parse3164 } from './parse-3164.ts'
import { parseLoose5424 } from './parse-5424.ts'
import { digitsEnd } from './parse-time.ts'

export type SyslogProtocol = 'auto' | 'rfc3164' | 'rfc5424'

/**
 * Reads whatever is sent as syslog in `b[start, end)`. False when the protocol was named and this is not it: then
 * `message` holds its priority and all the rest as text.
 */
export function parseLoose(
  b: Uint8Array,
  start: number,
  end: number,
  message: SyslogMessage,
  protocol: SyslogProtocol,
  context: BsdContext,
): boolean {
  message.reset(start, end)
  const behind = readPriority(b, start, end, message)
  let pos = behind
  if (behind < 0) pos = skipOddPriority(b, start, end)
  if (protocol !== 'rfc3164' && hasVersion(b, pos, end)) parseLoose5424(b, pos, end, message)
  else if (protocol !== 'rfc5424') parse3164(b, pos, end, message, context)
  else {
    message.textStart = pos
    return false
  }
  return true
}

/** `1 ` and then a time or a dash. */
function hasVersion(b: Uint8Array, start: number, end: number): boolean {
  const stop = digitsEnd(b, start, end)
  if (stop === start || stop - start > 3 || stop + 1 >= end || b[stop] !== 0x20) return false
  const next = b[stop + 1]!
  return next === 0x2d || (stop + 6 < end && next >= 0x30 && next <= 0x39 && b[stop + 5] === 0x2d)
}

/** `<999>`, `<>`: a priority that is none does not become text. */
function skipOddPriority(b: Uint8Array, start: number, end: number): number {
  if (start >= end || b[start] !== 0x3c) return start
  let pos = start + 1
  while (pos < end && pos - start < 6 && (b[pos] === 0x2d || (b[pos]! >= 0x30 && b[pos]! <= 0x39))) pos++
  return pos < end && b[pos] === 0x3e ? pos + 1 : start
}
