import { decode, encode, type Field, type FieldType, type Message, type Schema } from './protobuf-schema.ts'

export type { Message } from './protobuf-schema.ts'

const one = (name: string, type: FieldType): Field => ({ name, type })
const many = (name: string, type: FieldType): Field => ({ name, type, repeated: true })
const map = (name: string, type: FieldType): Field => ({ name, type, map: true })

/** loggregator.v2.Envelope (loggregator-api, v2/envelope.proto). */
const envelope: Schema = {
  1: one('timestamp', 'int64'),
  2: one('source_id', 'string'),
  3: map('deprecated_tags', { 1: one('text', 'string'), 2: one('integer', 'int64'), 3: one('decimal', 'double') }),
  4: one('log', { 1: one('payload', 'bytes'), 2: one('type', 'int32') }),
  5: one('counter', { 1: one('name', 'string'), 2: one('delta', 'uint64'), 3: one('total', 'uint64') }),
  6: one('gauge', { 1: map('metrics', { 1: one('unit', 'string'), 2: one('value', 'double') }) }),
  7: one('timer', { 1: one('name', 'string'), 2: one('start', 'int64'), 3: one('stop', 'int64') }),
  8: one('instance_id', 'string'),
  9: map('tags', 'string'),
  10: one('event', { 1: one('title', 'string'), 2: one('body', 'string') }),
}

const uuid: Schema = { 1: one('low', 'uint64'), 2: one('high', 'uint64') }

/** events.Envelope (dropsonde-protocol). */
const v1Envelope: Schema = {
  1: one('origin', 'string'),
  2: one('eventType', 'int32'),
  6: one('timestamp', 'int64'),
  7: one('httpStartStop', {
    1: one('startTimestamp', 'int64'),
    2: one('stopTimestamp', 'int64'),
    3: one('requestId', uuid),
    4: one('peerType', 'int32'),
    5: one('method', 'int32'),
    6: one('uri', 'string'),
    7: one('remoteAddress', 'string'),
    8: one('userAgent', 'string'),
    9: one('statusCode', 'int32'),
    10: one('contentLength', 'int64'),
    12: one('applicationId', uuid),
    13: one('instanceIndex', 'int32'),
    14: one('instanceId', 'string'),
    15: many('forwarded', 'string'),
  }),
  8: one('logMessage', {
    1: one('message', 'bytes'),
    2: one('messageType', 'int32'),
    3: one('timestamp', 'int64'),
    4: one('appId', 'string'),
    5: one('sourceType', 'string'),
    6: one('sourceInstance', 'string'),
  }),
  9: one('valueMetric', { 1: one('name', 'string'), 2: one('value', 'double'), 3: one('unit', 'string') }),
  10: one('counterEvent', { 1: one('name', 'string'), 2: one('delta', 'uint64'), 3: one('total', 'uint64') }),
  11: one('error', { 1: one('source', 'string'), 2: one('code', 'int32'), 3: one('message', 'string') }),
  12: one('containerMetric', {
    1: one('applicationId', 'string'),
    2: one('instanceIndex', 'int32'),
    3: one('cpuPercentage', 'double'),
    4: one('memoryBytes', 'uint64'),
    5: one('diskBytes', 'uint64'),
    6: one('memoryBytesQuota', 'uint64'),
    7: one('diskBytesQuota', 'uint64'),
  }),
  13: one('deployment', 'string'),
  14: one('job', 'string'),
  15: one('index', 'string'),
  16: one('ip', 'string'),
  17: map('tags', 'string'),
}

const anyValue: Schema = {}
const keyValue: Schema = { 1: one('key', 'string'), 2: one('value', anyValue) }
Object.assign(anyValue, {
  1: one('stringValue', 'string'),
  2: one('boolValue', 'bool'),
  3: one('intValue', 'int64'),
  4: one('doubleValue', 'double'),
  5: one('arrayValue', { 1: many('values', anyValue) }),
  6: one('kvlistValue', { 1: many('values', keyValue) }),
  7: one('bytesValue', 'bytes'),
} satisfies Schema)

const attributes = many('attributes', keyValue)
const resource = one('resource', { 1: attributes })
const scope = one('scope', { 1: one('name', 'string'), 2: one('version', 'string'), 3: attributes })

/** A request of three levels: resources, scopes, records. */
const request = (resources: string, scopes: string, records: string, record: Schema): Schema => ({
  1: many(resources, { 1: resource, 2: many(scopes, { 1: scope, 2: many(records, record) }) }),
})

