import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, request as requestTls } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { decodeEnvelopeBatch, type Message } from '../../../test/support/decode.ts'
import { Budget } from '../../delivery/budget.ts'
import { Ledger } from '../../delivery/ledger.ts'
import { newHost } from '../../engine/host.ts'
import { newGrpcServer } from '../../net/grpc-server.ts'
import { clientStream } from '../../net/grpc-types.ts'
import { newVault, until } from '../../net/test-kit.ts'
import { systemClock } from '../../runtime/clock.ts'
import { newLog, silentLog } from '../../runtime/log.ts'
import { Metrics } from '../../runtime/metrics.ts'
import cache from './index.ts'

const vault = newVault()
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

type Answer = (id: number, response: ServerResponse, request: IncomingMessage) => void
const json =
  (value: unknown): Answer =>
  (_, response) =>
    void response.end(JSON.stringify(value))
const page = (results: unknown, nextId: number | null = null) => json({ results, next_id: nextId })
const status =
  (code: number): Answer =>
  (_, response) =>
    void response.writeHead(code).end()

interface Capi {
  origin: string
  asked: string[]
  answer: Answer
}

/** A Cloud Controller whose answer can be changed. */
async function cloudController(answer: Answer, secured?: { cert: string; key: string; ca: string }): Promise<Capi> {
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url!, 'http://x')
    capi.asked.push(request.url!)
    capi.answer(Number(url.searchParams.get('next_id')), response, request)
  }
  const server: Server = secured
    ? (createTlsServer({ ...secured, requestCert: true, rejectUnauthorized: true }, handle) as unknown as Server)
    : createServer(handle)
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const { port } = server.address() as AddressInfo
  const capi: Capi = { origin: `${secured ? 'https' : 'http'}://127.0.0.1:${port}`, asked: [], answer }
  return capi
}

async function started(settings: { api: object } & Record<string, unknown>) {
  const lines: string[] = []
  const metrics = new Metrics()
  const shared = {
    log: newLog({ write: (line) => void lines.push(line) }),
    clock: systemClock,
    metrics,
    ledger: new Ledger(),
    budget: new Budget('test'),
  }
  const type = 'syslog_binding_cache'
  const host = newHost(shared, { kind: 'extension', type, id: type, readsOrigins: false, extension: () => undefined })
  const api = { polling_interval: '100ms', ...settings.api }
  const config = cache.config.parse({ endpoint: '127.0.0.1:0', ...settings, api })
  const extension = cache.create({ config, host })
  await extension.start()
  cleanups.push(() => extension.stop(AbortSignal.timeout(1000)))
  const port = Number(/address=127\.0\.0\.1:(\d+)/.exec(lines.join(''))![1])
  const value = (name: string, labels: object = {}) =>
    metrics
      .find(`tailrace_syslog_binding_cache_${name}`)!
      .series.filter((series) => Object.entries(labels).every(([key, text]) => series.labels[key] === text))
      .reduce((sum, series) => sum + series.value, 0)
  return { extension, lines, port, value, get: (path: string, method = 'GET') => fetchText(port, path, method) }
}

function fetchText(port: number, path: string, method = 'GET', headers: Record<string, string> = {}) {
  return new Promise<{ status: number; headers: IncomingMessage['headers']; text: string }>((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, text: Buffer.concat(chunks).toString() }),
      )
    })
    call.on('error', reject).end()
  })
}

const credentials = (...ids: string[]) => [
  { cert: '', key: '', ca: '', apps: ids.map((app_id) => ({ hostname: 'o.s.a', app_id })) },
]
const drain = (url: string, ...ids: string[]) => ({ url, credentials: credentials(...(ids.length ? ids : ['a'])) })

