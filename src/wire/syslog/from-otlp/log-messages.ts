import { AnyKind, AnyView, anyText } from '../../convert/any-value.ts'
import { ForwardWriter } from '../../forward-writer.ts'
import { Reader } from '../../protobuf.ts'
import { copyShort } from '../copy-short.ts'
import { writeUint32 } from '../decimal.ts'
import type { FrameSink } from '../frame-sink.ts'
import { readPriority, SyslogMessage } from '../parse/message.ts'
import { parseLoose } from '../parse/parse-loose.ts'
import { newZone } from '../parse/time-zone.ts'
import { SeenData } from '../seen-data.ts'
import { Timestamp } from '../timestamp.ts'
import { LogCells, type LogSources, restSize, slots } from './cells.ts'
import { HeadMemo, headStart } from './heads.ts'
import { facilityNumber, severityNumber, severityOf } from './levels.ts'
import { maxName, writeParameter, writeStructuredData, writeText, writeWord } from './structured-data.ts'
import { BsdTimestamp, original, readOriginalHead, secondsOf } from './times.ts'

export interface LogMessageOptions {
  protocol: 'rfc5424' | 'rfc3164'
  sources: LogSources
  /** Element that carries attributes of its own: its SD-ID; empty for none. */
  elementId: string
  /** Whether all attributes of a record that nothing else is made of go into that element. */
  allAttributes: boolean
  /** Where a record has none, and is no RFC 5424 message that said so itself. */
  facility: number
  severity: number
  hostname: string
  appName: string
  /** Time zone of RFC 3164 timestamps: `UTC`, `Local`, `Europe/Berlin`. */
  location: string
}

const at = (slot: (typeof slots)[number]) => slots.indexOf(slot)
const slot = {
  priority: at('priority'),
  facility: at('facility'),
  severity: at('severity'),
  hostname: at('hostname'),
  appName: at('appName'),
  procId: at('procId'),
  msgId: at('msgId'),
  structuredData: at('structuredData'),
  message: at('message'),
  version: at('version'),
  element: at('element'),
}

/** RFC 5424, 6. */
const most = { hostname: 255, appName: 48, procId: 128, msgId: 32 }
/** What a message has beside its structured data and its text: all parts at their longest, numbers, timestamps. */
const fixedRoom = 640
/** One huge record must not leave huge buffers behind. */
const maxScratchBytes = 1 << 20
const none = Buffer.alloc(0)

/**
 * OTLP log records to syslog messages, bytes to bytes. Records that receiver `syslog` made become the messages that they
 * were made of; others get their parts from attributes by name, their body for text, and defaults.
 */
export class LogMessages {
  private readonly options: LogMessageOptions
  private readonly cells: LogCells
  private readonly reader = new Reader()
  private readonly any = new AnyView()
  private readonly seen = new SeenData()
  private readonly heads: HeadMemo
  private readonly time = new Timestamp()
  private readonly bsdTime: BsdTimestamp
  private readonly hostname: Buffer
  private readonly appName: Buffer
  private readonly elementId: Buffer
  private readonly parsed = new SyslogMessage()
  private timeLo = 0
  private timeHi = 0
  private observedLo = 0
  private observedHi = 0
  private severity = 0
  /** The priority is an attribute of the record. */
  private isGraded = false
  private bodyStart = 0
  private bodyEnd = 0
  private bodyKind = 0
  /** Structured data of the record, without the dash for none. */
  private readonly scratch = new ForwardWriter(1024)
  private data: Buffer = none
  private dataEnd = 0
  /** Text of the record. */
  private source: Buffer = none
  private textStart = 0
  private textEnd = 0
  /** There is no text, but the blank in front of it. */
  private endsInBlank = false

  constructor(options: LogMessageOptions) {
    this.options = options
    this.cells = new LogCells(options.sources, options.allAttributes)
    const [message, ...others] = options.sources.message ?? []
    this.heads = new HeadMemo(options.protocol === 'rfc5424' && others.length === 0 ? message : undefined)
    this.bsdTime = new BsdTimestamp(newZone(options.location))
    this.hostname = wordOf(options.hostname, most.hostname)
    this.appName = wordOf(options.appName, most.appName)
    this.elementId = wordOf(options.elementId, maxName)
  }

  /** The Resource `b[start, end)` of the records to come, in the same buffer as they; an empty one for none. */
  setResource(b: Uint8Array, start: number, end: number): void {
    this.cells.readResource(b, start, end)
  }

