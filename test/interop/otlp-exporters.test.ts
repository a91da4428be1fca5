import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import * as grpc from '@grpc/grpc-js'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Budget } from '../../src/delivery/budget.ts'
import { Ledger } from '../../src/delivery/ledger.ts'
import { newHost } from '../../src/engine/host.ts'
import otlp from '../../src/exporters/otlp/index.ts'
import { exportPath, type Signal } from '../../src/exporters/otlp-signals.ts'
import otlphttp from '../../src/exporters/otlphttp/index.ts'
import { writeRetryInfo } from '../../src/net/status.ts'
import type { ExporterSpec } from '../../src/plugin.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { Metrics } from '../../src/runtime/metrics.ts'
import { Batch } from '../../src/telemetry/batch.ts'
import { certificate } from '../support/certificates.ts'
import { encodeOtlpLogs, encodeOtlpMetrics, encodeOtlpTraces } from '../support/decode.ts'
import { until } from '../support/role.ts'
import { goProgram } from './go-program.ts'

// The exporters `otlp` and `otlphttp` in front of receivers that share no code with them.

const attributes = [{ key: 'k', value: { intValue: 42n } }]
const samples: Record<Signal, Buffer> = {
  logs: encodeOtlpLogs({
    resourceLogs: [
      {
        scopeLogs: [
          { logRecords: [{ timeUnixNano: 1n, severityNumber: 9, body: { stringValue: 'ünï' }, attributes }] },
        ],
      },
    ],
  }),
  metrics: encodeOtlpMetrics({
    resourceMetrics: [
      {
        scopeMetrics: [
          { metrics: [{ name: 'm', unit: '1', gauge: { dataPoints: [{ timeUnixNano: 1n, asDouble: 1.5 }] } }] },
        ],
      },
    ],
  }),
  traces: encodeOtlpTraces({
    resourceSpans: [{ scopeSpans: [{ spans: [{ name: 'GET /', startTimeUnixNano: 1n, attributes }] }] }],
  }),
}

async function exporting(spec: ExporterSpec, settings: object) {
  const ledger = new Ledger()
  const shared = { log: silentLog, clock: systemClock, metrics: new Metrics(), ledger, budget: new Budget('service') }
  const { type } = spec
  const host = newHost(shared, { kind: 'exporter', type, id: type, readsOrigins: false, extension: () => undefined })
  const exporter = spec.create({ config: spec.config.parse({ timeout: '60s', ...settings }) as never, host })
  onTestFinished(() => exporter.stop(AbortSignal.timeout(2000)))
  await exporter.start()
  const total = (of: 'sent' | 'droppedTotal' | 'attempts') => ledger.accounts.reduce((sum, each) => sum + each[of], 0)
  const sendAll = () => {
    for (const [signal, bytes] of Object.entries(samples)) exporter.consume(Batch.copyOf(signal as Signal, bytes))
  }
  return { exporter, total, sendAll }
}

describe('grpc-js', () => {
  type Handle = grpc.handleUnaryCall<Buffer, Buffer>

  async function collector(handle: Handle): Promise<string> {
    const same = (bytes: Buffer) => bytes
    const server = new grpc.Server()
    const method = (path: string) => ({
      path,
      requestStream: false as const,
      responseStream: false as const,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    })
    for (const path of Object.values(exportPath)) server.addService({ Export: method(path) }, { Export: handle })
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    )
    onTestFinished(() => server.forceShutdown())
    return `127.0.0.1:${port}`
  }

  test.each(['gzip', 'none'])('gets every signal byte for byte with compression %s', async (compression) => {
    const got: Buffer[] = []
    const endpoint = await collector((call, done) => {
      got.push(call.request)
      done(null, Buffer.alloc(0))
    })
    const { total, sendAll } = await exporting(otlp as ExporterSpec, { endpoint, tls: { insecure: true }, compression })
    sendAll()
    await until('all are sent', () => total('sent') === 3)
    expect(got.map((bytes) => bytes.toString('hex')).sort()).toEqual(
      Object.values(samples)
        .map((bytes) => bytes.toString('hex'))
        .sort(),
    )
  })

  test('says how long to wait, and is obeyed', async () => {
    const times: number[] = []
    const endpoint = await collector((_call, done) => {
      times.push(performance.now())
      if (times.length > 1) return done(null, Buffer.alloc(0))
      const metadata = new grpc.Metadata()
      metadata.set('grpc-status-details-bin', writeRetryInfo(8, 'busy', 300))
      done({ code: grpc.status.RESOURCE_EXHAUSTED, details: 'busy', metadata })
    })
    const { exporter, total } = await exporting(otlp as ExporterSpec, {
      endpoint,
      tls: { insecure: true },
      retry_on_failure: { initial_interval: '1ms', max_interval: '1ms' },
    })
    exporter.consume(Batch.copyOf('logs', samples.logs))
    await until('it is sent', () => total('sent') === 1)
    expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(290)
  })
})

const program = goProgram('go-otlp')

describe.skipIf(program.missing)('OTLP reference code in Go', () => {
  async function receiver() {
    const { ca, cert, key } = certificate('otel-collector')
    const child = spawn(program.path!, [ca, cert, key, 'http'], { stdio: ['ignore', 'pipe', 'inherit'] })
    onTestFinished(() => void child.kill())
    const got: unknown[] = []
    const lines = createInterface({ input: child.stdout })
    lines.on('line', (line) => void got.push(JSON.parse(line)))
    while (got.length < 2) await once(lines, 'line')
    const [grpcAddress, httpAddress] = got.splice(0) as [string, string]
    return { grpcAddress, httpAddress, got }
  }
  const shown = expect.arrayContaining([
    {
      log: expect.objectContaining({
        timeUnixNano: '1',
        severityNumber: 'SEVERITY_NUMBER_INFO',
        body: { stringValue: 'ünï' },
      }),
    },
    { metric: { name: 'm', unit: '1', gauge: { dataPoints: [{ timeUnixNano: '1', asDouble: 1.5 }] } } },
    { span: expect.objectContaining({ name: 'GET /', attributes: [{ key: 'k', value: { intValue: '42' } }] }) },
  ])

  test.each(['gzip', 'none'])('reads every signal over gRPC with compression %s', async (compression) => {
    const { grpcAddress: endpoint, got } = await receiver()
    const { ca: ca_file, cert: cert_file, key: key_file } = certificate('metron')
    const tls = { ca_file, cert_file, key_file, server_name_override: 'otel-collector' }
    const { total, sendAll } = await exporting(otlp as ExporterSpec, { endpoint, tls, compression })
    sendAll()
    await until('all are sent and printed', () => total('sent') === 3 && got.length === 3)
    expect(got).toEqual(shown)
  })

  test.each([
    ['proto', 'gzip'],
    ['proto', 'none'],
    ['json', 'gzip'],
    ['json', 'none'],
  ])('reads every signal over HTTP as %s with compression %s', async (encoding, compression) => {
    const { httpAddress, got } = await receiver()
    const endpoint = `http://${httpAddress}`
    const { total, sendAll } = await exporting(otlphttp as ExporterSpec, { endpoint, encoding, compression })
    sendAll()
    await until('all are sent and printed', () => total('sent') === 3 && got.length === 3)
    expect(got).toEqual(shown)
    expect([total('droppedTotal'), total('attempts')]).toEqual([0, 3])
  })
})
