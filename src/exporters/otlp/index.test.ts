import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { decodeOtlpLogs, encodeOtlpLogs, encodeOtlpMetrics, encodeOtlpTraces } from '../../../test/support/decode.ts'
import { otlpLogs, textsOf } from '../../../test/support/delivery.ts'
import { Budget } from '../../delivery/budget.ts'
import { Ledger } from '../../delivery/ledger.ts'
import { newHost } from '../../engine/host.ts'
import { newGrpcServer } from '../../net/grpc-server.ts'
import { type Call, unary } from '../../net/grpc-types.ts'
import { GrpcCode, GrpcError } from '../../net/status.ts'
import { newVault, until, type Vault } from '../../net/test-kit.ts'
import { serverTls } from '../../net/tls.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { newLog, silentLog } from '../../runtime/log.ts'
import { Metrics } from '../../runtime/metrics.ts'
import { Batch } from '../../telemetry/batch.ts'
import { BackwardWriter } from '../../wire/protobuf.ts'
import { readPartialSuccess } from '../otlp-answers.ts'
import { exportPath } from '../otlp-signals.ts'
import type { OtlpConfig } from './config.ts'
import otlp from './index.ts'

let vault: Vault
let folder: string
beforeAll(() => {
  vault = newVault()
  folder = mkdtempSync(join(tmpdir(), 'otlp-'))
  return () => {
    rmSync(vault.dir, { recursive: true })
    rmSync(folder, { recursive: true })
  }
})

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

type Answer = (call: Call, body: Buffer, number: number) => Buffer | Promise<Buffer>
const ok = Buffer.alloc(0)

/** A collector on a free port; `requests` are those that reached a handler. */
async function collector(answer: Answer = () => ok, options: { port?: number; tls?: boolean } = {}) {
  const requests: { path: string; body: Buffer; call: Call }[] = []
  const handler = unary((message, call) => {
    const body = Buffer.from(message)
    requests.push({ path: call.path, body, call })
    return answer(call, body, requests.length)
  })
  const files = options.tls
    ? vault.files('collector', { commonName: 'otel-collector', names: ['otel-collector'] })
    : undefined
  const server = newGrpcServer({
    endpoint: { host: '127.0.0.1', port: options.port ?? 0 },
    tls: files && serverTls(files, { minVersion: '1.3' }),
    methods: Object.fromEntries(Object.values(exportPath).map((path) => [path, handler])),
    log: silentLog,
  })
  const { port } = await server.start()
  const stop = () => server.stop(AbortSignal.abort())
  cleanups.push(stop)
  return { port, address: `127.0.0.1:${port}`, requests, stop }
}

/** Knows what was asked of it, so that a test can wait for a pause to begin. */
class WatchedClock extends ManualClock {
  readonly asked: number[] = []

  override after(ms: number, fn: () => void) {
    this.asked.push(ms)
    return super.after(ms, fn)
  }
}

async function exporting(written: Record<string, unknown>) {
  const clock = new WatchedClock(Date.now())
  const ledger = new Ledger()
  const lines: string[] = []
  const log = newLog({ write: (line) => void lines.push(line) })
  const shared = { log, clock, metrics: new Metrics(), ledger, budget: new Budget('service') }
  const host = newHost(shared, {
    kind: 'exporter',
    type: 'otlp',
    id: 'otlp',
    readsOrigins: false,
    extension: () => undefined,
  })
  const config = otlp.config.parse({ linger: 0, ...written }) as OtlpConfig
  const exporter = otlp.create({ config, host })
  const stop = () => exporter.stop(AbortSignal.abort())
  cleanups.push(async () => {
    await stop()
    for (const account of ledger.accounts) expect(account.imbalance()).toBe(0)
  })
  await exporter.start()
  const account = (signal: string) => ledger.accounts.find(({ labels }) => labels.signal === signal)!
  return { exporter, clock, ledger, lines, account, logs: account('logs'), stop }
}

const plaintext = (address: string, more: object = {}) => ({ endpoint: address, tls: { insecure: true }, ...more })
/** No timeout and no end of the repeats: the clock may run as fast as it likes. */
const patient = (address: string) => plaintext(address, { timeout: 0, retry_on_failure: { max_elapsed_time: 0 } })
const one = () => otlpLogs(['hello'])
const status = (code: number, message = 'no', retryDelayMs?: number) => new GrpcError(code, message, { retryDelayMs })

function partial(rejected: number, message: string): Buffer {
  const out = new BackwardWriter()
  out.textField(2, message)
  out.varint(rejected)
  out.tag(1, 0)
  out.message(1, 0)
  return out.take()
}

