import { joinDouble, Reader } from '../wire/protobuf.ts'
import type { Cursor } from './cursor.ts'
import { Draft } from './draft.ts'
import { fieldOfKind, Kind, kindNames } from './envelope-scan.ts'
import { computed, intField, single, textField, textFrame } from './field-defs.ts'
import { findNumber, findSpan, found } from './find-field.ts'
import { spanFrame } from './frames.ts'
import { Level } from './level.ts'
import type { PathTable, WritePath } from './path-def.ts'
import { Row } from './record-index.ts'
import type { Site } from './site.ts'
import { type Value, ValueType } from './value.ts'

const kindTexts = kindNames.map((name) => Buffer.from(name))
const logTypes = [Buffer.from('OUT'), Buffer.from('ERR')]
const { record } = Level

/** The paths of `envelopes` (loggregator-api, v2/envelope.proto). */
export const envelopePaths: PathTable = {
  kind: computed(record, (cursor, into) => into.text(kindTexts[cursor.kind]!)),
  source_id: {
    ...textField(record, 2),
    read: single((cursor, into) => {
      const { buf, rows, row } = cursor
      // The index knows it.
      if (!cursor.writes) into.span(ValueType.text, buf, rows[row + Row.sourceStart]!, rows[row + Row.sourceEnd]!)
      else if (cursor.findSpan(record, 2)) into.span(ValueType.text, found.buf, found.start, found.end)
      else into.span(ValueType.text, buf, 0, 0)
    }),
  },
  instance_id: textField(record, 8),
  timestamp: intField(record, 1),
  body: {
    level: record,
    textual: true,
    read: single((cursor, into) => {
      if (!inside(cursor, Kind.log, into)) return
      textOf(found.buf, found.start, found.end, 1, into)
      into.type = ValueType.bytes
    }),
    write: logWriter(1),
  },
  'log.type': computed(record, (cursor, into) => {
    if (!inside(cursor, Kind.log, into)) return
    findNumber(found.buf, found.start, found.end, 2)
    const name = found.hi === 0 ? logTypes[found.lo] : undefined
    if (name) into.text(name)
    else into.integer(ValueType.int, found.lo, found.hi)
  }),
  delta: computed(record, (cursor, into) => countOf(cursor, 2, into)),
  total: computed(record, (cursor, into) => countOf(cursor, 3, into)),
  name: {
    level: record,
    read: (cursor, into, again) => {
      const { kind } = cursor
      if (kind === Kind.gauge) return nextMetric(cursor, into, again, false)
      if (again) return false
      into.none()
      if (kind !== Kind.counter && kind !== Kind.timer && kind !== Kind.event) return true
      if (inside(cursor, kind, into)) textOf(found.buf, found.start, found.end, 1, into)
      return true
    },
  },
  value: { level: record, read: (cursor, into, again) => nextMetric(cursor, into, again, true) },
  attributes: { level: record, entries: 'text', field: () => 9, deprecated: 3 },
}

/** The paths of `dropsonde` (dropsonde-protocol, events/envelope.proto). */
export const dropsondePaths: PathTable = {
  origin: textField(record, 1),
  timestamp: intField(record, 6),
  deployment: textField(record, 13),
  job: textField(record, 14),
  index: textField(record, 15),
  ip: textField(record, 16),
  attributes: { level: record, entries: 'text', field: () => 17 },
}

/** A string field; one that is absent is empty, as everywhere in proto3. */
function textOf(buf: Uint8Array, start: number, end: number, field: number, into: Value): void {
  if (findSpan(buf, start, end, field)) into.span(ValueType.text, buf, found.start, found.end)
  else into.span(ValueType.text, buf, start, start)
}

/** Finds the message of `kind` if that is what the envelope holds. */
function inside(cursor: Cursor, kind: number, into: Value): boolean {
  into.none()
  return cursor.kind === kind && cursor.findSpan(record, fieldOfKind[kind]!)
}

function countOf(cursor: Cursor, field: number, into: Value): void {
  if (!inside(cursor, Kind.counter, into)) return
  findNumber(found.buf, found.start, found.end, field)
  into.integer(ValueType.uint, found.lo, found.hi)
}

const metrics = new Reader()

/** The name or value of the next metric of a gauge: {1 map entry {1 name, 2 {1 unit, 2 value}}}. */
function nextMetric(cursor: Cursor, into: Value, again: boolean, values: boolean): boolean {
  if (!again) {
    into.resume = into.resumeEnd = cursor.end
    into.resumeBuf = cursor.buf
    if (!inside(cursor, Kind.gauge, into)) return true
    into.resume = found.start
    into.resumeEnd = found.end
    into.resumeBuf = found.buf
  }
  const buf = into.resumeBuf
  metrics.reset(buf, into.resume, into.resumeEnd)
  while (metrics.next() && metrics.skip()) {
    if (metrics.field !== 1 || metrics.wire !== 2) continue
    into.resume = metrics.pos
    if (values) {
      const has = findSpan(buf, metrics.start, metrics.stop, 2) && findNumber(buf, found.start, found.end, 2)
      into.real(has ? joinDouble(found.lo, found.hi) : 0)
    } else textOf(buf, metrics.start, metrics.stop, 1, into)
    return true
  }
  into.none()
  into.resume = into.resumeEnd
  return !again
}

/** Writes a field of the log in an envelope; what holds something else stays as it is. */
function logWriter(field: number): WritePath {
  const log = new Draft()
  const put = (site: Site, frame: Buffer | undefined) => {
    if (site.kind !== Kind.log || !site.findSpan(record, fieldOfKind[Kind.log]!)) return
    log.load(found.buf, found.start, found.end, 0)
    if (frame) log.put(field, frame)
    else log.removeAll(field)
    const number = fieldOfKind[Kind.log]!
    site.draft(record).put(number, spanFrame(number, log.bytes()))
  }
  return {
    set: (site, value) => put(site, textFrame(field, value)),
    remove: (site) => put(site, undefined),
    constant: (value) => {
      const frame = textFrame(field, value)
      return (site) => put(site, frame)
    },
  }
}
