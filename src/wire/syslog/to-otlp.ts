import { varintSize, writeVarint } from '../varint.ts'
import { copyShort } from './copy-short.ts'
import { Item, itemSize, type SyslogMessage } from './parse/message.ts'
import { copyValue } from './parse/parse-5424.ts'
import { halves, splitNanos } from './parse/parse-time.ts'
import { SeenData } from './seen-data.ts'

export interface LogRecordOptions {
  /** `original`: the body is the message as it came, as in the Collector; `message`: its text alone, and no attribute `message`. */
  body: 'original' | 'message'
}

/** SeverityNumber and text by syslog severity, as the Collector's syslog receiver has them. */
const severityNumbers = [21, 19, 18, 17, 13, 10, 9, 5]
const severityTexts = ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug'].map((text) =>
  Buffer.from(text),
)

/** `{1 key, 2 ...}` of a KeyValue up to the length of its value. */
const keyOf = (name: string): Buffer =>
  Buffer.concat([Buffer.from([0x0a, name.length]), Buffer.from(name), Buffer.from([0x12])])
const keys = {
  appname: keyOf('appname'),
  facility: keyOf('facility'),
  hostname: keyOf('hostname'),
  message: keyOf('message'),
  msgId: keyOf('msg_id'),
  priority: keyOf('priority'),
  procId: keyOf('proc_id'),
  structuredData: keyOf('structured_data'),
  version: keyOf('version'),
}

/**
 * Writes messages as OTLP log records with the attributes of the Collector's syslog receiver, from bytes to bytes:
 * `measure`, then `write` where there is room. All of the message must be UTF-8.
 */
export class LogRecordForm {
  private readonly isWhole: boolean
  private timeLo = 0
  private timeHi = 0
  private bodyStart = 0
  private bodyEnd = 0
  private dataSize = 0
  private readonly seen = new SeenData()
  /** The attribute `structured_data` as it was written before. */
  private written: Buffer | undefined
  private isParsed = true

  constructor({ body }: LogRecordOptions) {
    this.isWhole = body === 'original'
  }

  /** Size of the record. Without `isParsed` it has a body alone; `extra` are encoded attributes. */
  measure(b: Buffer, message: SyslogMessage, isParsed: boolean, extra: Buffer): number {
    const whole = this.isWhole || !isParsed
    this.isParsed = isParsed
    this.bodyStart = whole ? message.start : message.textStart
    this.bodyEnd = whole ? message.end : message.textEnd
    // Before 1970 there is no time: the field is unsigned.
    const isTimely = message.hasTime && message.seconds >= 0 && splitNanos(message.seconds, message.nanos)
    this.timeLo = isTimely ? halves.lo : 0
    this.timeHi = isTimely ? halves.hi : 0
    const body = this.bodyEnd - this.bodyStart
    const any = 1 + varintSize(body) + body
    // At 1970-01-01T00:00:00Z sharp nothing is written: the field would be its default.
    let size = ((this.timeLo | this.timeHi) !== 0 ? 9 : 0) + 1 + varintSize(any) + any + extra.length + 9
    if (!isParsed) return size
    const { priority, version } = message
    if (priority >= 0) {
      const text = severityTexts[priority & 7]!
      size += 4 + text.length + intSize(keys.facility, priority >> 3) + intSize(keys.priority, priority)
    }
    if (version > 0) size += intSize(keys.version, version)
    size += textSize(keys.appname, message.appEnd - message.appStart)
    size += textSize(keys.hostname, message.hostEnd - message.hostStart)
    size += textSize(keys.procId, message.procEnd - message.procStart)
    size += textSize(keys.msgId, message.msgIdEnd - message.msgIdStart)
    if (this.isWhole) size += textSize(keys.message, message.textEnd - message.textStart)
    if (message.itemCount === 0) return size
    this.written = this.seen.find(b, message.dataStart, message.dataEnd, message.appStart, message.appEnd)
    return size + (this.written ? this.written.length : this.measureData(message))
  }

  /** Writes what was measured last at `pos`; answers the position behind it. */
  write(
    b: Buffer,
    message: SyslogMessage,
    nowLo: number,
    nowHi: number,
    extra: Buffer,
    to: Buffer,
    pos: number,
  ): number {
    const { priority } = message
    let at = pos
    if ((this.timeLo | this.timeHi) !== 0) at = putFixed64(to, at, 0x09, this.timeLo, this.timeHi)
    const isGraded = this.isParsed && priority >= 0
    if (isGraded) {
      const text = severityTexts[priority & 7]!
      to[at] = 0x10
      to[at + 1] = severityNumbers[priority & 7]!
      to[at + 2] = 0x1a
      to[at + 3] = text.length
      at = copyShort(to, at + 4, text, 0, text.length)
    }
    const body = this.bodyEnd - this.bodyStart
    to[at] = 0x2a
    at = writeVarint(to, at + 1, 1 + varintSize(body) + body)
    to[at] = 0x0a
    at = writeVarint(to, at + 1, body)
    at += b.copy(to, at, this.bodyStart, this.bodyEnd)
    if (this.isParsed) {
      if (isGraded) {
        at = putInt(to, at, keys.facility, priority >> 3)
        at = putInt(to, at, keys.priority, priority)
      }
      if (message.version > 0) at = putInt(to, at, keys.version, message.version)
      at = putText(to, at, keys.appname, b, message.appStart, message.appEnd)
      at = putText(to, at, keys.hostname, b, message.hostStart, message.hostEnd)
      at = putText(to, at, keys.procId, b, message.procStart, message.procEnd)
      at = putText(to, at, keys.msgId, b, message.msgIdStart, message.msgIdEnd)
      if (message.itemCount > 0) at = this.putData(b, message, to, at)
      if (this.isWhole) at = putText(to, at, keys.message, b, message.textStart, message.textEnd)
    }
    at = copyShort(to, at, extra, 0, extra.length)
    return putFixed64(to, at, 0x59, nowLo, nowHi)
  }

