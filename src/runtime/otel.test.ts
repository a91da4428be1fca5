import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { decodeOtlpMetrics, type Message } from '../../test/support/decode.ts'
import { Ledger } from '../delivery/ledger.ts'
import { ledgerFamilies } from '../delivery/ledger-families.ts'
import { newGrpcServer } from '../net/grpc-server.ts'
import { unary } from '../net/grpc-types.ts'
import { serverTls } from '../net/tls.ts'
import { issue, newAuthority } from './certs.ts'
import { Distribution } from './distribution.ts'
import { newLog, silentLog } from './log.ts'
import { Metrics } from './metrics.ts'
import { newOtel } from './otel.ts'
import { type OtelSettings, otelPlan } from './otel-settings.ts'
import type { OwnMetric } from './own-metric.ts'

const metricsPath = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export'
const logsPath = '/opentelemetry.proto.collector.logs.v1.LogsService/Export'
const tracesPath = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'

const cleanup: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of cleanup.splice(0)) await end()
})

/** An OTLP receiver that keeps what it got; `next` resolves with the next request of a path. */
async function newReceiver(tls?: Parameters<typeof newGrpcServer>[0]['tls']) {
  const waiting = new Map<string, (body: string) => void>()
  const headers: unknown[] = []
  const take = (path: string) =>
    unary((message, call) => {
      headers.push(call.headers['x-key'])
      waiting.get(path)?.(message.toString('latin1'))
      return Buffer.alloc(0)
    })
  const methods = Object.fromEntries([metricsPath, logsPath, tracesPath].map((path) => [path, take(path)]))
  const server = newGrpcServer({ endpoint: { host: '127.0.0.1', port: 0 }, methods, log: silentLog, tls })
  const { port } = await server.start()
  cleanup.push(() => server.stop(AbortSignal.abort()))
  const next = (path: string) => new Promise<string>((resolve) => waiting.set(path, resolve))
  return { port, next, headers }
}

const noTelemetry: OtelSettings['telemetry'] = { logs: {}, metrics: { readers: [] }, traces: {}, resource: {} }
const settings = (telemetry: Partial<OtelSettings['telemetry']>): OtelSettings => ({
  telemetry: { ...noTelemetry, ...telemetry },
})

const nothing = { families: () => [], own: () => [] }

function newBooks() {
  const metrics = new Metrics()
  metrics.counter('tailrace_statsd_lines_total', 'Lines.', { id: 'statsd' }).add(7)
  const ledger = new Ledger()
  const account = ledger.open('queue', 'otlp', { destination: 'a:1' })
  account.received = 12
  account.drop('queue_full', 3)
  return { families: () => [...metrics.families(), ...ledgerFamilies(ledger)], own: () => [] }
}

test('metrics and the ledger are read when an export is due, and carry the resource', async () => {
  const receiver = await newReceiver()
  const sources = newBooks()
  const got = receiver.next(metricsPath)
  const otlp = { protocol: 'grpc', endpoint: `http://127.0.0.1:${receiver.port}`, headers: { 'x-key': 'k1' } }
  const service = settings({
    metrics: { readers: [{ periodic: { interval: 20, exporter: { otlp } } }] },
    resource: { 'service.name': 'edge', 'host.name': null },
  })
  const otel = await newOtel(service, sources, { log: silentLog })
  cleanup.push(() => otel.close())
  const body = await got
  for (const text of ['tailrace_statsd_lines_total', 'tailrace_queue_records_total', 'tailrace_dropped_records_total'])
    expect(body).toContain(text)
  expect(body).toContain('queue_full')
  expect(body).toContain('edge')
  expect(body).not.toContain('host.name')
  expect(receiver.headers).toContain('k1')
})