describe('requests', () => {
  test('go to the service of their signal, byte for byte, over mutual TLS', async () => {
    const { address, requests } = await collector(undefined, { tls: true })
    const { ca, cert, key } = vault.files('agent')
    const tls = { ca_file: ca, cert_file: cert, key_file: key, server_name_override: 'otel-collector' }
    const { exporter, account } = await exporting({ endpoint: address, tls, headers: { Authorization: 'Bearer x' } })
    const bytes = {
      logs: encodeOtlpLogs({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'a' } }] }] }] }),
      metrics: encodeOtlpMetrics({
        resourceMetrics: [
          { scopeMetrics: [{ metrics: [{ name: 'm', gauge: { dataPoints: [{ asInt: 1n }, { asInt: 2n }] } }] }] },
        ],
      }),
      traces: encodeOtlpTraces({ resourceSpans: [{ scopeSpans: [{ spans: [{ name: '/' }] }] }] }),
    }
    for (const signal of ['logs', 'metrics', 'traces'] as const) {
      exporter.consume(Batch.copyOf(signal, bytes[signal]))
      await until(() => account(signal).sent > 0)
    }
    expect(requests.map(({ path }) => path)).toEqual(Object.values(exportPath))
    expect(requests.map(({ body }) => body)).toEqual(Object.values(bytes))
    expect(requests[0]!.call.headers).toMatchObject({
      authorization: 'Bearer x',
      'grpc-encoding': 'gzip',
      'grpc-timeout': '5000m',
    })
    expect(requests[0]!.call.origin.subject).toBe('metron')
    expect(account('metrics')).toMatchObject({ received: 2, sent: 2 })
    expect(account('logs').labels).toEqual({ protocol: 'otlp', destination: address, signal: 'logs' })
  })

  test('that would be too large are split, and a record that is too large alone is dropped', async () => {
    const { address, requests } = await collector()
    const { exporter, logs } = await exporting(
      plaintext(address, {
        max_request_size: '64KiB',
        sending_queue: { batch: { min_size: 1, flush_timeout: '1ms' } },
      }),
    )
    const line = (size: number) => 'x'.repeat(size)
    exporter.consume(otlpLogs([line(30_000), line(30_001), line(30_002), line(70_000)]))
    await until(() => logs.sent === 3)
    expect(logs.dropped('too_large')).toBe(1)
    for (const { body } of requests) expect(body.length).toBeLessThanOrEqual(65_536)
    const sizes = requests.flatMap(({ body }) => textsOf(Batch.copyOf('logs', body)).map((text) => text.length))
    expect(sizes).toEqual([30_000, 30_001, 30_002])
    for (const { body } of requests) expect(decodeOtlpLogs(body).resourceLogs).toHaveLength(1)
  })

  test('use up to num_consumers calls at the same time', async () => {
    const release: (() => void)[] = []
    const { address, requests } = await collector(() => new Promise((resolve) => release.push(() => resolve(ok))))
    const { exporter, logs } = await exporting(plaintext(address, { sending_queue: { num_consumers: 3 } }))
    for (let i = 0; i < 5; i++) exporter.consume(one())
    await until(() => requests.length === 3)
    for (const done of release) done()
    await until(() => requests.length === 4)
    release[3]!()
    await until(() => logs.sent === 5)
  })
})

test('a queue that is full refuses its own signal, and no other', async () => {
  const { address, requests } = await collector(() => new Promise(() => {}))
  const { exporter } = await exporting(plaintext(address, { sending_queue: { queue_size: 1 } }))
  exporter.consume(Batch.copyOf('traces', encodeOtlpTraces({ resourceSpans: [{ scopeSpans: [{ spans: [{}] }] }] })))
  await until(() => requests.length === 1)
  const verdicts = (format: 'logs' | 'traces') => exporter.admissions(format).map((queue) => queue.admit())
  expect(verdicts('logs')).toEqual([undefined])
  expect(verdicts('traces')).toEqual([expect.objectContaining({ message: 'sending queue is full' })])
  expect(exporter.admissions()).toHaveLength(3)
})

