// A small shop that tells of itself with OpenTelemetry's JavaScript SDK: each signal once, the story that all senders of
// this folder tell. Where to, how and with which certificates stands in the SDK's own variables (OTEL_EXPORTER_OTLP_*).
// Prints the ids that the SDK drew.

import {
  type Context,
  createTraceState,
  type HrTime,
  ROOT_CONTEXT,
  SeverityNumber,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
  ValueType,
} from '@opentelemetry/api'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs'
import { AggregationType, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { newExporters } from './exporters.ts'

const scope = ['checkout', '1.2.0', { schemaUrl: 'https://opentelemetry.io/schemas/1.37.0' }] as const
const resource = resourceFromAttributes(
  { 'service.name': 'shop', 'service.version': '2.1', 'host.cores': 4, zones: ['a', 'b'] },
  { schemaUrl: 'https://opentelemetry.io/schemas/1.38.0' },
)

/** Some milliseconds after the story begins. */
const at = (ms: number): HrTime => [1_700_000_000, 100_000_000 + ms * 1_000_000]

function tradeWith(tracers: TracerProvider) {
  const tracer = tracers.getTracer(...scope)
  const attributes = { 'http.route': '/cart', ok: true, items: 3, price: 9.5, tags: ['x', 'ü'], sizes: [1, 2] }
  const server = tracer.startSpan('GET /cart', { kind: SpanKind.SERVER, startTime: at(0), attributes }, ROOT_CONTEXT)
  server.addEvent('cache miss', { key: 'cart:1' }, at(10))
  server.setStatus({ code: SpanStatusCode.ERROR, message: 'out of stock' })
  const elsewhere = {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    traceFlags: TraceFlags.SAMPLED,
    traceState: createTraceState('vendor=1'),
    isRemote: true,
  }
  const within = trace.setSpan(ROOT_CONTEXT, server)
  const links = [{ context: elsewhere, attributes: { why: 'retry' } }]
  const client = tracer.startSpan('SELECT', { kind: SpanKind.CLIENT, startTime: at(20), links }, within)
  client.end(at(30))
  server.end(at(250))
  return { within, server: server.spanContext(), client: client.spanContext() }
}

function write(within: Context, loggers: LoggerProvider): void {
  const logger = loggers.getLogger(...scope)
  logger.emit({
    timestamp: at(5),
    observedTimestamp: at(6),
    context: within,
    severityNumber: SeverityNumber.WARN,
    severityText: 'WARN',
    eventName: 'order.failed',
    body: { msg: 'ünï', n: 7, list: [1, 'two', true], nested: { deep: 1.5 } },
    attributes: { user: 'a', delta: -1 },
  })
  const info = { severityNumber: SeverityNumber.INFO, severityText: 'INFO' }
  logger.emit({ timestamp: at(7), observedTimestamp: at(7), context: ROOT_CONTEXT, ...info, body: 'plain' })
}

function measure(within: Context, meters: MeterProvider): void {
  const meter = meters.getMeter(...scope)
  const whole = { valueType: ValueType.INT }
  const orders = meter.createCounter('orders', { ...whole, unit: '{order}', description: 'Orders placed.' })
  orders.add(3, { region: 'eu' }, within)
  orders.add(4, { region: 'us' }, within)
  const items = meter.createUpDownCounter('cart.items', whole)
  items.add(5, {}, within)
  items.add(-7, {}, within)
  meter.createGauge('load').record(0.25, {}, within)
  meter.createObservableCounter('cpu.time', { unit: 's' }).addCallback((seen) => seen.observe(1.5, { cpu: '0' }))
  const latency = meter.createHistogram('latency', { unit: 'ms', advice: { explicitBucketBoundaries: [1, 10, 100] } })
  for (const value of [0.5, 5, 5, 1000]) latency.record(value, {}, within)
  const spread = meter.createHistogram('spread')
  for (const value of [0, 1, 2, 4]) spread.record(value, {}, within)
}

const out = newExporters()
const tracers = new TracerProvider({ resource, spanProcessors: [new BatchSpanProcessor({ exporter: out.spans })] })
const loggers = new LoggerProvider({ resource, processors: [new BatchLogRecordProcessor({ exporter: out.logs })] })
const meters = new MeterProvider({
  resource,
  readers: [new PeriodicExportingMetricReader({ exporter: out.metrics, exportIntervalMillis: 3_600_000 })],
  views: [{ instrumentName: 'spread', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
})
const { within, server, client } = tradeWith(tracers)
write(within, loggers)
measure(within, meters)
await Promise.all([tracers.shutdown(), loggers.shutdown(), meters.shutdown()])
console.log(JSON.stringify({ traceId: server.traceId, server: server.spanId, client: client.spanId }))
