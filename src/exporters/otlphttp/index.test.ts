import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import { createSecureServer } from 'node:http2'
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net'
import { gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { encodeOtlpLogs, encodeOtlpMetrics, encodeOtlpTraces } from '../../../test/support/decode.ts'
import { otlpLogs, textsOf } from '../../../test/support/delivery.ts'
import { Budget } from '../../delivery/budget.ts'
import { Ledger } from '../../delivery/ledger.ts'
import { Dropped, Retryable } from '../../delivery/sender.ts'
import { newHost } from '../../engine/host.ts'
import { writeRetryInfo } from '../../net/status.ts'
import { until } from '../../net/test-kit.ts'
import { issue, newAuthority } from '../../runtime/certs.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { newLog } from '../../runtime/log.ts'
import { Metrics } from '../../runtime/metrics.ts'
import { Batch } from '../../telemetry/batch.ts'
import { readPartialSuccessJson, readStatus, readStatusJson } from '../otlp-answers.ts'
import type { OtlpHttpConfig } from './config.ts'
import otlphttp from './index.ts'
import { outcomeOf, readRetryAfter } from './outcome.ts'

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Seen {
  path: string
  headers: IncomingHttpHeaders
  body: Buffer
}
type Answer = (response: ServerResponse, number: number) => void
const proto = { 'content-type': 'application/x-protobuf' }
const json = { 'content-type': 'application/json' }
const ok: Answer = (response) => void response.writeHead(200, proto).end()

/** A collector on a free port. */
async function collector(answer: Answer = ok) {
  const requests: Seen[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      requests.push({ path: request.url!, headers: request.headers, body: Buffer.concat(chunks) })
      answer(response, requests.length)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  cleanups.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { endpoint: `http://127.0.0.1:${port}`, requests, server }
}

/** 2026-01-01T00:00:00Z */
const epoch = 1_767_225_600_000

async function exporting(written: Record<string, unknown>, extensions: Record<string, unknown> = {}) {
  const clock = new ManualClock(epoch)
  const ledger = new Ledger()
  const lines: string[] = []
  const log = newLog({ write: (line) => void lines.push(line) })
  const shared = { log, clock, metrics: new Metrics(), ledger, budget: new Budget('service') }
  const host = newHost(shared, {
    kind: 'exporter',
    type: 'otlphttp',
    id: 'otlphttp',
    readsOrigins: false,
    extension: (id) => extensions[id],
  })
  const retry_on_failure = { randomization_factor: 0, ...(written.retry_on_failure as object) }
  const config = otlphttp.config.parse({ linger: 0, ...written, retry_on_failure }) as OtlpHttpConfig
  const exporter = otlphttp.create({ config, host })
  cleanups.push(async () => {
    await exporter.stop(AbortSignal.abort())
    for (const account of ledger.accounts) expect(account.imbalance()).toBe(0)
  })
  await exporter.start()
  const account = (signal: string) => ledger.accounts.find(({ labels }) => labels.signal === signal)!
  return { exporter, clock, ledger, lines, account, logs: account('logs') }
}

const one = () => otlpLogs(['hello'])
const samples = {
  logs: encodeOtlpLogs({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'a' } }] }] }] }),
  metrics: encodeOtlpMetrics({
    resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'm', gauge: { dataPoints: [{ asInt: 7n }] } }] }] }],
  }),
  traces: encodeOtlpTraces({ resourceSpans: [{ scopeSpans: [{ spans: [{ name: '/' }] }] }] }),
}
const signals = ['logs', 'metrics', 'traces'] as const

