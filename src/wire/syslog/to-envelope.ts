import { varintSize, varintSize64, writeVarint, writeVarint64 } from '../varint.ts'
import { copyShort } from './copy-short.ts'
import { Item, itemSize, type SyslogMessage } from './parse/message.ts'
import { float, integer, readGoFloat, readInt64, readUint64 } from './parse/numbers.ts'
import { copyValue } from './parse/parse-5424.ts'
import { halves, splitNanos } from './parse/parse-time.ts'
import { SeenData } from './seen-data.ts'

export interface EnvelopeOptions {
  /** Log Cache's rules to the letter; else nothing is refused and what has no place becomes a tag. */
  strict: boolean
  /** Leave out white space around a log's text; else one line feed at its end. */
  trim: boolean
}

/** Kinds of envelopes, as in telemetry/envelope-scan.ts. */
const Kind = { log: 1, counter: 2, gauge: 3, timer: 4, event: 5 } as const
const fieldOfKind = [0, 4, 5, 6, 7, 10]

const tagsId = Buffer.from('tags')
const metricIds = [
  { kind: Kind.counter, id: Buffer.from('counter') },
  { kind: Kind.gauge, id: Buffer.from('gauge') },
  { kind: Kind.timer, id: Buffer.from('timer') },
  { kind: Kind.event, id: Buffer.from('event') },
] as const

const names = {
  name: Buffer.from('name'),
  delta: Buffer.from('delta'),
  total: Buffer.from('total'),
  value: Buffer.from('value'),
  unit: Buffer.from('unit'),
  start: Buffer.from('start'),
  stop: Buffer.from('stop'),
  title: Buffer.from('title'),
  body: Buffer.from('body'),
}
const hostKey = Buffer.from('hostname')
const msgIdKey = Buffer.from('msg_id')
const priorityKey = Buffer.from('priority')
const priorities = Array.from({ length: 192 }, (_, i) => Buffer.from(String(i)))

/**
 * Writes messages as loggregator.v2 envelopes, from bytes to bytes: `measure`, then `write` where there is room. One
 * serves one receiver.
 */
export class EnvelopeForm {
  /** Why the last `measure` answered -1. */
  fault = ''
  /** Of the measured envelope (Kind of telemetry/envelope-scan.ts). */
  kind = 0
  /** Extent of its source id, counted from the start of its body. */
  sourceStart = 0
  sourceEnd = 0
  private readonly strict: boolean
  private readonly trim: boolean
  private timeLo = 0
  private timeHi = 0
  private bodySize = 0
  private source: Buffer = tagsId
  private sourceFrom = 0
  private sourceTo = 0
  private instanceStart = 0
  private instanceEnd = 0
  private textStart = 0
  private textEnd = 0
  /** Item of the metric's or event's element; -1: a log. */
  private element = -1
  private loLo = 0
  private loHi = 0
  private hiLo = 0
  private hiHi = 0
  private number = 0
  private nameItem = -1
  private readonly seen = new SeenData()
  /** The tags of a log as they were written before. */
  private written: Buffer | undefined
  private unitItem = -1

  constructor({ strict, trim }: EnvelopeOptions) {
    this.strict = strict
    this.trim = trim
  }

  /**
   * Size of the envelope that `message` over `b` becomes, or -1 with `fault`. `now`: time of arrival, for messages without
   * one; `peer` stands in for a source id that nothing else gives.
   */
  measure(b: Buffer, message: SyslogMessage, nowLo: number, nowHi: number, peer: Buffer): number {
    if (!this.findIds(b, message, peer)) return -1
    const isTimely = message.hasTime && splitNanos(message.seconds, message.nanos)
    this.timeLo = isTimely ? halves.lo : nowLo
    this.timeHi = isTimely ? halves.hi : nowHi
    const tags = this.measureData(b, message)
    if (tags < 0) return -1
    if (this.element < 0 && !this.measureLog(b, message)) return -1
    const sourceSize = this.sourceTo - this.sourceFrom
    const instanceSize = this.instanceEnd - this.instanceStart
    const timeSize = varintSize64(this.timeLo, this.timeHi)
    this.sourceStart = 1 + timeSize + 1 + varintSize(sourceSize)
    this.sourceEnd = this.sourceStart + sourceSize
    let size = this.sourceEnd + tags
    if (instanceSize > 0) size += 1 + varintSize(instanceSize) + instanceSize
    if (!this.strict) size += this.extraSize(message)
    return size + 1 + varintSize(this.bodySize) + this.bodySize
  }

