import { readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect, createServer as createTcp, type Server, type Socket } from 'node:net'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../runtime/clock.ts'
import { silentLog } from '../runtime/log.ts'
import { type HttpClientOptions, type HttpFailure, newHttpClient } from './http-client.ts'
import { parseProxy, proxyFromEnvironment } from './http-client-proxy.ts'
import { newVault, until, type Vault } from './test-kit.ts'
import { clientTls, serverTls, type TlsFiles } from './tls.ts'
import { clientTlsFrom } from './tls-settings.ts'

let vault: Vault
beforeAll(() => {
  vault = newVault()
  return () => rmSync(vault.dir, { recursive: true })
})

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup()
})

async function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as AddressInfo).port
}

type Answer = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void
const ok: Answer = (_request, response) => void response.end('fine')

interface Seen {
  method: string
  url: string
  headers: IncomingMessage['headers']
  body: Buffer
}

async function server(answer: Answer = ok, files?: { ca: string; cert: string; key: string }) {
  const requests: Seen[] = []
  let connections = 0
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      requests.push({ method: request.method!, url: request.url!, headers: request.headers, body })
      answer(request, response, body)
    })
  }
  const http = files ? createTlsServer(serverTls(files).options(), handle) : createServer(handle)
  http.on('connection', () => connections++)
  const port = await listening(http)
  return {
    port,
    requests,
    get connections() {
      return connections
    },
  }
}

/** A peer that does with its connections what the test wants. */
const rawPeer = (serve: (socket: Socket) => void) => listening(createTcp(serve))

function client(options: Omit<HttpClientOptions, 'tls' | 'origin'> & { url: string; files?: TlsFiles }) {
  const { files = {}, url, ...rest } = options
  const tls = clientTls(files, { log: silentLog })
  const origin = new URL(url)
  const made = newHttpClient({ ...rest, origin, tls })
  cleanups.push(() => made.close())
  const path = `${origin.pathname}${origin.search}`
  const post = (body: Buffer, headers: Record<string, string>, signal: AbortSignal) =>
    made.post(path, body, headers, signal)
  return { post }
}

const never = () => new AbortController().signal
const failure = (promise: Promise<unknown>): Promise<HttpFailure> =>
  promise.then(
    () => expect.unreachable('it was answered'),
    (error) => error as HttpFailure,
  )