describe('what it serves', () => {
  test('all pages in their order, byte for byte', async () => {
    const first = [drain('https://127.0.0.2/?a=1&b=<2>', 'app-1', 'app-2')]
    const capi = await cloudController((id, ...rest) =>
      (id === 0 ? page(first, 2) : page([drain('syslog://127.0.0.3:514', 'app-1')], null))(id, ...rest),
    )
    const { get, extension, value } = await started({ api: { url: capi.origin, batch_size: 2 } })
    await until(() => extension.ready!())
    expect(capi.asked.slice(0, 2)).toEqual([
      '/internal/v5/syslog_drain_urls?batch_size=2&next_id=0',
      '/internal/v5/syslog_drain_urls?batch_size=2&next_id=2',
    ])
    const { status, headers, text } = await get('/v2/bindings')
    expect(status).toBe(200)
    expect(headers['content-type']).toBe('text/plain; charset=utf-8')
    expect(text).toBe(
      '[{"url":"https://127.0.0.2/?a=1\\u0026b=\\u003c2\\u003e","credentials":[{"cert":"","key":"","ca":"","apps":' +
        '[{"hostname":"o.s.a","app_id":"app-1"},{"hostname":"o.s.a","app_id":"app-2"}]}]},' +
        '{"url":"syslog://127.0.0.3:514","credentials":[{"cert":"","key":"","ca":"","apps":' +
        '[{"hostname":"o.s.a","app_id":"app-1"}]}]}]\n',
    )
    expect(value('cached_bindings')).toBe(2)
    expect(value('cached_drains')).toBe(2)
  })

  test('no drains are [] and null; before the first answer of the Cloud Controller there is 503', async () => {
    const capi = await cloudController(status(500))
    const { get, extension } = await started({ api: { url: capi.origin } })
    expect(await get('/v2/bindings')).toMatchObject({ status: 503, text: 'the bindings are not known yet\n' })
    expect(await get('/v2/aggregate')).toMatchObject({ status: 200, text: 'null\n' })
    expect(extension.ready!()).toBe(false)
    capi.answer = page([])
    await until(() => extension.ready!())
    expect(await get('/v2/bindings')).toMatchObject({ status: 200, text: '[]\n' })
  })

  test('who has the list already is told so', async () => {
    const capi = await cloudController(page([drain('https://127.0.0.2')]))
    const { get, port, extension, value } = await started({ api: { url: capi.origin } })
    await until(() => extension.ready!())
    const tag = String((await get('/v2/bindings')).headers.etag)
    const again = () => fetchText(port, '/v2/bindings', 'GET', { 'if-none-match': tag })
    expect(await again()).toMatchObject({ status: 304, text: '' })
    capi.answer = page([])
    await until(() => value('cached_drains') === 0)
    expect(await again()).toMatchObject({ status: 200, text: '[]\n' })
  })

  test('ten thousand drains', async () => {
    const all = Array.from({ length: 10_000 }, (_, i) =>
      drain(`syslog-tls://127.0.${i >> 8}.${i & 255}:6514/${i}?drain-data=all`, `app-${i}`, `other-${i}`),
    )
    const capi = await cloudController((id, ...rest) => {
      const part = all.slice(id, id + 1000)
      page(part, part.length > 0 ? id + 1000 : null)(id, ...rest)
    })
    const { get, extension, value } = await started({ api: { url: capi.origin } })
    await until(() => extension.ready!())
    expect(capi.asked.length).toBeGreaterThanOrEqual(11)
    expect(JSON.parse((await get('/v2/bindings')).text)).toEqual(all)
    expect(value('cached_bindings')).toBe(20_000)
  })

  test('the aggregate drains of the file', async () => {
    const capi = await cloudController(page([]))
    const path = join(mkdtempSync(join(tmpdir(), 'tailrace-cache-')), 'aggregate.yml')
    writeFileSync(path, '- {url: "syslog-tls://a:1?x=1&y=2", CA: PEM}\n')
    const { get } = await started({ api: { url: capi.origin }, aggregate_drains_file: path })
    expect((await get('/v2/aggregate')).text).toBe(
      '[{"url":"syslog-tls://a:1?x=1\\u0026y=2","credentials":[{"cert":"","key":"","ca":"PEM","apps":null}]}]\n',
    )
  })

  test.each(['POST', 'HEAD', 'PUT', 'DELETE'])('%s is not allowed', async (method) => {
    const capi = await cloudController(page([]))
    const { get } = await started({ api: { url: capi.origin } })
    const answer = await get('/v2/bindings', method)
    expect(answer).toMatchObject({ status: 405, text: '' })
    expect(answer.headers.allow).toBe('GET')
  })

  test.each(['/bindings', '/aggregate', '/v3/bindings', '/'])('%s is not found', async (path) => {
    const capi = await cloudController(page([]))
    const { get } = await started({ api: { url: capi.origin } })
    expect(await get(path)).toMatchObject({ status: 404, text: '404 page not found\n' })
  })
})

