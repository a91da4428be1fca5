import { varintSize, varintSize64, writeVarint, writeVarint64 } from '../../varint.ts'
import { Item, itemSize, type SyslogMessage } from '../parse/message.ts'
import { halves, splitNanos } from '../parse/parse-time.ts'
import { SeenData } from '../seen-data.ts'
import { Kind, MetricElement, metricKind } from './metric-element.ts'
import { behindElement, putText, startsWith } from './parameters.ts'
import { extraSize, skipped, tagSize, writeExtra, writeTags } from './tags.ts'

export interface EnvelopeOptions {
  /** Log Cache's rules to the letter; else nothing is refused and what has no place becomes a tag. */
  strict: boolean
  /** Leave out white space around a log's text; else one line feed at its end. */
  trim: boolean
}

/** Field of loggregator.v2 Envelope by kind. */
const fieldOfKind = [0, 4, 5, 6, 7, 10]
/** Element whose parameters are tags by their bare names. */
const tagsId = Buffer.from('tags')

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
  private readonly metric = new MetricElement()
  private readonly seen = new SeenData()
  /** The tags of a log as they were written before. */
  private written: Buffer | undefined

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
    if (!this.strict) size += extraSize(message)
    return size + 1 + varintSize(this.bodySize) + this.bodySize
  }

  /** Writes what was measured last at `pos`; answers the position behind it. */
  write(b: Buffer, message: SyslogMessage, to: Buffer, pos: number): number {
    to[pos] = 0x08
    let at = writeVarint64(to, pos + 1, this.timeLo, this.timeHi)
    at = putText(to, at, 0x12, this.source, this.sourceFrom, this.sourceTo)
    if (this.instanceEnd > this.instanceStart) at = putText(to, at, 0x42, b, this.instanceStart, this.instanceEnd)
    if (message.itemCount > 0) at = this.putTags(b, message, to, at)
    if (!this.strict) at = writeExtra(b, message, to, at)
    to[at] = (fieldOfKind[this.kind]! << 3) | 2
    at = writeVarint(to, at + 1, this.bodySize)
    return this.element < 0 ? this.writeLog(b, message, to, at) : this.metric.write(b, message, to, at)
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
    const end = writeTags(b, message, to, pos)
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
        const bodySize = this.metric.measure(b, message, i, next, kind)
        if (bodySize < 0 && this.strict) {
          this.refuse(this.metric.fault)
          return -1
        }
        if (bodySize >= 0) {
          this.bodySize = bodySize
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

  private writeLog(b: Buffer, message: SyslogMessage, to: Buffer, pos: number): number {
    const { textStart, textEnd } = this
    let at = pos
    if (textEnd > textStart) {
      to[at] = 0x0a
      at = writeVarint(to, at + 1, textEnd - textStart)
      at += b.copy(to, at, textStart, textEnd)
    }
    if (!this.isError(message.priority)) return at
    to[at] = 0x10
    to[at + 1] = 1
    return at + 2
  }

  private refuse(fault: string): false {
    this.fault = fault
    return false
  }
}

const isBracket = (c: number): boolean => c === 0x5b || c === 0x5d
/** What Go trims of ASCII. */
const isSpace = (c: number): boolean => c === 0x20 || (c >= 0x09 && c <= 0x0d)
