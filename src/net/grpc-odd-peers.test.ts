import { once } from 'node:events'
import {
  constants,
  createServer,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2'
import { type AddressInfo, connect, createServer as createTcp, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ManualClock } from '../runtime/clock.ts'
import { silentLog } from '../runtime/log.ts'
import { frameMessage } from './frames.ts'
import { newGrpcClient } from './grpc-client.ts'
import { clientStream, unary } from './grpc-types.ts'
import { GrpcCode, type GrpcError } from './status.ts'
import { newPair, until } from './test-kit.ts'

// Servers that answer as no gRPC server should: a call ends all the same, with the right status, and leaves nothing behind.

/** A client of a server that does with each call what it is told to, and how many calls it has open. */
async function meeting(answer: (stream: ServerHttp2Stream) => void, settings: ServerOptions['settings'] = {}) {
  const server = createServer({ settings })
  const state = { open: 0, calls: 0 }
  server.on('stream', (stream: ServerHttp2Stream) => {
    state.open++
    state.calls++
    stream.on('error', () => {})
    stream.on('close', () => state.open--)
    answer(stream)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void server.close())
  const clock = new ManualClock()
  const { port } = server.address() as AddressInfo
  const client = newGrpcClient({ address: `127.0.0.1:${port}`, clock, log: silentLog })
  onTestFinished(() => client.close())
  const call = (bytes = 1, timeoutMs?: number): Promise<GrpcError> =>
    client.unary('/s/M', Buffer.alloc(bytes), { timeoutMs }).then(
      () => Promise.reject(new Error('it was answered')),
      (error) => error,
    )
  return { client, clock, call, state }
}

const head = { ':status': 200, 'content-type': 'application/grpc' }
const only = (headers: OutgoingHttpHeaders) => (stream: ServerHttp2Stream) =>
  stream.resume().respond({ ...head, ...headers }, { endStream: true })

test('a status before the end counts with the end', async () => {
  const { call, state } = await meeting((stream) => {
    stream.resume().respond({ ...head, 'grpc-status': '14', 'grpc-message': 'busy' })
    stream.end()
  })
  expect(await call()).toMatchObject({ code: GrpcCode.unavailable, message: 'busy', fromPeer: true })
  await until(() => state.open === 0)
})

test.each(['0', '14'])('status %s without an end is no answer: the call ends at its deadline', async (status) => {
  const { call, clock, state } = await meeting((stream) => stream.resume().respond({ ...head, 'grpc-status': status }))
  const ended = call(1, 1000)
  await until(() => state.open === 1)
  clock.advance(1000)
  expect(await ended).toMatchObject({ code: GrpcCode.deadlineExceeded, fromPeer: false })
  await until(() => state.open === 0)
})

test('an answer before the request was read ends the call: the rest is not sent', async () => {
  const { call, state } = await meeting(
    (stream) => {
      // A window of 1000 bytes that stays shut.
      stream.pause().respond({ ...head, 'grpc-status': '8', 'grpc-message': 'too much' }, { endStream: true })
    },
    { initialWindowSize: 1000 },
  )
  expect(await call(100_000)).toMatchObject({ code: GrpcCode.resourceExhausted, message: 'too much' })
  await until(() => state.open === 0)
})

test.each(['', '-1', '0x0', 'OK'])('the status %j is none', async (status) => {
  const { call } = await meeting(only({ 'grpc-status': status }))
  expect((await call()).code).toBe(GrpcCode.unknown)
})

test('no more is kept of what a peer says than people read', async () => {
  const { call } = await meeting(only({ 'grpc-status': '14', 'grpc-message': 'a'.repeat(20_000) }))
  expect((await call()).message).toBe(`${'a'.repeat(1000)}...`)
})

test('a page is no answer', async () => {
  const { call } = await meeting((stream) => {
    stream.resume().respond({ ':status': 200, 'content-type': 'text/html' })
    stream.end('<html>')
  })
  const error = await call()
  expect([error.code, error.message]).toEqual([GrpcCode.unknown, 'unexpected content type text/html of an answer'])
})

test.each([
  ['takes no calls', { maxConcurrentStreams: 0 }],
  ['lets nobody send', { initialWindowSize: 0 }],
])('what was never sent to a peer that %s is known not to have been taken', async (_what, settings) => {
  const { client, call, clock } = await meeting(() => {}, settings)
  client.connect()
  await until(() => client.state === 'ready')
  const ended = call(1, 1000)
  clock.advance(1000)
  expect(await ended).toMatchObject({ code: GrpcCode.deadlineExceeded, unsent: true })
})

describe('a call without an answer', () => {
  /** A client behind a relay that can swallow what comes from either side. */
  async function relayed() {
    const clock = new ManualClock()
    const { port, stop, server } = await newPair({
      methods: {
        '/s/Wait': unary(() => new Promise(() => {})),
        '/s/Echo': unary((message) => Buffer.from(message)),
        '/s/Collect': clientStream(() => ({ message() {} })),
      },
    })
    onTestFinished(stop)
    const state = { swallows: false, connections: 0 }
    const sockets: Socket[] = []
    const relay = createTcp((near) => {
      state.connections++
      const far = connect(port, '127.0.0.1')
      sockets.push(near, far)
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        from.on('error', () => {}).on('close', () => to.destroy())
        from.on('data', (chunk) => state.swallows || to.write(chunk))
      }
    })
    await once(relay.listen(0, '127.0.0.1'), 'listening')
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy()
      relay.close()
    })
    const address = `127.0.0.1:${(relay.address() as AddressInfo).port}`
    const client = newGrpcClient({ address, clock, log: silentLog })
    onTestFinished(() => client.close())
    const call = () => client.unary('/s/Wait', Buffer.from('x'), { timeoutMs: 2000 }).catch((error) => error)
    /** What the peer said before has been read then. */
    const echoed = () => client.unary('/s/Echo', Buffer.from('x'))
    return { client, clock, server, call, state, echoed }
  }

  test('asks whether the peer is there; one that has vanished loses its connection', async () => {
    const { client, clock, call, state, echoed } = await relayed()
    await echoed()
    state.swallows = true
    const ended = call()
    clock.advance(2000)
    expect((await ended).code).toBe(GrpcCode.deadlineExceeded)
    expect(client.state).toBe('ready')
    clock.advance(10_000)
    await until(() => client.state === 'idle')
    expect(client.lastError?.message).toContain('no sign of life')
    state.swallows = false
    void call()
    await until(() => client.state === 'ready')
    expect(state.connections).toBe(2)
  })

  test('of a peer that is there leaves its connection alone', async () => {
    const { client, clock, server, call, state, echoed } = await relayed()
    await echoed()
    const ended = call()
    await until(() => server.stats.messagesIn === 2)
    clock.advance(2000)
    await ended
    // Its answer to the ping stands before that to the next call.
    await echoed()
    clock.advance(60_000)
    expect([client.state, state.connections]).toEqual(['ready', 1])
  })

  test('however often that happens, the peer is asked every five minutes at most', async () => {
    const { client, clock, server, call, state, echoed } = await relayed()
    const unanswered = async () => {
      const before = server.stats.messagesIn
      const ended = call()
      await until(() => server.stats.messagesIn > before)
      clock.advance(2000)
      await ended
    }
    await echoed()
    await unanswered()
    await echoed()
    for (let i = 0; i < 12; i++) await unanswered()
    await echoed()
    expect([server.stats.pingAbuse, client.state, state.connections]).toEqual([0, 'ready', 1])
    clock.advance(300_000)
    state.swallows = true
    const ended = call()
    clock.advance(2000)
    await ended
    clock.advance(10_000)
    await until(() => client.state === 'idle')
  })

  test('and a stream whose last message was not heard of: what came before tells nothing', async () => {
    const { client, clock, server, state, echoed } = await relayed()
    const cancel = new AbortController()
    const stream = client.clientStream('/s/Collect', { signal: cancel.signal })
    stream.write(frameMessage(Buffer.from('x')))
    await until(() => server.stats.messagesIn === 1)
    await echoed()
    state.swallows = true
    stream.write(frameMessage(Buffer.from('x')))
    clock.advance(2000)
    cancel.abort()
    clock.advance(10_000)
    await until(() => client.state === 'idle')
    expect(client.lastError?.message).toContain('no sign of life')
  })
})

test('a stream that is reset after its headers ends with what the code means', async () => {
  const { call } = await meeting((stream) => {
    stream.resume().respond(head)
    setImmediate(() => stream.close(constants.NGHTTP2_REFUSED_STREAM))
  })
  expect((await call()).code).toBe(GrpcCode.unavailable)
})