describe('requests', () => {
  test('go to the path of their signal below the endpoint, byte for byte', async () => {
    const { endpoint, requests } = await collector()
    const { exporter, account } = await exporting({
      endpoint: `${endpoint}/base/`,
      compression: 'none',
      headers: { Authorization: 'Bearer x' },
    })
    for (const signal of signals) {
      exporter.consume(Batch.copyOf(signal, samples[signal]))
      await until(() => account(signal).sent > 0)
    }
    expect(requests.map(({ path }) => path)).toEqual(['/base/v1/logs', '/base/v1/metrics', '/base/v1/traces'])
    expect(requests.map(({ body }) => body)).toEqual(Object.values(samples))
    expect(requests[0]!.headers).toMatchObject({ authorization: 'Bearer x', ...proto })
    expect(requests[0]!.headers['user-agent']).toMatch(/^tailrace \(linux\//)
    expect(account('logs').labels).toEqual({
      protocol: 'otlphttp',
      destination: new URL(endpoint).host,
      signal: 'logs',
    })
  })

  test('go to the URL of their signal where there is one; a signal without a URL is not taken', async () => {
    const { endpoint, requests } = await collector()
    const settings = { logs_endpoint: `${endpoint}/in?key=1`, traces_endpoint: `${endpoint}/spans` }
    const { exporter, logs, ledger } = await exporting(settings)
    expect((otlphttp.takes as (config: unknown) => unknown)(otlphttp.config.parse(settings))).toEqual([
      'logs',
      'traces',
    ])
    exporter.consume(one())
    await until(() => logs.sent === 1)
    expect(requests[0]!.path).toBe('/in?key=1')
    exporter.consume(Batch.copyOf('metrics', samples.metrics))
    expect(ledger.accounts.reduce((sum, each) => sum + each.dropped('no_destination'), 0)).toBe(1)
  })

  test.each([
    ['gzip', 'gzip', gunzipSync],
    ['zstd', 'zstd', zstdDecompressSync],
    ['deflate', 'deflate', inflateSync],
    ['zlib', 'deflate', inflateSync],
  ] as const)('are compressed with %s', async (compression, named, undo) => {
    const { endpoint, requests } = await collector()
    const { exporter, logs } = await exporting({ endpoint, compression, compression_params: { level: 3 } })
    exporter.consume(one())
    await until(() => logs.sent === 1)
    const { headers, body } = requests[0]!
    expect(headers['content-encoding']).toBe(named)
    expect(textsOf(Batch.copyOf('logs', undo(body)))).toEqual(['hello'])
  })

  test('are gzip unless something else is written, and JSON when asked', async () => {
    const { endpoint, requests } = await collector()
    const { exporter, account } = await exporting({ endpoint, encoding: 'json' })
    exporter.consume(Batch.copyOf('metrics', samples.metrics))
    await until(() => account('metrics').sent > 0)
    const { headers, body } = requests[0]!
    expect(headers).toMatchObject({ ...json, 'content-encoding': 'gzip' })
    expect(JSON.parse(gunzipSync(body).toString()).resourceMetrics[0].scopeMetrics[0].metrics[0]).toEqual({
      name: 'm',
      gauge: { dataPoints: [{ asInt: '7' }] },
    })
  })

  test('carry what an extension says, asked anew each time', async () => {
    const { endpoint, requests } = await collector()
    let token = 0
    const extension = { headers: () => ({ authorization: `Bearer ${++token}` }) }
    const settings = { endpoint, auth: { authenticator: 'bearer' }, headers: { authorization: 'no' } }
    const { exporter, logs } = await exporting(settings, { bearer: extension })
    for (let i = 0; i < 2; i++) {
      exporter.consume(one())
      await until(() => logs.sent === i + 1)
    }
    expect(requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer 1', 'Bearer 2'])
    await expect(exporting(settings)).rejects.toThrow('failed to resolve authenticator "bearer"')
  })

  test('go through proxy_url', async () => {
    const proxy = await collector()
    const { exporter, logs } = await exporting({
      endpoint: 'http://collector.example:4318',
      proxy_url: proxy.endpoint,
    })
    exporter.consume(one())
    await until(() => logs.sent === 1)
    expect(proxy.requests[0]!.path).toBe('http://collector.example:4318/v1/logs')
  })
})

test.each([
  [{}, '2.0'],
  [{ force_attempt_http2: false }, '1.1'],
  [{ disable_keep_alives: true }, '1.1'],
])('%j: a TLS server that speaks both is spoken to by HTTP/%s', async (settings, spoken) => {
  const authority = newAuthority({ commonName: 'collectors' })
  const certificate = issue(authority, { commonName: 'collector', ips: ['127.0.0.1'] })
  const seen: string[] = []
  const server = createSecureServer({ ...certificate, allowHTTP1: true }, (request, response) => {
    seen.push(`${request.httpVersion} ${request.method} ${request.url} ${request.headers['content-type']}`)
    request.resume().on('end', () => response.writeHead(200, proto).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => void server.close())
  const endpoint = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { exporter, account } = await exporting({ endpoint, tls: { ca_pem: authority.cert }, ...settings })
  for (const signal of signals) exporter.consume(Batch.copyOf(signal, samples[signal]))
  await until(() => signals.every((signal) => account(signal).sent === 1))
  expect(seen.sort()).toEqual(signals.map((signal) => `${spoken} POST /v1/${signal} application/x-protobuf`))
})

describe('answers', () => {
  test.each<[string, Record<string, string>, Buffer | string]>([
    ['protobuf', proto, Buffer.from('0a0708021203626164', 'hex')],
    ['JSON', json, '{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"bad"}}'],
  ])('partial success in %s: what was rejected is dropped and told, never repeated', async (_name, type, body) => {
    const { endpoint, requests } = await collector((response) => void response.writeHead(200, type).end(body))
    const { exporter, logs, lines } = await exporting({ endpoint })
    exporter.consume(otlpLogs(['a', 'b', 'c']))
    await until(() => logs.sent === 1)
    expect([logs.dropped('rejected'), requests.length]).toEqual([2, 1])
    expect(lines.join('')).toContain('Partial success response: bad (dropped: 2)')
    expect(lines.join('')).toContain('Exporting failed. Dropping data. dropped_items=2 reason=rejected error=bad')
  })

  test.each<[number, boolean]>([
    [200, true],
    [202, true],
    [204, true],
  ])('%d is success, whatever stands in its body', async (status) => {
    const { endpoint } = await collector((response) => void response.writeHead(status).end('<html>'))
    const { exporter, logs, lines } = await exporting({ endpoint })
    exporter.consume(one())
    await until(() => logs.sent === 1)
    expect(lines).toEqual([])
  })

  test.each<[number, boolean]>([
    [301, false],
    [400, false],
    [401, false],
    [404, false],
    [408, false],
    [413, false],
    [429, true],
    [500, false],
    [501, false],
    [502, true],
    [503, true],
    [504, true],
  ])('%d is repeated: %s', async (status, repeated) => {
    const { endpoint, requests } = await collector((response, number) =>
      number === 1 ? void response.writeHead(status).end() : ok(response, number),
    )
    const { exporter, logs, clock, lines } = await exporting({ endpoint })
    exporter.consume(one())
    const text = `error exporting items, request to ${endpoint}/v1/logs responded with HTTP Status Code ${status}`
    if (repeated) {
      await until(() => !exporter.ready!())
      clock.advance(4999)
      expect(logs.attempts).toBe(1)
      clock.advance(1)
      await until(() => logs.sent === 1)
      expect(lines[0]).toContain(`Exporting failed. Will retry the request after interval. error="${text}" interval=5s`)
      expect(logs.maybe_duplicate).toBe(status === 502 || status === 504 ? 1 : 0)
    } else {
      await until(() => logs.dropped('rejected') === 1)
      expect(lines[0]).toContain(`error="not retryable error: ${text}`)
    }
    expect(requests).toHaveLength(repeated ? 2 : 1)
  })

  test.each([
    ['12', 12_000],
    [new Date(epoch + 12_000).toUTCString(), 12_000],
  ])('Retry-After %s is waited for', async (retryAfter, waitMs) => {
    const { endpoint } = await collector((response, number) =>
      number === 1 ? void response.writeHead(503, { 'retry-after': retryAfter }).end() : ok(response, number),
    )
    const { exporter, logs, clock } = await exporting({ endpoint })
    exporter.consume(one())
    await until(() => !exporter.ready!())
    clock.advance(waitMs - 1)
    expect(logs.attempts).toBe(1)
    clock.advance(1)
    await until(() => logs.sent === 1)
  })

  test('the next pause would end too late: given up at once', async () => {
    const { endpoint, requests } = await collector(
      (response) => void response.writeHead(503, { 'retry-after': '12' }).end(),
    )
    const { exporter, logs, lines } = await exporting({
      endpoint,
      retry_on_failure: { initial_interval: '1s', max_interval: '1s', max_elapsed_time: '10s' },
    })
    exporter.consume(one())
    await until(() => logs.dropped('retries_exhausted') === 1)
    expect(requests).toHaveLength(1)
    expect(lines[0]).toContain('reason=retries_exhausted error="no more retries left: error exporting items')
  })

  test('without retries one failure is the end, with a hint', async () => {
    const { endpoint } = await collector((response) => void response.writeHead(503).end())
    const { exporter, logs, lines } = await exporting({ endpoint, retry_on_failure: { enabled: false } })
    exporter.consume(one())
    await until(() => logs.dropped('connection') === 1)
    expect(lines[0]).toContain('Try enabling retry_on_failure config option to retry on retryable errors.')
  })
})

describe('a peer that', () => {
  test('is not there gets everything once it is', async () => {
    const first = await collector()
    first.server.close()
    await new Promise((resolve) => first.server.on('close', resolve))
    const { exporter, logs, clock, lines } = await exporting({ endpoint: first.endpoint })
    exporter.consume(one())
    await until(() => !exporter.ready!())
    expect(lines[0]).toContain('failed to make an HTTP request: ')
    first.server.listen(Number(new URL(first.endpoint).port), '127.0.0.1')
    clock.advance(5000)
    await until(() => logs.sent === 1)
    expect([logs.maybe_duplicate, exporter.ready!()]).toEqual([0, true])
  })

  test('does not answer is given up on after the timeout, and asked again', async () => {
    const { endpoint, requests } = await collector((response, number) => {
      if (number > 1) ok(response, number)
    })
    const { exporter, logs, clock } = await exporting({ endpoint })
    exporter.consume(one())
    await until(() => requests.length === 1)
    clock.advance(30_000)
    await until(() => !exporter.ready!())
    clock.advance(5000)
    await until(() => logs.sent === 1)
    expect(logs.maybe_duplicate).toBe(1)
  })

  test('closes its side while a request is under way gets it again: perhaps twice', async () => {
    let connections = 0
    const server = createTcp((socket: Socket) => {
      connections++
      socket.on('error', () => {})
      socket.once('data', () => socket.end(connections === 1 ? '' : 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => void server.close())
    const { port } = server.address() as AddressInfo
    const { exporter, logs, clock } = await exporting({ endpoint: `http://127.0.0.1:${port}` })
    exporter.consume(one())
    await until(() => !exporter.ready!())
    clock.advance(5000)
    await until(() => logs.sent === 1)
    expect([logs.maybe_duplicate, connections]).toEqual([1, 2])
  })
})

test('what is too large for one request is split', async () => {
  const { endpoint, requests } = await collector()
  const { exporter, logs } = await exporting({
    endpoint,
    compression: 'none',
    max_request_size: '64KiB',
    sending_queue: { batch: { min_size: 1, flush_timeout: '1ms' } },
  })
  exporter.consume(otlpLogs(['x'.repeat(40_000), 'y'.repeat(40_000), 'z'.repeat(80_000)]))
  await until(() => logs.sent === 2)
  expect(logs.dropped('too_large')).toBe(1)
  for (const { body } of requests) expect(body.length).toBeLessThanOrEqual(65_536)
})

const reply = (status: number, headers: Record<string, string> = {}, body: string | Buffer = '') => ({
  status,
  headers,
  body: Buffer.from(body),
})

test.each([
  ['protobuf', proto, writeRetryInfo(14, 'busy', 5000)],
  ['JSON', json, '{"code":14,"message":"busy","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo"}]}'],
])('what the peer says in %s stands in the error', (_name, headers, body) => {
  const outcome = outcomeOf('http://c/v1/logs', reply(503, headers, body), epoch)
  expect(outcome).toBeInstanceOf(Retryable)
  expect(outcome.message).toBe(
    'error exporting items, request to http://c/v1/logs responded with HTTP Status Code 503, Message=busy, Details=[type.googleapis.com/google.rpc.RetryInfo]',
  )
})

test.each([
  [
    'a text',
    { 'content-type': 'text/plain; charset=utf-8' },
    '404\npage\u0000not found\n',
    ', Message=404 page not found',
  ],
  ['a page', { 'content-type': 'text/html' }, '<html>', ''],
  ['nothing', proto, '', ''],
  ['nonsense', proto, 'ÿÿÿ', ''],
  ['broken JSON', json, '{', ''],
  ['another place', { location: 'https://elsewhere' }, '', 'redirects are not followed'],
])('%s as an answer is told as far as it makes sense', (_name, headers, body, text) => {
  const outcome = outcomeOf('http://c/v1/logs', reply(404, headers, body), epoch)
  expect(outcome).toBeInstanceOf(Dropped)
  expect(outcome.message).toContain(`HTTP Status Code 404${text.startsWith(',') ? text : ''}`)
  expect(outcome.message).toContain(text)
})

test.each<[string | undefined, number]>([
  [undefined, 0],
  ['0', 0],
  ['5', 5000],
  ['-5', 0],
  ['1.5', 0],
  ['soon', 0],
  ['Thu, 01 Jan 2026 00:00:07 GMT', 7000],
  ['Wed, 31 Dec 2025 23:59:59 GMT', 0],
  ['Thu, 01 Jan 2026 00:00:07', 0],
  ['2026-01-01T00:00:07Z', 0],
])('Retry-After: %s is %d ms', (text, ms) => expect(readRetryAfter(text, epoch)).toBe(ms))

test('Retry-After counts for 429 and 503 alone', () => {
  const asked = (status: number) => outcomeOf('u', reply(status, { 'retry-after': '7' }), epoch) as Retryable
  expect([429, 502, 503, 504].map((status) => asked(status).retryAfterMs)).toEqual([7000, 0, 7000, 0])
})

test.each([
  ['no URL at all', {}, 'at least one endpoint must be specified'],
  ['an address', { endpoint: 'collector:4318' }, 'expected a URL that starts with http:// or https://'],
  ['an unknown encoding', { endpoint: 'http://c', encoding: 'xml' }, 'expected one of "proto", "json"'],
  ['a proxy of another kind', { endpoint: 'http://c', proxy_url: 'socks5://p:1' }, 'socks5 is not supported'],
])('%s is no configuration', (_name, written, message) => {
  expect(otlphttp.config.safeParse(written).error?.issues[0]?.message).toContain(message)
})

test('answers of any bytes are read without harm', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.json(), (bytes, text) => {
      readStatus(bytes)
      for (const any of [bytes, Buffer.from(text)]) {
        readStatusJson(any)
        expect(readPartialSuccessJson(any).rejected).toBeGreaterThanOrEqual(0)
      }
    }),
  )
})
