import { getEventListeners, once } from 'node:events'
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  constants,
  createServer as createHttp2,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { connect as connectTcp, createServer, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { type Clock, ManualClock } from '../runtime/clock.ts'
import { silentLog } from '../runtime/log.ts'
import { frameMessage } from './frames.ts'
import { newGrpcClient } from './grpc-client.ts'
import { newGrpcServer } from './grpc-server.ts'
import { clientStream, type Handler, serverStream, unary } from './grpc-types.ts'
import { GrpcCode, type GrpcError } from './status.ts'
import { newPair, newVault, type Pair, until } from './test-kit.ts'
import { serverTls } from './tls.ts'

const running: { stop(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of running.splice(0)) await each.stop()
})

async function pairOf(...args: Parameters<typeof newPair>): Promise<Pair> {
  const pair = await newPair(...args)
  running.push(pair)
  return pair
}

const echo = unary((message) => Buffer.from(message))

/** A client stream handler that notes how its streams ended. */
function collector() {
  const closed: (GrpcError | undefined)[] = []
  let messages = 0
  const handler: Handler = clientStream(() => ({
    message: () => void messages++,
    close: (error) => void closed.push(error),
  }))
  return { handler, closed, messages: () => messages }
}

/** A bare HTTP/2 client, for what ours would never do. */
async function bare(port: number, use: (session: ClientHttp2Session, socket: Socket) => Promise<void>): Promise<void> {
  const socket = connectTcp(port, '127.0.0.1')
  const session = connectHttp2(`http://127.0.0.1:${port}`, { createConnection: () => socket })
  session.on('error', () => {})
  // Both ends have spoken, and know it.
  await Promise.all(['remoteSettings', 'localSettings'].map((event) => once(session, event)))
  try {
    await use(session, socket)
  } finally {
    session.destroy()
  }
}

const headersFor = (path: string) => ({
  ':method': 'POST',
  ':path': path,
  'content-type': 'application/grpc',
  te: 'trailers',
})

