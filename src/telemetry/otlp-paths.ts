import { joinDouble } from '../wire/protobuf.ts'
import { attributesOfPoint, type Cursor } from './cursor.ts'
import { readEntryOf } from './entries.ts'
import {
  anyField,
  boolField,
  computed,
  countField,
  doubleField,
  fixed32Field,
  fixed64Field,
  holdsNumber,
  idField,
  innerField,
  intField,
  pointValue,
  textField,
} from './field-defs.ts'
import { found } from './find-field.ts'
import { Level } from './level.ts'
import type { FieldDef, MapDef, PathTable } from './path-def.ts'
import { ValueType } from './value.ts'

const texts = (...names: string[]) => Object.fromEntries(names.map((name) => [name, Buffer.from(name)]))
const kinds = texts('log', 'counter', 'gauge', 'histogram', 'exponential_histogram', 'summary', 'span', 'sum')
const { record, event, data, metric, scope, resource } = Level

const map = (level: Level, field: number): MapDef => ({ level, entries: 'any', field: () => field })
const ids = (name: string, field: number, size: number): PathTable => ({
  [name]: idField(record, field, size),
  [`${name}.string`]: idField(record, field, size, true),
})

/** Paths of ExportLogsServiceRequest (opentelemetry-proto, logs/v1/logs.proto). */
export const logPaths: PathTable = {
  kind: computed(record, (_, into) => into.text(kinds.log!)),
  name: textField(record, 12),
  event_name: textField(record, 12),
  body: anyField(record, 5),
  severity_number: intField(record, 2),
  severity_text: textField(record, 3),
  timestamp: fixed64Field(record, 1),
  time_unix_nano: fixed64Field(record, 1),
  observed_time_unix_nano: fixed64Field(record, 11),
  flags: fixed32Field(record, 8),
  dropped_attributes_count: intField(record, 7),
  ...ids('trace_id', 9, 16),
  ...ids('span_id', 10, 8),
  ...around(map(record, 6)),
}

const pointAttributes: MapDef = {
  level: record,
  entries: 'any',
  field: (cursor) => attributesOfPoint[cursor.dataField] ?? 7,
}

/** Paths of ExportMetricsServiceRequest (metrics/v1/metrics.proto); a record is a data point. */
export const metricPaths: PathTable = {
  kind: computed(record, (cursor, into) => into.text(metricKind(cursor))),
  name: textField(metric, 1),
  'metric.name': textField(metric, 1),
  'metric.description': textField(metric, 2),
  'metric.unit': textField(metric, 3),
  'metric.type': computed(metric, (cursor, into) => into.text(typeOfField[cursor.dataField] ?? kinds.gauge!)),
  'metric.aggregation_temporality': ofData(intField(data, 2), [7, 9, 10]),
  'metric.is_monotonic': ofData(boolField(data, 3), [7]),
  timestamp: fixed64Field(record, 3),
  time_unix_nano: fixed64Field(record, 3),
  start_time_unix_nano: fixed64Field(record, 2),
  value: computed(record, (cursor, into) => {
    if (!holdsNumber(cursor)) into.none()
    else if (cursor.findNumber(record, 6)) into.integer(ValueType.int, found.lo, found.hi)
    else into.real(cursor.findNumber(record, 4) ? joinDouble(found.lo, found.hi) : 0)
  }),
  value_double: pointValue(false),
  value_int: pointValue(true),
  count: ofData(fixed64Field(record, 4), [9, 10, 11]),
  sum: ofData(doubleField(record, 5), [9, 10, 11]),
  flags: flagsOfPoint(),
  ...around(pointAttributes),
}