  private putData(b: Buffer, message: SyslogMessage, to: Buffer, pos: number): number {
    if (this.written) return pos + this.written.copy(to, pos)
    const end = this.writeData(b, message, to, pos)
    this.seen.put(b, message.dataStart, message.dataEnd, to, pos, end)
    return end
  }

  /** Size of the attribute `structured_data`, a map of maps. Notes the size of each element's list beside the element. */
  private measureData({ items, itemCount }: SyslogMessage): number {
    let total = 0
    for (let i = 0; i < itemCount; ) {
      const id = i * itemSize
      let inner = 0
      for (i++; i < itemCount && items[i * itemSize + Item.valueStart]! >= 0; i++) {
        const size = parameterSize(items, i * itemSize)
        inner += 1 + varintSize(size) + size
      }
      items[id + Item.extra] = inner
      const size = elementSize(items, id, inner)
      total += 1 + varintSize(size) + size
    }
    this.dataSize = total
    const any = 1 + varintSize(total) + total
    const size = keys.structuredData.length + varintSize(any) + any
    return 1 + varintSize(size) + size
  }

  private writeData(b: Buffer, { items, itemCount }: SyslogMessage, to: Buffer, pos: number): number {
    const any = 1 + varintSize(this.dataSize) + this.dataSize
    let at = putKey(to, pos, keys.structuredData, any)
    to[at] = 0x32
    at = writeVarint(to, at + 1, this.dataSize)
    for (let i = 0; i < itemCount; i++) {
      const item = i * itemSize
      const isElement = items[item + Item.valueStart]! < 0
      const nameSize = items[item + 1]! - items[item]!
      to[at] = 0x0a
      at = writeVarint(
        to,
        at + 1,
        isElement ? elementSize(items, item, items[item + Item.extra]!) : parameterSize(items, item),
      )
      to[at] = 0x0a
      at = copyShort(to, writeVarint(to, at + 1, nameSize), b, items[item]!, items[item + 1]!)
      const size = isElement ? items[item + Item.extra]! : valueSize(items, item)
      to[at] = 0x12
      at = writeVarint(to, at + 1, 1 + varintSize(size) + size)
      to[at] = isElement ? 0x32 : 0x0a
      at = writeVarint(to, at + 1, size)
      if (isElement) continue
      const start = items[item + Item.valueStart]!
      const end = items[item + Item.valueEnd]!
      at = items[item + Item.extra]! > 0 ? copyValue(to, at, b, start, end) : copyShort(to, at, b, start, end)
    }
    return at
  }
}

const valueSize = (items: Int32Array, at: number): number =>
  items[at + Item.valueEnd]! - items[at + Item.valueStart]! - items[at + Item.extra]!

/** `{1 name, 2 {1 value}}` */
function parameterSize(items: Int32Array, at: number): number {
  const nameSize = items[at + 1]! - items[at]!
  const size = valueSize(items, at)
  const any = 1 + varintSize(size) + size
  return 2 + varintSize(nameSize) + nameSize + varintSize(any) + any
}

/** `{1 id, 2 {6 {1 parameter ...}}}` */
function elementSize(items: Int32Array, at: number, inner: number): number {
  const nameSize = items[at + 1]! - items[at]!
  const any = 1 + varintSize(inner) + inner
  return 2 + varintSize(nameSize) + nameSize + varintSize(any) + any
}

function textSize(key: Buffer, size: number): number {
  if (size === 0) return 0
  const any = 1 + varintSize(size) + size
  const whole = key.length + varintSize(any) + any
  return 1 + varintSize(whole) + whole
}

const intSize = (key: Buffer, value: number): number => 2 + key.length + 2 + varintSize(value)

function putKey(to: Buffer, pos: number, key: Buffer, any: number): number {
  to[pos] = 0x32
  const at = writeVarint(to, pos + 1, key.length + varintSize(any) + any)
  return writeVarint(to, copyShort(to, at, key, 0, key.length), any)
}

function putText(to: Buffer, pos: number, key: Buffer, b: Buffer, start: number, end: number): number {
  const size = end - start
  if (size === 0) return pos
  const at = putKey(to, pos, key, 1 + varintSize(size) + size)
  to[at] = 0x0a
  return copyShort(to, writeVarint(to, at + 1, size), b, start, end)
}

function putInt(to: Buffer, pos: number, key: Buffer, value: number): number {
  const at = putKey(to, pos, key, 1 + varintSize(value))
  to[at] = 0x18
  return writeVarint(to, at + 1, value)
}

function putFixed64(to: Buffer, pos: number, tag: number, lo: number, hi: number): number {
  to[pos] = tag
  to.writeUInt32LE(lo, pos + 1)
  return to.writeUInt32LE(hi, pos + 5)
}
