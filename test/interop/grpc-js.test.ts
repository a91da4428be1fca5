import * as grpc from '@grpc/grpc-js'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { frameMessage } from '../../src/net/frames.ts'
import { newGrpcClient } from '../../src/net/grpc-client.ts'
import { newGrpcServer } from '../../src/net/grpc-server.ts'
import type { GrpcError } from '../../src/net/status.ts'
import { quiet, until } from '../../src/net/test-kit.ts'
import { clientTls, serverTls } from '../../src/net/tls.ts'
import { silentLog } from '../../src/runtime/log.ts'
import { MIB, newCertificates, newRawService, PATHS } from './grpc-kit.ts'

const certificates = newCertificates()
const same = (bytes: Buffer) => bytes
const gzip = { 'grpc.default_compression_algorithm': 2 }

describe('grpc-js calls us', () => {
  const service = newRawService()
  const server = newGrpcServer({
    endpoint: { host: '127.0.0.1', port: 0 },
    tls: serverTls(certificates.files),
    maxMessageBytes: 10 * MIB,
    methods: service.methods,
    log: silentLog,
  })
  const clients: grpc.Client[] = []

  beforeAll(async () => void (await server.start()))
  afterEach(() => {
    for (const client of clients.splice(0)) client.close()
  })
  afterAll(() => server.stop(AbortSignal.abort()))

  function newClient(options: grpc.ClientOptions = {}): grpc.Client {
    const { ca, cert, key } = certificates.pem
    const client = new grpc.Client(`127.0.0.1:${server.address!.port}`, grpc.credentials.createSsl(ca, key, cert), {
      'grpc.ssl_target_name_override': 'metron',
      'grpc.max_receive_message_length': 20 * MIB,
      ...options,
    })
    clients.push(client)
    return client
  }

  type Outcome = { error: grpc.ServiceError | null; reply: Buffer | undefined }
  const echo = (client: grpc.Client, message: Buffer, options: grpc.CallOptions = {}) =>
    new Promise<Outcome>((resolve) =>
      client.makeUnaryRequest(PATHS.echo, same, same, message, new grpc.Metadata(), options, (error, reply) =>
        resolve({ error, reply }),
      ),
    )

  test('unary: small, empty, 10 MiB, one byte more', async () => {
    const client = newClient()
    expect((await echo(client, Buffer.from('hello'))).reply?.toString()).toBe('hello')
    expect((await echo(client, Buffer.alloc(0))).reply).toHaveLength(0)
    expect((await echo(client, Buffer.alloc(10 * MIB))).reply).toHaveLength(10 * MIB)
    const { error } = await echo(client, Buffer.alloc(10 * MIB + 1))
    expect([error?.code, error?.details]).toEqual([8, 'grpc: received message larger than max (10485761 vs. 10485760)'])
  })

  test('gzip', async () => {
    const body = Buffer.alloc(50_000, 'z')
    expect((await echo(newClient(gzip), body)).reply).toEqual(body)
  })

  test('a status with RetryInfo, text in full', async () => {
    const { error } = await echo(newClient(), Buffer.from('fail'))
    expect([error?.code, error?.details]).toEqual([8, 'queue is full: 100% ü'])
    expect(error?.metadata.get('grpc-status-details-bin')[0]?.toString()).toContain('google.rpc.RetryInfo')
  })

  test('deadline', async () => {
    const client = newClient()
    // The time of the call is none for connecting.
    await echo(client, Buffer.from('hello'))
    const { error } = await echo(client, Buffer.from('wait'), { deadline: Date.now() + 200 })
    expect(error?.code).toBe(4)
    await until(() => service.seen.aborted === 1)
  })

  test('client stream, joined small messages, and one that we end', async () => {
    const client = newClient()
    for (const [count, size] of [
      [200, 42_000],
      [5000, 370],
    ] as const) {
      const reply = await new Promise<string>((resolve, reject) => {
        const stream = client.makeClientStreamRequest(PATHS.collect, same, same, (error, bytes) =>
          error ? reject(error) : resolve(String(bytes)),
        )
        for (let i = 0; i < count; i++) stream.write(Buffer.alloc(size))
        stream.end()
      })
      expect(reply).toBe(`${count} ${count * size}`)
    }
    const stopped = await new Promise<grpc.ServiceError | null>((resolve) => {
      const stream = client.makeClientStreamRequest(PATHS.collect, same, same, (error) => resolve(error))
      stream.write(Buffer.from('stop'))
    })
    expect([stopped?.code, stopped?.details]).toEqual([9, 'stopped'])
  })

  test('server stream; one that is cancelled', async () => {
    const client = newClient()
    const read = (request: string, stopAfter = 0) =>
      new Promise<[number, number]>((resolve) => {
        const stream = client.makeServerStreamRequest(PATHS.feed, same, same, Buffer.from(request))
        let messages = 0
        stream.on('data', () => {
          if (++messages === stopAfter) stream.cancel()
        })
        stream.on('error', () => {})
        stream.on('status', (status) => resolve([messages, status.code]))
      })
    expect(await read('300 42000')).toEqual([300, 0])
    const before = service.seen.closed.length
    expect((await read('100000 1000', 10))[1]).toBe(1)
    await until(() => service.seen.closed.length > before)
    expect(service.seen.closed.at(-1)?.code).toBe(1)
  })
})

