import { field, fill, type MessageShape, many, message, Step } from './shapes.ts'

/**
 * The messages of OTLP (opentelemetry-proto 1.11, `opentelemetry/proto/**`), field by field. Fields that only profiles
 * use are there so that they are checked and survive.
 */

const anyValue = message('AnyValue', [])
const keyValue = message('KeyValue', [
  field(1, 'key', 'string'),
  field(2, 'value', anyValue, { always: true }),
  field(3, 'keyStrindex', 'int32'),
])
const oneof = { oneof: true }
fill(anyValue, [
  field(1, 'stringValue', 'string', oneof),
  field(2, 'boolValue', 'bool', oneof),
  field(3, 'intValue', 'int64', oneof),
  field(4, 'doubleValue', 'double', oneof),
  field(5, 'arrayValue', message('ArrayValue', [many(1, 'values', anyValue)]), oneof),
  field(6, 'kvlistValue', message('KeyValueList', [many(1, 'values', keyValue, Step.attribute)]), oneof),
  field(7, 'bytesValue', 'bytes', oneof),
  field(8, 'stringValueStrindex', 'int32', oneof),
])

const attributes = (number: number, name = 'attributes') => many(number, name, keyValue, Step.attribute)
const dropped = (number: number, what: string) => field(number, `dropped${what}Count`, 'uint32')
const always = { always: true }
const present = { present: true }

const entityRef = message('EntityRef', [
  field(1, 'schemaUrl', 'string'),
  field(2, 'type', 'string'),
  many(3, 'idKeys', 'string'),
  many(4, 'descriptionKeys', 'string'),
])
const resource = message('Resource', [attributes(1), dropped(2, 'Attributes'), many(3, 'entityRefs', entityRef)])
const scope = message('InstrumentationScope', [
  field(1, 'name', 'string'),
  field(2, 'version', 'string'),
  attributes(3),
  dropped(4, 'Attributes'),
])

const severities = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'].flatMap((name) =>
  ['', '2', '3', '4'].map((n) => `SEVERITY_NUMBER_${name}${n}`),
)

const logRecord = message('LogRecord', [
  field(1, 'timeUnixNano', 'fixed64'),
  field(11, 'observedTimeUnixNano', 'fixed64'),
  field(2, 'severityNumber', 'enum', { values: ['SEVERITY_NUMBER_UNSPECIFIED', ...severities] }),
  field(3, 'severityText', 'string'),
  field(5, 'body', anyValue, always),
  attributes(6),
  dropped(7, 'Attributes'),
  field(8, 'flags', 'fixed32'),
  field(9, 'traceId', 'traceId'),
  field(10, 'spanId', 'spanId'),
  field(12, 'eventName', 'string'),
])

const event = message('Event', [
  field(1, 'timeUnixNano', 'fixed64'),
  field(2, 'name', 'string'),
  attributes(3),
  dropped(4, 'Attributes'),
])
const link = message('Link', [
  field(1, 'traceId', 'traceId'),
  field(2, 'spanId', 'spanId'),
  field(3, 'traceState', 'string'),
  attributes(4),
  dropped(5, 'Attributes'),
  field(6, 'flags', 'fixed32'),
])
const spanKinds = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']
const span = message('Span', [
  field(1, 'traceId', 'traceId'),
  field(2, 'spanId', 'spanId'),
  field(3, 'traceState', 'string'),
  field(4, 'parentSpanId', 'spanId'),
  field(16, 'flags', 'fixed32'),
  field(5, 'name', 'string'),
  field(6, 'kind', 'enum', { values: spanKinds.map((kind) => `SPAN_KIND_${kind}`) }),
  field(7, 'startTimeUnixNano', 'fixed64'),
  field(8, 'endTimeUnixNano', 'fixed64'),
  attributes(9),
  dropped(10, 'Attributes'),
  many(11, 'events', event),
  dropped(12, 'Events'),
  many(13, 'links', link),
  dropped(14, 'Links'),
  field(
    15,
    'status',
    message('Status', [
      field(2, 'message', 'string'),
      field(3, 'code', 'enum', { values: ['STATUS_CODE_UNSET', 'STATUS_CODE_OK', 'STATUS_CODE_ERROR'] }),
    ]),
  ),
])

