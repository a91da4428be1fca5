import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeOtlpLogs, encodeOtlpMetrics, type Message } from '../../../test/support/decode.ts'
import { Batch } from '../../telemetry/batch.ts'
import { decodeOtlpJson } from '../../wire/otlp/json-decode.ts'
import { otlpLines } from './otlp-lines.ts'

const at = 1_795_237_334_173_000_001n
const text = (key: string, stringValue: string) => ({ key, value: { stringValue } })
const resource = { attributes: [text('service.name', 'shop')] }
const scope = { name: 'lib', version: '1.0' }

const encoded = {
  logs: (record: Message) =>
    encodeOtlpLogs({ resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords: [record] }] }] }),
  metrics: (metric: Message) =>
    encodeOtlpMetrics({ resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics: [metric] }] }] }),
}
const shown = (signal: 'logs' | 'metrics', record: Message, verbosity: 'basic' | 'normal' | 'detailed') =>
  otlpLines(Batch.copyOf(signal, encoded[signal](record)), verbosity, 100)

const log = {
  timeUnixNano: at,
  observedTimeUnixNano: at,
  severityNumber: 10,
  severityText: 'info',
  body: { stringValue: 'GET /' },
  attributes: [
    text('a', 'b'),
    { key: 'n', value: { intValue: 7n } },
    {
      key: 'l',
      value: { arrayValue: { values: [{ boolValue: true }, { kvlistValue: { values: [text('x', 'y')] } }] } },
    },
  ],
  traceId: Buffer.alloc(16, 1),
  spanId: Buffer.alloc(8, 2),
}

test('a log record', () => {
  expect(shown('logs', log, 'basic')).toEqual(['Logs {"resource logs": 1, "log records": 1}'])
  expect(shown('logs', log, 'normal').slice(1)).toEqual([
    'ResourceLog #0 service.name=shop',
    'ScopeLog #0 lib@1.0',
    'GET / a=b n=7 l=[true,{"x":"y"}]',
  ])
  expect(shown('logs', log, 'detailed').slice(1).join('\n')).toBe(`ResourceLog #0
Resource SchemaURL: 
Resource attributes:
     -> service.name: Str(shop)
ScopeLogs #0
ScopeLogs SchemaURL: 
InstrumentationScope lib 1.0
LogRecord #0
ObservedTimestamp: 2026-11-21 05:02:14.173000001 +0000 UTC
Timestamp: 2026-11-21 05:02:14.173000001 +0000 UTC
SeverityText: info
SeverityNumber: Info2(10)
Body: Str(GET /)
Attributes:
     -> a: Str(b)
     -> n: Int(7)
     -> l: Slice([true,{"x":"y"}])
Trace ID: ${'01'.repeat(16)}
Span ID: ${'02'.repeat(8)}
Flags: 0`)
})

test('a span with an event and a link', () => {
  const span = {
    name: 'GET',
    kind: 2,
    traceId: '01'.repeat(16),
    spanId: '02'.repeat(8),
    startTimeUnixNano: String(at),
    endTimeUnixNano: String(at),
    status: { code: 2, message: 'bad' },
    events: [{ name: 'e', timeUnixNano: '1', attributes: [text('k', 'v')] }],
    links: [{ traceId: '03'.repeat(16), spanId: '04'.repeat(8) }],
  }
  const json = JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope, spans: [span] }] }] })
  const batch = Batch.copyOf('traces', decodeOtlpJson('traces', Buffer.from(json)) as Buffer)
  expect(otlpLines(batch, 'normal', 100).at(-1)).toBe(`GET ${'01'.repeat(16)} ${'02'.repeat(8)}`)
  const lines = otlpLines(batch, 'detailed', 100)
  expect(lines).toContain('    Kind           : Server')
  expect(lines).toContain('    Status code    : Error')
  expect(lines).toContain('     -> Name: e')
  expect(lines).toContain('     -> Timestamp: 1970-01-01 00:00:00.000000001 +0000 UTC')
  expect(lines).toContain(`     -> ID: ${'04'.repeat(8)}`)
})

test('metrics of every kind', () => {
  const sum = {
    name: 'hits',
    unit: '1',
    sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [{ asInt: 7n, attributes: [text('a', 'b')] }] },
  }
  expect(shown('metrics', sum, 'basic')).toEqual(['Metrics {"resource metrics": 1, "metrics": 1, "data points": 1}'])
  expect(shown('metrics', sum, 'normal').at(-1)).toBe('hits{a=b} 7')
  const lines = shown('metrics', sum, 'detailed')
  expect(lines).toContain('     -> IsMonotonic: true')
  expect(lines).toContain('     -> AggregationTemporality: Cumulative')
  expect(lines).toContain('Value: 7')
  const dataPoints = [{ count: 3n, sum: 4.5, explicitBounds: [1, 2], bucketCounts: [1n, 1n, 1n] }]
  const histogram = { name: 'h', histogram: { aggregationTemporality: 1, dataPoints } }
  expect(shown('metrics', histogram, 'normal').at(-1)).toBe('h{} count=3 sum=4.5 le1=1 le2=1 1')
  expect(shown('metrics', histogram, 'detailed')).toContain('Buckets #2, Count: 1')
  const summary = {
    name: 's',
    summary: { dataPoints: [{ count: 2n, sum: 3, quantileValues: [{ quantile: 0.5, value: 1.5 }] }] },
  }
  expect(shown('metrics', summary, 'normal').at(-1)).toBe('s{} count=2 sum=3 q0.5=1.5')
})

test('foreign text does nothing to a terminal, whatever it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (any) => {
      const record = { body: { stringValue: any }, attributes: [text(any, any)], severityText: any }
      for (const verbosity of ['normal', 'detailed'] as const) {
        for (const line of shown('logs', record, verbosity))
          expect(line).not.toMatch(/[\x00-\x08\x0a-\x1f\x7f-\x9f\u202e]/)
      }
    }),
  )
})

test('the summary counts what is not printed any more, too', () => {
  const gauge = (name: string) => ({ name, gauge: { dataPoints: [{ asInt: 1n }] } })
  const metrics = ['a', 'b', 'c'].map(gauge)
  const bytes = encodeOtlpMetrics({ resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics }] }] })
  const [summary, ...lines] = otlpLines(Batch.copyOf('metrics', bytes), 'normal', 1)
  expect(summary).toBe('Metrics {"resource metrics": 1, "metrics": 3, "data points": 3}')
  expect(lines.filter((line) => /^[abc]\{/.test(line))).toEqual(['a{} 1'])
})