  /** Writes what was measured last at `pos`; answers the position behind it. */
  write(b: Buffer, message: SyslogMessage, to: Buffer, pos: number): number {
    to[pos] = 0x08
    let at = writeVarint64(to, pos + 1, this.timeLo, this.timeHi)
    at = putText(to, at, 0x12, this.source, this.sourceFrom, this.sourceTo)
    if (this.instanceEnd > this.instanceStart) at = putText(to, at, 0x42, b, this.instanceStart, this.instanceEnd)
    if (message.itemCount > 0) at = this.putTags(b, message, to, at)
    if (!this.strict) at = this.writeExtra(b, message, to, at)
    to[at] = (fieldOfKind[this.kind]! << 3) | 2
    at = writeVarint(to, at + 1, this.bodySize)
    return this.writeBody(b, message, to, at)
  }

  private findIds(b: Buffer, message: SyslogMessage, peer: Buffer): boolean {
    this.source = b
    if (message.appEnd > message.appStart) {
      this.sourceFrom = message.appStart
      this.sourceTo = message.appEnd
    } else if (this.strict) return this.refuse('missing app name in syslog message')
    else if (message.hostEnd > message.hostStart) {
      this.sourceFrom = message.hostStart
      this.sourceTo = message.hostEnd
    } else {
      this.source = peer
      this.sourceFrom = 0
      this.sourceTo = peer.length
    }
    let from = message.procStart
    let to = message.procEnd
    if (from === to && this.strict) return this.refuse('missing proc ID in syslog message')
    while (from < to && isBracket(b[from]!)) from++
    while (to > from && isBracket(b[to - 1]!)) to--
    let slash = to
    while (slash > from && b[slash - 1] !== 0x2f) slash--
    this.instanceStart = slash
    this.instanceEnd = to
    return true
  }

  private measureData(b: Buffer, message: SyslogMessage): number {
    this.element = -1
    this.written = undefined
    if (message.itemCount === 0) return 0
    const { dataStart, dataEnd, appStart, appEnd } = message
    this.written = this.seen.find(b, dataStart, dataEnd, appStart, appEnd)
    return this.written ? this.written.length : this.measureElements(b, message)
  }

  private putTags(b: Buffer, message: SyslogMessage, to: Buffer, pos: number): number {
    if (this.written) return pos + this.written.copy(to, pos)
    const end = this.writeTags(b, message, to, pos)
    // Metrics are in their structured data, which is never the same for long.
    if (this.element < 0) this.seen.put(b, message.dataStart, message.dataEnd, to, pos, end)
    return end
  }

  /** Finds the metric or event and adds up the tags; -1 with `fault`. */
  private measureElements(b: Buffer, message: SyslogMessage): number {
    const { items, itemCount } = message
    this.element = -1
    let size = 0
    let kind = 0
    for (let i = 0; i < itemCount; ) {
      const at = i * itemSize
      const next = behindElement(message, i)
      if (startsWith(b, items[at]!, items[at + 1]!, tagsId)) kind = 0
      else kind = metricKind(b, items[at]!, items[at + 1]!)
      if (kind > 0) {
        const isSound = this.measureMetric(b, message, i, next, kind)
        if (!isSound && this.strict) return -1
        if (isSound) {
          this.element = i
          this.kind = kind
          items[at + Item.extra] = skipped
          i = next
          continue
        }
      } else if (kind < 0 && this.strict) {
        this.refuse(`unknown envelope type for structured data: ${b.toString('latin1', items[at], items[at + 1])}`)
        return -1
      }
      // Other elements give their id to the names of their tags.
      const prefix = kind === 0 ? 0 : items[at + 1]! - items[at]! + 1
      items[at + Item.extra] = prefix
      for (let j = i + 1; j < next; j++) size += tagSize(items, j * itemSize, prefix)
      i = next
    }
    return size
  }