const exemplar = message('Exemplar', [
  attributes(7, 'filteredAttributes'),
  field(2, 'timeUnixNano', 'fixed64'),
  field(3, 'asDouble', 'double', oneof),
  field(6, 'asInt', 'sfixed64', oneof),
  field(4, 'spanId', 'spanId'),
  field(5, 'traceId', 'traceId'),
])
const buckets = message('Buckets', [field(1, 'offset', 'sint32'), many(2, 'bucketCounts', 'uint64')])
const exemplars = (number: number) => many(number, 'exemplars', exemplar)
const start = (number: number) => field(number, 'startTimeUnixNano', 'fixed64')
const time = (number: number) => field(number, 'timeUnixNano', 'fixed64')

const numberPoint = message('NumberDataPoint', [
  attributes(7),
  start(2),
  time(3),
  field(4, 'asDouble', 'double', oneof),
  field(6, 'asInt', 'sfixed64', oneof),
  exemplars(5),
  field(8, 'flags', 'uint32'),
])
const histogramPoint = message('HistogramDataPoint', [
  attributes(9),
  start(2),
  time(3),
  field(4, 'count', 'fixed64'),
  field(5, 'sum', 'double', present),
  many(6, 'bucketCounts', 'fixed64'),
  many(7, 'explicitBounds', 'double'),
  exemplars(8),
  field(10, 'flags', 'uint32'),
  field(11, 'min', 'double', present),
  field(12, 'max', 'double', present),
])
const exponentialPoint = message('ExponentialHistogramDataPoint', [
  attributes(1),
  start(2),
  time(3),
  field(4, 'count', 'fixed64'),
  field(5, 'sum', 'double', present),
  field(6, 'scale', 'sint32'),
  field(7, 'zeroCount', 'fixed64'),
  field(8, 'positive', buckets),
  field(9, 'negative', buckets),
  field(10, 'flags', 'uint32'),
  exemplars(11),
  field(12, 'min', 'double', present),
  field(13, 'max', 'double', present),
  field(14, 'zeroThreshold', 'double'),
])
const quantile = message('ValueAtQuantile', [field(1, 'quantile', 'double'), field(2, 'value', 'double')])
const summaryPoint = message('SummaryDataPoint', [
  attributes(7),
  start(2),
  time(3),
  field(4, 'count', 'fixed64'),
  field(5, 'sum', 'double'),
  many(6, 'quantileValues', quantile),
  field(8, 'flags', 'uint32'),
])

const temporalities = ['UNSPECIFIED', 'DELTA', 'CUMULATIVE'].map((name) => `AGGREGATION_TEMPORALITY_${name}`)
const temporality = field(2, 'aggregationTemporality', 'enum', { values: temporalities })
const points = (shape: MessageShape) => many(1, 'dataPoints', shape, Step.record)
const data = { oneof: true, step: Step.group }
const metric = message('Metric', [
  field(1, 'name', 'string'),
  field(2, 'description', 'string'),
  field(3, 'unit', 'string'),
  field(5, 'gauge', message('Gauge', [points(numberPoint)]), data),
  field(7, 'sum', message('Sum', [points(numberPoint), temporality, field(3, 'isMonotonic', 'bool')]), data),
  field(9, 'histogram', message('Histogram', [points(histogramPoint), temporality]), data),
  field(10, 'exponentialHistogram', message('ExponentialHistogram', [points(exponentialPoint), temporality]), data),
  field(11, 'summary', message('Summary', [points(summaryPoint)]), data),
  attributes(12, 'metadata'),
])

/** A request of three levels: resources, scopes, and what stands in them. */
function request(signal: string, records: string, record: MessageShape, step: number, service = signal): MessageShape {
  const schemaUrl = field(3, 'schemaUrl', 'string')
  const inScope = message(`Scope${signal}`, [
    field(1, 'scope', scope, always),
    many(2, records, record, step),
    schemaUrl,
  ])
  const inResource = message(
    `Resource${signal}`,
    [field(1, 'resource', resource, always), many(2, `scope${signal}`, inScope, Step.group), schemaUrl],
    true,
  )
  return message(`Export${service}ServiceRequest`, [many(1, `resource${signal}`, inResource, Step.group)])
}

/** The requests by batch format. LogsData, MetricsData and TracesData have the same layout. */
export const requests: Readonly<Record<'logs' | 'metrics' | 'traces', MessageShape>> = {
  logs: request('Logs', 'logRecords', logRecord, Step.record),
  metrics: request('Metrics', 'metrics', metric, Step.group),
  traces: request('Spans', 'spans', span, Step.record, 'Trace'),
}