test('log records arrive with their severity, component and fields', async () => {
  const receiver = await newReceiver()
  const got = receiver.next(logsPath)
  const otlp = { endpoint: `127.0.0.1:${receiver.port}`, insecure: true }
  const processors = [{ batch: { schedule_delay: 5, exporter: { otlp } } }]
  const otel = await newOtel(settings({ logs: { processors } }), nothing, { log: silentLog })
  cleanup.push(() => otel.close())
  const log = newLog({ write: () => {}, tee: otel.log })
  log.named('statsd').warn('3 records lost', { reason: 'queue_full' })
  const body = await got
  for (const text of ['3 records lost', 'warn', 'statsd', 'queue_full']) expect(body).toContain(text)
})

test('metrics of the Collector arrive under their scopes, with units, types and dots in names', async () => {
  const receiver = await newReceiver()
  const got = receiver.next(metricsPath)
  const otlp = { endpoint: `http://127.0.0.1:${receiver.port}` }
  const sizes = new Distribution([10, 100])
  sizes.add(7)
  sizes.add(500)
  const scope = 'go/service'
  const of = (name: string, type: OwnMetric['type'], unit: string, value: number | Distribution): OwnMetric => {
    return { name, help: '', unit, type, scope, points: [{ attributes: { 'otel.signal': 'logs' }, value }] }
  }
  const own = () => [
    of('otelcol.exporter.consumed.items', 'counter', '{item}', 7),
    of('otelcol_exporter_in_flight_requests', 'updown', '{request}', 1),
    of('otelcol_exporter_enqueue_size', 'histogram', '{unit}', sizes),
  ]
  const readers = [{ periodic: { interval: 20, exporter: { otlp } } }]
  const otel = await newOtel(settings({ metrics: { readers } }), { ...newBooks(), own }, { log: silentLog })
  cleanup.push(() => otel.close())
  const { resourceMetrics } = decodeOtlpMetrics(Buffer.from(await got, 'latin1'))
  const { scopeMetrics } = resourceMetrics[0]
  expect(scopeMetrics.map((each: Message) => each.scope.name)).toEqual(['tailrace', scope])
  const [items, requests, histogram] = scopeMetrics[1].metrics
  expect([items.name, items.unit, items.sum.isMonotonic]).toEqual(['otelcol.exporter.consumed.items', '{item}', true])
  expect(items.sum.dataPoints[0].attributes[0].key).toBe('otel.signal')
  expect([requests.sum.isMonotonic ?? false, requests.sum.dataPoints[0].asDouble]).toEqual([false, 1])
  expect(histogram.histogram.dataPoints[0]).toMatchObject({ explicitBounds: [10, 100], sum: 507 })
  expect(histogram.histogram.dataPoints[0].bucketCounts.map(Number)).toEqual([1, 0, 1])
})

test('nothing is sent at level none', () => {
  const otlp = { endpoint: 'http://127.0.0.1:1' }
  const readers = [
    { periodic: { interval: 20, exporter: { otlp } } },
    { periodic: { interval: 5, exporter: { console: {} } } },
  ]
  const sent = (level: string) => otelPlan(settings({ metrics: { level, readers } })).readers
  expect(sent('none')).toEqual([])
  expect(sent('basic')).toMatchObject([{ interval: 20 }, { interval: 5, target: 'console' }])
})

test('the last metrics leave when it closes', async () => {
  const receiver = await newReceiver()
  const sources = newBooks()
  const otlp = { endpoint: `http://127.0.0.1:${receiver.port}` }
  const service = settings({ metrics: { readers: [{ periodic: { interval: 60_000, exporter: { otlp } } }] } })
  const otel = await newOtel(service, sources, { log: silentLog })
  const got = receiver.next(metricsPath)
  await otel.close()
  expect(await got).toContain('tailrace_statsd_lines_total')
})

