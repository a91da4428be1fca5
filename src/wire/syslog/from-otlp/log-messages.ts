import { AnyKind, AnyView } from '../../convert/any-value.ts'
import { Reader } from '../../protobuf.ts'
import { copyShort } from '../copy-short.ts'
import { writeUint32 } from '../decimal.ts'
import type { FrameSink } from '../frame-sink.ts'
import { newZone } from '../parse/time-zone.ts'
import { Timestamp } from '../timestamp.ts'
import { numberIn, textIn } from './cell-values.ts'
import { LogCells, type LogSources, slot } from './cells.ts'
import { HeadMemo, headStart } from './heads.ts'
import { facilityNumber, severityNumber, severityOf } from './levels.ts'
import { RecordData } from './record-data.ts'
import { type Body, RecordText } from './record-text.ts'
import { maxName, writeWord } from './structured-data.ts'
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

/** RFC 5424, 6. */
const most = { hostname: 255, appName: 48, procId: 128, msgId: 32 }
/** What a message has beside its structured data and its text: all parts at their longest, numbers, timestamps. */
const fixedRoom = 640
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
  private readonly heads: HeadMemo
  private readonly time = new Timestamp()
  private readonly bsdTime: BsdTimestamp
  private readonly hostname: Buffer
  private readonly appName: Buffer
  private timeLo = 0
  private timeHi = 0
  private observedLo = 0
  private observedHi = 0
  private severity = 0
  /** The priority is an attribute of the record. */
  private isGraded = false
  private readonly body: Body = { kind: AnyKind.none, start: 0, end: 0 }
  private readonly data: RecordData
  private readonly text: RecordText

  constructor(options: LogMessageOptions) {
    this.options = options
    this.cells = new LogCells(options.sources, options.allAttributes)
    const [message, ...others] = options.sources.message ?? []
    this.heads = new HeadMemo(options.protocol === 'rfc5424' && others.length === 0 ? message : undefined)
    this.bsdTime = new BsdTimestamp(newZone(options.location))
    this.hostname = wordOf(options.hostname, most.hostname)
    this.appName = wordOf(options.appName, most.appName)
    this.data = new RecordData(this.cells, wordOf(options.elementId, maxName))
    this.text = new RecordText(this.cells, this.heads)
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
    const { body, data, text } = this
    const isOriginal =
      body.kind === AnyKind.string && readOriginalHead(b, body.start, body.end, priority, this.timeLo, this.timeHi)
    if (isModern && !head) data.find(b)
    text.find(b, body, isOriginal, head !== undefined)
    out.reserve(fixedRoom + (head ? head.length : data.end) + text.end - text.start)
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
    this.body.kind = AnyKind.none
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
    const { any, body } = this
    if (!any.read(b, start, end)) return
    body.kind = any.kind
    body.start = any.kind === AnyKind.string ? any.start : start
    body.end = any.kind === AnyKind.string ? any.end : end
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
    const { source, start, end, endsInBlank } = this.text
    if (end > start || endsInBlank) to[at++] = 0x20
    return at + source.copy(to, at, start, end)
  }

  /** `HOSTNAME APP-NAME PROCID MSGID DATA`. A message that was RFC 5424 said itself what it does not have. */
  private writeHead(b: Buffer, isSilent: boolean, to: Buffer, pos: number): number {
    let at = this.writePart(b, slot.hostname, most.hostname, isSilent ? none : this.hostname, to, pos)
    at = this.writePart(b, slot.appName, most.appName, isSilent ? none : this.appName, to, at)
    at = this.writePart(b, slot.procId, most.procId, none, to, at)
    at = this.writePart(b, slot.msgId, most.msgId, none, to, at)
    if (this.data.end > 0) return at + this.data.bytes.copy(to, at, 0, this.data.end)
    to[at] = 0x2d
    return at + 1
  }

  /** 0 for what is no RFC 5424 message. */
  private version(b: Buffer): number {
    const version = numberIn(b, this.cells, this.cells.find(slot.version))
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
    const { source, start, end } = this.text
    return at + source.copy(to, at, start, end)
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
    const given = numberIn(b, cells, cells.find(slot.priority))
    this.isGraded = given >= 0 && given < 192
    if (this.isGraded) return given
    const facility = cells.find(slot.facility)
    const severity = cells.find(slot.severity)
    const f = facility < 0 ? -1 : facilityNumber(textIn(b, cells, facility))
    const s = severity < 0 ? -1 : severityNumber(textIn(b, cells, severity))
    return (f < 0 ? options.facility : f) * 8 + (s >= 0 ? s : severityOf(this.severity, options.severity))
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
        const text = Buffer.from(textIn(b, cells, cell))
        at = writeWord(to, pos, text, 0, text.length, limit)
      }
    }
    if (at === pos) at = copyShort(to, pos, otherwise, 0, otherwise.length)
    if (at === pos) to[at++] = 0x2d
    to[at] = 0x20
    return at + 1
  }
}

function wordOf(text: string, limit: number): Buffer {
  const from = Buffer.from(text)
  const to = Buffer.alloc(limit)
  return to.subarray(0, writeWord(to, 0, from, 0, from.length, limit))
}