describe('a request', () => {
  test('brings path, headers and body, and takes back status, headers and body', async () => {
    const peer = await server((_request, response) => void response.writeHead(202, { 'retry-after': '7' }).end('ok'))
    const { post } = client({ url: `http://user:pa%3Ass@127.0.0.1:${peer.port}/v1/logs?x=1` })
    const reply = await post(Buffer.from('body'), { 'content-type': 'text/plain' }, never())
    expect(reply.status).toBe(202)
    expect([reply.headers['retry-after'], reply.body.toString()]).toEqual(['7', 'ok'])
    expect(peer.requests[0]).toMatchObject({ method: 'POST', url: '/v1/logs?x=1', body: Buffer.from('body') })
    expect(peer.requests[0]!.headers).toMatchObject({
      host: `127.0.0.1:${peer.port}`,
      'content-length': '4',
      'content-type': 'text/plain',
      authorization: `Basic ${Buffer.from('user:pa:ss').toString('base64')}`,
    })
  })

  test('uses the connection of the one before; one at a time where only one is allowed', async () => {
    const peer = await server()
    const { post } = client({ url: `http://127.0.0.1:${peer.port}/`, maxConnections: 1 })
    await Promise.all(Array.from({ length: 5 }, () => post(Buffer.alloc(9), {}, never())))
    await post(Buffer.alloc(9), {}, never())
    expect([peer.requests.length, peer.connections]).toEqual([6, 1])
  })

  test('that waits for a free connection can be withdrawn', async () => {
    const peer = await server(() => {})
    const { post } = client({ url: `http://127.0.0.1:${peer.port}/`, maxConnections: 1 })
    const first = new AbortController()
    const stuck = failure(post(Buffer.alloc(1), {}, first.signal))
    await until(() => peer.requests.length === 1)
    const second = new AbortController()
    const waiting = failure(post(Buffer.alloc(1), {}, second.signal))
    second.abort()
    expect((await waiting).unsent).toBe(true)
    first.abort()
    expect(await stuck).toMatchObject({ unsent: false, message: `127.0.0.1:${peer.port} did not answer in time` })
    expect((await failure(post(Buffer.alloc(1), {}, AbortSignal.abort()))).message).toContain('in time')
  })

  test('opens a connection of its own where none may be kept', async () => {
    const peer = await server()
    const { post } = client({ url: `http://127.0.0.1:${peer.port}/`, maxIdle: 0 })
    for (let i = 0; i < 2; i++) await post(Buffer.alloc(9), {}, never())
    expect(peer.connections).toBe(2)
    expect(peer.requests[0]!.headers.connection).toBe('close')
  })

  test('goes by TLS to whoever has the right name, and to nobody else', async () => {
    const files = vault.files('collector', { names: ['collector'], ips: [] })
    const peer = await server(ok, files)
    const url = `https://127.0.0.1:${peer.port}/`
    const right = client({ url, files, serverName: 'collector' })
    expect((await right.post(Buffer.from('x'), {}, never())).status).toBe(200)
    const wrong = await failure(client({ url, files }).post(Buffer.from('x'), {}, never()))
    expect(wrong.unsent).toBe(true)
    expect(wrong.message).toContain('its certificate is for names [collector]')
    const bare = client({ url, files: { ca: files.ca }, serverName: 'collector' })
    const refused = await failure(bare.post(Buffer.from('x'), {}, never()))
    expect(refused.message).toContain('peer refused us: it requires a client certificate')
  })
})

describe('a peer that', () => {
  test('is not there', async () => {
    const port = await rawPeer(() => {})
    for (const cleanup of cleanups.splice(0)) cleanup()
    const error = await failure(client({ url: `http://127.0.0.1:${port}` }).post(Buffer.alloc(1), {}, never()))
    expect(error).toMatchObject({ unsent: true })
    expect(error.message).toContain('connection refused')
  })

  test.each<[string, (socket: Socket) => void, string]>([
    ['closes its side without an answer', (socket) => void socket.end(), 'closed the connection before it answered'],
    ['resets', (socket) => void socket.resetAndDestroy(), 'closed the connection before it answered'],
    ['does not speak HTTP', (socket) => void socket.write('220 smtp ready\r\n'), 'Parse Error'],
  ])('%s', async (_name, act, text) => {
    const port = await rawPeer((socket) => void socket.once('data', () => act(socket)))
    const error = await failure(client({ url: `http://127.0.0.1:${port}` }).post(Buffer.alloc(1), {}, never()))
    expect(error.message).toContain(text)
    expect(error.unsent).toBe(false)
  })

  test('ends in the middle of its answer is judged by the head', async () => {
    const port = await rawPeer(
      (socket) => void socket.once('data', () => socket.end('HTTP/1.1 400 Bad\r\nContent-Length: 99\r\n\r\nhalf')),
    )
    const reply = await client({ url: `http://127.0.0.1:${port}` }).post(Buffer.alloc(1), {}, never())
    expect([reply.status, reply.body.toString()]).toEqual([400, 'half'])
  })

  test('answers without end is read for 64 KiB, and left', async () => {
    let closed = false
    const peer = await server((_request, response) => {
      response.writeHead(200)
      const more = () => {
        while (response.write(Buffer.alloc(16_384, 65))) {}
      }
      response.on('drain', more).on('close', () => {
        closed = true
      })
      more()
    })
    const { post } = client({ url: `http://127.0.0.1:${peer.port}` })
    expect((await post(Buffer.alloc(1), {}, never())).body.length).toBe(65_536)
    await until(() => closed)
  })

  test('answers before it has read everything, and reads no more, is answered enough', async () => {
    let closed = false
    const port = await rawPeer((socket) => {
      socket.once('data', () => {
        socket.pause()
        socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!')
      })
      socket.on('close', () => {
        closed = true
      })
      socket.on('error', () => {})
    })
    const { post } = client({ url: `http://127.0.0.1:${port}` })
    const reply = await post(Buffer.alloc(16 << 20), {}, never())
    expect([reply.status, reply.body.toString()]).toEqual([413, 'no!'])
    for (const cleanup of cleanups.splice(0)) cleanup()
    await until(() => closed)
  })
})