describe('answers', () => {
  test('partial success: what was rejected is dropped and said, never repeated', async () => {
    const { address, requests } = await collector(() => partial(2, 'too old'))
    const { exporter, logs, lines } = await exporting(plaintext(address))
    exporter.consume(otlpLogs(['a', 'b', 'c']))
    await until(() => logs.sent === 1)
    expect([logs.dropped('rejected'), requests.length]).toEqual([2, 1])
    expect(lines.join('')).toContain('Partial success response: too old (dropped: 2)')
  })

  test('a warning without rejected records costs nothing, and no nonsense count costs more than there was', async () => {
    const { address } = await collector((_call, _body, number) => partial(number === 1 ? 0 : 99, 'hm'))
    const { exporter, logs } = await exporting(plaintext(address))
    exporter.consume(one())
    await until(() => logs.sent === 1)
    exporter.consume(one())
    await until(() => logs.dropped('rejected') === 1)
  })

  test.each([
    ['invalidArgument', false],
    ['unimplemented', false],
    ['internal', false],
    ['unknown', false],
    ['permissionDenied', false],
    ['resourceExhausted', false],
    ['unavailable', true],
    ['aborted', true],
    ['outOfRange', true],
    ['dataLoss', true],
    ['cancelled', true],
    ['deadlineExceeded', true],
  ] as const)('%s is repeated: %s', async (name, repeated) => {
    const { address, requests } = await collector((_call, _body, number) => {
      if (number === 1) throw status(GrpcCode[name])
      return ok
    })
    const { exporter, logs, clock, lines } = await exporting(
      plaintext(address, { retry_on_failure: { randomization_factor: 0 } }),
    )
    exporter.consume(one())
    if (repeated) {
      await until(() => !exporter.ready!())
      clock.advance(5000)
      await until(() => logs.sent === 1)
    } else await until(() => logs.dropped('rejected') === 1)
    expect(requests).toHaveLength(repeated ? 2 : 1)
    expect(lines.some((line) => line.includes('Exporting failed. Dropping data.'))).toBe(!repeated)
  })

  test('a peer that says when to come back is not asked before', async () => {
    const { address, requests } = await collector((_call, _body, number) => {
      if (number === 1) throw status(GrpcCode.resourceExhausted, 'full', 12_000)
      return ok
    })
    const { exporter, logs, clock } = await exporting(
      plaintext(address, { retry_on_failure: { initial_interval: '1s' } }),
    )
    exporter.consume(one())
    await until(() => !exporter.ready!())
    clock.advance(11_999)
    expect(logs.attempts).toBe(1)
    clock.advance(1)
    await until(() => logs.sent === 1)
    expect([requests.length, logs.maybe_duplicate]).toEqual([2, 0])
  })
})

test('repeats after 1, 2, 4, 8, 16, 30, 30 s and then gives up', async () => {
  const { address, requests } = await collector(() => {
    throw status(GrpcCode.unavailable)
  })
  const retry_on_failure = {
    initial_interval: '1s',
    multiplier: 2,
    max_interval: '30s',
    max_elapsed_time: 0,
    max_retries: 7,
    randomization_factor: 0,
  }
  const { exporter, logs, clock } = await exporting(plaintext(address, { retry_on_failure }))
  exporter.consume(one())
  const pauses = [1, 2, 4, 8, 16, 30, 30].map((seconds) => seconds * 1000)
  for (const [at, pause] of pauses.entries()) {
    await until(() => clock.asked.filter((ms) => pauses.includes(ms)).length > at)
    clock.advance(pause - 1)
    expect(logs.attempts).toBe(at + 1)
    clock.advance(1)
    expect(logs.attempts).toBe(at + 2)
  }
  await until(() => logs.droppedTotal === 1)
  expect(clock.asked.filter((ms) => pauses.includes(ms))).toEqual(pauses)
  expect(requests).toHaveLength(8)
  expect([logs.dropped('retries_exhausted'), logs.attempts]).toEqual([1, 8])
})

describe('a peer that', () => {
  test('refuses connections gets everything once it listens', async () => {
    const first = await collector()
    await first.stop()
    const { exporter, logs, clock } = await exporting(patient(first.address))
    exporter.consume(one())
    await until(() => logs.attempts > 0)
    expect(exporter.ready?.()).toBe(true)
    await until(() => !exporter.ready!())
    const { requests } = await collector(undefined, { port: first.port })
    await until(() => {
      clock.advance(1000)
      return logs.sent > 0
    })
    expect([requests.length, logs.maybe_duplicate, exporter.ready?.()]).toEqual([1, 0, true])
  })

  test('does not answer is given up on after the timeout, and asked again', async () => {
    const { address, requests } = await collector((_call, _body, number) => (number === 1 ? new Promise(() => {}) : ok))
    const { exporter, logs, clock } = await exporting(
      plaintext(address, { retry_on_failure: { randomization_factor: 0 } }),
    )
    exporter.consume(one())
    await until(() => requests.length === 1)
    clock.advance(5000)
    await until(() => requests[0]!.call.signal.aborted)
    clock.advance(5000)
    await until(() => logs.sent === 1)
    expect(logs.maybe_duplicate).toBe(1)
  })

  test('never says a word of HTTP/2 holds back nothing but its own queue, within its bound', async () => {
    const mute = createServer(() => {})
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
    cleanups.push(async () => void mute.close())
    const { port } = mute.address() as { port: number }
    const settings = { when_full: 'drop_oldest', queue_size: 10, queue_requests: 0 }
    const { exporter, logs } = await exporting(plaintext(`127.0.0.1:${port}`, settings))
    for (let i = 0; i < 100; i++) exporter.consume(one())
    expect(logs.held()).toBeLessThanOrEqual(10)
    expect(logs.dropped('displaced')).toBe(100 - logs.held())
  })

  test('is cut off in the middle of a call gets it again: perhaps twice', async () => {
    const first = await collector(() => new Promise(() => {}))
    const { exporter, logs, clock } = await exporting(patient(first.address))
    exporter.consume(one())
    await until(() => first.requests.length === 1)
    await first.stop()
    await until(() => !exporter.ready!())
    await collector(undefined, { port: first.port })
    await until(() => {
      clock.advance(1000)
      return logs.sent > 0
    })
    expect(logs.sent).toBe(1)
  })
})