const logsRequest = request('resourceLogs', 'scopeLogs', 'logRecords', {
  1: one('timeUnixNano', 'fixed64'),
  2: one('severityNumber', 'int32'),
  3: one('severityText', 'string'),
  5: one('body', anyValue),
  6: attributes,
  8: one('flags', 'fixed32'),
  9: one('traceId', 'bytes'),
  10: one('spanId', 'bytes'),
  11: one('observedTimeUnixNano', 'fixed64'),
})

const numberPoint: Schema = {
  2: one('startTimeUnixNano', 'fixed64'),
  3: one('timeUnixNano', 'fixed64'),
  4: one('asDouble', 'double'),
  6: one('asInt', 'sfixed64'),
  7: attributes,
  8: one('flags', 'int32'),
}
const histogramPoint: Schema = {
  3: one('timeUnixNano', 'fixed64'),
  4: one('count', 'fixed64'),
  5: one('sum', 'double'),
  6: many('bucketCounts', 'fixed64'),
  7: many('explicitBounds', 'double'),
  9: attributes,
  10: one('flags', 'int32'),
}
const exponentialPoint: Schema = {
  1: attributes,
  3: one('timeUnixNano', 'fixed64'),
  4: one('count', 'fixed64'),
  5: one('sum', 'double'),
  6: one('scale', 'sint32'),
}
const summaryPoint: Schema = {
  3: one('timeUnixNano', 'fixed64'),
  4: one('count', 'fixed64'),
  5: one('sum', 'double'),
  6: many('quantileValues', { 1: one('quantile', 'double'), 2: one('value', 'double') }),
  7: attributes,
  8: one('flags', 'int32'),
}
const temporality = one('aggregationTemporality', 'int32')

const metricsRequest = request('resourceMetrics', 'scopeMetrics', 'metrics', {
  1: one('name', 'string'),
  2: one('description', 'string'),
  3: one('unit', 'string'),
  5: one('gauge', { 1: many('dataPoints', numberPoint) }),
  7: one('sum', { 1: many('dataPoints', numberPoint), 2: temporality, 3: one('isMonotonic', 'bool') }),
  9: one('histogram', { 1: many('dataPoints', histogramPoint), 2: temporality }),
  10: one('exponentialHistogram', { 1: many('dataPoints', exponentialPoint), 2: temporality }),
  11: one('summary', { 1: many('dataPoints', summaryPoint) }),
})

const tracesRequest = request('resourceSpans', 'scopeSpans', 'spans', {
  1: one('traceId', 'bytes'),
  2: one('spanId', 'bytes'),
  4: one('parentSpanId', 'bytes'),
  5: one('name', 'string'),
  6: one('kind', 'int32'),
  7: one('startTimeUnixNano', 'fixed64'),
  8: one('endTimeUnixNano', 'fixed64'),
  9: attributes,
  15: one('status', { 2: one('message', 'string'), 3: one('code', 'int32') }),
  16: one('flags', 'fixed32'),
})

/** Decoders and encoders of whole messages, slow and strict: names are those of the .proto files or of OTLP's JSON. */
export const decodeEnvelope = (bytes: Uint8Array): Message => decode(envelope, bytes)
export const encodeEnvelope = (message: Message): Buffer => encode(envelope, message)
export const decodeEnvelopeBatch = (bytes: Uint8Array): Message[] =>
  decode({ 1: many('batch', envelope) }, bytes).batch ?? []
export const encodeEnvelopeBatch = (batch: readonly Message[]): Buffer =>
  encode({ 1: many('batch', envelope) }, { batch })

/** Strings of v1 are not checked for UTF-8, as in Go. */
export const decodeV1 = (bytes: Uint8Array): Message => decode(v1Envelope, bytes, true)
export const encodeV1 = (message: Message): Buffer => encode(v1Envelope, message)
export const decodeV1List = (bytes: Uint8Array): Message[] =>
  decode({ 1: many('list', v1Envelope) }, bytes, true).list ?? []
export const encodeV1List = (list: readonly Message[]): Buffer => encode({ 1: many('list', v1Envelope) }, { list })

export const decodeOtlpLogs = (bytes: Uint8Array): Message => decode(logsRequest, bytes)
export const encodeOtlpLogs = (message: Message): Buffer => encode(logsRequest, message)
export const decodeOtlpMetrics = (bytes: Uint8Array): Message => decode(metricsRequest, bytes)
export const encodeOtlpMetrics = (message: Message): Buffer => encode(metricsRequest, message)
export const decodeOtlpTraces = (bytes: Uint8Array): Message => decode(tracesRequest, bytes)
export const encodeOtlpTraces = (message: Message): Buffer => encode(tracesRequest, message)

/** A container message around the bytes of its records: repeated field 1. */
export const frameRecords = (records: readonly Uint8Array[]): Buffer =>
  encode({ 1: many('records', 'bytes') }, { records })