  private measureMetric(b: Buffer, message: SyslogMessage, from: number, to: number, kind: number): boolean {
    if (kind === Kind.event) return this.measureEvent(b, message, from, to)
    const { items } = message
    const name = findParameter(b, items, from, to, names.name)
    const nameSize = name < 0 ? 0 : valueSize(items, name)
    let size = nameSize > 0 ? 1 + varintSize(nameSize) + nameSize : 0
    if (kind === Kind.gauge) return this.measureGauge(b, items, from, to, name)
    const isCounter = kind === Kind.counter
    const first = findParameter(b, items, from, to, isCounter ? names.delta : names.start)
    const second = findParameter(b, items, from, to, isCounter ? names.total : names.stop)
    if (!this.readInteger(b, items, first, isCounter))
      return this.refuse(isCounter ? 'expected a delta in counter' : 'expected a start in timer')
    const { lo, hi } = integer
    // Nothing is touched before all is sound: an earlier element may be the one that counts.
    if (!this.readInteger(b, items, second, isCounter))
      return this.refuse(isCounter ? 'expected a total in counter' : 'expected a stop in timer')
    this.loLo = lo
    this.loHi = hi
    this.hiLo = integer.lo
    this.hiHi = integer.hi
    if ((this.loLo | this.loHi) !== 0) size += 1 + varintSize64(this.loLo, this.loHi)
    if ((this.hiLo | this.hiHi) !== 0) size += 1 + varintSize64(this.hiLo, this.hiHi)
    this.nameItem = nameSize > 0 ? name : -1
    this.bodySize = size
    return true
  }

  private readInteger(b: Buffer, items: Int32Array, at: number, isUnsigned: boolean): boolean {
    if (at < 0) return false
    const start = items[at + Item.valueStart]!
    const end = items[at + Item.valueEnd]!
    return isUnsigned ? readUint64(b, start, end) : readInt64(b, start, end)
  }

  private measureGauge(b: Buffer, items: Int32Array, from: number, to: number, name: number): boolean {
    const unit = findParameter(b, items, from, to, names.unit)
    const value = findParameter(b, items, from, to, names.value)
    if (unit < 0) return this.refuse('expected unit not found in gauge')
    if (value < 0 || !readGoFloat(b, items[value + Item.valueStart]!, items[value + Item.valueEnd]!))
      return this.refuse('expected a value in gauge')
    this.number = float.value
    this.nameItem = name
    this.unitItem = unit
    const entry = this.gaugeEntrySize(items)
    this.bodySize = 1 + varintSize(entry) + entry
    return true
  }

  /** `{1 key, 2 {1 unit, 2 value}}` */
  private gaugeEntrySize(items: Int32Array): number {
    const nameSize = this.nameItem < 0 ? 0 : valueSize(items, this.nameItem)
    const inner = this.gaugeValueSize(items)
    return 1 + varintSize(nameSize) + nameSize + 1 + varintSize(inner) + inner
  }

  private gaugeValueSize(items: Int32Array): number {
    const unitSize = valueSize(items, this.unitItem)
    return (unitSize === 0 ? 0 : 1 + varintSize(unitSize) + unitSize) + 9
  }

  private measureEvent(b: Buffer, { items }: SyslogMessage, from: number, to: number): boolean {
    const title = findParameter(b, items, from, to, names.title)
    const body = findParameter(b, items, from, to, names.body)
    const titleSize = title < 0 ? 0 : valueSize(items, title)
    const textSize = body < 0 ? 0 : valueSize(items, body)
    this.nameItem = title
    this.unitItem = body
    this.bodySize =
      (title < 0 ? 0 : 1 + varintSize(titleSize) + titleSize) + (body < 0 ? 0 : 1 + varintSize(textSize) + textSize)
    return true
  }