  /**
   * Writes the message of the LogRecord `b[start, end)` at `out.end` without any framing, and moves `out.end` behind it.
   * `nowLo` and `nowHi` are nanoseconds since 1970 for records without a time. False when the record does not parse.
   */
  write(b: Buffer, start: number, end: number, nowLo: number, nowHi: number, out: FrameSink): boolean {
    if (!this.read(b, start, end)) return false
    const { heads } = this
    const head = this.cells.usesResource ? undefined : heads.find(b)
    if (!head) this.readAttributes(b, heads.isOdd ? start : heads.start, heads.isOdd ? end : heads.end)
    const priority = head ? head[0]! : this.priority(b)
    const isModern = this.options.protocol === 'rfc5424'
    const isOriginal =
      this.bodyKind === AnyKind.string &&
      readOriginalHead(b, this.bodyStart, this.bodyEnd, priority, this.timeLo, this.timeHi)
    if (isModern && !head) this.findData(b)
    this.findText(b, isOriginal, head !== undefined)
    out.reserve(fixedRoom + (head ? head.length : this.dataEnd) + this.textEnd - this.textStart)
    out.end = isModern
      ? this.writeModern(b, priority, isOriginal, head, nowLo, nowHi, out.bytes, out.end)
      : this.writeBsd(b, priority, nowLo, nowHi, out.bytes, out.end)
    return true
  }

  /** Finds the fields of the record; attributes are only stepped over. */
  private read(b: Buffer, start: number, end: number): boolean {
    const { heads } = this
    heads.begin(start, end)
    this.timeLo = this.timeHi = this.observedLo = this.observedHi = this.severity = 0
    this.bodyKind = AnyKind.none
    const reader = this.reader.reset(b, start, end)
    for (;;) {
      const behind = heads.step(b, reader.pos, end)
      if (behind < 0) return false
      reader.pos = behind
      if (!reader.next()) break
      const { field, wire } = reader
      if (wire === 2) {
        if (!reader.span()) return false
        if (field === 5) this.readBody(b, reader.start, reader.stop)
        else if (field === 6) heads.isOdd = true
      } else if (wire === 1 && (field === 1 || field === 11)) {
        reader.fixed64()
        if (field === 1) {
          this.timeLo = reader.lo
          this.timeHi = reader.hi
        } else {
          this.observedLo = reader.lo
          this.observedHi = reader.hi
        }
      } else if (wire === 0 && field === 2) this.severity = reader.varint32()
      else if (!reader.skip()) return false
    }
    return reader.ok
  }

  private readAttributes(b: Buffer, start: number, end: number): void {
    const { cells, reader } = this
    cells.clear()
    reader.reset(b, start, end)
    while (reader.next() && reader.skip())
      if (reader.field === 6 && reader.wire === 2) cells.takeAttribute(b, reader.start, reader.stop)
  }

  private readBody(b: Buffer, start: number, end: number): void {
    const { any } = this
    if (!any.read(b, start, end)) return
    this.bodyKind = any.kind
    this.bodyStart = any.kind === AnyKind.string ? any.start : start
    this.bodyEnd = any.kind === AnyKind.string ? any.end : end
  }

  private writeModern(
    b: Buffer,
    priority: number,
    isOriginal: boolean,
    head: Buffer | undefined,
    nowLo: number,
    nowHi: number,
    to: Buffer,
    pos: number,
  ): number {
    const version = head ? head[1]! | (head[2]! << 8) : this.version(b)
    to[pos] = 0x3c
    let at = writeUint32(to, pos + 1, priority)
    to[at] = 0x3e
    at = writeUint32(to, at + 1, version || 1)
    to[at++] = 0x20
    if (isOriginal) at = copyShort(to, at, b, original.timeStart, original.timeEnd)
    else at = this.writeTime(nowLo, nowHi, to, at)
    to[at++] = 0x20
    if (head) at += head.copy(to, at, headStart)
    else {
      const from = at
      at = this.writeHead(b, version > 0, to, at)
      if (this.isGraded) this.heads.put(b, priority, version, to, from, at)
    }
    const { source, textStart, textEnd } = this
    if (textEnd > textStart || this.endsInBlank) to[at++] = 0x20
    return at + source.copy(to, at, textStart, textEnd)
  }

  /** `HOSTNAME APP-NAME PROCID MSGID DATA`. A message that was RFC 5424 said itself what it does not have. */
  private writeHead(b: Buffer, isSilent: boolean, to: Buffer, pos: number): number {
    let at = this.writePart(b, slot.hostname, most.hostname, isSilent ? none : this.hostname, to, pos)
    at = this.writePart(b, slot.appName, most.appName, isSilent ? none : this.appName, to, at)
    at = this.writePart(b, slot.procId, most.procId, none, to, at)
    at = this.writePart(b, slot.msgId, most.msgId, none, to, at)
    if (this.dataEnd > 0) return at + this.data.copy(to, at, 0, this.dataEnd)
    to[at] = 0x2d
    return at + 1
  }

