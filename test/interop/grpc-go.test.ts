import { type ChildProcess, spawn } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { frameMessage } from '../../src/net/frames.ts'
import { type GrpcClient, newGrpcClient } from '../../src/net/grpc-client.ts'
import { type GrpcServer, newGrpcServer } from '../../src/net/grpc-server.ts'
import type { GrpcError } from '../../src/net/status.ts'
import { quiet, until } from '../../src/net/test-kit.ts'
import { clientTls, serverTls } from '../../src/net/tls.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { goProgram } from './go-program.ts'
import { MIB, newCertificates, newRawService, PATHS, type RawService } from './grpc-kit.ts'

const certificates = newCertificates()
const { path: program, missing } = goProgram('go-grpc')
// The names that the peer looks for.
for (const part of ['ca', 'cert', 'key'] as const)
  copyFileSync(certificates.files[part], join(certificates.dir, `${part}.pem`))

type Line = Record<string, unknown>

/** A running Go peer and the lines it prints. */
function goPeer(...args: string[]): { child: ChildProcess; lines: Line[]; exited: Promise<void> } {
  const child = spawn(program!, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines: Line[] = []
  createInterface({ input: child.stdout! }).on('line', (line) => void lines.push(JSON.parse(line)))
  return { child, lines, exited: new Promise((resolve) => child.on('close', () => resolve())) }
}

const failure = (promise: Promise<unknown>): Promise<GrpcError> =>
  promise.then(
    () => expect.unreachable('the call succeeded'),
    (error) => error,
  )

describe.skipIf(missing)('a Go client calls us', () => {
  let server: GrpcServer
  let service: RawService

  beforeAll(async () => {
    service = newRawService()
    server = newServer()
    await server.start()
  })
  afterAll(() => server?.stop(AbortSignal.abort()))

  const newServer = () =>
    newGrpcServer({
      endpoint: { host: '127.0.0.1', port: 0 },
      tls: serverTls(certificates.files),
      maxMessageBytes: 10 * MIB,
      keepalive: { minPingIntervalMs: 10_000, permitWithoutStream: true },
      methods: service.methods,
      log: silentLog,
    })

  async function run(scenario: string): Promise<Line[]> {
    const { lines, exited } = goPeer('client', certificates.dir, `127.0.0.1:${server.address!.port}`, scenario)
    await exited
    return lines
  }

  test('unary and gzip', async () => {
    expect(await run('unary')).toMatchObject([
      { code: 0, same: true },
      { code: 0, same: true },
      { code: 0, same: true, bytes: 100_000 },
    ])
    expect(await run('gzip')).toMatchObject([{ code: 0, same: true, bytes: 50_000 }])
  })

  test('10 MiB pass, one byte more is refused', async () => {
    const [whole, over] = await run('big')
    expect(whole).toMatchObject({ code: 0, same: true, bytes: 10 * MIB })
    expect(over).toMatchObject({ code: 8, message: 'grpc: received message larger than max (10485761 vs. 10485760)' })
  })

  test('a status with RetryInfo, an unknown method, a deadline', async () => {
    const [fail] = await run('fail')
    expect(fail).toMatchObject({ code: 8, message: 'queue is full: 100% ü' })
    expect(fail?.details).toMatch(/retry_delay:\{seconds:1\s+nanos:500000000\}/)
    expect(await run('unknown')).toMatchObject([{ code: 12, message: 'unknown method Nope for service test.Raw' }])
    expect(await run('deadline')).toMatchObject([{ code: 4 }])
    await until(() => service.seen.aborted === 1)
  })

  test('client streams, large and small; one that we end; one message too large', async () => {
    expect(await run('collect')).toMatchObject([{ code: 0, sent: 200, reply: '200 8400000' }])
    expect(await run('collect-small')).toMatchObject([{ code: 0, sent: 5000, reply: '5000 1850000' }])
    expect(await run('collect-stopped')).toMatchObject([{ code: 9, message: 'stopped' }])
    expect(await run('collect-too-large')).toMatchObject([{ code: 8 }])
  })

  test('server streams: fast reader, slow reader, cancel', async () => {
    expect(await run('feed')).toMatchObject([{ code: 0, messages: 300, bytes: 300 * 42_000 }])
    expect(await run('feed-slow')).toMatchObject([{ code: 0, messages: 300 }])
    const before = service.seen.closed.length
    expect(await run('feed-cancel')).toMatchObject([{ code: 1 }])
    await until(() => service.seen.closed.length > before)
    // The client process leaves right after it has cancelled: either may be seen first.
    expect([1, 14]).toContain(service.seen.closed.at(-1)?.code)
  })

  test('a client that is killed is noticed', async () => {
    const before = service.seen.closed.length
    const { child, lines, exited } = goPeer('client', certificates.dir, `127.0.0.1:${server.address!.port}`, 'hold')
    await until(() => lines.length === 1 && server.stats.streamsOpen === 1)
    child.kill('SIGKILL')
    await exited
    await until(() => service.seen.closed.length > before && server.stats.streamsOpen === 0)
    expect(service.seen.closed.at(-1)?.code).toBe(14)
  })

  test('a stop that is out of time tells it UNAVAILABLE', async () => {
    const other = newServer()
    const { port } = await other.start()
    const { lines, exited } = goPeer('client', certificates.dir, `127.0.0.1:${port}`, 'hold')
    await until(() => other.stats.messagesIn === 1 && lines.length === 1)
    const limit = new AbortController()
    const stopped = other.stop(limit.signal)
    limit.abort()
    await stopped
    await exited
    expect(lines[1]).toMatchObject({ code: 14, message: 'the server is stopping' })
  })
})

describe.skipIf(missing)('we call a Go server', () => {
  let peer: ReturnType<typeof goPeer>
  let client: GrpcClient

  beforeAll(async () => {
    peer = goPeer('server', certificates.dir)
    await until(() => peer.lines.length > 0)
    client = clientOf(peer)
  })
  afterAll(async () => {
    await client?.close()
    peer?.child.kill('SIGKILL')
  })
  const children: ChildProcess[] = []
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
  })

  const clientOf = (
    { lines }: typeof peer,
    keepalive?: { intervalMs: number; timeoutMs: number; withoutStreams: boolean },
  ) =>
    newGrpcClient({
      address: String(lines[0]?.address),
      tls: clientTls(certificates.files),
      serverName: 'metron',
      maxReceiveBytes: 10 * MIB,
      keepalive,
      log: silentLog,
    })

  async function another() {
    const own = goPeer('server', certificates.dir)
    children.push(own.child)
    await until(() => own.lines.length > 0)
    return own
  }

  test('unary: small, empty, gzip, 10 MiB, one byte more, failing, over its deadline, unknown', async () => {
    expect((await client.unary(PATHS.echo, Buffer.from('hello'))).toString()).toBe('hello')
    expect(await client.unary(PATHS.echo, Buffer.alloc(0))).toHaveLength(0)
    expect(await client.unary(PATHS.echo, Buffer.alloc(50_000), { gzip: true })).toHaveLength(50_000)
    expect(await client.unary(PATHS.echo, Buffer.alloc(10 * MIB))).toHaveLength(10 * MIB)
    const over = await failure(client.unary(PATHS.echo, Buffer.alloc(10 * MIB + 1)))
    expect([over.code, over.fromPeer]).toEqual([8, true])
    const full = await failure(client.unary(PATHS.echo, Buffer.from('fail')))
    expect([full.code, full.message, full.retryDelayMs]).toEqual([8, 'queue is full: 100% ü', 1500])
    expect((await failure(client.unary(PATHS.echo, Buffer.from('wait'), { timeoutMs: 150 }))).code).toBe(4)
    await until(() => peer.lines.some((line) => line.event === 'deadline'))
    expect((await failure(client.unary('/test.Raw/Nope', Buffer.alloc(1)))).code).toBe(12)
  })

  test('client stream: counted; ended by the peer; not read for a while; cancelled', async () => {
    let reply = ''
    const onMessage = (bytes: Buffer, start: number, end: number) => {
      reply = bytes.toString('latin1', start, end)
    }
    const framed = frameMessage(Buffer.alloc(42_000))
    const stream = client.clientStream(PATHS.collect, { onMessage })
    for (let i = 0; i < 200; i++) await new Promise<void>((resolve) => stream.write([framed, framed], () => resolve()))
    expect(await stream.end()).toBeUndefined()
    expect(reply).toBe('400 16800000')

    const ended = client.clientStream(PATHS.collect)
    ended.write(frameMessage(Buffer.from('stop')))
    const status = await ended.closed
    expect([status?.code, status?.message]).toEqual([9, 'stopped'])

    const slow = client.clientStream(PATHS.collect)
    let handedOn = 0
    slow.write(frameMessage(Buffer.from('sleep')))
    await until(() => peer.lines.some((line) => line.event === 'sleeping'))
    const all = (async () => {
      for (; handedOn < 1000; handedOn++) await new Promise<void>((resolve) => slow.write(framed, () => resolve()))
    })()
    await quiet(() => handedOn)
    expect(handedOn).toBeLessThan(1000)
    peer.child.stdin!.write('wake\n')
    await all
    expect(await slow.end()).toBeUndefined()

    const cancelled = client.clientStream(PATHS.collect)
    await new Promise<void>((resolve) => cancelled.write(frameMessage(Buffer.from('x')), () => resolve()))
    cancelled.cancel()
    expect((await cancelled.closed)?.code).toBe(1)
    await until(() => peer.lines.some((line) => String(line.error).includes('context canceled')))
  })

  test('server stream: all of it; paused; cancelled', async () => {
    const feed = (
      request: string,
      onMessage: (count: number, call: { pause(): void; resume(): void; cancel(): void }) => void,
    ) =>
      new Promise<[number, number | undefined]>((resolve) => {
        let count = 0
        const call = client.serverStream(PATHS.feed, Buffer.from(request), {
          message: () => onMessage(++count, call),
          end: (error) => resolve([count, error?.code]),
        })
      })
    expect(await feed('300 42000', () => {})).toEqual([300, undefined])
    const paused = await feed('300 42000', (count, call) => {
      if (count % 50 !== 0) return
      call.pause()
      setImmediate(() => call.resume())
    })
    expect(paused).toEqual([300, undefined])
    expect((await feed('100000 1000', (count, call) => count === 10 && call.cancel()))[1]).toBe(1)
    await until(() => peer.lines.some((line) => line.event === 'fed'))
  })

  test('its graceful stop lets our stream finish; its hard stop is UNAVAILABLE', async () => {
    const own = await another()
    const caller = clientOf(own)
    let reply = ''
    const stream = caller.clientStream(PATHS.collect, {
      onMessage: (bytes, start, end) => {
        reply = bytes.toString('latin1', start, end)
      },
    })
    const write = () => new Promise<void>((resolve) => stream.write(frameMessage(Buffer.from('held')), () => resolve()))
    await write()
    own.child.stdin!.write('graceful\n')
    await until(() => caller.state === 'idle')
    await write()
    expect(await stream.end()).toBeUndefined()
    expect(reply).toBe('2 8')
    await own.exited

    const hard = await another()
    const second = clientOf(hard)
    const cut = second.clientStream(PATHS.collect)
    await new Promise<void>((resolve) => cut.write(frameMessage(Buffer.from('held')), () => resolve()))
    hard.child.stdin!.write('stop\n')
    expect((await cut.closed)?.code).toBe(14)
    for (const each of [caller, second]) await each.close()
  })

  test('too many pings: the peer ends the connection, we ping half as often', async () => {
    const own = await another()
    const caller = clientOf(own, { intervalMs: 20, timeoutMs: 5000, withoutStreams: true })
    const stream = caller.clientStream(PATHS.collect)
    const error = await stream.closed
    expect([error?.code, error?.message]).toEqual([14, expect.stringContaining('too_many_pings')])
    await caller.close()
  })
})
