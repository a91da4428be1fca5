import { connect } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { newGrpcClient } from '../../src/net/grpc-client.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { certificate, clientTlsOf, pemOf } from '../support/certificates.ts'
import { counter, ingressClient, log } from '../support/client.ts'
import { encodeOtlpLogs, encodeOtlpMetrics, encodeOtlpTraces, type Message } from '../support/decode.ts'
import { forwarderEnv } from '../support/environments.ts'
import { newFolder } from '../support/folder.ts'
import { type Page, parsePage } from '../support/page.ts'
import { pause, type Role, startRole } from '../support/role.ts'
import { otlpPaths, startCollectorSink } from '../support/sinks.ts'

interface Collector {
  role: Role
  /** Where it takes OTLP. */
  address: string
  page(): Promise<Page>
  pageUntil(enough: (page: Page) => boolean): Promise<Page>
}

/** The file of an operator who sends everything to one backend. */
const exporters = (port: number) => `exporters:
  otlp_grpc:
    endpoint: 127.0.0.1:${port}
    tls: {insecure: true}
service:
  pipelines:
    logs: {exporters: [otlp_grpc]}
    metrics: {exporters: [otlp_grpc]}
    traces: {exporters: [otlp_grpc]}
`

async function startCollector(backend?: number, env: Record<string, string> = {}): Promise<Collector> {
  const { ca, cert, key } = certificate('otel-collector')
  const files = backend === undefined ? [] : [`${newFolder({ 'exporters.yaml': exporters(backend) })}/exporters.yaml`]
  const variables = {
    INGRESS_PORT: '0',
    INGRESS_CA_FILE_PATH: ca,
    INGRESS_CERT_FILE_PATH: cert,
    INGRESS_KEY_FILE_PATH: key,
    METRICS_PORT: '0',
    ...env,
  }
  const role = await startRole('otel-collector', variables, { args: files })
  const address = await role.address(/listening for OTLP over grpc.*address=(\S+)/)
  const metrics = await role.address(/Serving metrics.*address=(\S+)/)
  const page = async () => parsePage(await (await fetch(`http://${metrics}/metrics`)).text())
  return {
    role,
    address,
    page,
    async pageUntil(enough) {
      for (;;) {
        const read = await page()
        if (enough(read)) return read
        await pause()
      }
    },
  }
}

const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] }
const logRecord: Message = { timeUnixNano: 5n, body: { stringValue: 'GET /' } }
const metric: Message = { name: 'hits', gauge: { dataPoints: [{ timeUnixNano: 5n, asDouble: 1.5 }] } }
const span: Message = {
  traceId: Buffer.alloc(16, 1),
  spanId: Buffer.alloc(8, 2),
  name: 'checkout',
  startTimeUnixNano: 5n,
  endTimeUnixNano: 9n,
}
const requests = {
  logs: encodeOtlpLogs({ resourceLogs: [{ resource, scopeLogs: [{ logRecords: [logRecord, logRecord] }] }] }),
  metrics: encodeOtlpMetrics({ resourceMetrics: [{ resource, scopeMetrics: [{ metrics: [metric] }] }] }),
  traces: encodeOtlpTraces({ resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] }),
}

async function sendAll(address: string): Promise<void> {
  const tls = clientTlsOf(certificate('metron'))
  const grpc = newGrpcClient({ address, tls, serverName: 'otel-collector', log: silentLog })
  onTestFinished(() => grpc.close())
  for (const signal of ['logs', 'metrics', 'traces'] as const)
    await grpc.unary(otlpPaths[signal], requests[signal], { timeoutMs: 60_000, waitForReady: true })
}

const only = (receiver: string) => (page: Page) => page.sum(`otelcol_receiver_accepted_${receiver}`)

