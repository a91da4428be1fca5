import { credentials } from '@grpc/grpc-js'
import { SeverityNumber, SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-grpc'
import { OTLPMetricExporter as GrpcMetrics } from '@opentelemetry/exporter-metrics-otlp-grpc'
import { OTLPMetricExporter as HttpMetrics } from '@opentelemetry/exporter-metrics-otlp-http'
import { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base'
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs'
import {
  AggregationType,
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { describe, expect, test } from 'vitest'
import { until } from '../../net/test-kit.ts'
import type { Format } from '../../plugin.ts'
import { encodeOtlpJson } from '../../wire/otlp/json-encode.ts'
import { type OtlpRun, startOtlp } from './otlp-run.fixture.ts'

// The exporters of OpenTelemetry's JavaScript SDK as senders; what arrived is read as JSON.

const resource = resourceFromAttributes({ 'service.name': 'shop' })
const arrived = (run: OtlpRun) =>
  run.batches.map((batch) =>
    JSON.parse(encodeOtlpJson(batch.format as Exclude<Format, 'envelopes' | 'dropsonde'>, batch.bytes()).toString()),
  )
const named = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] }

test('logs over gRPC, compressed', async () => {
  const run = await startOtlp({ grpc: {} })
  const exporter = new OTLPLogExporter({
    url: `http://${run.grpc}`,
    credentials: credentials.createInsecure(),
    compression: CompressionAlgorithm.GZIP,
  })
  const provider = new LoggerProvider({ resource, processors: [new SimpleLogRecordProcessor({ exporter })] })
  provider.getLogger('checkout', '1.2').emit({
    timestamp: 1_700_000_000_123,
    severityNumber: SeverityNumber.WARN,
    severityText: 'WARN',
    body: { items: [1, 2.5, 'drei', true], note: 'ünïcode' },
    attributes: { user: 'a', count: 42 },
  })
  await until(() => run.batches.length > 0)
  await provider.shutdown()
  const [{ resourceLogs }] = arrived(run)
  expect(resourceLogs[0]).toMatchObject({
    resource: named,
    scopeLogs: [
      {
        scope: { name: 'checkout', version: '1.2' },
        logRecords: [
          {
            timeUnixNano: '1700000000123000000',
            severityNumber: 13,
            body: {
              kvlistValue: {
                values: [
                  {
                    key: 'items',
                    value: {
                      arrayValue: {
                        values: [{ intValue: '1' }, { doubleValue: 2.5 }, { stringValue: 'drei' }, { boolValue: true }],
                      },
                    },
                  },
                  { key: 'note', value: { stringValue: 'ünïcode' } },
                ],
              },
            },
            attributes: [
              { key: 'user', value: { stringValue: 'a' } },
              { key: 'count', value: { intValue: '42' } },
            ],
          },
        ],
      },
    ],
  })
})

const metricSenders: [string, (run: OtlpRun) => PushMetricExporter][] = [
  ['gRPC', (run) => new GrpcMetrics({ url: `http://${run.grpc}`, credentials: credentials.createInsecure() })],
  ['HTTP with JSON', (run) => new HttpMetrics({ url: `http://127.0.0.1:${run.http}/v1/metrics` })],
  [
    'HTTP with JSON and gzip',
    (run) =>
      new HttpMetrics({ url: `http://127.0.0.1:${run.http}/v1/metrics`, compression: CompressionAlgorithm.GZIP }),
  ],
]

test.each(metricSenders)('metrics of every kind over %s', async (_, exporterOf) => {
  const run = await startOtlp({ grpc: {}, http: {} })
  const reader = new PeriodicExportingMetricReader({ exporter: exporterOf(run), exportIntervalMillis: 3_600_000 })
  const exponential = { type: AggregationType.EXPONENTIAL_HISTOGRAM } as const
  const provider = new MeterProvider({
    resource,
    readers: [reader],
    views: [{ instrumentName: 'spread', aggregation: exponential }],
  })
  const meter = provider.getMeter('checkout')
  meter.createCounter('orders', { unit: '1' }).add(3, { region: 'eu' })
  meter.createGauge('load').record(0.25)
  meter.createHistogram('latency', { advice: { explicitBucketBoundaries: [1, 10] } }).record(5)
  meter.createHistogram('spread').record(7)
  await reader.forceFlush()
  await provider.shutdown()
  const [{ resourceMetrics }] = arrived(run)
  expect(resourceMetrics[0].resource).toMatchObject(named)
  const order = ['orders', 'load', 'latency', 'spread']
  const metrics = order.map((name) =>
    resourceMetrics[0].scopeMetrics[0].metrics.find((each: { name: string }) => each.name === name),
  )
  expect(metrics).toMatchObject([
    {
      name: 'orders',
      unit: '1',
      sum: {
        isMonotonic: true,
        aggregationTemporality: 2,
        dataPoints: [{ attributes: [{ key: 'region', value: { stringValue: 'eu' } }] }],
      },
    },
    { name: 'load', gauge: { dataPoints: [{ asDouble: 0.25 }] } },
    {
      name: 'latency',
      histogram: {
        dataPoints: [{ count: '1', sum: 5, min: 5, max: 5, bucketCounts: ['0', '1', '0'], explicitBounds: [1, 10] }],
      },
    },
    {
      name: 'spread',
      exponentialHistogram: { dataPoints: [{ count: '1', sum: 7, positive: { bucketCounts: ['1'] } }] },
    },
  ])
  const [orders] = metrics[0].sum.dataPoints
  expect(Number(orders.asInt ?? orders.asDouble)).toBe(3)
})

describe('traces as the SDK writes them', () => {
  const spans = async () => {
    const exporter = new InMemorySpanExporter()
    const provider = new TracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor({ exporter })] })
    const tracer = provider.getTracer('checkout')
    const other = tracer.startSpan('other')
    other.end()
    const span = tracer.startSpan('GET /', {
      kind: SpanKind.SERVER,
      links: [{ context: other.spanContext(), attributes: { why: 'retry' } }],
    })
    span.addEvent('cache miss', { key: 'a' })
    span.setStatus({ code: SpanStatusCode.ERROR, message: 'boom' })
    span.end()
    await provider.forceFlush()
    return exporter.getFinishedSpans()
  }
  test.each([
    ['protobuf', 'application/x-protobuf', ProtobufTraceSerializer],
    ['JSON', 'application/json', JsonTraceSerializer],
  ] as const)('%s', async (_, type, serializer) => {
    const run = await startOtlp({ http: {} })
    const sent = await spans()
    const body = Buffer.from(serializer.serializeRequest(sent)!)
    const answer = await run.send({ path: '/v1/traces', headers: { 'content-type': type }, body })
    expect(answer.status).toBe(200)
    expect(serializer.deserializeResponse(answer.body)).toMatchObject({ partialSuccess: {} })
    const [{ resourceSpans }] = arrived(run)
    const { traceId, spanId } = sent[1]!.spanContext()
    expect(resourceSpans[0].scopeSpans[0].spans[1]).toMatchObject({
      traceId,
      spanId,
      name: 'GET /',
      kind: 2,
      events: [{ name: 'cache miss', attributes: [{ key: 'key', value: { stringValue: 'a' } }] }],
      links: [{ spanId: sent[0]!.spanContext().spanId, attributes: [{ key: 'why', value: { stringValue: 'retry' } }] }],
      status: { code: 2, message: 'boom' },
    })
  })
})
