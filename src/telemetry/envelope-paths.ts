import { joinDouble, Reader } from '../wire/protobuf.ts'
import type { Cursor } from './cursor.ts'
import { fieldOfKind, Kind, kindNames } from './envelope-scan.ts'
import { findEntry, findNumber, findSpan, found, readDeprecated } from './find-field.ts'
import type { PathTable, ReadPath } from './paths.ts'
import { Row } from './record-index.ts'
import { type Value, ValueType } from './value.ts'

const kindTexts = kindNames.map((name) => Buffer.from(name))
const logTypes = [Buffer.from('OUT'), Buffer.from('ERR')]

/** The paths of `envelopes` (loggregator-api, v2/envelope.proto). */
export const envelopePaths: PathTable = {
  kind: single((cursor, into) => into.text(kindTexts[cursor.kind]!)),
  source_id: single((cursor, into) => {
    const { buf, rows, row } = cursor
    into.span(ValueType.text, buf, rows[row + Row.sourceStart]!, rows[row + Row.sourceEnd]!)
  }),
  instance_id: single((cursor, into) => textOf(cursor.buf, cursor.start, cursor.end, 8, into)),
  timestamp: single((cursor, into) => {
    findNumber(cursor.buf, cursor.start, cursor.end, 1)
    into.integer(ValueType.int, found.lo, found.hi)
  }),
  body: single((cursor, into) => {
    if (!inside(cursor, Kind.log, into)) return
    textOf(cursor.buf, found.start, found.end, 1, into)
    into.type = ValueType.bytes
  }),
  'log.type': single((cursor, into) => {
    if (!inside(cursor, Kind.log, into)) return
    findNumber(cursor.buf, found.start, found.end, 2)
    const name = found.hi === 0 ? logTypes[found.lo] : undefined
    if (name) into.text(name)
    else into.integer(ValueType.int, found.lo, found.hi)
  }),
  delta: single((cursor, into) => countOf(cursor, 2, into)),
  total: single((cursor, into) => countOf(cursor, 3, into)),
  name: () => (cursor, into, again) => {
    const { kind } = cursor
    if (kind === Kind.gauge) return nextMetric(cursor, into, again, false)
    if (again) return false
    into.none()
    if (kind !== Kind.counter && kind !== Kind.timer && kind !== Kind.event) return true
    if (inside(cursor, kind, into)) textOf(cursor.buf, found.start, found.end, 1, into)
    return true
  },
  value: () => (cursor, into, again) => nextMetric(cursor, into, again, true),
  attributes: (key) => (cursor, into, again) => {
    if (again) return false
    const { buf, start, end } = cursor
    if (findEntry(buf, start, end, 9, key!)) into.span(ValueType.text, buf, found.start, found.end)
    else if (findEntry(buf, start, end, 3, key!)) readDeprecated(buf, found.start, found.end, into)
    else into.none()
    return true
  },
}

/** A path that finds one value at most. */
export function single(read: (cursor: Cursor, into: Value) => void): () => ReadPath {
  return () => (cursor, into, again) => {
    if (again) return false
    read(cursor, into)
    return true
  }
}

/** A string field; one that is absent is empty, as everywhere in proto3. */
export function textOf(buf: Uint8Array, start: number, end: number, field: number, into: Value): void {
  if (findSpan(buf, start, end, field)) into.span(ValueType.text, buf, found.start, found.end)
  else into.span(ValueType.text, buf, start, start)
}

/** Finds the message of `kind` if that is what the envelope holds. */
function inside(cursor: Cursor, kind: number, into: Value): boolean {
  into.none()
  return cursor.kind === kind && findSpan(cursor.buf, cursor.start, cursor.end, fieldOfKind[kind]!)
}

function countOf(cursor: Cursor, field: number, into: Value): void {
  if (!inside(cursor, Kind.counter, into)) return
  findNumber(cursor.buf, found.start, found.end, field)
  into.integer(ValueType.uint, found.lo, found.hi)
}

const metrics = new Reader()

/** The name or value of the next metric of a gauge: {1 map entry {1 name, 2 {1 unit, 2 value}}}. */
function nextMetric(cursor: Cursor, into: Value, again: boolean, values: boolean): boolean {
  const { buf } = cursor
  if (!again) {
    into.resume = into.resumeEnd = cursor.end
    if (!inside(cursor, Kind.gauge, into)) return true
    into.resume = found.start
    into.resumeEnd = found.end
  }
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
