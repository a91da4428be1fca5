import type { Format } from '../../src/plugin.ts'
import {
  encodeEnvelope,
  encodeOtlpLogs,
  encodeOtlpMetrics,
  encodeOtlpTraces,
  encodeV1,
  frameRecords,
  type Message,
} from './decode.ts'

const at = 1_700_000_000_000_000_000n
const head = { timestamp: at, source_id: 'app', instance_id: '0', tags: { k: 'v' } }
const ids = { traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 1) }
const point = { timeUnixNano: at, asDouble: 1 }

const envelopes: Message[] = [
  { ...head, log: { payload: 'text' } },
  { ...head, counter: { name: 'c', delta: 2n, total: 5n } },
  { ...head, gauge: { metrics: { a: { unit: 'u', value: 1 }, b: { unit: 'u', value: 2 } } } },
  {
    ...head,
    timer: { name: 'http', start: 1n, stop: 2n },
    tags: { span_id: '01'.repeat(8), trace_id: '02'.repeat(16) },
  },
  { ...head, timer: { name: 'no ids', start: 1n, stop: 2n } },
  { ...head, event: { title: 't', body: 'b' } },
  // Says nothing: no other format can express it.
  head,
  { ...head, gauge: { metrics: {} } },
]
const v1: Message[] = [
  { origin: 'o', eventType: 7, timestamp: at, counterEvent: { name: 'c', delta: 2n } },
  { origin: 'o', eventType: 6, timestamp: at, valueMetric: { name: 'v', value: 1, unit: 'u' } },
  {
    origin: 'o',
    eventType: 5,
    timestamp: at,
    logMessage: { message: Buffer.from('x'), messageType: 1, timestamp: at },
  },
  // The body that the type promises is missing.
  { origin: 'o', eventType: 5, timestamp: at },
]
const logs: Message[] = [
  { timeUnixNano: at, body: { stringValue: 'text' } },
  { timeUnixNano: at, severityNumber: 17, body: { kvlistValue: { values: [] } } },
  {},
]
const metrics: Message[] = [
  { name: 'g', gauge: { dataPoints: [point, point] } },
  { name: 's', sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [{ timeUnixNano: at, asInt: 3n }] } },
  {
    name: 'h',
    histogram: { dataPoints: [{ timeUnixNano: at, count: 2n, bucketCounts: [1n, 1n], explicitBounds: [1] }] },
  },
  {
    name: 'q',
    summary: { dataPoints: [{ timeUnixNano: at, count: 2n, quantileValues: [{ quantile: 0.5, value: 1 }] }] },
  },
  { name: 'none', gauge: { dataPoints: [] } },
]
const spans: Message[] = [
  { ...ids, name: 's', kind: 2, startTimeUnixNano: 1n, endTimeUnixNano: 2n },
  { name: 'without ids' },
]

const pick = (from: readonly Message[], kinds: readonly number[]) => kinds.map((kind) => from[kind % from.length]!)

/** A message of this format; every number stands for a kind of record, also of those that other formats cannot express. */
export function recordsOf(format: Format, kinds: readonly number[]): Buffer {
  if (format === 'envelopes') return frameRecords(pick(envelopes, kinds).map(encodeEnvelope))
  if (format === 'dropsonde') return frameRecords(pick(v1, kinds).map(encodeV1))
  if (format === 'logs') return encodeOtlpLogs({ resourceLogs: [{ scopeLogs: [{ logRecords: pick(logs, kinds) }] }] })
  if (format === 'metrics')
    return encodeOtlpMetrics({ resourceMetrics: [{ scopeMetrics: [{ metrics: pick(metrics, kinds) }] }] })
  return encodeOtlpTraces({ resourceSpans: [{ scopeSpans: [{ spans: pick(spans, kinds) }] }] })
}