describe('bad days', () => {
  const good = page([drain('syslog://127.0.0.2:514')])
  const served = '[{"url":"syslog://127.0.0.2:514","credentials":['

  /** A cache that has a list, and then a Cloud Controller that answers like that. */
  async function goneBad(fault: string, bad: Answer, api: object = {}) {
    const capi = await cloudController(good)
    const running = await started({
      api: { url: capi.origin, request_timeout: fault === 'transport' ? '200ms' : '10s', ...api },
    })
    await until(() => running.extension.ready!())
    capi.answer = bad
    await until(() => running.value('refresh_errors_total', { fault }) > 0)
    return { ...running, capi }
  }

  test.each<[string, Answer, string, string | RegExp]>([
    ['500', status(500), 'status', 'unexpected response from internal bindings endpoint. status code: 500'],
    ['a redirect', status(302), 'status', 'unexpected response from internal bindings endpoint. status code: 302'],
    ['garbage', (_, response) => void response.end('<html>'), 'json', 'failed to decode JSON: not JSON'],
    [
      'half a list',
      (_, response) => void response.end('{"results":[{"url":"s'),
      'json',
      'failed to decode JSON: not JSON',
    ],
    ['an empty body', (_, response) => void response.end(), 'json', 'failed to decode JSON: empty body'],
    [
      'an answer of another kind',
      json({ results: { 'app-guid': {} } }),
      'json',
      'failed to decode JSON: results is an object, expected a list',
    ],
    [
      '500 on the second page',
      (id, ...rest) => (id === 0 ? page([drain('https://x')], 1) : status(500))(id, ...rest),
      'status',
      'code: 500',
    ],
    [
      'a page that names itself',
      page([], 1),
      'paging',
      'page 1 of the bindings names 1 as the next: it goes in circles',
    ],
    [
      'pages that go back',
      (id, ...rest) => page([], id === 0 ? 7 : 3)(id, ...rest),
      'paging',
      'page 7 of the bindings names 3',
    ],
    [
      'pages without an end',
      (id, ...rest) => page([], id + 1)(id, ...rest),
      'paging',
      'more than 20 pages of bindings',
    ],
    [
      'a hanging connection',
      () => {},
      'transport',
      /failed to get page 0 from internal bindings endpoint: 127\.0\.0\.1:\d+ did not answer within 200 ms/,
    ],
    [
      'an answer that never ends',
      (_, response) => void response.write('{"results":['),
      'transport',
      'did not answer within 200 ms',
    ],
    [
      'a connection cut in the middle',
      (_, response) => {
        response.writeHead(200, { 'content-length': 100 }).write('{')
        setImmediate(() => response.destroy())
      },
      'transport',
      'failed to get page 0 from internal bindings endpoint: ',
    ],
    ['no connection at all', (_, __, request) => void request.destroy(), 'transport', 'failed to get page 0'],
  ])('%s: the list stays', async (_, bad, fault, message) => {
    const { value, lines, get } = await goneBad(fault, bad, { max_pages: 20 })
    expect(value('refresh_errors_total', { fault })).toBeGreaterThan(0)
    expect(lines.join('')).toMatch(message)
    expect((await get('/v2/bindings')).text).toContain(served)
  })

  test('more than was agreed: the list stays', async () => {
    const { value, get } = await goneBad('size', (_, response) => void response.end(' '.repeat(5000)), {
      max_size: 4096,
    })
    expect(value('refresh_errors_total', { fault: 'size' })).toBeGreaterThan(0)
    expect((await get('/v2/bindings')).text).toContain(served)
  })

  test('an empty list is an answer; a warning tells', async () => {
    const capi = await cloudController(good)
    const { extension, value, lines, get } = await started({ api: { url: capi.origin } })
    await until(() => extension.ready!())
    capi.answer = page([])
    await until(() => value('cached_drains') === 0)
    expect((await get('/v2/bindings')).text).toBe('[]\n')
    expect(lines.join('')).toContain('the Cloud Controller lists no usable drain any more before=1')
  })

  test('it recovers by itself, and stops while an answer is awaited', async () => {
    const { capi, value, extension } = await goneBad('transport', () => {})
    capi.answer = page([drain('https://127.0.0.9'), drain('https://127.0.0.8')])
    await until(() => value('cached_drains') === 2)
    capi.answer = () => {}
    const before = capi.asked.length
    await until(() => capi.asked.length > before)
    await extension.stop(AbortSignal.timeout(1000))
  })
})