describe('OTLP', () => {
  test('three signals come in by mutual TLS and go on as they came', async () => {
    const backend = await startCollectorSink({ plaintext: true })
    const { address, role } = await startCollector(backend.port)
    await sendAll(address)
    await backend.until('three signals', () => backend.received.length === 3)
    const received = (path: string) => backend.received.find((each) => each.path === path)?.bytes.toString('hex')
    for (const signal of ['logs', 'metrics', 'traces'] as const)
      expect(received(otlpPaths[signal]), signal).toBe(requests[signal].toString('hex'))
    expect((await role.stop()).code).toBe(0)
  })

  test('without a file of the operator everything is taken and ends in nop', async () => {
    const { address, pageUntil } = await startCollector()
    await sendAll(address)
    const page = await pageUntil((page) => only('spans')(page) === 1)
    expect(only('log_records')(page)).toBe(2)
  })

  test('what is queued at SIGTERM is delivered before the end', async () => {
    const backend = await startCollectorSink({ plaintext: true })
    backend.stall()
    const { address, role } = await startCollector(backend.port)
    await sendAll(address)
    const over = role.stop()
    await role.line(/SIGTERM received: draining/)
    backend.resume()
    const { code } = await over
    expect(code).toBe(0)
    expect(backend.received.map(({ path }) => path).toSorted()).toEqual(Object.values(otlpPaths).toSorted())
  })

  test.each([
    ['TLS 1.2', { maxVersion: 'TLSv1.2' as const, ...pemOf(certificate('metron')) }],
    ['no certificate', { ca: pemOf(certificate('metron')).ca }],
  ])('%s is turned away', async (_, options) => {
    const { address } = await startCollector()
    const [host, port] = address.split(':')
    const ended = await new Promise<string>((resolve) => {
      const socket = connect({ host: host!, port: Number(port), servername: 'otel-collector', ...options })
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      socket.on('close', () => resolve('closed'))
      socket.resume()
    })
    expect(ended).toMatch(/ALERT|SSL|ECONNRESET|closed/)
  })
})

describe('the page of metrics', () => {
  test('has the names of the Collector at level basic', async () => {
    const backend = await startCollectorSink({ plaintext: true })
    const { address, pageUntil } = await startCollector(backend.port)
    await sendAll(address)
    const page = await pageUntil((page) => page.sum('otelcol_exporter_sent_spans') === 1)
    const receiver = 'receiver="otlp/cf-internal-local",transport="grpc"'
    expect(page.sum('otelcol_receiver_accepted_log_records', receiver)).toBe(2)
    expect(page.sum('otelcol_receiver_accepted_metric_points', receiver)).toBe(1)
    expect(page.sum('otelcol_receiver_refused_spans', receiver)).toBe(0)
    const done = await pageUntil((page) => page.sum('otelcol_exporter_sent_log_records') === 2)
    expect(done.sum('otelcol_exporter_sent_log_records', 'exporter="otlp_grpc"')).toBe(2)
    expect(done.types.get('otelcol_exporter_queue_capacity')).toBe('gauge')
    expect(done.sum('otelcol_process_uptime')).toBeGreaterThan(0)
    expect([...done.types.keys()].filter((name) => /^otelcol_processor_batch/.test(name))).toEqual([])
  })
})

describe('behind the forwarder agent', () => {
  test('logs, metrics and traces of envelopes arrive by way of ingress_port.yml', async () => {
    const backend = await startCollectorSink({ plaintext: true })
    const { address } = await startCollector(backend.port)
    const forwarder = await startRole('forwarder-agent', {
      ...forwarderEnv([{ port: Number(address.split(':')[1]), protocol: 'otelcol' }]),
      EMIT_OTEL_LOGS: 'true',
      EMIT_OTEL_METRICS: 'true',
      EMIT_OTEL_TRACES: 'true',
    })
    const client = ingressClient(await forwarder.grpc())
    const trace = { trace_id: 'beefdeadbeefdeadbeefdeadbeefdead', span_id: 'deadbeefdeadbeef' }
    const timer: Message = {
      timestamp: 1n,
      source_id: 'gorouter',
      instance_id: '0',
      tags: { ...trace, peer_type: 'Server', uri: 'http://shop.example.com/' },
      timer: { name: 'http', start: 10n, stop: 20n },
    }
    await client.send([log('hello'), counter('hits', { total: 7n }), timer])
    await backend.until('a span', () => backend.spans().length > 0)
    await backend.until('a metric', () => backend.metrics().length > 0)
    await backend.until('a line', () => backend.logs().length > 0)
    expect(backend.logs()[0]!.body).toEqual({ stringValue: 'hello' })
    expect(backend.metrics().map(({ name }) => name)).toContain('hits')
    expect(backend.spans()[0]!.traceId.toString('hex')).toBe(trace.trace_id)
  })
})