  /** 0 for what is no RFC 5424 message. */
  private version(b: Buffer): number {
    const version = this.number(b, this.cells.find(slot.version))
    return version > 0 && version < 1000 ? version : 0
  }

  /** `<13>Oct  1 22:14:15 host app[230]: text`; without an app name there is no tag. */
  private writeBsd(b: Buffer, priority: number, nowLo: number, nowHi: number, to: Buffer, pos: number): number {
    const { cells } = this
    to[pos] = 0x3c
    let at = writeUint32(to, pos + 1, priority)
    to[at] = 0x3e
    at = this.bsdTime.write(to, at + 1, this.seconds(nowLo, nowHi))
    to[at++] = 0x20
    at = this.writePart(b, slot.hostname, most.hostname, this.hostname, to, at)
    const tag = at
    at = this.writePart(b, slot.appName, most.appName, this.appName, to, at) - 1
    if (at === tag + 1 && to[tag] === 0x2d) at = tag
    else {
      if (cells.find(slot.procId) >= 0) {
        to[at] = 0x5b
        at = this.writePart(b, slot.procId, most.procId, none, to, at + 1)
        to[at - 1] = 0x5d
      }
      to[at] = 0x3a
      to[at + 1] = 0x20
      at += 2
    }
    return at + this.source.copy(to, at, this.textStart, this.textEnd)
  }

  private writeTime(nowLo: number, nowHi: number, to: Buffer, pos: number): number {
    if ((this.timeLo | this.timeHi) !== 0) this.time.set(this.timeLo, this.timeHi)
    else if ((this.observedLo | this.observedHi) !== 0) this.time.set(this.observedLo, this.observedHi)
    else this.time.set(nowLo, nowHi)
    return this.time.write(to, pos)
  }

  private seconds(nowLo: number, nowHi: number): number {
    if ((this.timeLo | this.timeHi) !== 0) return secondsOf(this.timeLo, this.timeHi)
    const isObserved = (this.observedLo | this.observedHi) !== 0
    return isObserved ? secondsOf(this.observedLo, this.observedHi) : secondsOf(nowLo, nowHi)
  }

  /** Facility * 8 + severity. */
  private priority(b: Buffer): number {
    const { cells, options } = this
    const given = this.number(b, cells.find(slot.priority))
    this.isGraded = given >= 0 && given < 192
    if (this.isGraded) return given
    const facility = cells.find(slot.facility)
    const severity = cells.find(slot.severity)
    const f = facility < 0 ? -1 : facilityNumber(this.text(b, facility))
    const s = severity < 0 ? -1 : severityNumber(this.text(b, severity))
    return (f < 0 ? options.facility : f) * 8 + (s >= 0 ? s : severityOf(this.severity, options.severity))
  }

  /** A whole number in a cell, or in its text; -1 when there is none. */
  private number(b: Buffer, cell: number): number {
    if (cell < 0) return -1
    const { kinds, starts, ends } = this.cells
    const start = starts[cell]!
    if (kinds[cell] === AnyKind.int) {
      const small = b[start + 1]!
      // `18 n`
      if (ends[cell]! - start === 2 && small < 0x80) return small
      return this.any.read(b, start, ends[cell]!) && this.any.hi === 0 ? this.any.lo : -1
    }
    const text = this.text(b, cell)
    return /^\d{1,9}$/.test(text) ? Number(text) : -1
  }

  private text(b: Buffer, cell: number): string {
    const { kinds, starts, ends } = this.cells
    if (kinds[cell] === AnyKind.string) return b.toString('utf8', starts[cell], ends[cell])
    const { any } = this
    any.kind = kinds[cell]!
    any.start = starts[cell]!
    any.end = ends[cell]!
    if (any.kind >= AnyKind.bool && any.kind <= AnyKind.double) any.read(b, starts[cell]!, ends[cell]!)
    return anyText(b, any)
  }

  /** Writes a part, or its default, or `-`, and a space. */
  private writePart(b: Buffer, slot: number, limit: number, otherwise: Buffer, to: Buffer, pos: number): number {
    const { cells } = this
    const cell = cells.find(slot)
    let at = pos
    if (cell >= 0) {
      if (cells.kinds[cell] === AnyKind.string)
        at = writeWord(to, pos, b, cells.starts[cell]!, cells.ends[cell]!, limit)
      else {
        const text = Buffer.from(this.text(b, cell))
        at = writeWord(to, pos, text, 0, text.length, limit)
      }
    }
    if (at === pos) at = copyShort(to, pos, otherwise, 0, otherwise.length)
    if (at === pos) to[at++] = 0x2d
    to[at] = 0x20
    return at + 1
  }