  private measureLog(b: Buffer, message: SyslogMessage): boolean {
    let { textStart: start, textEnd: end } = message
    if (start === end && this.strict) return this.refuse('missing message data in syslog message')
    if (this.trim) {
      while (start < end && isSpace(b[start]!)) start++
      while (end > start && isSpace(b[end - 1]!)) end--
    } else if (end > start && b[end - 1] === 0x0a) end--
    this.textStart = start
    this.textEnd = end
    this.kind = Kind.log
    const size = end - start
    this.bodySize = (size > 0 ? 1 + varintSize(size) + size : 0) + (this.isError(message.priority) ? 2 : 0)
    return true
  }

  /** Log Cache knows `user.err` alone. */
  private isError(priority: number): boolean {
    return this.strict ? priority === 11 : priority >= 0 && (priority & 7) <= 3
  }

  private writeTags(b: Buffer, message: SyslogMessage, to: Buffer, pos: number): number {
    const { items, itemCount } = message
    let at = pos
    let id = 0
    let prefix = 0
    for (let i = 0; i < itemCount; i++) {
      const item = i * itemSize
      if (items[item + Item.valueStart]! < 0) {
        id = item
        prefix = items[item + Item.extra]!
        continue
      }
      if (prefix === skipped) continue
      const keySize = items[item + 1]! - items[item]! + prefix
      const size = valueSize(items, item)
      to[at] = 0x4a
      at = writeVarint(to, at + 1, 2 + varintSize(keySize) + keySize + varintSize(size) + size)
      to[at] = 0x0a
      at = writeVarint(to, at + 1, keySize)
      if (prefix > 0) {
        at = copyShort(to, at, b, items[id]!, items[id + 1]!)
        to[at++] = 0x2e
      }
      at = copyShort(to, at, b, items[item]!, items[item + 1]!)
      at = putValue(to, at, 0x12, b, items, item)
    }
    return at
  }

  private extraSize(message: SyslogMessage): number {
    const { priority } = message
    let size = extraTagSize(hostKey, message.hostEnd - message.hostStart)
    size += extraTagSize(msgIdKey, message.msgIdEnd - message.msgIdStart)
    return size + extraTagSize(priorityKey, priority < 0 ? 0 : priorities[priority]!.length)
  }

  private writeExtra(b: Buffer, message: SyslogMessage, to: Buffer, pos: number): number {
    const { priority } = message
    let at = putTag(to, pos, hostKey, b, message.hostStart, message.hostEnd)
    at = putTag(to, at, msgIdKey, b, message.msgIdStart, message.msgIdEnd)
    if (priority < 0) return at
    const text = priorities[priority]!
    return putTag(to, at, priorityKey, text, 0, text.length)
  }

  private writeBody(b: Buffer, message: SyslogMessage, to: Buffer, pos: number): number {
    const { items } = message
    let at = pos
    if (this.kind === Kind.log) {
      const { textStart, textEnd } = this
      if (textEnd > textStart) {
        to[at] = 0x0a
        at = writeVarint(to, at + 1, textEnd - textStart)
        at += b.copy(to, at, textStart, textEnd)
      }
      if (this.isError(message.priority)) {
        to[at] = 0x10
        to[at + 1] = 1
        at += 2
      }
      return at
    }
    if (this.kind === Kind.gauge) {
      to[at] = 0x0a
      at = writeVarint(to, at + 1, this.gaugeEntrySize(items))
      if (this.nameItem >= 0) at = putValue(to, at, 0x0a, b, items, this.nameItem)
      else {
        to[at++] = 0x0a
        to[at++] = 0
      }
      to[at] = 0x12
      at = writeVarint(to, at + 1, this.gaugeValueSize(items))
      if (valueSize(items, this.unitItem) > 0) at = putValue(to, at, 0x0a, b, items, this.unitItem)
      to[at] = 0x11
      return to.writeDoubleLE(this.number, at + 1)
    }
    if (this.nameItem >= 0) at = putValue(to, at, 0x0a, b, items, this.nameItem)
    if (this.kind === Kind.event) return this.unitItem < 0 ? at : putValue(to, at, 0x12, b, items, this.unitItem)
    if ((this.loLo | this.loHi) !== 0) {
      to[at] = 0x10
      at = writeVarint64(to, at + 1, this.loLo, this.loHi)
    }
    if ((this.hiLo | this.hiHi) !== 0) {
      to[at] = 0x18
      at = writeVarint64(to, at + 1, this.hiLo, this.hiHi)
    }
    return at
  }

