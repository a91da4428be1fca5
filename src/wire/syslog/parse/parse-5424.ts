import { isUtf8 } from '../../utf8.ts'
import { Fault, Item, itemSize, readPriority, type SyslogMessage } from './message.ts'
import { digitsEnd, readIsoTime, time } from './parse-time.ts'

/**
 * RFC 5424, section 6, to the letter, as Log Cache reads it: `<14>1 2003-10-11T22:14:15Z host app proc - [id a="1"] text`
 * in `b[start, end)`. Answers a `Fault`, 0 for none. The bytes must stay as they are while `message` is used.
 */
export function parse5424(b: Uint8Array, start: number, end: number, message: SyslogMessage): Fault {
  message.reset(start, end)
  let pos = readPriority(b, start, end, message)
  if (pos < 0 || (b[start + 1] === 0x30 && message.priority !== 0)) return Fault.priority
  if (b[start + 1] === 0x30 && b[start + 2] !== 0x3e) return Fault.priority
  const versionEnd = digitsEnd(b, pos, end)
  if (versionEnd === pos || versionEnd - pos > 3 || b[pos] === 0x30) return Fault.version
  message.version = numberOf(b, pos, versionEnd)
  pos = space(b, versionEnd, end)
  if (pos < 0) return Fault.version
  pos = space(b, timestamp(b, pos, end, message, true), end)
  if (pos < 0) return Fault.timestamp
  let stop = printableEnd(b, pos, end)
  if (stop === pos || stop - pos > 255 || stop >= end || b[stop] !== 0x20) return Fault.hostname
  message.hostStart = pos
  message.hostEnd = isNil(b, pos, stop) ? pos : stop
  pos = stop + 1
  stop = printableEnd(b, pos, end)
  if (stop === pos || stop - pos > 48 || stop >= end || b[stop] !== 0x20) return Fault.appName
  message.appStart = pos
  message.appEnd = isNil(b, pos, stop) ? pos : stop
  pos = stop + 1
  stop = printableEnd(b, pos, end)
  if (stop === pos || stop - pos > 128 || stop >= end || b[stop] !== 0x20) return Fault.procId
  message.procStart = pos
  message.procEnd = isNil(b, pos, stop) ? pos : stop
  pos = stop + 1
  stop = printableEnd(b, pos, end)
  if (stop === pos || stop - pos > 32 || stop >= end || b[stop] !== 0x20) return Fault.msgId
  message.msgIdStart = pos
  message.msgIdEnd = isNil(b, pos, stop) ? pos : stop
  pos = readStructuredData(b, stop + 1, end, message, true)
  if (pos < 0) return Fault.structuredData
  if (pos < end) {
    if (b[pos] !== 0x20) return Fault.message
    message.textStart = pos + 1
  }
  return Fault.none
}

/**
 * The same for the world's senders, from behind `<PRI>` on: parts may be missing at the end, longer than allowed, not
 * ASCII; a timestamp that cannot be read is left out, structured data that cannot be read is taken for text, a byte
 * order mark is left out. Never fails.
 */
export function parseLoose5424(b: Uint8Array, start: number, end: number, message: SyslogMessage): void {
  let pos = digitsEnd(b, start, end)
  message.version = numberOf(b, start, pos)
  pos = skipSpaces(b, pos, end)
  const timeEnd = wordEnd(b, pos, end)
  if (timestamp(b, pos, timeEnd, message, false) !== timeEnd) message.hasTime = false
  pos = skipSpace(b, timeEnd, end)
  let stop = wordEnd(b, pos, end)
  message.hostStart = pos
  message.hostEnd = isNil(b, pos, stop) ? pos : stop
  pos = skipSpace(b, stop, end)
  stop = wordEnd(b, pos, end)
  message.appStart = pos
  message.appEnd = isNil(b, pos, stop) ? pos : stop
  pos = skipSpace(b, stop, end)
  stop = wordEnd(b, pos, end)
  message.procStart = pos
  message.procEnd = isNil(b, pos, stop) ? pos : stop
  pos = skipSpace(b, stop, end)
  stop = wordEnd(b, pos, end)
  message.msgIdStart = pos
  message.msgIdEnd = isNil(b, pos, stop) ? pos : stop
  pos = skipSpace(b, stop, end)
  stop = readStructuredData(b, pos, end, message, false)
  if (stop < 0) message.itemCount = 0
  else pos = skipSpace(b, stop, end)
  if (pos + 3 <= end && b[pos] === 0xef && b[pos + 1] === 0xbb && b[pos + 2] === 0xbf) pos += 3
  message.textStart = pos
}

function timestamp(b: Uint8Array, pos: number, end: number, message: SyslogMessage, strict: boolean): number {
  if (pos < 0 || pos >= end) return strict ? -1 : end
  if (b[pos] === 0x2d && (pos + 1 === end || b[pos + 1] === 0x20)) return pos + 1
  const next = readIsoTime(b, pos, end, strict)
  if (next < 0) return -1
  message.hasTime = true
  message.seconds = time.seconds
  message.nanos = time.nanos
  return next
}

/** Position behind one space at `pos`, or -1. */
const space = (b: Uint8Array, pos: number, end: number): number =>
  pos >= 0 && pos < end && b[pos] === 0x20 ? pos + 1 : -1
const skipSpace = (b: Uint8Array, pos: number, end: number): number => (pos < end && b[pos] === 0x20 ? pos + 1 : pos)
const isNil = (b: Uint8Array, start: number, end: number): boolean => end - start === 1 && b[start] === 0x2d