describe('complaints', () => {
  async function agent() {
    const received: Message[] = []
    const server = newGrpcServer({
      endpoint: { host: '127.0.0.1', port: 0 },
      log: silentLog,
      methods: {
        '/loggregator.v2.Ingress/BatchSender': clientStream(() => ({
          message(bytes, start, end) {
            received.push(...decodeEnvelopeBatch(bytes.subarray(start, end)))
          },
        })),
      },
    })
    const { port } = await server.start()
    cleanups.push(() => server.stop(AbortSignal.abort()))
    return { endpoint: `127.0.0.1:${port}`, received }
  }

  test('go to every application once, as lines of the platform, and to the operator', async () => {
    const { endpoint, received } = await agent()
    const ids = Array.from({ length: 250 }, (_, i) => `app-id-${i}`)
    const capi = await cloudController(page([drain('syslog-ssl://u:SECRET@drain-0.com?password=SECRET', ...ids)]))
    const { value, lines } = await started({ api: { url: capi.origin }, agent: { endpoint } })
    await until(() => capi.asked.length > 3 && received.length >= 250)
    expect(received).toHaveLength(250)
    expect(received[0]).toMatchObject({
      source_id: 'app-id-0',
      instance_id: '0',
      tags: { source_type: 'LGR' },
      log: { type: 1 },
    })
    const { payload } = received[0]!.log as { payload: Uint8Array }
    expect(String(payload)).toBe('Invalid Scheme syslog-ssl for syslog drain url syslog-ssl://drain-0.com')
    const log = lines.join('')
    expect(log).toContain('Invalid Scheme syslog-ssl for syslog drain url syslog-ssl://drain-0.com for app app-id-0\n')
    expect(log).toContain('150 more lines about unusable drains in this round went to their applications alone')
    expect(log).not.toContain('SECRET')
    expect(value('app_lines_total', { fate: 'sent' })).toBe(250)
    expect(value('invalid_drains')).toBe(1)
  })

  test('stay away when they are not wanted', async () => {
    const { endpoint, received } = await agent()
    const capi = await cloudController(page([drain('ftp://x'), drain('https://127.0.0.1')]))
    const deny = { blacklisted_syslog_ranges: '127.0.0.0/8', warn_on_invalid_drains: false }
    const { value, lines } = await started({ api: { url: capi.origin }, agent: { endpoint }, ...deny })
    await until(() => value('invalid_drains') === 2)
    expect(value('blacklisted_drains')).toBe(1)
    expect(received).toEqual([])
    expect(lines.join('')).not.toContain('ftp')
  })

  test('an agent that is not there costs the lines, nothing else', async () => {
    const capi = await cloudController(page([drain('ftp://x'), drain('https://127.0.0.1')]))
    const { value, lines } = await started({ api: { url: capi.origin }, agent: { endpoint: '127.0.0.1:1' } })
    // Tried again with every round, while the operator reads the line once.
    await until(() => value('app_lines_total', { fate: 'dropped' }) >= 3)
    expect(value('cached_drains')).toBe(1)
    expect(lines.join('').match(/Invalid Scheme ftp/g)).toHaveLength(1)
  })
})