  private refuse(fault: string): false {
    this.fault = fault
    return false
  }
}

/** In `Item.extra` of an element: it gives no tags. */
const skipped = -1

const isBracket = (c: number): boolean => c === 0x5b || c === 0x5d
/** What Go trims of ASCII. */
const isSpace = (c: number): boolean => c === 0x20 || (c >= 0x09 && c <= 0x0d)

function startsWith(b: Uint8Array, start: number, end: number, word: Uint8Array): boolean {
  if (end - start < word.length) return false
  for (let i = 0; i < word.length; i++) if (b[start + i] !== word[i]) return false
  return true
}

/** Kind by the start of an SD-ID; -1: none of them. */
function metricKind(b: Uint8Array, start: number, end: number): number {
  for (const { kind, id } of metricIds) if (startsWith(b, start, end, id)) return kind
  return -1
}

function behindElement({ items, itemCount }: SyslogMessage, first: number): number {
  let i = first + 1
  while (i < itemCount && items[i * itemSize + Item.valueStart]! >= 0) i++
  return i
}

/** Place of the last parameter of that name, as in a map; -1: there is none. */
function findParameter(b: Uint8Array, items: Int32Array, from: number, to: number, name: Uint8Array): number {
  for (let i = to - 1; i > from; i--) {
    const at = i * itemSize
    if (items[at + 1]! - items[at]! === name.length && startsWith(b, items[at]!, items[at + 1]!, name)) return at
  }
  return -1
}

const valueSize = (items: Int32Array, at: number): number =>
  items[at + Item.valueEnd]! - items[at + Item.valueStart]! - items[at + Item.extra]!

function tagSize(items: Int32Array, at: number, prefix: number): number {
  const keySize = items[at + 1]! - items[at]! + prefix
  const size = valueSize(items, at)
  const entry = 2 + varintSize(keySize) + keySize + varintSize(size) + size
  return 1 + varintSize(entry) + entry
}

function extraTagSize(key: Buffer, size: number): number {
  if (size === 0) return 0
  const entry = 3 + key.length + varintSize(size) + size
  return 1 + varintSize(entry) + entry
}

function putTag(to: Buffer, pos: number, key: Buffer, b: Buffer, start: number, end: number): number {
  const size = end - start
  if (size === 0) return pos
  to[pos] = 0x4a
  const at = writeVarint(to, pos + 1, 3 + key.length + varintSize(size) + size)
  return putText(to, putText(to, at, 0x0a, key, 0, key.length), 0x12, b, start, end)
}

function putText(to: Buffer, pos: number, tag: number, b: Buffer, start: number, end: number): number {
  to[pos] = tag
  return copyShort(to, writeVarint(to, pos + 1, end - start), b, start, end)
}

/** A parameter's value without its escapes. */
function putValue(to: Buffer, pos: number, tag: number, b: Buffer, items: Int32Array, at: number): number {
  to[pos] = tag
  const from = writeVarint(to, pos + 1, valueSize(items, at))
  const start = items[at + Item.valueStart]!
  const end = items[at + Item.valueEnd]!
  return items[at + Item.extra]! > 0 ? copyValue(to, from, b, start, end) : copyShort(to, from, b, start, end)
}
