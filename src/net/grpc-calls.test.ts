import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ManualClock } from '../runtime/clock.ts'
import { type Log, newLog } from '../runtime/log.ts'
import { frameMessage } from './frames.ts'
import type { GrpcClientOptions } from './grpc-client.ts'
import type { GrpcServerOptions } from './grpc-server.ts'
import { type Call, clientStream, type Handler, serverStream, unary } from './grpc-types.ts'
import { GrpcCode, GrpcError } from './status.ts'
import { newPair, newVault, type Pair, quiet, until, type Vault } from './test-kit.ts'
import { clientTls, serverTls } from './tls.ts'

const MIB = 1024 * 1024
const echo = unary((message) => Buffer.from(message))
const running: Pair[] = []
let vault: Vault
let files: ReturnType<Vault['files']>

beforeAll(() => {
  vault = newVault()
  files = vault.files('metron')
})

afterEach(async () => {
  for (const pair of running.splice(0)) await pair.stop()
})

/** A pair with mTLS. */
async function pairOf(
  methods: Record<string, Handler>,
  server: Partial<GrpcServerOptions> = {},
  client: Partial<GrpcClientOptions> = {},
) {
  const pair = await newPair(
    { methods, tls: serverTls(files), ...server },
    { tls: clientTls(files), serverName: 'metron', ...client },
  )
  running.push(pair)
  return pair
}

const failure = (promise: Promise<unknown>): Promise<GrpcError> =>
  promise.then(
    () => expect.unreachable('the call succeeded'),
    (error) => error,
  )