test('speaks TLS and checks the receiver against the given authority', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-otel-'))
  const authority = newAuthority({ commonName: 'test CA' })
  const pair = issue(authority, { commonName: 'localhost', names: ['localhost'] })
  const files = { ca: join(dir, 'ca'), cert: join(dir, 'cert'), key: join(dir, 'key') }
  writeFileSync(files.ca, authority.cert)
  writeFileSync(files.cert, pair.cert)
  writeFileSync(files.key, pair.key)
  const receiver = await newReceiver(serverTls({ cert: files.cert, key: files.key }, { log: silentLog }))
  const got = receiver.next(metricsPath)
  const otlp = { endpoint: `https://localhost:${receiver.port}`, certificate: files.ca }
  const service = settings({ metrics: { readers: [{ periodic: { interval: 20, exporter: { otlp } } }] } })
  const sources = newBooks()
  const otel = await newOtel(service, sources, { log: silentLog })
  cleanup.push(() => otel.close())
  expect(await got).toContain('tailrace_statsd_lines_total')
})

test('a receiver that is not there costs a line of the log, and closing does not wait for it', async () => {
  const lines: string[] = []
  let told: () => void = () => {}
  const first = new Promise<void>((resolve) => (told = resolve))
  const log = newLog({
    write(line) {
      lines.push(line)
      told()
    },
  })
  const otlp = { endpoint: 'http://127.0.0.1:1', timeout: 300 }
  const service = settings({ metrics: { readers: [{ periodic: { interval: 300, exporter: { otlp } } }] } })
  const sources = newBooks()
  const otel = await newOtel(service, sources, { log, closeWithinMs: 50 })
  await first
  await otel.close()
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('own telemetry could not be sent')
})

/** An OTLP receiver over HTTP: `next` resolves with the next request. */
async function newHttpReceiver(tls?: { cert: string; key: string }) {
  let told: (request: { path: string; body: string; headers: IncomingHttpHeaders }) => void = () => {}
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const sent = Buffer.concat(chunks)
    const bytes = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent
    told({ path: request.url!, body: bytes.toString('latin1'), headers: request.headers })
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
  }
  const server = tls ? createTlsServer(tls, handle) : createServer(handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanup.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return { port, next: () => new Promise<Parameters<typeof told>[0]>((resolve) => (told = resolve)) }
}

describe('http/protobuf', () => {
  test('metrics go to /v1/metrics, with headers', async () => {
    const receiver = await newHttpReceiver()
    const got = receiver.next()
    const endpoint = `http://127.0.0.1:${receiver.port}`
    const otlp = { protocol: 'http/protobuf', endpoint, headers: [{ name: 'x-key', value: 'k1' }] }
    const service = settings({ metrics: { readers: [{ periodic: { interval: 20, exporter: { otlp } } }] } })
    const otel = await newOtel(service, newBooks(), { log: silentLog })
    cleanup.push(() => otel.close())
    const { path, body, headers } = await got
    expect(path).toBe('/v1/metrics')
    expect(headers).toMatchObject({ 'content-type': 'application/x-protobuf', 'x-key': 'k1' })
    // Protobuf, not JSON: an ExportMetricsServiceRequest begins with field 1.
    expect(body[0]).toBe('\n')
    for (const text of ['tailrace_statsd_lines_total', 'queue_full']) expect(body).toContain(text)
  })

  test('logs go to the path that is written, over TLS with its own authority', async () => {
    const authority = newAuthority({ commonName: 'test CA' })
    const receiver = await newHttpReceiver(issue(authority, { commonName: 'localhost', names: ['localhost'] }))
    const certificate = join(mkdtempSync(join(tmpdir(), 'tailrace-otel-')), 'ca')
    writeFileSync(certificate, authority.cert)
    const got = receiver.next()
    const otlp = { protocol: 'http/protobuf', endpoint: `https://localhost:${receiver.port}/in/logs`, certificate }
    const otel = await newOtel(settings({ logs: { processors: [{ simple: { exporter: { otlp } } }] } }), nothing, {
      log: silentLog,
    })
    cleanup.push(() => otel.close())
    newLog({ write: () => {}, tee: otel.log }).warn('3 records lost')
    const { path, body } = await got
    expect(path).toBe('/in/logs')
    expect(body).toContain('3 records lost')
  })
})