describe('certificates', () => {
  const server = vault.files('server', { names: ['capi.test'], ips: [] })
  const own = vault.files('own', { names: ['cache.test'], ips: ['127.0.0.1'] })
  const pems = async (files: { ca: string; cert: string; key: string }) => {
    const { readFileSync } = await import('node:fs')
    return { ca: readFileSync(files.ca), cert: readFileSync(files.cert), key: readFileSync(files.key) }
  }

  test('the Cloud Controller must carry its name and gets our certificate; agents must show one', async () => {
    const secured = (await pems(server)) as never
    const capi = await cloudController(page([drain('https://127.0.0.2')]), secured)
    const files = { ca_file: own.ca, cert_file: own.cert, key_file: own.key }
    const tls = { client_ca_file: own.ca, cert_file: own.cert, key_file: own.key }
    const api = { url: capi.origin, tls: { ...files, server_name_override: 'capi.test' } }
    const { extension, port, lines } = await started({ api, tls, common_name: 'other.test' })
    await until(() => extension.ready!())
    expect(lines.join('')).toContain('our certificate does not carry the name other.test')
    const ask = (client: object) =>
      new Promise<number>((resolve, reject) => {
        const options = { host: '127.0.0.1', port, path: '/v2/bindings', agent: false, ...client }
        requestTls(options, (response) => resolve(response.resume().statusCode!))
          .on('error', reject)
          .end()
      })
    const client = await pems(own)
    expect(await ask(client)).toBe(200)
    await expect(ask({ ca: client.ca })).rejects.toThrow(/certificate|ECONNRESET|socket hang up/i)

    const wrong = { url: capi.origin, tls: { ...files, server_name_override: 'wrong.test' } }
    const refused = await started({ api: wrong, tls })
    await until(() => refused.value('refresh_errors_total', { fault: 'transport' }) > 0)
    expect(refused.extension.ready!()).toBe(false)
  })

  test('off loopback it does not start without them', () => {
    const config = cache.config.parse({ endpoint: ':0', api: { url: 'http://127.0.0.1:1' } })
    const host = { log: silentLog, clock: systemClock } as never
    expect(() => cache.create({ config, host })).toThrow('failed to load server TLS config: :0 is open to others')
  })

  test('files that cannot be used are named in the words of the original', () => {
    const tls = { ca_file: '/nowhere', cert_file: own.cert, key_file: own.key }
    const config = cache.config.parse({ endpoint: '127.0.0.1:0', api: { url: 'https://127.0.0.1:1', tls } })
    const host = { log: silentLog, clock: systemClock } as never
    expect(() => cache.create({ config, host })).toThrow('failed to load API client certificates: ')
  })
})

test.each([
  ['10.244.0.32-10', 'invalid IP Address for Blacklist IP Range: 10'],
  ['invalid', 'invalid BlacklistRange: invalid'],
  ['10.10.10.10-10.8.10.12', 'invalid Blacklist IP Range: Start 10.10.10.10 has to be before End 10.8.10.12'],
])('the denied ranges %s are refused with the configuration', (ranges, message) => {
  const result = cache.config.safeParse({
    endpoint: '127.0.0.1:0',
    api: { url: 'https://127.0.0.1:1' },
    blacklisted_syslog_ranges: ranges,
  })
  expect(JSON.stringify(result.error?.issues)).toContain(message)
})
