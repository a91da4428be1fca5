import { connect as connectHttp2, constants } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { Budget } from '../delivery/budget.ts'
import { ManualClock } from '../runtime/clock.ts'
import { newLog } from '../runtime/log.ts'
import { frameMessage } from './frames.ts'
import type { GrpcServerOptions } from './grpc-server.ts'
import { clientStream, unary } from './grpc-types.ts'
import { callBytes, connectionBytes } from './memory.ts'
import { GrpcCode } from './status.ts'
import { newPair, until } from './test-kit.ts'

// What costs the sender nothing and the server much: it is noticed, ended and counted, and nobody else is the worse for it.

const waiting = unary(() => new Promise(() => {}))
const echo = unary((message) => Buffer.from(message))

async function serving(options: Partial<GrpcServerOptions> = {}) {
  const lines: string[] = []
  let messages = 0
  const methods = {
    '/s/Wait': waiting,
    '/s/Echo': echo,
    '/s/Collect': clientStream(() => ({ message: () => void messages++ })),
  }
  const pair = await newPair({ methods, log: newLog({ write: (line) => void lines.push(line) }), ...options })
  onTestFinished(() => pair.stop())
  return { ...pair, lines, messages: () => messages }
}

const headers = (path: string) => ({
  ':method': 'POST',
  ':path': path,
  'content-type': 'application/grpc',
  te: 'trailers',
})

/** A client of bare HTTP/2 that gives the server's streams this window. */
function bare(port: number, initialWindowSize = 65_535) {
  const socket = connectTcp(port, '127.0.0.1')
  const settings = { initialWindowSize }
  const session = connectHttp2(`http://127.0.0.1:${port}`, { createConnection: () => socket, settings })
  session.on('error', () => {})
  onTestFinished(() => session.destroy())
  const open = (path: string) => session.request(headers(path), { endStream: false }).on('error', () => {})
  return { session, open }
}

/** A frame of stream 1, or SETTINGS. */
function frame(type: number, payload: Buffer = Buffer.alloc(0), flags = 0): Buffer {
  return Buffer.concat([Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, type === 4 ? 0 : 1]), payload])
}

/** HPACK at its plainest (RFC 7541, section 6.2.2). */
function literals(fields: Record<string, string>): Buffer {
  const text = (value: string) => [Buffer.from([value.length]), Buffer.from(value)]
  // The pseudo ones stand first.
  const sorted = Object.entries(fields).sort(([a], [b]) => Number(b.startsWith(':')) - Number(a.startsWith(':')))
  const all = sorted.map(([name, value]) => [Buffer.from([0]), ...text(name), ...text(value)])
  return Buffer.concat(all.flat())
}

/** A call to `/s/Collect` by bare frames: Node would join small ones. */
function collecting(port: number) {
  const socket = connectTcp(port, '127.0.0.1').on('error', () => {})
  onTestFinished(() => void socket.destroy())
  const closed = new Promise((resolve) => socket.resume().on('close', resolve))
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  const fields = literals({ ...headers('/s/Collect'), ':scheme': 'http', ':authority': 'x' })
  socket.write(Buffer.concat([frame(4), frame(1, fields, 4)]))
  const send = (count: number, data: Buffer) =>
    void socket.write(Buffer.concat(Array.from({ length: count }, () => frame(0, data))))
  return { send, closed }
}

test('data in tiny pieces ends its connection, is counted and said once; other senders go on', async () => {
  const { port, server, client, lines } = await serving({ clock: new ManualClock() })
  const { send, closed } = collecting(port)
  send(1, Buffer.from([0, 0, 0, 255, 0]))
  // Less than the message that was announced.
  send(2000, Buffer.from('x'))
  await closed
  await until(() => server.stats.connectionsOpen === 0)
  expect(server.stats.floods).toBe(1)
  expect(lines.filter((line) => line.includes('tiny pieces'))).toHaveLength(1)
  expect((await client.unary('/s/Echo', Buffer.from('a'))).toString()).toBe('a')
})

test('small messages one by one are nothing of the kind', async () => {
  const { server, client, messages } = await serving()
  const stream = client.clientStream('/s/Collect')
  for (let i = 0; i < 3000; i++) stream.write(frameMessage(Buffer.alloc(20)))
  expect(await stream.end()).toBeUndefined()
  expect([messages(), server.stats.floods]).toEqual([3000, 0])
})