test('noise and HTTP/1 on the port hurt nobody, with and without TLS', async () => {
  const vault = newVault()
  for (const tls of [undefined, serverTls(vault.files('metron'))]) {
    const { port, server } = await pairOf({ methods: { '/s/Echo': echo }, tls })
    for (const noise of [
      'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n',
      '\0\0\0\0'.repeat(500),
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ngarbage garbage garbage',
      '',
    ]) {
      const socket = connectTcp(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.end(noise)
      socket.resume()
      await new Promise((resolve) => socket.on('close', resolve))
    }
    await until(() => server.stats.connectionsOpen === 0)
    expect(server.stats.handshakesPending).toBe(0)
    if (tls) expect(server.stats.handshakesFailed.not_tls).toBeGreaterThan(0)
  }
})

test.each([
  ['GET', 'application/grpc', 405],
  ['POST', 'application/json', 415],
  ['POST', 'application/grpcx', 415],
  ['POST', 'application/grpc+proto', 200],
  ['POST', 'application/grpc;x=y', 200],
])('%s with %s gets HTTP %d', async (method, type, status) => {
  const { port } = await pairOf({ methods: { '/s/Echo': echo } })
  await bare(port, async (session) => {
    const stream = session.request({ ...headersFor('/s/Echo'), ':method': method, 'content-type': type })
    stream.on('error', () => {})
    stream.end(frameMessage(Buffer.from('x')))
    const seen = await new Promise<number>((resolve) =>
      stream.on('response', (headers) => resolve(headers[':status']!)),
    )
    expect(seen).toBe(status)
  })
})

test('a stream that ends inside a message is an error, the connection lives on', async () => {
  const { handler, closed } = collector()
  const { port } = await pairOf({ methods: { '/s/Collect': handler, '/s/Echo': echo } })
  await bare(port, async (session) => {
    for (const path of ['/s/Collect', '/s/Echo']) {
      const stream = session.request(headersFor(path))
      stream.end(frameMessage(Buffer.from('whole')).subarray(0, 7))
      const headers = await new Promise<Record<string, unknown>>((resolve) => stream.on('response', resolve))
      expect([headers['grpc-status'], headers['grpc-message']]).toEqual(['13', 'the stream ended inside a message'])
    }
    expect(closed[0]?.code).toBe(GrpcCode.internal)
  })
})

test('an answer without a request, and two requests for one answer, are errors', async () => {
  const { port } = await pairOf({ methods: { '/s/Echo': unary(() => new Promise(() => {})) } })
  await bare(port, async (session) => {
    for (const body of [
      Buffer.alloc(0),
      Buffer.concat([frameMessage(Buffer.from('a')), frameMessage(Buffer.from('b'))]),
    ]) {
      const stream = session.request(headersFor('/s/Echo'))
      stream.end(body)
      const headers = await new Promise<Record<string, unknown>>((resolve) => stream.on('response', resolve))
      expect(headers['grpc-status']).toBe('13')
    }
  })
})

test.each([constants.NGHTTP2_CANCEL, constants.NGHTTP2_INTERNAL_ERROR])(
  'a client that resets with code %d is noticed',
  async (code) => {
    const { handler, closed, messages } = collector()
    const { port, server } = await pairOf({ methods: { '/s/Collect': handler } })
    await bare(port, async (session) => {
      const stream = session.request(headersFor('/s/Collect'))
      stream.on('error', () => {})
      stream.write(frameMessage(Buffer.from('x')))
      await until(() => messages() === 1)
      stream.close(code)
      await until(() => closed.length === 1)
      expect(server.stats.streamsOpen).toBe(0)
      expect(closed[0]?.code).toBe(code === constants.NGHTTP2_CANCEL ? GrpcCode.cancelled : GrpcCode.unavailable)
    })
  },
)

test('our cancel is a cancel, not a half-close', async () => {
  const { handler, closed, messages } = collector()
  const { client } = await pairOf({ methods: { '/s/Collect': handler } })
  for (let i = 1; i <= 20; i++) {
    const stream = client.clientStream('/s/Collect')
    stream.write(frameMessage(Buffer.from('x')))
    await until(() => messages() === i)
    stream.cancel()
    expect((await stream.closed)?.code).toBe(GrpcCode.cancelled)
  }
  await until(() => closed.length === 20)
  expect(closed.map((error) => error?.code)).toEqual(closed.map(() => GrpcCode.cancelled))
})

test('a client that vanishes ends its streams, half a message or not', async () => {
  const { handler, closed, messages } = collector()
  const { port, server } = await pairOf({ methods: { '/s/Collect': handler } })
  await bare(port, async (session, socket) => {
    const stream = session.request(headersFor('/s/Collect'))
    stream.on('error', () => {})
    stream.write(
      Buffer.concat([frameMessage(Buffer.from('x')), frameMessage(Buffer.alloc(50_000)).subarray(0, 30_000)]),
    )
    await until(() => messages() === 1 && server.stats.heldBytes > 0)
    socket.resetAndDestroy()
    await until(() => server.stats.connectionsOpen === 0)
  })
  expect(closed[0]?.code).toBe(GrpcCode.unavailable)
  expect(server.stats).toMatchObject({ streamsOpen: 0, heldBytes: 0 })
})

/** A server of raw HTTP/2 behaviour for the client to meet. */
async function rawServer(onStream: (stream: ServerHttp2Stream) => void, clock?: Clock) {
  const server = createHttp2()
  const sessions = new Set<ServerHttp2Session>()
  server.on('session', (session) => sessions.add(session))
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    onStream(stream as ServerHttp2Stream)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const client = newGrpcClient({ address: `127.0.0.1:${port}`, log: silentLog, ...(clock && { clock }) })
  running.push({
    stop: async () => {
      await client.close()
      for (const session of sessions) session.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  })
  return { client, sessions }
}

const failure = (promise: Promise<unknown>): Promise<GrpcError> =>
  promise.then(
    () => expect.unreachable('the call succeeded'),
    (error) => error,
  )

test.each([
  [constants.NGHTTP2_REFUSED_STREAM, GrpcCode.unavailable, true],
  [constants.NGHTTP2_CANCEL, GrpcCode.cancelled, false],
  [constants.NGHTTP2_ENHANCE_YOUR_CALM, GrpcCode.resourceExhausted, false],
  [constants.NGHTTP2_INTERNAL_ERROR, GrpcCode.internal, false],
  [constants.NGHTTP2_NO_ERROR, GrpcCode.unavailable, false],
])('a server that resets with code %d: code %d', async (reset, code, unsent) => {
  const { client } = await rawServer((stream) => stream.close(reset))
  const error = await failure(client.unary('/s/Echo', Buffer.from('x')))
  expect([error.code, error.unsent, error.fromPeer]).toEqual([code, unsent, false])
})

test('a server that sees the deadline before we do and resets: the deadline is over', async () => {
  const clock = new ManualClock()
  const { client } = await rawServer((stream) => {
    // Our own timer is due in a millisecond.
    clock.advance(4999)
    stream.close(constants.NGHTTP2_CANCEL)
  }, clock)
  const error = await failure(client.unary('/s/Echo', Buffer.from('x'), { timeoutMs: 5000 }))
  expect([error.code, error.message]).toEqual([GrpcCode.deadlineExceeded, 'no answer within 5000 ms'])
})

test.each([
  [404, GrpcCode.unimplemented],
  [503, GrpcCode.unavailable],
  [418, GrpcCode.unknown],
])('an answer of HTTP %d is code %d', async (status, code) => {
  const { client } = await rawServer((stream) => {
    stream.respond({ ':status': status, 'content-type': 'text/html' })
    stream.end('<html>')
  })
  expect((await failure(client.unary('/s/Echo', Buffer.from('x')))).code).toBe(code)
})

test('an answer cut inside a message is no answer', async () => {
  const { client } = await rawServer((stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.end(frameMessage(Buffer.alloc(100)).subarray(0, 50))
  })
  expect((await failure(client.unary('/s/Echo', Buffer.from('x')))).code).toBe(GrpcCode.internal)
})

test('a lost connection ends running calls with UNAVAILABLE, and the next call connects anew', async () => {
  let cut = true
  const { client, sessions } = await rawServer((stream) => {
    if (cut) return stream.session?.socket.destroy()
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.end(frameMessage(Buffer.from('ok')))
  })
  const stream = client.clientStream('/s/Collect')
  stream.write(frameMessage(Buffer.from('x')))
  const error = await stream.closed
  expect([error?.code, error?.unsent]).toEqual([GrpcCode.unavailable, false])
  cut = false
  expect((await client.unary('/s/Echo', Buffer.from('x'), { waitForReady: true })).toString()).toBe('ok')
  expect(sessions.size).toBe(2)
})

test('GOAWAY: the running stream finishes on the old session, a new call takes a new one', async () => {
  const { handler, closed } = collector()
  const methods = { '/s/Collect': handler, '/s/Echo': echo }
  const { client, server, port } = await pairOf({ methods }, { backoff: { baseMs: 1 } })
  const stream = client.clientStream('/s/Collect')
  await new Promise<void>((resolve) => stream.write(frameMessage(Buffer.from('1')), () => resolve()))
  await until(() => server.stats.messagesIn === 1)
  const stopped = server.stop()
  await until(() => client.state === 'idle')
  const next = newGrpcServer({ endpoint: { host: '127.0.0.1', port }, methods, log: silentLog })
  await next.start()
  expect((await client.unary('/s/Echo', Buffer.from('new'))).toString()).toBe('new')
  expect(next.stats.connectionsOpen).toBe(1)
  await new Promise<void>((resolve) => stream.write(frameMessage(Buffer.from('2')), () => resolve()))
  expect(await stream.end()).toBeUndefined()
  await stopped
  await until(() => closed.length === 1)
  expect([server.stats.messagesIn, closed[0]]).toEqual([2, undefined])
  await next.stop(AbortSignal.abort())
})

test('a stop that is out of time ends open streams with UNAVAILABLE', async () => {
  const { handler, closed } = collector()
  const { client, server } = await pairOf({ methods: { '/s/Collect': handler } })
  const stream = client.clientStream('/s/Collect')
  await new Promise<void>((resolve) => stream.write(frameMessage(Buffer.from('1')), () => resolve()))
  await until(() => server.stats.messagesIn === 1)
  const limit = new AbortController()
  const stopped = server.stop(limit.signal)
  limit.abort()
  await stopped
  expect((await stream.closed)?.code).toBe(GrpcCode.unavailable)
  expect(closed[0]?.message).toBe('the server is stopping')
  expect(server.stats.connectionsOpen).toBe(0)
})

test('a new server takes the port over unclosed: open streams stay with the old one', async () => {
  const old = collector()
  const fresh = collector()
  const first = await pairOf({ methods: { '/s/Collect': old.handler } }, { backoff: { baseMs: 1 } })
  const stream = first.client.clientStream('/s/Collect')
  const write = () => new Promise<void>((resolve) => stream.write(frameMessage(Buffer.from('x')), () => resolve()))
  await write()
  const second = newGrpcServer({
    endpoint: { host: '127.0.0.1', port: first.port },
    methods: { '/s/Collect': fresh.handler },
    takeOver: true,
    log: silentLog,
  })
  await second.start()
  running.push({ stop: () => second.stop(AbortSignal.abort()) })
  const stopped = first.server.stop()
  await until(() => first.client.state === 'idle')
  const next = first.client.clientStream('/s/Collect', { waitForReady: true })
  next.write(frameMessage(Buffer.from('y')))
  await write()
  expect([await stream.end(), await next.end()]).toEqual([undefined, undefined])
  await stopped
  expect([old.messages(), fresh.messages()]).toEqual([2, 1])
})

test('a connection that has had its share of a turn waits, and loses nothing', async () => {
  const { handler, messages } = collector()
  const { client, server } = await pairOf({ methods: { '/s/Collect': handler }, readBytesPerTurn: 20_000 })
  const streams = [1, 2, 3].map(() => client.clientStream('/s/Collect'))
  const framed = frameMessage(Buffer.alloc(7000))
  for (let i = 0; i < 300; i++) for (const stream of streams) stream.write(framed)
  for (const stream of streams) expect(await stream.end()).toBeUndefined()
  expect([messages(), server.stats.bytesIn]).toEqual([900, 900 * 7000])
})

test('streams that are reset as soon as they are opened hurt nobody', async () => {
  const { handler, closed } = collector()
  const slow = unary(() => new Promise((resolve) => setImmediate(() => resolve(Buffer.from('late')))))
  const methods = { '/s/Collect': handler, '/s/Slow': slow, '/s/Echo': echo }
  const { port, server } = await pairOf({ methods })
  const open = (session: ClientHttp2Session, headers: object) => {
    const stream = session.request({ ...headersFor('/s/Echo'), ...headers })
    stream.on('error', () => {})
    return stream
  }
  await bare(port, async (session) => {
    for (let i = 0; i < 50; i++) {
      const paths = ['/s/Collect', '/s/Slow', '/s/Echo', '/s/Nope']
      const streams = paths.map((path) => open(session, { ':path': path }))
      streams.push(open(session, { ':method': 'PUT' }), open(session, { 'content-type': 'x' }))
      for (const stream of streams) stream.write(frameMessage(Buffer.from('x')))
      // Sometimes before the first frame has left, sometimes while the answer is on its way.
      for (let turn = 0; turn < i % 4; turn++) await new Promise((resolve) => setImmediate(resolve))
      for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL)
    }
    const last = open(session, {})
    last.end(frameMessage(Buffer.from('alive')))
    await new Promise((resolve) => last.resume().on('end', resolve))
    await until(() => server.stats.streamsOpen === 0)
    expect(session.destroyed).toBe(false)
  })
  // A stream that was half-closed and answered before its reset ended well.
  expect(closed.filter((error) => error && error.code !== GrpcCode.cancelled)).toEqual([])
})

test('stop before start and twice, start again', async () => {
  const server = newGrpcServer({ endpoint: { host: '127.0.0.1', port: 0 }, methods: {}, log: silentLog })
  await server.stop()
  const first = await server.start()
  expect(await server.start()).toEqual(first)
  await server.stop()
  await server.stop()
  const again = await server.start()
  expect(again.port).toBeGreaterThan(0)
  await server.stop()
})

test('the deadline of a stop that is over does nothing to a server that was started again', async () => {
  const methods = { '/s/Echo': echo }
  const { client, server } = await pairOf({ methods })
  await client.unary('/s/Echo', Buffer.from('1'))
  const deadline = new AbortController()
  await server.stop(deadline.signal)
  const again = await server.start()
  const other = newGrpcClient({ address: `127.0.0.1:${again.port}`, log: silentLog })
  running.push({ stop: () => other.close() })
  await other.unary('/s/Echo', Buffer.from('2'))
  expect(getEventListeners(deadline.signal, 'abort')).toHaveLength(0)
  deadline.abort()
  await other.unary('/s/Echo', Buffer.from('3'))
  expect([other.state, server.stats.connectionsAccepted]).toEqual(['ready', 2])
})

test('too many pings end the connection as in grpc-go; pings within the rules do not', async () => {
  const clock = new ManualClock()
  const keepalive = { minPingIntervalMs: 10_000, permitWithoutStream: true }
  const { port, server } = await pairOf({ methods: { '/s/Echo': echo }, keepalive, clock })
  await bare(port, async (session) => {
    const ping = () => new Promise<boolean>((resolve) => session.ping((error) => resolve(!error)))
    for (let i = 0; i < 5; i++) {
      clock.advance(10_000)
      expect(await ping()).toBe(true)
    }
    expect(server.stats.pingAbuse).toBe(0)
    const goaway = new Promise<[number, string]>((resolve) =>
      session.on('goaway', (code, _last, data) => resolve([code, Buffer.from(data ?? []).toString()])),
    )
    for (let i = 0; i < 3; i++) await ping()
    expect(await goaway).toEqual([constants.NGHTTP2_ENHANCE_YOUR_CALM, 'too_many_pings'])
    expect(server.stats.pingAbuse).toBe(1)
  })
})

test('pings without streams are strikes where they are not permitted', async () => {
  const clock = new ManualClock()
  const { port, server } = await pairOf({ methods: { '/s/Echo': echo }, clock })
  await bare(port, async (session) => {
    for (let i = 0; i < 4 && !session.destroyed; i++) {
      clock.advance(600_000)
      await new Promise((resolve) => session.ping(resolve))
    }
    await until(() => server.stats.pingAbuse === 1)
  })
})

test('a peer that stops answering pings loses its connection', async () => {
  const clock = new ManualClock()
  const sockets: Socket[] = []
  const { port, stop } = await pairOf({ methods: { '/s/Wait': unary(() => new Promise(() => {})) } })
  // A relay that can freeze: what is sent afterwards arrives nowhere.
  const relay = createServer((socket) => {
    const onward = connectTcp(port, '127.0.0.1')
    sockets.push(socket, onward)
    for (const each of [socket, onward]) each.on('error', () => {})
    socket.pipe(onward).pipe(socket)
  })
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
  const address = `127.0.0.1:${(relay.address() as { port: number }).port}`
  const keepalive = { intervalMs: 15_000, timeoutMs: 5000 }
  const client = newGrpcClient({ address, log: silentLog, clock, keepalive })
  const call = failure(client.unary('/s/Wait', Buffer.from('x')))
  await until(() => client.state === 'ready')
  for (const socket of sockets) socket.unpipe()
  for (const socket of sockets) socket.pause()
  for (let i = 0; i < 10 && client.state === 'ready'; i++) {
    clock.advance(5000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  const error = await call
  expect([error.code, error.message]).toEqual([
    14,
    expect.stringContaining('no answer to a keepalive ping within 5000 ms'),
  ])
  await client.close()
  for (const socket of sockets) socket.destroy()
  relay.close()
  await stop()
})

test('connections over the limit are closed at once', async () => {
  const { port, server, client } = await pairOf({ methods: { '/s/Echo': echo }, limits: { maxConnections: 1 } })
  await client.unary('/s/Echo', Buffer.from('x'))
  const socket = connectTcp(port, '127.0.0.1')
  socket.on('error', () => {})
  await new Promise((resolve) => socket.on('close', resolve))
  expect(server.stats).toMatchObject({ connectionsOpen: 1, connectionsRefused: 1 })
})

test('a handshake that never comes is given up', async () => {
  const tls = serverTls(newVault().files('metron'))
  const limits = { maxPendingHandshakes: 1, handshakeTimeoutMs: 50 }
  const clock = new ManualClock(Date.now())
  const { port, server } = await pairOf({ methods: {}, tls, limits, clock })
  const silent = connectTcp(port, '127.0.0.1')
  silent.on('error', () => {})
  await until(() => server.stats.handshakesPending === 1)
  const refused = connectTcp(port, '127.0.0.1')
  refused.on('error', () => {})
  await until(() => server.stats.connectionsRefused === 1)
  clock.advance(50)
  await until(() => server.stats.handshakesFailed.timeout === 1)
  await until(() => server.stats.handshakesPending === 0)
  silent.destroy()
})

test('a reader that never reads costs a window, and its connection stays usable', async () => {
  let written = 0
  const framed = frameMessage(Buffer.alloc(64_000))
  const { client } = await pairOf({
    methods: {
      '/s/Echo': echo,
      '/s/Feed': serverStream((_message, stream) => {
        const fill = () => {
          while (stream.write(framed)) written++
          written++
        }
        stream.onDrain(fill)
        fill()
      }),
    },
  })
  const call = client.serverStream('/s/Feed', Buffer.from('x'), { message: () => call.pause(), end: () => {} })
  await until(() => written > 10)
  for (let i = 0; i < 20; i++) expect((await client.unary('/s/Echo', Buffer.from('x'))).toString()).toBe('x')
  expect(written * framed.length).toBeLessThan(3_000_000)
  call.cancel()
})
