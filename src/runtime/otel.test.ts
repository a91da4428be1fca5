import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { Ledger } from '../delivery/ledger.ts'
import { ledgerFamilies } from '../delivery/ledger-families.ts'
import { newGrpcServer } from '../net/grpc-server.ts'
import { unary } from '../net/grpc-types.ts'
import { serverTls } from '../net/tls.ts'
import { issue, newAuthority } from './certs.ts'
import { newLog, silentLog } from './log.ts'
import { Metrics } from './metrics.ts'
import { newOtel, type OtelSettings } from './otel.ts'

const metricsPath = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export'
const logsPath = '/opentelemetry.proto.collector.logs.v1.LogsService/Export'

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
  const methods = { [metricsPath]: take(metricsPath), [logsPath]: take(logsPath) }
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

function newBooks() {
  const metrics = new Metrics()
  metrics.counter('tailrace_statsd_lines_total', 'Lines.', { id: 'statsd' }).add(7)
  const ledger = new Ledger()
  const account = ledger.open('queue', 'otlp', { destination: 'a:1' })
  account.received = 12
  account.drop('queue_full', 3)
  return () => [...metrics.families(), ...ledgerFamilies(ledger)]
}

test('metrics and the ledger are read when an export is due, and carry the resource', async () => {
  const receiver = await newReceiver()
  const families = newBooks()
  const got = receiver.next(metricsPath)
  const otlp = { protocol: 'grpc', endpoint: `http://127.0.0.1:${receiver.port}`, headers: { 'x-key': 'k1' } }
  const service = settings({
    metrics: { readers: [{ periodic: { interval: 20, exporter: { otlp } } }] },
    resource: { 'service.name': 'edge', 'host.name': null },
  })
  const otel = await newOtel(service, families, { log: silentLog })
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
  const otel = await newOtel(settings({ logs: { processors } }), () => [], { log: silentLog })
  cleanup.push(() => otel.close())
  const log = newLog({ write: () => {}, tee: otel.log })
  log.named('statsd').warn('3 records lost', { reason: 'queue_full' })
  const body = await got
  for (const text of ['3 records lost', 'warn', 'statsd', 'queue_full']) expect(body).toContain(text)
})

test('the last metrics leave when it closes', async () => {
  const receiver = await newReceiver()
  const families = newBooks()
  const otlp = { endpoint: `http://127.0.0.1:${receiver.port}` }
  const service = settings({ metrics: { readers: [{ periodic: { interval: 60_000, exporter: { otlp } } }] } })
  const otel = await newOtel(service, families, { log: silentLog })
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
  const families = newBooks()
  const otel = await newOtel(service, families, { log: silentLog })
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
  const families = newBooks()
  const otel = await newOtel(service, families, { log, closeWithinMs: 50 })
  await first
  await otel.close()
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('own telemetry could not be sent')
})

test.each([
  [{ endpoint: 'http://127.0.0.1:1', protocol: 'http/protobuf' }, 'write grpc'],
  [{}, 'endpoint is missing'],
  [{ endpoint: 'https://a:1', certificate: '/does/not/exist' }, 'certificate cannot be read'],
])('says what to write when %j cannot be carried out', async (otlp, message) => {
  const service = settings({ metrics: { readers: [{ periodic: { interval: 20, exporter: { otlp } } }] } })
  await expect(newOtel(service, () => [])).rejects.toThrow(message)
})
