import { request as httpRequest, type ServerResponse } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { ManualClock } from '../runtime/clock.ts'
import { newLog, silentLog } from '../runtime/log.ts'
import { newHttpServer, type Route } from './http-server.ts'
import { newVault, until } from './test-kit.ts'
import { serverTls } from './tls.ts'
import { loadTlsFiles } from './tls-files.ts'

const endpoint = { host: '127.0.0.1', port: 0 }
const routes: Record<string, Route> = {
  '/metrics': (_request, response) => void response.end('up 1\n'),
  '/debug/pprof/': (request, response) => void response.end(`profile ${request.url}`),
  '/broken': () => {
    throw new Error('secret')
  },
}

function get(options: RequestOptions, secure = false): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const request = (secure ? httpsRequest : httpRequest)(
      { host: '127.0.0.1', agent: false, ...options },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () => resolve([response.statusCode!, text]))
      },
    )
    request.on('error', reject)
    request.end()
  })
}

test('answers its routes, 404 elsewhere, 500 without a text for a bug', async () => {
  const server = newHttpServer({ endpoint, routes, log: silentLog })
  const { port } = await server.start()
  expect(await get({ port, path: '/metrics?x=1' })).toEqual([200, 'up 1\n'])
  expect(await get({ port, path: '/debug/pprof/heap?a=b' })).toEqual([200, 'profile /debug/pprof/heap?a=b'])
  for (const path of ['/', '/metrics/x', '/nope', '/toString']) expect((await get({ port, path }))[0]).toBe(404)
  expect(await get({ port, path: '/broken' })).toEqual([500, 'internal error\n'])
  await server.stop()
  await server.stop()
  expect(server.address).toBeUndefined()
})

test('with TLS it asks for a client certificate', async () => {
  const files = newVault().files('metron')
  const own = loadTlsFiles(files, Date.now())
  const server = newHttpServer({ endpoint, routes, tls: serverTls(files), log: silentLog })
  const { port } = await server.start()
  const trust = { port, path: '/metrics', ca: own.ca!, servername: 'metron' }
  expect(await get({ ...trust, cert: own.cert!, key: own.key! }, true)).toEqual([200, 'up 1\n'])
  await expect(get(trust, true)).rejects.toThrow()
  await server.stop()
})

test('a request that never ends is cut after the read timeout', async () => {
  const server = newHttpServer({ endpoint, routes, readTimeoutMs: 100, log: silentLog })
  const { port } = await server.start()
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n')
  socket.resume()
  await new Promise((resolve) => socket.on('close', resolve))
  await server.stop()
})

test('who sends ever more requests without waiting for answers is cut off', async () => {
  const lines: string[] = []
  const waiting: ServerResponse[] = []
  const hold: Route = (_request, response) => void waiting.push(response)
  const log = newLog({ write: (line) => void lines.push(line) })
  const server = newHttpServer({ endpoint, routes: { '/hold': hold, ...routes }, log })
  const { port } = await server.start()
  const ask = (count: number) => {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    socket.write('GET /hold HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(count))
    return { socket, closed: new Promise((resolve) => socket.resume().on('close', resolve)) }
  }
  const patient = ask(100)
  await until(() => waiting.length === 100)
  await ask(3000).closed
  expect(waiting).toHaveLength(200)
  expect(lines.filter((line) => line.includes('does not wait for answers'))).toHaveLength(1)
  expect(server.stats.floods).toBe(1)
  for (const response of waiting) response.end()
  await until(() => waiting.slice(0, 100).every((response) => response.writableFinished))
  expect(await get({ port, path: '/metrics' })).toEqual([200, 'up 1\n'])
  patient.socket.destroy()
  await server.stop()
})

test('connections beyond the most are refused, counted and said once', async () => {
  const lines: string[] = []
  const log = newLog({ write: (line) => void lines.push(line) })
  const server = newHttpServer({ endpoint, routes, maxConnections: 1, log })
  const { port } = await server.start()
  const first = connect(port, '127.0.0.1').on('error', () => {})
  await until(() => server.stats.connectionsOpen === 1)
  for (let i = 0; i < 3; i++) connect(port, '127.0.0.1').on('error', () => {})
  await until(() => server.stats.connectionsRefused === 3)
  expect(lines.filter((line) => line.includes('connection refused: 1 are open'))).toHaveLength(1)
  first.destroy()
  await until(() => server.stats.connectionsOpen === 0)
  await server.stop()
})

test('what goes wrong while it stops is said, and nothing afterwards', async () => {
  const clock = new ManualClock()
  const lines: string[] = []
  const fails: ((error: Error) => void)[] = []
  const broken: Route = () => new Promise((_resolve, reject) => void fails.push(reject))
  const log = newLog({ write: (line) => void lines.push(line) })
  const server = newHttpServer({ endpoint, routes: { '/broken': broken }, clock, log })
  const { port } = await server.start()
  const answers = [1, 2].map(() => get({ port, path: '/broken' }))
  await until(() => fails.length === 2)
  const stopped = server.stop(new AbortController().signal)
  // In a later turn: what it does at once is done.
  await new Promise((resolve) => setImmediate(resolve))
  for (const fail of fails) fail(new Error('no'))
  expect((await Promise.all(answers)).map(([status]) => status)).toEqual([500, 500])
  await stopped
  clock.advance(60_000)
  expect(lines.filter((line) => line.includes('answering /broken failed'))).toHaveLength(1)
})

test('stop lets an answer under way finish, and frees the port', async () => {
  let finish: () => void = () => {}
  const slow: Route = (_request, response) => {
    finish = () => response.end('done')
    response.write('half ')
    started.resolve()
  }
  const started = Promise.withResolvers<void>()
  const server = newHttpServer({ endpoint, routes: { '/slow': slow }, log: silentLog })
  const { port } = await server.start()
  const answer = get({ port, path: '/slow' })
  await started.promise
  const stopped = server.stop(new AbortController().signal)
  finish()
  expect(await answer).toEqual([200, 'half done'])
  await stopped
  const next = newHttpServer({ endpoint: { host: '127.0.0.1', port }, routes, log: silentLog })
  await next.start()
  await next.stop()
})
