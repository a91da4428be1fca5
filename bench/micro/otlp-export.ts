/**
 * CPU microseconds of this process per request of the OTLP exporters, the collector being a process of its own:
 * `node --conditions=tailrace-source bench/micro/otlp-export.ts [seconds] [filter]`. A request is 100 log records, 36 kB.
 */
import { fork } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Budget } from '../../src/delivery/budget.ts'
import { Ledger } from '../../src/delivery/ledger.ts'
import { newHost } from '../../src/engine/host.ts'
import otlp from '../../src/exporters/otlp/index.ts'
import { exportPath } from '../../src/exporters/otlp-signals.ts'
import otlphttp from '../../src/exporters/otlphttp/index.ts'
import { newGrpcServer } from '../../src/net/grpc-server.ts'
import { unary } from '../../src/net/grpc-types.ts'
import type { Exporter, ExporterSpec } from '../../src/plugin.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { Metrics } from '../../src/runtime/metrics.ts'
import { Batch } from '../../src/telemetry/batch.ts'
import { Receipt } from '../../src/telemetry/receipt.ts'
import { encodeOtlpLogs } from '../../test/support/decode.ts'

const records = 100
/** Requests that wait or are on their way. */
const inFlight = 100

async function collector(): Promise<void> {
  const empty = Buffer.alloc(0)
  const grpc = newGrpcServer({
    endpoint: { host: '127.0.0.1', port: 0 },
    maxMessageBytes: 64 << 20,
    log: silentLog,
    // Compressed messages are not looked at: the time is that of the other process.
    methods: Object.fromEntries(Object.values(exportPath).map((path) => [path, unary(() => empty)])),
  })
  const http = createServer((request, response) => {
    request.resume().on('end', () => void response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end())
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const { port } = await grpc.start()
  process.once('disconnect', () => process.exit(0))
  process.send!({ grpc: port, http: (http.address() as AddressInfo).port })
}

function sample(): Buffer {
  const keys = [
    'organization',
    'space',
    'app',
    'app_id',
    'process_id',
    'process_type',
    'instance',
    'job',
    'index',
    'ip',
  ]
  const text = (stringValue: string) => ({ stringValue })
  const logRecords = Array.from({ length: records }, (_, i) => ({
    timeUnixNano: 1_767_225_600_000_000_000n + BigInt(i),
    body: text(
      `GET /api/orders/${(i * 7919) % 10_007} took ${(i * 31) % 997} ms and wrote ${i * 13} bytes to the peer`,
    ),
    attributes: keys.map((key, k) => ({ key, value: text(`${key}-${(i * 7 + k) % 50}-1c6b`) })),
  }))
  return encodeOtlpLogs({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] })
}

function start(spec: ExporterSpec, settings: object): { exporter: Exporter; ledger: Ledger } {
  const ledger = new Ledger()
  const shared = { log: silentLog, clock: systemClock, metrics: new Metrics(), ledger, budget: new Budget('service') }
  const { type } = spec
  const host = newHost(shared, { kind: 'exporter', type, id: type, readsOrigins: false, extension: () => undefined })
  return { exporter: spec.create({ config: spec.config.parse(settings) as never, host }), ledger }
}

async function measure(name: string, spec: ExporterSpec, settings: object, ms: number): Promise<void> {
  const bytes = sample()
  const { exporter, ledger } = start(spec, settings)
  await exporter.start()
  const account = ledger.accounts.find(({ labels }) => labels.signal === 'logs')!
  let requests = 0
  /** Closed loop: what is settled is replaced. */
  const run = (forMs: number) =>
    new Promise<void>((done) => {
      const end = performance.now() + forMs
      let under = 0
      const settled = () => {
        under--
        if (performance.now() < end) queueMicrotask(feed)
        else if (under === 0) done()
      }
      const feed = () => {
        under++
        requests++
        exporter.consume(Batch.copyOf('logs', bytes, { count: records, receipts: [new Receipt(settled)] }))
      }
      for (let i = 0; i < inFlight; i++) feed()
    })
  await run(ms)
  requests = 0
  const cpu = process.cpuUsage()
  await run(ms)
  const { user, system } = process.cpuUsage(cpu)
  await exporter.stop(AbortSignal.timeout(2000))
  const micros = (user + system) / requests
  const lost = account.droppedTotal === 0 ? '' : `  ${account.droppedTotal} LOST`
  console.log(`${name.padEnd(34)} ${micros.toFixed(1).padStart(8)} us CPU per request of ${bytes.length} bytes${lost}`)
}

async function main(): Promise<void> {
  const ms = Number(process.argv[2] ?? 2) * 1000
  const wanted = process.argv[3] ?? ''
  const child = fork(import.meta.filename, ['collector'], { execArgv: process.execArgv })
  const ports = await new Promise<{ grpc: number; http: number }>((resolve) => child.once('message', resolve as never))
  const single = { linger: 0, max_batch_records: records }
  const grpc = { endpoint: `127.0.0.1:${ports.grpc}`, tls: { insecure: true } }
  const http = { endpoint: `http://127.0.0.1:${ports.http}` }
  const cases: [string, ExporterSpec, object][] = [
    ['grpc', otlp as ExporterSpec, { ...grpc, compression: 'none', ...single }],
    ['grpc, joined', otlp as ExporterSpec, { ...grpc, compression: 'none' }],
    ['grpc, gzip', otlp as ExporterSpec, { ...grpc, ...single }],
    ['grpc, gzip, joined', otlp as ExporterSpec, grpc],
    ['grpc, gzip 6, joined', otlp as ExporterSpec, { ...grpc, compression_params: { level: 6 } }],
    ['grpc, zstd, joined', otlp as ExporterSpec, { ...grpc, compression: 'zstd' }],
    ['http', otlphttp as ExporterSpec, { ...http, compression: 'none', ...single }],
    ['http, joined', otlphttp as ExporterSpec, { ...http, compression: 'none' }],
    ['http, gzip', otlphttp as ExporterSpec, { ...http, ...single }],
    ['http, gzip, joined', otlphttp as ExporterSpec, http],
    ['http, json, gzip, joined', otlphttp as ExporterSpec, { ...http, encoding: 'json' }],
  ]
  for (const [name, spec, settings] of cases) if (name.includes(wanted)) await measure(name, spec, settings, ms)
  child.disconnect()
}

await (process.argv[2] === 'collector' ? collector() : main())