function skipSpaces(b: Uint8Array, start: number, end: number): number {
  let pos = start
  while (pos < end && b[pos] === 0x20) pos++
  return pos
}

function wordEnd(b: Uint8Array, start: number, end: number): number {
  let pos = start
  while (pos < end && b[pos] !== 0x20) pos++
  return pos
}

function printableEnd(b: Uint8Array, start: number, end: number): number {
  let pos = start
  while (pos < end && b[pos]! > 0x20 && b[pos]! < 0x7f) pos++
  return pos
}

function numberOf(b: Uint8Array, start: number, end: number): number {
  let value = 0
  for (let pos = start; pos < end && pos < start + 5; pos++) value = value * 10 + b[pos]! - 0x30
  return value
}

/** 1 for what may stand in SD-ID and PARAM-NAME. */
const inName = new Uint8Array(256)
for (let c = 0x21; c < 0x7f; c++) if (c !== 0x3d && c !== 0x5d && c !== 0x22) inName[c] = 1

/** `-`, or elements side by side: answers the position behind them, or -1. */
function readStructuredData(
  b: Uint8Array,
  start: number,
  end: number,
  message: SyslogMessage,
  strict: boolean,
): number {
  let pos = start
  if (pos < end && b[pos] === 0x2d && (strict || pos + 1 === end || b[pos + 1] === 0x20)) return pos + 1
  // In the place of structured data stands the text: some senders leave the dash out.
  if (pos >= end || b[pos] !== 0x5b) return strict ? -1 : pos
  message.dataStart = start
  let seen: Set<string> | undefined
  let elements = 0
  while (pos < end && b[pos] === 0x5b) {
    const idStart = pos + 1
    pos = nameEnd(b, idStart, end)
    if (pos === idStart || pos >= end || (strict && pos - idStart > 32)) return -1
    if (strict) {
      if (elements === manyElements) seen = idsOf(b, message)
      const isDouble = seen ? seen.has(textAt(b, idStart, pos)) : isKnown(b, idStart, pos, message)
      if (isDouble) return -1
      seen?.add(textAt(b, idStart, pos))
    }
    elements++
    message.addItem(idStart, pos, -1, -1, 0)
    pos = readParameters(b, pos, end, message, strict)
    if (pos < 0) return -1
  }
  message.dataEnd = pos
  return pos
}

/** From here on a set is cheaper than to compare each with each. */
const manyElements = 16

function nameEnd(b: Uint8Array, start: number, end: number): number {
  let pos = start
  while (pos < end && inName[b[pos]!] === 1) pos++
  return pos
}

/** ` name="value"` until `]`; answers the position behind it, or -1. */
function readParameters(b: Uint8Array, start: number, end: number, message: SyslogMessage, strict: boolean): number {
  let pos = start
  while (pos < end) {
    if (b[pos] === 0x5d) return pos + 1
    if (b[pos] !== 0x20) return -1
    pos++
    if (!strict) {
      pos = skipSpaces(b, pos, end)
      if (b[pos] === 0x5d && pos < end) return pos + 1
    }
    const from = pos
    pos = nameEnd(b, from, end)
    if (pos === from || pos + 2 > end || (strict && pos - from > 32)) return -1
    if (b[pos] !== 0x3d || b[pos + 1] !== 0x22) return -1
    const name = pos
    const valueStart = pos + 2
    let escapes = 0
    let bits = 0
    for (pos = valueStart; pos < end; pos++) {
      const c = b[pos]!
      bits |= c
      if (c === 0x22) break
      if (c === 0x5c) {
        const next = pos + 1 < end ? b[pos + 1]! : 0
        if (next === 0x22 || next === 0x5c || next === 0x5d) {
          escapes++
          pos++
        } else if (strict) return -1
      } else if (c === 0x5d && strict) return -1
    }
    if (pos >= end || (strict && bits >= 0x80 && !isUtf8(b, valueStart, pos))) return -1
    message.addItem(from, name, valueStart, pos, escapes)
    pos++
  }
  return -1
}

function isKnown(b: Uint8Array, start: number, end: number, { items, itemCount }: SyslogMessage): boolean {
  for (let at = 0; at < itemCount * itemSize; at += itemSize) {
    if (items[at + Item.valueStart]! >= 0 || items[at + 1]! - items[at]! !== end - start) continue
    let i = 0
    while (i < end - start && b[start + i] === b[items[at]! + i]) i++
    if (i === end - start) return true
  }
  return false
}

const textAt = (b: Uint8Array, start: number, end: number) => String.fromCharCode(...b.subarray(start, end))

function idsOf(b: Uint8Array, { items, itemCount }: SyslogMessage): Set<string> {
  const ids = new Set<string>()
  for (let at = 0; at < itemCount * itemSize; at += itemSize)
    if (items[at + Item.valueStart]! < 0) ids.add(textAt(b, items[at]!, items[at + 1]!))
  return ids
}

/** Copies a parameter's value without its escapes; answers the position behind it. */
export function copyValue(to: Uint8Array, pos: number, b: Uint8Array, start: number, end: number): number {
  let at = pos
  for (let from = start; from < end; from++) {
    const c = b[from]!
    if (c === 0x5c && from + 1 < end) {
      const next = b[from + 1]!
      if (next === 0x22 || next === 0x5c || next === 0x5d) {
        to[at++] = next
        from++
        continue
      }
    }
    to[at++] = c
  }
  return at
}