describe('unary', () => {
  test('answers, empty messages too', async () => {
    const { client } = await pairOf({ '/s/Echo': echo })
    expect((await client.unary('/s/Echo', Buffer.from('hello'))).toString()).toBe('hello')
    expect((await client.unary('/s/Echo', [Buffer.from('he'), Buffer.from('llo')])).toString()).toBe('hello')
    expect(await client.unary('/s/Echo', Buffer.alloc(0))).toHaveLength(0)
  })

  test('takes gzip, or says that it cannot', async () => {
    const zip = await pairOf({ '/s/Echo': echo })
    const body = Buffer.alloc(50_000, 'z')
    expect(await zip.client.unary('/s/Echo', body, { gzip: true })).toEqual(body)
    const plain = await pairOf({ '/s/Echo': echo }, { gzip: false })
    const error = await failure(plain.client.unary('/s/Echo', body, { gzip: true }))
    expect([error.code, error.message]).toEqual([12, 'grpc: Decompressor is not installed for grpc-encoding "gzip"'])
  })

  test('10 MiB pass, one byte more is refused', async () => {
    const { client } = await pairOf({ '/s/Echo': echo }, { maxMessageBytes: 10 * MIB }, { maxReceiveBytes: 10 * MIB })
    expect(await client.unary('/s/Echo', Buffer.alloc(10 * MIB))).toHaveLength(10 * MIB)
    const error = await failure(client.unary('/s/Echo', Buffer.alloc(10 * MIB + 1)))
    expect([error.code, error.message]).toEqual([8, 'grpc: received message larger than max (10485761 vs. 10485760)'])
    expect(await client.unary('/s/Echo', Buffer.from('alive'))).toHaveLength(5)
  })

  test('an answer over our limit is refused', async () => {
    const { client } = await pairOf({ '/s/Big': unary(() => Buffer.alloc(2000)) }, {}, { maxReceiveBytes: 1000 })
    expect((await failure(client.unary('/s/Big', Buffer.alloc(1)))).code).toBe(GrpcCode.resourceExhausted)
  })

  test('a handler sets status, message, details and retry delay', async () => {
    const full = new GrpcError(GrpcCode.resourceExhausted, 'queue is full: 100% ü', { retryDelayMs: 1500 })
    const { client } = await pairOf({
      '/s/Sync': unary(() => {
        throw full
      }),
      '/s/Async': unary(() => Promise.reject(full)),
    })
    for (const path of ['/s/Sync', '/s/Async']) {
      const error = await failure(client.unary(path, Buffer.alloc(1)))
      expect([error.code, error.message, error.retryDelayMs, error.fromPeer]).toEqual([8, full.message, 1500, true])
    }
  })

  test('a bug in a handler is INTERNAL, without its text; it is logged once', async () => {
    const { log, lines } = recordingLog()
    const broken = unary(() => {
      throw new Error('password=1')
    })
    const { client } = await pairOf({ '/s/Broken': broken }, { log })
    for (let i = 0; i < 3; i++) {
      const error = await failure(client.unary('/s/Broken', Buffer.alloc(1)))
      expect([error.code, error.message]).toEqual([13, 'internal error'])
    }
    expect(lines.filter((line) => line.includes('/s/Broken'))).toHaveLength(1)
  })

  test('an unknown method is UNIMPLEMENTED', async () => {
    const { client } = await pairOf({})
    const error = await failure(client.unary('/loggregator.v2.Ingress/Nope', Buffer.alloc(1)))
    expect([error.code, error.message]).toEqual([12, 'unknown method Nope for service loggregator.v2.Ingress'])
  })

  test('the deadline ends the call at both ends', async () => {
    let seen: Call | undefined
    const never = unary((_message, call) => {
      seen = call
      return new Promise((_resolve, reject) => call.signal.addEventListener('abort', () => reject(call.signal.reason)))
    })
    const clock = new ManualClock()
    const { client } = await pairOf({ '/s/Never': never }, { clock })
    const call = failure(client.unary('/s/Never', Buffer.alloc(1), { timeoutMs: 20_000 }))
    await until(() => seen !== undefined)
    expect(seen!.deadline).toBe(20_000)
    clock.advance(20_001)
    expect((await call).code).toBe(GrpcCode.deadlineExceeded)
    expect(seen!.signal.aborted).toBe(true)
  })

  test('our own deadline does not need the peer', async () => {
    const clock = new ManualClock()
    const { client, server } = await pairOf({ '/s/Never': unary(() => new Promise(() => {})) }, {}, { clock })
    const call = failure(client.unary('/s/Never', Buffer.alloc(1), { timeoutMs: 5000 }))
    await until(() => server.stats.streamsOpen === 1)
    clock.advance(5000)
    expect((await call).code).toBe(GrpcCode.deadlineExceeded)
    await until(() => server.stats.streamsOpen === 0)
  })

  test('a signal cancels', async () => {
    const { client, server } = await pairOf({ '/s/Never': unary(() => new Promise(() => {})) })
    const abort = new AbortController()
    const call = failure(client.unary('/s/Never', Buffer.alloc(1), { signal: abort.signal }))
    await until(() => server.stats.streamsOpen === 1)
    abort.abort()
    expect((await call).code).toBe(GrpcCode.cancelled)
    await until(() => server.stats.streamsOpen === 0)
    expect((await failure(client.unary('/s/Never', Buffer.alloc(1), { signal: abort.signal }))).code).toBe(1)
  })

  test('handlers see who calls, and the metadata; the origin is one object per connection', async () => {
    const origins = new Set<object>()
    const who = unary((_message, call) => {
      origins.add(call.origin)
      return Buffer.from(`${call.origin.subject} ${call.origin.address} ${call.headers['x-tenant']}`)
    })
    const { client } = await pairOf({ '/s/Who': who })
    const ask = () => client.unary('/s/Who', Buffer.alloc(0), { metadata: { 'x-tenant': 't1' } })
    expect((await ask()).toString()).toBe('metron 127.0.0.1 t1')
    await ask()
    expect(origins.size).toBe(1)
  })
})