test('empty messages are a flood only where many come within a second', async () => {
  const clock = new ManualClock()
  const { port, server, messages } = await serving({ clock })
  const { send, closed } = collecting(port)
  const empty = Buffer.alloc(5)
  for (const sent of [1000, 2000, 3000]) {
    send(1000, empty)
    await until(() => messages() === sent)
    await clock.advance(2000)
  }
  expect(server.stats.floods).toBe(0)
  send(3000, empty)
  await closed
  expect(server.stats.floods).toBe(1)
})

test('pings that come all at once are one connection that is ended', async () => {
  const { port, server } = await serving()
  const { session } = bare(port)
  await new Promise((resolve) => session.once('remoteSettings', resolve))
  for (let i = 0; i < 10; i++) session.ping(() => {})
  await until(() => server.stats.connectionsOpen === 0)
  expect(server.stats.pingAbuse).toBe(1)
})

test('calls beyond those that belong to a connection are charged, and refused beyond a quarter of all memory', async () => {
  const memory = new Budget('service', 12 * callBytes)
  const { server, client, lines } = await serving({ memory })
  const cancel = new AbortController()
  const calls = Array.from({ length: 16 + 3 }, () =>
    client.unary('/s/Wait', Buffer.from('x'), { signal: cancel.signal }).catch(() => {}),
  )
  await until(() => server.stats.messagesIn === calls.length)
  expect(memory.used).toBe(connectionBytes.plain + 3 * callBytes)
  const refused = await client.unary('/s/Echo', Buffer.from('x')).catch((error) => error)
  expect(refused).toMatchObject({ code: GrpcCode.unavailable, unsent: true })
  expect(server.stats.messagesRefused).toBe(1)
  expect(lines.filter((line) => line.includes('no memory left for more of them'))).toHaveLength(1)
  cancel.abort()
  await until(() => memory.used === connectionBytes.plain)
  await client.unary('/s/Echo', Buffer.from('x'))
})

test('a call whose message does not come, or whose answer is not read, is ended; one that we keep waiting is not', async () => {
  const clock = new ManualClock()
  const { port, server } = await serving({ clock })
  const { open } = bare(port, 0)
  const silent = open('/s/Echo')
  const status = new Promise((resolve) => silent.on('response', (head) => resolve(head['grpc-status'])))
  const [unread, patient] = [open('/s/Echo'), open('/s/Wait')]
  for (const stream of [unread, patient]) stream.end(frameMessage(Buffer.from('x')))
  await until(() => server.stats.messagesOut === 1 && server.stats.messagesIn === 2 && server.stats.streamsOpen === 3)
  clock.advance(60_000)
  expect(server.stats.streamsOpen).toBe(3)
  clock.advance(60_000)
  expect(await status).toBe(String(GrpcCode.deadlineExceeded))
  await until(() => server.stats.streamsOpen === 1)
  clock.advance(600_000)
  expect(server.stats.streamsOpen).toBe(1)
})

test('a call that was slow to arrive has as long as any to read its answer', async () => {
  const clock = new ManualClock()
  const { port, server } = await serving({ clock })
  const slow = bare(port, 0).open('/s/Echo')
  await until(() => server.stats.streamsOpen === 1)
  clock.advance(60_000)
  slow.end(frameMessage(Buffer.from('x')))
  await until(() => server.stats.messagesOut === 1)
  const ended = new Promise((resolve) => slow.on('close', () => resolve(slow.rstCode)))
  clock.advance(60_000)
  // What it is told now would stand before the answer to this.
  await new Promise((resolve) => slow.session!.ping(resolve))
  expect(slow.rstCode).toBe(constants.NGHTTP2_NO_ERROR)
  expect(slow.closed).toBe(false)
  clock.advance(60_000)
  expect(await ended).toBe(constants.NGHTTP2_CANCEL)
})

test('headers of more than 16 KiB are no call', async () => {
  const { port, server } = await serving()
  const { session } = bare(port)
  await new Promise((resolve) => session.once('remoteSettings', resolve))
  const stream = session.request({ ...headers('/s/Echo'), 'x-large': 'a'.repeat(17 << 10) })
  const code = new Promise((resolve) => stream.on('error', () => {}).on('close', () => resolve(stream.rstCode)))
  expect(await code).not.toBe(constants.NGHTTP2_NO_ERROR)
  expect(server.stats.streams).toBe(0)
})
