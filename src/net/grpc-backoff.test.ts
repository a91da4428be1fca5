import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { ManualClock } from '../runtime/clock.ts'
import { silentLog } from '../runtime/log.ts'
import { type GrpcClient, type GrpcClientOptions, newGrpcClient } from './grpc-client.ts'
import { newGrpcServer } from './grpc-server.ts'
import { unary } from './grpc-types.ts'
import { GrpcCode, type GrpcError } from './status.ts'
import { until } from './test-kit.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** A port where every connection is cut at once. */
async function cuttingPort(): Promise<{ port: number; attempts: () => number; close: () => Promise<void> }> {
  let attempts = 0
  const server: Server = createServer((socket: Socket) => {
    attempts++
    socket.on('error', () => {})
    socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()))
  cleanups.push(close)
  return { port: (server.address() as { port: number }).port, attempts: () => attempts, close }
}

function clientOf(port: number, options: Partial<GrpcClientOptions> = {}): GrpcClient {
  const client = newGrpcClient({ address: `127.0.0.1:${port}`, log: silentLog, ...options })
  cleanups.push(() => client.close())
  return client
}

const failure = (promise: Promise<unknown>): Promise<GrpcError> =>
  promise.then(
    () => expect.unreachable('the call succeeded'),
    (error) => error,
  )

test('nothing is dialled before the first call', async () => {
  const { port, attempts } = await cuttingPort()
  const client = clientOf(port)
  expect(client.state).toBe('idle')
  await failure(client.unary('/s/X', Buffer.alloc(1)))
  expect(attempts()).toBe(1)
})

test('waits 1 s, 1.6 s, 2.56 s ... between the starts of attempts, up to the maximum', async () => {
  const { port, attempts } = await cuttingPort()
  const clock = new ManualClock()
  const client = clientOf(port, { clock, random: () => 0.5, backoff: { maxMs: 3000 } })
  const starts: number[] = []
  client.onState((state) => {
    if (state === 'connecting') starts.push(clock.monotonic())
  })
  client.connect()
  for (let i = 1; i <= 6; i++) {
    await until(() => attempts() === i && client.state === 'failing')
    while (client.state === 'failing') clock.advance(10)
  }
  expect(starts).toEqual([0, 1000, 2600, 5160, 8160, 11_160, 14_160])
})

test.each([
  [0, 800],
  [1, 1200],
])('jitter %d waits %d ms', async (random, ms) => {
  const { port } = await cuttingPort()
  const clock = new ManualClock()
  const client = clientOf(port, { clock, random: () => random })
  client.connect()
  await until(() => client.state === 'failing')
  clock.advance(ms - 1)
  expect(client.state).toBe('failing')
  clock.advance(1)
  expect(client.state).toBe('connecting')
})

test('while attempts fail, calls fail at once with the reason; those that wait are served later', async () => {
  const { port, close } = await cuttingPort()
  const clock = new ManualClock()
  const client = clientOf(port, { clock, random: () => 0.5 })
  const first = await failure(client.unary('/s/X', Buffer.alloc(1)))
  expect([first.code, first.unsent]).toEqual([GrpcCode.unavailable, true])
  expect(client.state).toBe('failing')
  expect((await failure(client.unary('/s/X', Buffer.alloc(1)))).message).toBe(first.message)
  expect(client.lastError?.message).toBe(first.message)
  const patient = client.unary('/s/X', Buffer.from('hello'), { waitForReady: true })
  const short = failure(client.unary('/s/X', Buffer.alloc(1), { waitForReady: true, timeoutMs: 500 }))
  await close()
  const methods = { '/s/X': unary((message) => Buffer.from(message)) }
  const server = newGrpcServer({ endpoint: { host: '127.0.0.1', port }, methods, log: silentLog })
  await server.start()
  cleanups.push(() => server.stop(AbortSignal.abort()))
  clock.advance(500)
  expect((await short).code).toBe(GrpcCode.deadlineExceeded)
  clock.advance(500)
  expect((await patient).toString()).toBe('hello')
  expect([client.state, client.lastError]).toEqual(['ready', undefined])
})

test('the first answer resets the back-off, a bare TCP connection does not', async () => {
  const methods = { '/s/X': unary((message) => Buffer.from(message)) }
  const clock = new ManualClock()
  const { port, attempts, close } = await cuttingPort()
  const client = clientOf(port, { clock, random: () => 0.5 })
  client.connect()
  await until(() => client.state === 'failing')
  clock.advance(1000)
  await until(() => attempts() === 2 && client.state === 'failing')
  await close()
  const serve = async () => {
    const server = newGrpcServer({ endpoint: { host: '127.0.0.1', port }, methods, log: silentLog })
    await server.start()
    return server
  }
  const server = await serve()
  clock.advance(1600)
  await until(() => client.state === 'ready')
  await server.stop(AbortSignal.abort())
  await until(() => client.state === 'idle')
  // The wait after a connection that stood is the first one again.
  const call = client.unary('/s/X', Buffer.from('again'), { waitForReady: true })
  expect(client.state).toBe('connecting')
  const next = await serve()
  cleanups.push(() => next.stop(AbortSignal.abort()))
  clock.advance(1000)
  expect((await call).toString()).toBe('again')
})

test('a peer that accepts and stays silent is given up after the connect timeout', async () => {
  const sockets: Socket[] = []
  const server = createServer((socket) => void sockets.push(socket.on('error', () => {})))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const clock = new ManualClock()
  const client = clientOf((server.address() as { port: number }).port, { clock, connectTimeoutMs: 3000 })
  const call = failure(client.unary('/s/X', Buffer.alloc(1)))
  await until(() => sockets.length === 1)
  while (client.state === 'connecting') {
    clock.advance(1000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect((await call).message).toContain('no HTTP/2 settings within 3000 ms')
})

test('a closed client refuses calls, and closing twice is legal', async () => {
  const { port } = await cuttingPort()
  const client = clientOf(port)
  const waiting = failure(client.unary('/s/X', Buffer.alloc(1), { waitForReady: true }))
  await client.close()
  await client.close()
  expect((await waiting).code).toBe(GrpcCode.cancelled)
  expect((await failure(client.unary('/s/X', Buffer.alloc(1)))).message).toBe('the client is closed')
  expect(client.state).toBe('closed')
})