describe('client stream', () => {
  test('delivers every message in order and answers when the client is done', async () => {
    const sizes: number[] = []
    const closed: (GrpcError | undefined)[] = []
    const { client, server } = await pairOf({
      '/s/Collect': clientStream(() => ({
        message: (_bytes, start, end) => void sizes.push(end - start),
        close: (error) => void closed.push(error),
      })),
    })
    const stream = client.clientStream('/s/Collect')
    const sent = Array.from({ length: 300 }, (_, index) => (index * 997) % 60_000)
    for (const size of sent) stream.write(frameMessage(Buffer.alloc(size)))
    expect(await stream.end()).toBeUndefined()
    expect(sizes).toEqual(sent)
    await until(() => closed.length === 1)
    expect(closed).toEqual([undefined])
    expect(server.stats).toMatchObject({ messagesIn: 300, streamsOpen: 0, heldBytes: 0 })
  })

  test('one framed buffer serves many streams, lists are joined', async () => {
    let bytes = ''
    const { client } = await pairOf({
      '/s/Collect': clientStream(() => ({
        message(message, start, end) {
          bytes += message.toString('latin1', start, end)
        },
      })),
    })
    const shared = frameMessage(Buffer.from('ab'))
    const large = frameMessage(Buffer.alloc(20_000, 'x'))
    for (let i = 0; i < 3; i++) {
      const stream = client.clientStream('/s/Collect')
      await new Promise<void>((resolve) => stream.write([shared, shared], () => resolve()))
      await new Promise<void>((resolve) => stream.write([shared, large], () => resolve()))
      expect(stream.writable).toBe(true)
      await stream.end()
    }
    expect(bytes).toBe(`ababab${'x'.repeat(20_000)}`.repeat(3))
  })

  test('a handler that throws ends the stream with its status while the client still writes', async () => {
    const { client } = await pairOf({
      '/s/Collect': clientStream(() => ({
        message() {
          throw new GrpcError(GrpcCode.failedPrecondition, 'stopped')
        },
      })),
    })
    const stream = client.clientStream('/s/Collect')
    stream.write(frameMessage(Buffer.from('x')))
    expect((await stream.closed)?.message).toBe('stopped')
    const late = await new Promise<GrpcError | undefined>((resolve) =>
      stream.write(frameMessage(Buffer.alloc(1)), resolve),
    )
    expect(late?.code).toBe(GrpcCode.failedPrecondition)
  })

  test('pause stops delivery inside a chunk, resume and half-close lose nothing', async () => {
    let call: Call | undefined
    const got: string[] = []
    const { client } = await pairOf({
      '/s/Collect': clientStream((opened) => {
        call = opened
        return {
          message(bytes, start, end) {
            got.push(bytes.toString('latin1', start, end))
            opened.pause()
          },
        }
      }),
    })
    const stream = client.clientStream('/s/Collect')
    stream.write(['a', 'b', 'c'].map((text) => frameMessage(Buffer.from(text))))
    const end = stream.end()
    for (const expected of ['a', 'ab', 'abc']) {
      await until(() => got.join('') === expected)
      call!.resume()
    }
    expect(await end).toBeUndefined()
  })

  test('a handler that takes one message at a time pushes back too: what resume lets through last may pause again', async () => {
    let call: Call | undefined
    let messages = 0
    const { client } = await pairOf({
      '/s/Collect': clientStream((opened) => {
        call = opened
        return {
          message() {
            messages++
            opened.pause()
          },
        }
      }),
    })
    const stream = client.clientStream('/s/Collect')
    stream.write(['a', 'b'].map((text) => frameMessage(Buffer.from(text))))
    await until(() => messages === 1)
    call!.resume()
    await until(() => messages === 2)
    let handedOn = 0
    const framed = frameMessage(Buffer.alloc(100_000))
    const next = () => {
      if (handedOn === 40) return
      stream.write(framed, (error) => {
        if (error) return
        handedOn++
        next()
      })
    }
    next()
    await until(() => handedOn >= 5)
    await quiet(() => handedOn)
    expect(handedOn).toBeLessThan(25)
    expect(messages).toBe(2)
  })

  test('a paused handler pushes back: the writer waits, memory stays within the window', async () => {
    let call: Call | undefined
    let messages = 0
    const { client, server } = await pairOf({
      '/s/Collect': clientStream((opened) => {
        call = opened
        opened.pause()
        return { message: () => void messages++ }
      }),
    })
    const stream = client.clientStream('/s/Collect')
    const framed = frameMessage(Buffer.alloc(100_000))
    let handedOn = 0
    const all = new Promise<void>((resolve) => {
      const next = () => {
        if (handedOn === 100) return resolve()
        stream.write(framed, () => {
          handedOn++
          next()
        })
      }
      next()
    })
    await until(() => handedOn >= 5)
    await quiet(() => handedOn)
    expect(handedOn).toBeLessThan(25)
    expect(messages).toBe(0)
    expect(server.stats.heldBytes).toBe(0)
    call!.resume()
    await all
    expect(await stream.end()).toBeUndefined()
    expect([handedOn, messages]).toEqual([100, 100])
  })
})

