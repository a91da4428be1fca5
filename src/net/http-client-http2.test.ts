import { once } from 'node:events'
import { rmSync } from 'node:fs'
import {
  constants,
  createSecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../runtime/clock.ts'
import { silentLog } from '../runtime/log.ts'
import { type HttpClientOptions, type HttpFailure, newHttpClient } from './http-client.ts'
import { newVault, until, type Vault } from './test-kit.ts'
import { clientTls, serverTls } from './tls.ts'

let vault: Vault
beforeAll(() => {
  vault = newVault()
  return () => rmSync(vault.dir, { recursive: true })
})

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup()
})

interface Seen {
  headers: IncomingHttpHeaders
  body: string
  session: ServerHttp2Session
}
type Answer = (stream: ServerHttp2Stream, seen: Seen) => void
const ok: Answer = (stream) => {
  stream.respond({ ':status': 202, 'retry-after': '7' })
  stream.end('fine')
}

/** A peer that speaks HTTP/2 alone, unless `http1`; each connection in `sockets`. */
async function peerOf(answer: Answer = ok, { http1 = false } = {}) {
  const files = vault.files('collector', { names: ['localhost'] })
  const requests: Seen[] = []
  const sockets: Socket[] = []
  const tls = serverTls(files).options()
  const server = http1 ? createHttps(tls, (_request, response) => void response.end('old')) : createSecureServer(tls)
  server.on('secureConnection', (socket: Socket) => sockets.push(socket.on('error', () => {})))
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const chunks: Buffer[] = []
    stream.on('error', () => {}).on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      const seen = { headers, body: Buffer.concat(chunks).toString(), session: stream.session as ServerHttp2Session }
      requests.push(seen)
      answer(stream, seen)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const url = `https://user:pa%3Ass@127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, files, requests, sockets }
}

function clientOf({ url, files }: Awaited<ReturnType<typeof peerOf>>, more: Partial<HttpClientOptions> = {}) {
  const tls = clientTls(files, { log: silentLog })
  const made = newHttpClient({ origin: new URL(url), tls, serverName: 'localhost', http2: true, ...more })
  cleanups.push(() => made.close())
  return (body: string, headers = {}, signal = new AbortController().signal) =>
    made.post('/v1/logs?x=1', Buffer.from(body), headers, signal)
}

const failure = (promise: Promise<unknown>): Promise<HttpFailure> =>
  promise.then(
    () => expect.unreachable('it was answered'),
    (error) => error as HttpFailure,
  )

test('requests go by HTTP/2 to a TLS peer that chooses it, all on one connection', async () => {
  const peer = await peerOf()
  const post = clientOf(peer)
  const replies = await Promise.all(
    ['a', 'b', 'c'].map((body) => post(body, { 'Content-Type': 'text/plain', te: 'x' })),
  )
  expect(replies.map(({ status, body }) => [status, body.toString()])).toEqual(Array(3).fill([202, 'fine']))
  expect(replies[0]!.headers['retry-after']).toBe('7')
  expect(peer.requests.map(({ body }) => body).sort()).toEqual(['a', 'b', 'c'])
  expect(peer.requests[0]!.headers).toMatchObject({
    ':method': 'POST',
    ':path': '/v1/logs?x=1',
    ':authority': new URL(peer.url).host,
    'content-type': 'text/plain',
    'content-length': '1',
    authorization: `Basic ${Buffer.from('user:pa:ss').toString('base64')}`,
  })
  expect(peer.sockets).toHaveLength(1)
})

test('a peer that does not know HTTP/2 is spoken to as ever, on the connection that showed it', async () => {
  const peer = await peerOf(ok, { http1: true })
  const post = clientOf(peer)
  for (let i = 0; i < 3; i++) expect((await post('x')).body.toString()).toBe('old')
  expect(peer.sockets).toHaveLength(1)
})

test.each([{ http2: false }, { maxIdle: 0 }])('%j: HTTP/1.1 is all that is offered', async (more) => {
  const peer = await peerOf(ok, { http1: true })
  expect((await clientOf(peer, more)('x')).body.toString()).toBe('old')
  expect((peer.sockets[0] as Socket & { alpnProtocol?: string }).alpnProtocol).not.toBe('h2')
})

test('a connection that the peer ends lets its requests finish; the next opens another', async () => {
  const peer = await peerOf((stream, { session }) => {
    session.goaway(constants.NGHTTP2_NO_ERROR, stream.id)
    setImmediate(() => ok(stream, undefined as never))
  })
  const post = clientOf(peer)
  expect((await post('one')).status).toBe(202)
  expect((await post('two')).status).toBe(202)
  expect(peer.sockets).toHaveLength(2)
})

test('a request that the peer refused was surely not taken', async () => {
  const peer = await peerOf((stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM))
  expect(await failure(clientOf(peer)('x'))).toMatchObject({ unsent: true })
})

test('a connection that is cut leaves open whether the request was taken', async () => {
  let isCut = false
  const peer = await peerOf((stream, seen) => {
    if (isCut) return ok(stream, seen)
    isCut = true
    for (const socket of peer.sockets) socket.destroy()
  })
  const post = clientOf(peer)
  const { unsent, message } = await failure(post('x'))
  expect([unsent, message]).toEqual([false, `${new URL(peer.url).host} closed the connection before it answered`])
  expect((await post('again')).status).toBe(202)
})

test('a peer that says nothing is given up with its connection', async () => {
  let isMute = true
  const peer = await peerOf((stream, seen) => {
    if (!isMute || seen.body === 'first') ok(stream, seen)
  })
  const post = clientOf(peer)
  await post('first')
  const patience = new AbortController()
  const asked = failure(post('x', {}, patience.signal))
  await until(() => peer.requests.length === 2)
  patience.abort()
  expect((await asked).message).toBe(`${new URL(peer.url).host} did not answer in time`)
  isMute = false
  expect((await post('again')).status).toBe(202)
  expect(peer.sockets).toHaveLength(2)
})

test('an answer without end is read for 64 KiB', async () => {
  const peer = await peerOf((stream) => {
    stream.respond({ ':status': 500 })
    const more = () => {
      while (!stream.destroyed && stream.write(Buffer.alloc(16 << 10, 'x')));
    }
    stream.on('drain', more)
    more()
  })
  const { status, body } = await clientOf(peer)('x')
  expect([status, body.length]).toEqual([500, 64 << 10])
})

test('large bodies go side by side', async () => {
  const peer = await peerOf((stream, { body }) => {
    stream.respond({ ':status': 200 })
    stream.end(String(body.length))
  })
  const post = clientOf(peer)
  const size = 24 << 20
  const replies = await Promise.all(Array.from({ length: 5 }, () => post('x'.repeat(size))))
  expect(replies.map(({ body }) => body.toString())).toEqual(Array(5).fill(String(size)))
  expect(peer.sockets).toHaveLength(1)
})

test('an idle connection is closed', async () => {
  const peer = await peerOf()
  const post = clientOf(peer, { idleMs: 5, clock: systemClock })
  await post('x')
  await until(() => peer.sockets[0]!.destroyed)
  expect((await post('y')).status).toBe(202)
})

test('nobody listens, or the wrong one: a sentence, and the request was not sent', async () => {
  const peer = await peerOf()
  const wrong = await failure(clientOf(peer, { serverName: 'elsewhere' })('x'))
  expect(wrong.unsent).toBe(true)
  expect(wrong.message).toContain('its certificate is for names [localhost')
  for (const cleanup of cleanups.splice(0)) cleanup()
  const gone = await failure(clientOf(peer)('x'))
  expect([gone.unsent, gone.message]).toEqual([true, expect.stringContaining('connection refused')])
})