describe('we call grpc-js', () => {
  let peer: grpc.Server
  let port = 0
  let stalled: (() => void) | undefined

  beforeAll(async () => {
    const { ca, cert, key } = certificates.pem
    peer = new grpc.Server({ 'grpc.max_receive_message_length': 10 * MIB })
    const method = (path: string, requestStream: boolean, responseStream: boolean) => ({
      path,
      requestStream,
      responseStream,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    })
    const definition = {
      Echo: method(PATHS.echo, false, false),
      Collect: method(PATHS.collect, true, false),
      Feed: method(PATHS.feed, false, true),
    }
    peer.addService(definition, { Echo: echoBack, Collect: collect, Feed: feed } as grpc.UntypedServiceImplementation)
    const credentials = grpc.ServerCredentials.createSsl(ca, [{ cert_chain: cert, private_key: key }], true)
    port = await new Promise((resolve, reject) =>
      peer.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error ? reject(error) : resolve(bound))),
    )
  })
  afterAll(() => peer.forceShutdown())

  const echoBack: grpc.handleUnaryCall<Buffer, Buffer> = (call, done) => {
    const text = call.request.length < 10 ? call.request.toString() : ''
    if (text === 'fail') done({ code: 8, details: 'queue is full: 100% ü' })
    else if (text !== 'wait') done(null, call.request)
  }
  const collect: grpc.handleClientStreamingCall<Buffer, Buffer> = (call, done) => {
    let messages = 0
    let bytes = 0
    call.on('data', (message: Buffer) => {
      messages++
      bytes += message.length
      if (message.toString('latin1', 0, 4) === 'stop') done({ code: 9, details: 'stopped' })
      if (message.toString('latin1', 0, 5) === 'sleep') {
        call.pause()
        stalled = () => call.resume()
      }
    })
    call.on('end', () => done(null, Buffer.from(`${messages} ${bytes}`)))
  }
  const feed: grpc.handleServerStreamingCall<Buffer, Buffer> = (call) => {
    const [count = 0, size = 0] = call.request.toString().split(' ').map(Number)
    for (let i = 0; i < count; i++) call.write(Buffer.alloc(size))
    call.end()
  }

  const newClient = () =>
    newGrpcClient({
      address: `127.0.0.1:${port}`,
      tls: clientTls(certificates.files),
      serverName: 'metron',
      maxReceiveBytes: 10 * MIB,
      log: silentLog,
    })
  const failure = (promise: Promise<unknown>): Promise<GrpcError> =>
    promise.then(
      () => expect.unreachable('the call succeeded'),
      (error) => error,
    )

  test('unary: small, empty, gzip, 10 MiB, one byte more, failing, over its deadline', async () => {
    const client = newClient()
    expect((await client.unary(PATHS.echo, Buffer.from('hello'))).toString()).toBe('hello')
    expect(await client.unary(PATHS.echo, Buffer.alloc(0))).toHaveLength(0)
    expect(await client.unary(PATHS.echo, Buffer.alloc(50_000), { gzip: true })).toHaveLength(50_000)
    expect(await client.unary(PATHS.echo, Buffer.alloc(10 * MIB))).toHaveLength(10 * MIB)
    expect((await failure(client.unary(PATHS.echo, Buffer.alloc(10 * MIB + 1)))).code).toBe(8)
    const full = await failure(client.unary(PATHS.echo, Buffer.from('fail')))
    expect([full.code, full.message, full.fromPeer]).toEqual([8, 'queue is full: 100% ü', true])
    expect((await failure(client.unary(PATHS.echo, Buffer.from('wait'), { timeoutMs: 100 }))).code).toBe(4)
    await client.close()
  })

  test('client stream; one that the peer ends; one that it does not read', async () => {
    const client = newClient()
    let reply = ''
    const onMessage = (bytes: Buffer, start: number, end: number) => {
      reply = bytes.toString('latin1', start, end)
    }
    const stream = client.clientStream(PATHS.collect, { onMessage })
    const framed = frameMessage(Buffer.alloc(42_000))
    for (let i = 0; i < 200; i++) await new Promise<void>((resolve) => stream.write(framed, () => resolve()))
    expect(await stream.end()).toBeUndefined()
    expect(reply).toBe('200 8400000')

    const ended = client.clientStream(PATHS.collect)
    ended.write(frameMessage(Buffer.from('stop')))
    expect((await ended.closed)?.message).toBe('stopped')

    const slow = client.clientStream(PATHS.collect, { onMessage })
    slow.write(frameMessage(Buffer.from('sleep')))
    await until(() => stalled !== undefined)
    let handedOn = 0
    const all = (async () => {
      for (; handedOn < 50; handedOn++) await new Promise<void>((resolve) => slow.write(framed, () => resolve()))
    })()
    await quiet(() => handedOn)
    expect([handedOn < 50, slow.writable]).toEqual([true, false])
    stalled!()
    await all
    expect(await slow.end()).toBeUndefined()
    expect(reply).toBe('51 2100005')
    await client.close()
  })

  test('server stream', async () => {
    const client = newClient()
    let bytes = 0
    const end = await new Promise((resolve) =>
      client.serverStream(PATHS.feed, Buffer.from('300 42000'), {
        message: (_buffer, start, stop) => {
          bytes += stop - start
        },
        end: resolve,
      }),
    )
    expect([end, bytes]).toEqual([undefined, 300 * 42_000])
    await client.close()
  })
})
