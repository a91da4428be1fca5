import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { type HttpGetOptions, newHttpGetter, TooLarge } from './http-get.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

async function getter(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  options: Partial<HttpGetOptions> & { path?: string } = {},
) {
  const sockets: Socket[] = []
  const server = createServer(handle)
  server.on('connection', (socket: Socket) => sockets.push(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}${options.path ?? ''}`
  const http = newHttpGetter({ timeoutMs: 3000, keepAlive: false, ...options, origin })
  closers.push(() => {
    http.close()
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { http, sockets, port }
}

const use = { maxBytes: 1000 }
const echo = (request: IncomingMessage, response: ServerResponse) => void response.end(request.url)

test('asks below the path of the origin, query and all', async () => {
  const { http } = await getter(echo, { path: '/prefix/' })
  const { status, body } = await http.get('/a?b=c', use)
  expect([status, String(body)]).toEqual([200, '/prefix/a?b=c'])
})

test('a connection for each request, or one for all', async () => {
  for (const [keepAlive, connections] of [[false, 3] as const, [true, 1] as const]) {
    const { http, sockets } = await getter(echo, { keepAlive })
    for (let i = 0; i < 3; i++) await http.get('/', use)
    expect(sockets).toHaveLength(connections)
  }
})

test('a kept connection that the peer has closed meanwhile is not the end', async () => {
  let cut = false
  const { http, sockets } = await getter(
    (request, response) => {
      if (!cut) return echo(request, response)
      cut = false
      request.socket.destroy()
    },
    { keepAlive: true },
  )
  await http.get('/', use)
  cut = true
  expect((await http.get('/', use)).status).toBe(200)
  expect(sockets).toHaveLength(2)
})

test('status and headers are handed on, redirects are not followed', async () => {
  const { http } = await getter((request, response) =>
    response.writeHead(request.headers['if-none-match'] ? 304 : 302, { location: '/x', etag: '"1"' }).end(),
  )
  expect(await http.get('/', use)).toMatchObject({ status: 302, headers: { location: '/x' } })
  expect(await http.get('/', { ...use, headers: { 'if-none-match': '"1"' } })).toMatchObject({ status: 304 })
})

test('is bounded in size and in time, and can be given up', async () => {
  const { http } = await getter((_, response) => void response.end('x'.repeat(1001)))
  await expect(http.get('/', use)).rejects.toBeInstanceOf(TooLarge)
  const mute = await getter(() => {}, { timeoutMs: 50 })
  await expect(mute.http.get('/', use)).rejects.toThrow(`127.0.0.1:${mute.port} did not answer within 50 ms`)
  const slow = await getter((_, response) => void response.write('x'), { timeoutMs: 50 })
  await expect(slow.http.get('/', use)).rejects.toThrow('did not answer within 50 ms')
  await expect(mute.http.get('/', { ...use, signal: AbortSignal.abort() })).rejects.toThrow()
})

test('an answer cut in the middle is told from a refused connection', async () => {
  const { http } = await getter((_, response) => {
    response.writeHead(200, { 'content-length': 100 })
    response.write('x', () => response.destroy())
  })
  await expect(http.get('/', use)).rejects.toThrow('the peer cut the connection in the middle of its answer')
  const dead = newHttpGetter({ origin: 'http://127.0.0.1:1', timeoutMs: 1000, keepAlive: false })
  await expect(dead.get('/', use)).rejects.toThrow('127.0.0.1:1: connection refused: nobody listens there')
})
