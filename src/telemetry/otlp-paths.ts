import { joinDouble } from '../wire/protobuf.ts'
import type { Cursor } from './cursor.ts'
import { single, textOf } from './envelope-paths.ts'
import { findEntry, findNumber, findSpan, found, readAnyValue } from './find-field.ts'
import type { PathTable, ReadPath } from './paths.ts'
import { Group } from './record-index.ts'
import { type Value, ValueType } from './value.ts'

const texts = (...names: string[]) => Object.fromEntries(names.map((name) => [name, Buffer.from(name)]))
const kinds = texts('log', 'counter', 'gauge', 'histogram', 'exponential_histogram', 'summary', 'span', 'sum')

/** Paths of ExportLogsServiceRequest (opentelemetry-proto, logs/v1/logs.proto). */
export const logPaths: PathTable = {
  kind: single((_, into) => into.text(kinds.log!)),
  name: recordText(12),
  body: single((cursor, into) => {
    if (findSpan(cursor.buf, cursor.start, cursor.end, 5)) readAnyValue(cursor.buf, found.start, found.end, into)
    else into.none()
  }),
  severity_number: recordInt(2),
  severity_text: recordText(3),
  timestamp: recordUint(1),
  ...around(() => 6, 1),
}

/** Paths of ExportMetricsServiceRequest (metrics/v1/metrics.proto); a record is a data point. */
export const metricPaths: PathTable = {
  kind: single((cursor, into) => into.text(metricKind(cursor))),
  name: metricText(1),
  'metric.name': metricText(1),
  'metric.unit': metricText(3),
  'metric.type': single((cursor, into) => into.text(typeOfField[dataField(cursor)] ?? kinds.gauge!)),
  timestamp: recordUint(3),
  value: single((cursor, into) => {
    const { buf, start, end } = cursor
    const field = dataField(cursor)
    if (field !== 5 && field !== 7) into.none()
    else if (findNumber(buf, start, end, 6)) into.integer(ValueType.int, found.lo, found.hi)
    else into.real(findNumber(buf, start, end, 4) ? joinDouble(found.lo, found.hi) : 0)
  }),
  ...around((cursor) => attributesOf[dataField(cursor)] ?? 7, 3),
}

/** Paths of ExportTraceServiceRequest (trace/v1/trace.proto). */
export const spanPaths: PathTable = {
  kind: single((_, into) => into.text(kinds.span!)),
  name: recordText(5),
  'span.name': recordText(5),
  'span.kind': recordInt(6),
  'status.code': single((cursor, into) => {
    const has = findSpan(cursor.buf, cursor.start, cursor.end, 15)
    intOf(cursor.buf, has ? found.start : 0, has ? found.end : 0, 3, into)
  }),
  timestamp: recordUint(7),
  ...around(() => 9, 1),
}

const sumField = 7
/** Field numbers of a metric's data, and of the attributes of its points. */
const typeOfField: Readonly<Record<number, Buffer | undefined>> = {
  5: kinds.gauge,
  7: kinds.sum,
  9: kinds.histogram,
  10: kinds.exponential_histogram,
  11: kinds.summary,
}
const attributesOf: Readonly<Record<number, number>> = { 5: 7, 7: 7, 9: 9, 10: 1, 11: 7 }

/** The paths that all signals share. `scopes` is how many levels the message with the resource lies above the record. */
function around(attributes: (cursor: Cursor) => number, scopes: number): PathTable {
  const record = (key: Buffer, cursor: Cursor, into: Value) =>
    attribute(cursor.buf, cursor.start, cursor.end, attributes(cursor), key, into)
  const resource = (key: Buffer, cursor: Cursor, into: Value) => {
    if (findInGroup(cursor, scopes, 1)) attribute(cursor.buf, found.start, found.end, 1, key, into)
    else into.none()
  }
  const either = (name: string) => {
    const key = Buffer.from(name)
    return single((cursor, into) => {
      record(key, cursor, into)
      if (into.type === ValueType.none) resource(key, cursor, into)
    })
  }
  return {
    source_id: either('source_id'),
    instance_id: either('instance_id'),
    attributes: (key) => single((cursor, into) => record(key!, cursor, into))(),
    'resource.attributes': (key) => single((cursor, into) => resource(key!, cursor, into))(),
    'scope.name': single((cursor, into) => {
      const has = findInGroup(cursor, scopes - 1, 1)
      textOf(cursor.buf, has ? found.start : 0, has ? found.end : 0, 1, into)
    }),
  }
}

/** Finds a message field of the enclosing message `levels` above the record. */
function findInGroup(cursor: Cursor, levels: number, field: number): boolean {
  const at = cursor.parent(levels)
  return findSpan(cursor.buf, cursor.groups[at + Group.start]!, cursor.groups[at + Group.end]!, field)
}

function attribute(buf: Uint8Array, start: number, end: number, field: number, key: Buffer, into: Value): void {
  if (findEntry(buf, start, end, field, key)) readAnyValue(buf, found.start, found.end, into)
  else into.none()
}

function intOf(buf: Uint8Array, start: number, end: number, field: number, into: Value): void {
  findNumber(buf, start, end, field)
  into.integer(ValueType.int, found.lo, found.hi)
}

function recordInt(field: number): () => ReadPath {
  return single((cursor, into) => intOf(cursor.buf, cursor.start, cursor.end, field, into))
}

function recordUint(field: number): () => ReadPath {
  return single((cursor, into) => {
    intOf(cursor.buf, cursor.start, cursor.end, field, into)
    into.type = ValueType.uint
  })
}

function recordText(field: number): () => ReadPath {
  return single((cursor, into) => textOf(cursor.buf, cursor.start, cursor.end, field, into))
}

function metricText(field: number): () => ReadPath {
  return single((cursor, into) => {
    const at = cursor.parent(1)
    textOf(cursor.buf, cursor.groups[at + Group.start]!, cursor.groups[at + Group.end]!, field, into)
  })
}

/** Field number of the data message that a point stands in, from its tag. */
function dataField(cursor: Cursor): number {
  return cursor.buf[cursor.groups[cursor.parent(0) + Group.frame]!]! >>> 3
}

function metricKind(cursor: Cursor): Buffer {
  const field = dataField(cursor)
  if (field !== sumField) return typeOfField[field] ?? kinds.gauge!
  const at = cursor.parent(0)
  const isMonotonic = findNumber(cursor.buf, cursor.groups[at + Group.start]!, cursor.groups[at + Group.end]!, 3)
  return isMonotonic && (found.lo | found.hi) !== 0 ? kinds.counter! : kinds.gauge!
}