/** A proxy of either kind; what it was asked for. */
async function proxyServer(authorization?: string) {
  const asked: string[] = []
  const http = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? '-'}`)
    request.resume().on('end', () => response.end('from the proxy'))
  })
  http.on('connect', (request, socket: Socket) => {
    const given = request.headers['proxy-authorization']
    asked.push(`${request.method} ${request.url} ${given ?? '-'}`)
    if (authorization && given !== authorization) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n')
      return
    }
    const to = connect(Number(request.url!.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      socket.pipe(to).pipe(socket)
    })
    for (const each of [to, socket]) each.on('error', () => {})
    cleanups.push(() => to.destroy())
  })
  return { port: await listening(http), asked }
}

describe('a proxy', () => {
  test('is handed plain requests with the whole URL', async () => {
    const proxy = await proxyServer()
    const { post } = client({
      url: 'http://collector.example:4318/v1/logs',
      proxy: parseProxy(`http://u:p@127.0.0.1:${proxy.port}`),
    })
    expect((await post(Buffer.from('x'), {}, never())).body.toString()).toBe('from the proxy')
    expect(proxy.asked).toEqual([`POST http://collector.example:4318/v1/logs Basic ${btoa('u:p')}`])
  })

  test('is asked for a tunnel to TLS peers, once for many requests', async () => {
    const files = vault.files('collector', { names: ['collector'], ips: [] })
    const peer = await server(ok, files)
    const proxy = await proxyServer(`Basic ${btoa('u:p')}`)
    const { post } = client({
      url: `https://127.0.0.1:${peer.port}/`,
      files,
      serverName: 'collector',
      proxy: parseProxy(`http://u:p@127.0.0.1:${proxy.port}`),
    })
    for (let i = 0; i < 3; i++) expect((await post(Buffer.from('x'), {}, never())).body.toString()).toBe('fine')
    expect(proxy.asked).toEqual([`CONNECT 127.0.0.1:${peer.port} Basic ${btoa('u:p')}`])
    expect(peer.requests[0]!.headers['proxy-authorization']).toBeUndefined()
  })

  test('that refuses, or is not there, is named', async () => {
    const proxy = await proxyServer('Basic no')
    const url = 'https://collector.example/'
    const refused = await failure(
      client({ url, proxy: parseProxy(`127.0.0.1:${proxy.port}`) }).post(Buffer.alloc(1), {}, never()),
    )
    expect(refused).toMatchObject({ unsent: true })
    expect(refused.message).toContain(
      `proxy 127.0.0.1:${proxy.port} does not connect to collector.example:443: 407 Proxy Authentication Required`,
    )
    for (const cleanup of cleanups.splice(0)) cleanup()
    const gone = await failure(
      client({ url, proxy: parseProxy(`127.0.0.1:${proxy.port}`) }).post(Buffer.alloc(1), {}, never()),
    )
    expect(gone.message).toContain(`proxy 127.0.0.1:${proxy.port}: connection refused`)
  })

  test.each([
    ['socks5://h:1', 'socks5 is not supported'],
    ['http://', 'write "http://host:port"'],
    ['://x', 'write "http://host:port"'],
  ])('%s is none', (text, message) => expect(() => parseProxy(text)).toThrow(message))
})