describe('server stream', () => {
  test('delivers every message, then OK', async () => {
    const { client } = await pairOf({
      '/s/Feed': serverStream((message, stream) => {
        for (let i = 0; i < 50; i++) stream.write(frameMessage(Buffer.from(`${message}${i}`)))
        stream.end()
      }),
    })
    const got: string[] = []
    const end = await new Promise((resolve) =>
      client.serverStream('/s/Feed', Buffer.from('m'), {
        message: (bytes, start, stop) => void got.push(bytes.toString('latin1', start, stop)),
        end: resolve,
      }),
    )
    expect(end).toBeUndefined()
    expect(got).toEqual(Array.from({ length: 50 }, (_, i) => `m${i}`))
  })

  test('a refused subscription carries its status', async () => {
    const { client } = await pairOf({
      '/s/Feed': serverStream((_message, stream) => stream.end(new GrpcError(GrpcCode.invalidArgument, 'no selector'))),
    })
    const error = await new Promise<GrpcError | undefined>((resolve) =>
      client.serverStream('/s/Feed', Buffer.alloc(0), { message: () => {}, end: resolve }),
    )
    expect([error?.code, error?.message]).toEqual([3, 'no selector'])
  })

  test('a reader that pauses makes write say no, drain says when there is room', async () => {
    let refused = 0
    let written = 0
    const over: (GrpcError | undefined)[] = []
    const framed = frameMessage(Buffer.alloc(50_000))
    const { client } = await pairOf({
      '/s/Feed': serverStream((_message, stream) => {
        const fill = () => {
          while (written < 200) {
            written++
            if (!stream.write(framed)) return void refused++
          }
          stream.end()
        }
        stream.onDrain(fill)
        stream.onClose((error) => void over.push(error))
        fill()
      }),
    })
    let got = 0
    let finish: (error: GrpcError | undefined) => void
    const end = new Promise<GrpcError | undefined>((resolve) => (finish = resolve))
    const call = client.serverStream('/s/Feed', Buffer.alloc(0), {
      message: () => {
        if (++got === 1) call.pause()
      },
      end: (error) => finish(error),
    })
    await until(() => got === 1)
    await quiet(() => written)
    expect(written).toBeLessThan(60)
    expect(got).toBe(1)
    call.resume()
    expect(await end).toBeUndefined()
    expect([got, written]).toEqual([200, 200])
    expect(refused).toBeGreaterThan(0)
    await until(() => over.length === 1)
    expect(over).toEqual([undefined])
  })

  test('a paused reader can cancel when the writer has ended already', async () => {
    const { client } = await pairOf({
      '/s/Feed': serverStream((_message, stream) => {
        for (let i = 0; i < 10; i++) stream.write(frameMessage(Buffer.alloc(20_000)))
        stream.end()
      }),
    })
    const over = Promise.withResolvers<void>()
    const ended = Promise.withResolvers<GrpcError | undefined>()
    let got = 0
    const call = client.serverStream('/s/Feed', Buffer.alloc(0), {
      message: () => {
        got++
        call.pause()
        over.resolve()
      },
      end: ended.resolve,
    })
    await over.promise
    // The answer to a later call comes behind the end of this one.
    await failure(client.unary('/s/Nope', Buffer.alloc(0)))
    call.cancel()
    expect((await ended.promise)?.code).toBe(GrpcCode.cancelled)
    expect(got).toBe(1)
  })

  test('cancel reaches the writer', async () => {
    const over = Promise.withResolvers<GrpcError | undefined>()
    const { client } = await pairOf({
      '/s/Feed': serverStream((_message, stream) => {
        stream.onClose(over.resolve)
        stream.write(frameMessage(Buffer.from('first')))
      }),
    })
    const ended = Promise.withResolvers<GrpcError | undefined>()
    const call = client.serverStream('/s/Feed', Buffer.alloc(0), { message: () => call.cancel(), end: ended.resolve })
    expect((await over.promise)?.code).toBe(GrpcCode.cancelled)
    expect((await ended.promise)?.code).toBe(GrpcCode.cancelled)
  })
})

function recordingLog(): { log: Log; lines: string[] } {
  const lines: string[] = []
  return { log: newLog({ level: 'debug', write: (line) => void lines.push(line) }), lines }
}
