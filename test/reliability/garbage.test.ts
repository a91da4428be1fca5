import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { frameMessage } from '../../src/net/frames.ts'
import { newGrpcClient } from '../../src/net/grpc-client.ts'
import { type GrpcServerOptions, newGrpcServer } from '../../src/net/grpc-server.ts'
import { clientStream } from '../../src/net/grpc-types.ts'
import { ManualClock } from '../../src/runtime/clock.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { certificate, clientTlsOf, pemOf, serverTlsOf } from '../support/certificates.ts'
import { until } from '../support/role.ts'

// A gRPC port in the hands of strangers: whatever they send or leave out, their connection ends, is counted, and costs
// the stream beside it nothing.

const path = '/s/Collect'

/** A server and a client with an open stream. */
async function serving(secure: boolean, more: Partial<GrpcServerOptions> = {}) {
  let messages = 0
  const handler = clientStream(() => ({ message: () => void messages++ }))
  const tls = secure ? serverTlsOf(certificate('metron')) : undefined
  const endpoint = { host: '127.0.0.1', port: 0 }
  const server = newGrpcServer({ endpoint, tls, methods: { [path]: handler }, log: silentLog, ...more })
  const { port } = await server.start()
  onTestFinished(() => server.stop(AbortSignal.abort()))
  const connect = () => {
    const own = secure ? clientTlsOf(certificate('client')) : undefined
    const address = `127.0.0.1:${port}`
    const client = newGrpcClient({ address, tls: own, serverName: 'metron', backoff: { baseMs: 20 }, log: silentLog })
    onTestFinished(() => client.close())
    return client.clientStream(path, { waitForReady: true })
  }
  const stream = connect()
  /** One message more on the stream that was there first. */
  const goesOn = async (on = stream) => {
    const before = messages
    on.write(frameMessage(Buffer.from('x')))
    await until('the message', () => messages === before + 1)
  }
  await goesOn()
  return { server, port, connect, goesOn }
}

const raw = async (port: number): Promise<Socket> => {
  const socket = connectTcp(port, '127.0.0.1')
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** A finished handshake with a good certificate. */
async function secured(port: number, protocols: string[] = ['h2']): Promise<Socket> {
  const options = { port, host: '127.0.0.1', servername: 'metron', ALPNProtocols: protocols }
  const socket = connectTls({ ...options, ...pemOf(certificate('client')) })
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]).catch(() => {})
  return socket
}

/** The same bytes in every run. */
function noise(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let x = seed
  for (let i = 0; i < length; i++) {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0
    bytes[i] = x >>> 24
  }
  return bytes
}

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const settings = Buffer.from('000000040000000000', 'hex')
/** HEADERS that would be 16 MiB long. */
const endless = Buffer.from('ffffff010400000001', 'hex')
const garbage: [name: string, bytes: Buffer][] = [
  ['an HTTP/1.1 request', Buffer.from('GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n')],
  ['an HTTP/1.1 upgrade', Buffer.from('POST / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n')],
  ...[1, 9, 100, 20_000].map((n): [string, Buffer] => [`${n} random bytes`, noise(n, n)]),
  ['zeros', Buffer.alloc(5000)],
  ['a preface and random bytes', Buffer.concat([Buffer.from(preface), noise(3, 4000)])],
  ['settings and random bytes', Buffer.concat([Buffer.from(preface), settings, noise(4, 4000)])],
  ['a frame longer than any', Buffer.concat([Buffer.from(preface), settings, endless, noise(5, 30_000)])],
  ['half a preface', Buffer.from(preface.slice(0, 12))],
  ['half a ClientHello', Buffer.from('16030101fe010001fa0303', 'hex')],
  ['nothing', Buffer.alloc(0)],
]

describe.each([
  ['with TLS', true],
  ['without TLS', false],
])('%s', (_, secure) => {
  test.each(garbage)('%s: that connection ends, the stream beside it lives', async (_, bytes) => {
    const { server, port, goesOn } = await serving(secure)
    const socket = await raw(port)
    socket.resume()
    socket.end(bytes)
    await once(socket, 'close')
    await until('only ours is open', () => server.stats.connectionsOpen === 1)
    expect(server.stats.handshakesPending).toBe(0)
    await goesOn()
    if (secure && bytes.length > 9) {
      const failed = Object.values(server.stats.handshakesFailed).reduce((a, b) => a + b)
      await until('it is counted', () => failed > 0)
    }
  })
})

test.each(garbage)('%s behind a finished handshake: the same', async (_, bytes) => {
  const { server, port, goesOn } = await serving(true)
  const socket = await secured(port)
  socket.resume()
  socket.end(bytes)
  await until('only ours is open', () => server.stats.connectionsOpen === 1)
  await goesOn()
})

test.each([['http/1.1'], []])(
  'a handshake that does not offer h2 (%j) is refused and counted',
  async (...protocols) => {
    const { server, port, goesOn } = await serving(true)
    await secured(port, protocols as string[])
    await until('it is counted', () => server.stats.handshakesFailed.no_alpn === 1)
    await until('only ours is open', () => server.stats.connectionsOpen === 1)
    await goesOn()
  },
)

test('1,000 connections that never begin their handshake: a few may wait, the rest is refused, all of it counted', async () => {
  const limits = { maxPendingHandshakes: 64, handshakeTimeoutMs: 400 }
  const clock = new ManualClock(Date.now())
  const { server, port, connect, goesOn } = await serving(true, { limits, clock })
  const { stats } = server
  const sockets = Array.from({ length: 1000 }, () => connectTcp(port, '127.0.0.1').on('error', () => {}))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })
  let most = 0
  const settled = () => {
    most = Math.max(most, stats.handshakesPending)
    return stats.connectionsAccepted - 1 + stats.connectionsRefused === 1000
  }
  await until('all were seen', settled)
  expect(most).toBeLessThanOrEqual(64)
  await goesOn()
  clock.advance(400)
  await until('who waited is given up', () => stats.handshakesPending === 0)
  expect(stats.handshakesFailed.timeout).toBe(stats.connectionsAccepted - 1)
  await until('only ours is open', () => stats.connectionsOpen === 1)
  await goesOn(connect())
})

test.each([true, false])(
  'a connection that says nothing after its beginning (TLS: %s) is given up after a while, one that has spoken is not',
  async (secure) => {
    const clock = new ManualClock(Date.now())
    const { server, port, goesOn } = await serving(secure, { clock })
    const silent = secure ? await secured(port) : await raw(port)
    await until('both are open', () => server.stats.connectionsOpen === 2 && server.stats.handshakesPending === 0)
    clock.advance(19_999)
    await new Promise(setImmediate)
    expect(server.stats.connectionsOpen).toBe(2)
    clock.advance(1)
    silent.resume()
    await once(silent, 'close')
    await until('only ours is open', () => server.stats.connectionsOpen === 1)
    expect(server.stats.handshakesFailed.timeout).toBe(1)
    // Minutes without a word: a stream may be as quiet as it likes.
    clock.advance(600_000)
    await goesOn()
  },
)