describe('spans', () => {
  const spanTo = async (otlp: Record<string, unknown>) => {
    const processors = [{ simple: { exporter: { otlp } } }]
    const service = settings({ traces: { processors }, resource: { 'service.name': 'edge' } })
    const otel = await newOtel(service, nothing, { log: silentLog })
    cleanup.push(() => otel.close())
    const now = Date.now()
    otel.tracer!.start('receive otlp', now)!.end(now, { 'tailrace.records': 3 })
  }

  test.each([['gzip'], ['none']])('go to the service of traces over gRPC, compression %s', async (compression) => {
    const receiver = await newReceiver()
    const got = receiver.next(tracesPath)
    await spanTo({ endpoint: `http://127.0.0.1:${receiver.port}`, compression, headers: { 'x-key': 'k1' } })
    for (const text of ['receive otlp', 'tailrace.records', 'edge']) expect(await got).toContain(text)
    expect(receiver.headers).toContain('k1')
  })

  test.each([['gzip'], ['none']])('go to /v1/traces over HTTP, compression %s', async (compression) => {
    const receiver = await newHttpReceiver()
    const got = receiver.next()
    await spanTo({ protocol: 'http/protobuf', endpoint: `http://127.0.0.1:${receiver.port}`, compression })
    const { path, body, headers } = await got
    expect(path).toBe('/v1/traces')
    expect(headers['content-encoding']).toBe(compression === 'gzip' ? 'gzip' : undefined)
    for (const text of ['receive otlp', 'tailrace.records', 'edge']) expect(body).toContain(text)
  })

  test('are not made when nobody wants them', async () => {
    const otel = await newOtel(settings({}), nothing, { log: silentLog })
    expect(otel.tracer).toBeUndefined()
  })
})

const faultsOf = (telemetry: Partial<OtelSettings['telemetry']>) =>
  otelPlan(settings(telemetry)).faults.map(
    ({ path, message, hint }) => `${path.slice(2).join('.')}: ${message}; ${hint}`,
  )

test.each([
  [
    { endpoint: 'http://127.0.0.1:1', protocol: 'http/json' },
    /protocol: "http\/json" is not spoken here; write grpc or/,
  ],
  [{}, /endpoint: endpoint is missing; write endpoint: "http:\/\/127.0.0.1:4317"/],
  [{ protocol: 'http/protobuf' }, /"http:\/\/127.0.0.1:4318"/],
  [{ endpoint: 'unix:///tmp/x' }, /endpoint: "unix:\/\/\/tmp\/x" is no address to send to/],
  [{ endpoint: 'https://a:99999' }, /is no address/],
  [{ endpoint: 'https://a:1', certificate: '/does/not/exist' }, /certificate cannot be read/],
])('says what to write when %j cannot be carried out', async (otlp, message) => {
  const reader = { periodic: { interval: 20, exporter: { otlp } } }
  const [fault, ...more] = faultsOf({ metrics: { readers: [reader] } })
  expect(fault).toMatch(message)
  expect(fault).toMatch(/^metrics\.readers\.0\.periodic\.exporter\.otlp\./)
  expect(more).toEqual([])
  await expect(newOtel(settings({ metrics: { readers: [reader] } }), nothing)).rejects.toThrow(/^service\.telemetry\./)
})

test('all faults are found at once', () => {
  const otlp = { protocol: 'smoke' }
  const processors = [{ batch: { exporter: { otlp } } }, { loud: {} }, 7]
  const found = faultsOf({ logs: { processors }, traces: { processors: {} } })
  expect(found.map((text) => text.split(';')[0])).toEqual([
    'logs.processors.0.batch.exporter.otlp.protocol: "smoke" is not spoken here',
    'logs.processors.0.batch.exporter.otlp.endpoint: endpoint is missing',
    'logs.processors.1: expected batch or simple',
    'logs.processors.2: expected batch or simple',
    'traces.processors: expected a list',
  ])
  expect(faultsOf({ logs: { processors: 'batch' } })).toHaveLength(1)
})