describe('ingress port files', () => {
  const ports = (name: string, files: Record<string, string>) => {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(join(folder, name), { recursive: true })
      writeFileSync(join(folder, name, file), text)
    }
    return { ingress_port_glob: join(folder, name, '*.yml'), tls: { insecure: true } }
  }

  test('name the destinations; only the signals that are on are taken', async () => {
    const { port, address, requests } = await collector()
    const file = `ingress: ${port}\nprotocol: otelcol\n`
    const config = ports('found', { 'a.yml': file, 'b.yml': 'ingress: 1', 'c.yml': 'protocol: otelcol' })
    const { exporter, ledger, logs, lines } = await exporting({ ...config, signals: { metrics: false, traces: false } })
    expect(exporter.takes).toEqual(['logs'])
    const labels = { protocol: 'otelcol', destination: address, signal: 'logs' }
    expect(ledger.accounts.map((account) => account.labels)).toEqual([labels])
    expect(lines.join('')).toContain(
      `No ingress port defined in ${join(folder, 'found', 'c.yml')}. Ignoring this destination.`,
    )
    exporter.consume(one())
    await until(() => logs.sent === 1)
    // The original's peers know no compression.
    expect(requests[0]!.call.headers['grpc-encoding']).toBeUndefined()
  })

  test('with the same destination twice give it everything twice, in one account', async () => {
    const { port, requests } = await collector()
    const file = `ingress: ${port}\nprotocol: otelcol\n`
    const { exporter, logs } = await exporting(ports('twice', { 'a.yml': file, 'b.yml': file }))
    exporter.consume(one())
    await until(() => logs.sent === 2)
    expect(requests.flatMap(({ body }) => textsOf(Batch.copyOf('logs', body)))).toEqual(['hello', 'hello'])
  })

  test('that are not there make an exporter that takes nothing', async () => {
    const { exporter, ledger } = await exporting({ ingress_port_glob: '' })
    expect(exporter.takes).toEqual([])
    expect(exporter.admissions()).toEqual([])
    exporter.consume(one())
    expect(ledger.accounts[0]!.dropped('no_destination')).toBe(1)
  })
})

test('stop sends what is queued, once, and what a dead peer cannot get is lost by name', async () => {
  const { address, requests } = await collector()
  const { exporter, logs } = await exporting(plaintext(address, { linger: '1h' }))
  for (let i = 0; i < 3; i++) exporter.consume(one())
  await exporter.stop(new AbortController().signal)
  await exporter.stop(new AbortController().signal)
  expect([logs.sent, requests.length]).toEqual([3, 2])
  exporter.consume(one())
  expect(logs.dropped('shutdown')).toBe(1)
})

test.each([
  ['nothing', {}, 'requires a non-empty "endpoint"'],
  ['an empty endpoint', { endpoint: 'http://' }, 'requires a non-empty "endpoint"'],
  ['a port alone', { endpoint: 4317 }, 'expected text'],
  ['a URL without a port', { endpoint: 'http://collector' }, 'missing port in "collector": write collector:4317'],
  ['a port that is none', { endpoint: 'collector:otlp' }, 'invalid port "otlp"'],
  ['an unknown compression', { endpoint: 'c:4317', compression: 'snappy' }, 'expected one of "gzip", "zstd", "none"'],
])('%s is no configuration', (_name, written, message) => {
  expect(otlp.config.safeParse(written).error?.issues[0]?.message).toContain(message)
})

test.each([
  'collector:4317',
  'http://collector:4317',
  'https://collector:4317/',
  'dns:///collector:4317',
  '[::1]:4317',
  ':4317',
])('%s is an endpoint', (text) => {
  expect(otlp.config.safeParse({ endpoint: text }).success).toBe(true)
})

test('a reply of any bytes is read without harm', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const { rejected } = readPartialSuccess(bytes)
      expect(rejected).toBeGreaterThanOrEqual(0)
    }),
  )
  expect(readPartialSuccess(partial(3, 'm'))).toEqual({ rejected: 3, message: 'm' })
})