test.each<[string, Record<string, string>, string | undefined]>([
  ['http://a.example', { HTTP_PROXY: 'proxy:3128' }, 'proxy:3128'],
  ['http://a.example', { http_proxy: 'http://proxy:3128' }, 'proxy:3128'],
  ['http://a.example', { HTTP_PROXY: 'one', http_proxy: 'two' }, 'one'],
  ['http://a.example', { HTTPS_PROXY: 'proxy:3128' }, undefined],
  ['https://a.example', { HTTPS_PROXY: 'proxy:3128' }, 'proxy:3128'],
  ['https://localhost', { HTTPS_PROXY: 'proxy' }, undefined],
  ['https://127.9.9.9', { HTTPS_PROXY: 'proxy' }, undefined],
  ['https://[::1]:4318', { HTTPS_PROXY: 'proxy' }, undefined],
  ['https://a.example', { HTTPS_PROXY: 'proxy', NO_PROXY: '*' }, undefined],
  ['https://a.example', { HTTPS_PROXY: 'proxy', NO_PROXY: 'b.example, Example' }, undefined],
  ['https://a.example', { HTTPS_PROXY: 'proxy', no_proxy: 'a.example' }, undefined],
  ['https://a.example', { HTTPS_PROXY: 'proxy', NO_PROXY: '.a.example' }, 'proxy'],
  ['https://b.a.example', { HTTPS_PROXY: 'proxy', NO_PROXY: '*.a.example' }, undefined],
  ['https://a.example', { HTTPS_PROXY: 'proxy', NO_PROXY: 'xa.example' }, 'proxy'],
  ['https://a.example:8443', { HTTPS_PROXY: 'proxy', NO_PROXY: 'a.example:443' }, 'proxy'],
  ['https://a.example', { HTTPS_PROXY: 'proxy', NO_PROXY: 'a.example:443' }, undefined],
  ['https://10.1.2.3', { HTTPS_PROXY: 'proxy', NO_PROXY: '10.0.0.0/8' }, undefined],
  ['https://11.1.2.3', { HTTPS_PROXY: 'proxy', NO_PROXY: '10.0.0.0/8,10.0.0.0/99,a/8' }, 'proxy'],
  ['https://[fd00::1]', { HTTPS_PROXY: 'proxy', NO_PROXY: 'fd00::/8' }, undefined],
  ['https://10.1.2.3', { HTTPS_PROXY: 'proxy', NO_PROXY: '10.1.2.3' }, undefined],
])('%s with %j goes through %s', (target, environment, proxy) => {
  expect(proxyFromEnvironment(new URL(target), environment)?.url.host).toBe(proxy)
})

test('a variable that names no proxy is named, without its password', () => {
  const broken = () => proxyFromEnvironment(new URL('http://a.example'), { HTTP_PROXY: 'ftp://u:secret@h' })
  expect(broken).toThrow(/^HTTP_PROXY: a proxy that speaks ftp is not supported/)
  expect(broken).not.toThrow(/secret/)
})

test('TLS 1.2 speaks the suites and groups that were chosen, of any name', async () => {
  const files = vault.files('curved')
  const chosen: string[] = []
  const { cert, key } = { cert: readFileSync(files.cert), key: readFileSync(files.key) }
  const http = createTlsServer({ cert, key, maxVersion: 'TLSv1.3', ecdhCurve: 'P-384' }, (_request, response) =>
    response.end('fine'),
  )
  http.on('secureConnection', (socket) => chosen.push(socket.getCipher().name))
  const port = await listening(http)
  const settings = { insecure_skip_verify: true, max_version: '1.2', curve_preferences: ['P521', 'P384'] }
  const tls = (more: object) => clientTlsFrom({ ...settings, ...more }, { log: silentLog, clock: systemClock }, 'any')!
  const origin = new URL(`https://127.0.0.1:${port}`)
  const right = newHttpClient({ origin, tls: tls({ cipher_suites: ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256'] }) })
  const wrong = newHttpClient({ origin, tls: tls({ curve_preferences: ['X25519'] }) })
  cleanups.push(right.close, wrong.close)
  expect((await right.post('/', Buffer.alloc(1), {}, never())).status).toBe(200)
  expect(chosen).toEqual(['ECDHE-RSA-CHACHA20-POLY1305'])
  expect((await failure(wrong.post('/', Buffer.alloc(1), {}, never()))).message).toContain('handshake')
})