  /** Sets `data` and `dataEnd`. */
  private findData(b: Buffer): void {
    const { cells, seen, scratch } = this
    this.dataEnd = 0
    const cell = cells.find(slot.structuredData)
    if (cell >= 0 && cells.kinds[cell] === AnyKind.kvlist) {
      const start = cells.starts[cell]!
      const end = cells.ends[cell]!
      const app = cells.find(slot.appName)
      const isNamed = app >= 0 && cells.kinds[app] === AnyKind.string
      const found = seen.find(b, start, end, isNamed ? cells.starts[app]! : start, isNamed ? cells.ends[app]! : start)
      if (found) {
        this.data = found
        this.dataEnd = found.length
      } else {
        this.clearScratch()
        writeStructuredData(b, start, end, scratch)
        seen.put(b, start, end, scratch.buf, 0, scratch.pos)
        this.data = scratch.buf
        this.dataEnd = scratch.pos
      }
    }
    if (this.elementId.length > 0) this.addElement(b)
  }

  /** Adds the element of further attributes. */
  private addElement(b: Buffer): void {
    const { cells, scratch } = this
    if (this.data !== scratch.buf || this.dataEnd === 0) {
      this.clearScratch()
      scratch.raw(this.data, 0, this.dataEnd)
    }
    const before = scratch.pos
    scratch.byte(0x5b)
    scratch.raw(this.elementId)
    const empty = scratch.pos
    const { count, kinds, keys, starts, ends, rest, restCount } = cells
    for (let cell = cells.firstOf(slot.element); cell < cells.firstOf(slot.element + 1); cell++) {
      const from = kinds[cell] !== 0 ? cell : cell + count
      const key = keys[cell]!
      if (kinds[from] === AnyKind.string) {
        if (ends[from]! > starts[from]!) writeText(key, 0, key.length, b, starts[from]!, ends[from]!, scratch)
      } else if (kinds[from] !== 0) {
        const text = Buffer.from(this.text(b, from))
        writeText(key, 0, key.length, text, 0, text.length, scratch)
      }
    }
    for (let i = 0; i < restCount * restSize; i += restSize)
      writeParameter(b, rest[i]!, rest[i + 1]!, rest[i + 2]!, rest[i + 3]!, scratch)
    if (scratch.pos === empty) scratch.pos = before
    else scratch.byte(0x5d)
    this.data = scratch.buf
    this.dataEnd = scratch.pos
  }

  private clearScratch(): void {
    this.scratch.reset()
    if (this.scratch.buf.length > maxScratchBytes) this.scratch.buf = Buffer.allocUnsafeSlow(1024)
  }

  /** Sets `source`, `textStart` and `textEnd`. */
  private findText(b: Buffer, isOriginal: boolean, hasHead: boolean): void {
    const { cells, heads, any } = this
    const cell = hasHead ? -1 : cells.find(slot.message)
    this.source = b
    this.endsInBlank = false
    if (hasHead && heads.textEnd >= 0) {
      this.textStart = heads.textStart
      this.textEnd = heads.textEnd
    } else if (cell >= 0 && cells.kinds[cell] === AnyKind.string) {
      this.textStart = cells.starts[cell]!
      this.textEnd = cells.ends[cell]!
    } else if (cell >= 0) this.takeText(this.text(b, cell))
    else if (this.bodyKind === AnyKind.string) {
      this.textStart = this.bodyStart
      this.textEnd = this.bodyEnd
      // A message without text has no attribute for it, and its body is all of it: its last blank stays.
      if ((hasHead || cells.find(slot.priority) >= 0) && this.isWithoutText(b)) {
        this.textStart = this.bodyEnd
        this.endsInBlank = isOriginal && b[this.bodyEnd - 1] === 0x20
      }
    } else {
      any.kind = AnyKind.none
      if (this.bodyKind !== AnyKind.none) any.read(b, this.bodyStart, this.bodyEnd)
      this.takeText(anyText(b, any))
    }
  }

  private takeText(text: string): void {
    this.source = Buffer.from(text)
    this.textStart = 0
    this.textEnd = this.source.length
  }

  /** Whether the body is a message as it came, and has none. */
  private isWithoutText(b: Buffer): boolean {
    const { parsed, bodyStart, bodyEnd } = this
    parsed.reset(bodyStart, bodyEnd)
    if (readPriority(b, bodyStart, bodyEnd, parsed) < 0) return false
    parseLoose(b, bodyStart, bodyEnd, parsed, 'auto', unused)
    parsed.shrink()
    return parsed.textStart === parsed.textEnd
  }
}

const unused = { zone: newZone('UTC'), nowSeconds: 0, noHost: false }

function wordOf(text: string, limit: number): Buffer {
  const from = Buffer.from(text)
  const to = Buffer.alloc(limit)
  return to.subarray(0, writeWord(to, 0, from, 0, from.length, limit))
}