/** Paths of ExportTraceServiceRequest (trace/v1/trace.proto). */
export const spanPaths: PathTable = {
  kind: computed(record, (_, into) => into.text(kinds.span!)),
  name: textField(record, 5),
  'span.name': textField(record, 5),
  'span.kind': intField(record, 6),
  'status.code': innerField(record, 15, 3, 'int'),
  'status.message': innerField(record, 15, 2, 'text'),
  timestamp: fixed64Field(record, 7),
  start_time_unix_nano: fixed64Field(record, 7),
  end_time_unix_nano: fixed64Field(record, 8),
  trace_state: textField(record, 3),
  flags: fixed32Field(record, 16),
  dropped_attributes_count: intField(record, 10),
  dropped_events_count: intField(record, 12),
  dropped_links_count: intField(record, 14),
  events: countField(record, 11),
  links: countField(record, 13),
  ...ids('trace_id', 1, 16),
  ...ids('span_id', 2, 8),
  ...ids('parent_span_id', 4, 8),
  'spanevent.name': textField(event, 2),
  'spanevent.time_unix_nano': fixed64Field(event, 1),
  'spanevent.dropped_attributes_count': intField(event, 4),
  'spanevent.attributes': map(event, 3),
  ...around(map(record, 9)),
}

const sumField = 7
/** Names of a metric's data by field number. */
const typeOfField: Readonly<Record<number, Buffer | undefined>> = {
  5: kinds.gauge,
  7: kinds.sum,
  9: kinds.histogram,
  10: kinds.exponential_histogram,
  11: kinds.summary,
}

/** The paths that all signals share. */
function around(attributes: MapDef): PathTable {
  const resourceAttributes = map(resource, 1)
  const either = (name: string) => {
    const key = Buffer.from(name)
    return computed(record, (cursor, into) => {
      readEntryOf(cursor, attributes, key, into)
      if (into.type === ValueType.none) readEntryOf(cursor, resourceAttributes, key, into)
    })
  }
  return {
    source_id: either('source_id'),
    instance_id: either('instance_id'),
    attributes,
    'resource.attributes': resourceAttributes,
    'resource.dropped_attributes_count': intField(resource, 2),
    'scope.name': textField(scope, 1),
    'scope.version': textField(scope, 2),
    'scope.attributes': map(scope, 3),
    'scope.dropped_attributes_count': intField(scope, 4),
  }
}

/** A field that only some kinds of metrics have, by field number of their data. */
function ofData(def: FieldDef, fields: readonly number[]): FieldDef {
  const { write } = def
  return {
    ...def,
    read: (cursor, into, again) => {
      if (fields.includes(cursor.dataField)) return def.read(cursor, into, again)
      into.none()
      return !again
    },
    // What has no such field stays as it is.
    ...(write && {
      write: {
        set: (site, value) => void (fields.includes(site.dataField) && write.set(site, value)),
        remove: (site) => void (fields.includes(site.dataField) && write.remove(site)),
        constant: (value) => {
          const put = write.constant(value)
          return (site) => void (fields.includes(site.dataField) && put(site))
        },
      },
    }),
  }
}

/** Flags are field 8 of a point, and field 10 of a histogram's. */
function flagsOfPoint(): FieldDef {
  const plain = intField(record, 8)
  const histogram = intField(record, 10)
  const of = (cursor: Cursor) => (cursor.dataField === 9 || cursor.dataField === 10 ? histogram : plain)
  return {
    level: record,
    read: (cursor, into, again) => of(cursor).read(cursor, into, again),
    write: {
      set: (site, value) => of(site).write!.set(site, value),
      remove: (site) => of(site).write!.remove(site),
      constant: (value) => {
        const [first, second] = [plain.write!.constant(value), histogram.write!.constant(value)]
        return (site) => (of(site) === plain ? first : second)(site)
      },
    },
  }
}

function metricKind(cursor: Cursor): Buffer {
  const field = cursor.dataField
  if (field !== sumField) return typeOfField[field] ?? kinds.gauge!
  return cursor.findNumber(data, 3) && (found.lo | found.hi) !== 0 ? kinds.counter! : kinds.gauge!
}
