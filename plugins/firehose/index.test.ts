import { rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { Batch } from 'tailrace/plugin'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Budget } from '../../src/delivery/budget.ts'
import { Ledger } from '../../src/delivery/ledger.ts'
import { newHost } from '../../src/engine/host.ts'
import { newGrpcServer } from '../../src/net/grpc-server.ts'
import { type Call, clientStream } from '../../src/net/grpc-types.ts'
import { GrpcCode, GrpcError } from '../../src/net/status.ts'
import { newVault, quiet, until, type Vault } from '../../src/net/test-kit.ts'
import { serverTls } from '../../src/net/tls.ts'
import { ManualClock } from '../../src/runtime/clock.ts'
import { newLog, silentLog } from '../../src/runtime/log.ts'
import { Metrics } from '../../src/runtime/metrics.ts'
import { decodeV1, encodeV1, frameRecords } from '../../test/support/decode.ts'
import { envelopes, textsOf } from '../../test/support/delivery.ts'
import type { FirehoseConfig } from './config.ts'
import { newFirehoseExporter, type Surroundings } from './firehose-exporter.ts'
import firehose from './index.ts'

let vault: Vault
beforeAll(() => {
  vault = newVault()
  return () => rmSync(vault.dir, { recursive: true })
})

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface DopplerOptions {
  host?: string
  port?: number
  tls?: boolean
  /** Called for every stream; may pause it or throw. */
  onStream?: (call: Call, number: number) => void
}

/** A doppler on a loopback address; messages are those of all streams in the order of arrival. */
async function doppler({ host = '127.0.0.1', port = 0, tls = false, onStream }: DopplerOptions = {}) {
  const streams: { path: string; call: Call; messages: Buffer[]; over: boolean }[] = []
  const handler = clientStream((call) => {
    const stream = { path: call.path, call, messages: [] as Buffer[], over: false }
    streams.push(stream)
    try {
      onStream?.(call, streams.length)
    } catch (error) {
      stream.over = true
      throw error
    }
    return {
      message: (bytes, start, end) => void stream.messages.push(Buffer.from(bytes.subarray(start, end))),
      close: () => {
        stream.over = true
      },
    }
  })
  const files = tls ? vault.files('doppler', { commonName: 'doppler', names: ['doppler'] }) : undefined
  const server = newGrpcServer({
    endpoint: { host, port },
    tls: files && serverTls(files),
    methods: { '/loggregator.v2.Ingress/BatchSender': handler, '/plumbing.DopplerIngestor/Pusher': handler },
    maxMessageBytes: 10 << 20,
    // The tests' clock is faster than the server's.
    keepalive: { minPingIntervalMs: 0, permitWithoutStream: true },
    log: silentLog,
  })
  const bound = await server.start()
  const stop = () => server.stop(AbortSignal.abort())
  cleanups.push(stop)
  const messages = (path = 'BatchSender') =>
    streams.filter((each) => each.path.endsWith(path)).flatMap((each) => each.messages)
  return {
    port: bound.port,
    address: `${host}:${bound.port}`,
    streams,
    open: () => streams.filter((each) => !each.over).length,
    messages,
    texts: () => messages().flatMap((bytes) => textsOf(Batch.copyOf('envelopes', bytes))),
    stop,
  }
}

/** A connection to a port that can be cut without a word. */
async function cable(port: number) {
  const ends: Socket[] = []
  const cut = () => {
    for (const end of ends.splice(0)) end.destroy()
  }
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    ends.push(near, far)
    for (const end of [near, far]) end.on('error', cut)
    near.pipe(far)
    far.pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(async () => {
    cut()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, cut }
}

/** Names that resolve to loopback addresses; every look-up is noted. */
function names(table: Record<string, string[]>) {
  const asked: string[] = []
  const resolve = async (name: string) => {
    asked.push(name)
    if (!table[name]) throw new Error('ENOTFOUND')
    return table[name]
  }
  return { asked, resolve }
}

async function exporting(written: Record<string, unknown>, around: Partial<Surroundings> = {}) {
  const clock = new ManualClock(Date.now())
  const ledger = new Ledger()
  const metrics = new Metrics()
  const lines: string[] = []
  const log = newLog({ write: (line) => void lines.push(line) })
  const shared = { log, clock, metrics, ledger, budget: new Budget('service') }
  const host = newHost(shared, {
    kind: 'exporter',
    type: 'firehose',
    id: 'firehose',
    readsOrigins: false,
    extension: () => undefined,
  })
  const config = firehose.config.parse({ linger: 0, ...written }) as FirehoseConfig
  const resolve = async () => ['127.0.0.1']
  const exporter = newFirehoseExporter(config, host, { random: Math.random, resolve, ...around })
  cleanups.push(async () => {
    await exporter.stop(AbortSignal.abort())
    for (const account of ledger.accounts) expect(account.imbalance()).toBe(0)
  })
  await exporter.start()
  const gauge = (name: string, protocol?: string) =>
    metrics.find(`tailrace_firehose_${name}`)!.series.find(({ labels }) => labels.protocol === protocol)!.value
  const [v2, v1] = ['v2', 'v1'].map((name) => ledger.accounts.find(({ labels }) => labels.protocol === name)!)
  const said = (text: string) => lines.filter((line) => line.includes(text)).length
  return { exporter, clock, lines, said, gauge, v2: v2!, v1: v1! }
}

const to = (port: number, more: object = {}) => ({ router_addr: `doppler:${port}`, ...more })
const v1Batch = (...origins: string[]) => {
  const bytes = frameRecords(
    origins.map((origin) => encodeV1({ origin, eventType: 7, counterEvent: { name: 'c', delta: 1n } })),
  )
  return Batch.copyOf('dropsonde', bytes)
}

describe('streams', () => {
  test('five for v2 stand without traffic, over mutual TLS to the name doppler; none for v1', async () => {
    const peer = await doppler({ tls: true })
    const { ca, cert, key } = vault.files('agent')
    const tls = { ca_file: ca, cert_file: cert, key_file: key }
    const { said, gauge, exporter } = await exporting(to(peer.port, { tls }))
    await until(() => gauge('streams', 'v2') === 5)
    expect(new Set(peer.streams.map(({ path }) => path))).toEqual(new Set(['/loggregator.v2.Ingress/BatchSender']))
    expect(peer.streams[0]!.call.origin.subject).toBe('metron')
    expect([gauge('connections'), gauge('streams', 'v1'), exporter.ready?.()]).toEqual([5, 0, true])
    expect(said(`successfully established a stream to doppler ${peer.address}`)).toBe(5)
  })

  test('a certificate of another name is no doppler', async () => {
    const peer = await doppler({ tls: true })
    const { ca, cert, key } = vault.files('agent')
    const tls = { ca_file: ca, cert_file: cert, key_file: key, server_name_override: 'somebody' }
    const { said, gauge } = await exporting(to(peer.port, { tls }))
    await until(() => said('failed to connect: ') > 0)
    expect(gauge('streams', 'v2')).toBe(0)
  })

  test('are tried at once, then once a second, and fail in one line of log', async () => {
    const gone = await doppler()
    await gone.stop()
    const { asked, resolve } = names({ doppler: ['127.0.0.1'] })
    const { clock, said, exporter } = await exporting(to(gone.port), { resolve })
    // It waits for the first attempts of all streams.
    exporter.consume(envelopes(['lost']))
    await until(() => said('unable to write to any dopplers') === 1)
    expect(asked).toHaveLength(5)
    clock.advance(999)
    expect(asked).toHaveLength(5)
    clock.advance(1)
    expect(asked).toHaveLength(10)
    expect(said('failed to connect: ')).toBe(1)
  })

  test('do not fall back to the general name when nobody answers in the zone', async () => {
    const peer = await doppler()
    const { resolve } = names({ zone: ['127.0.0.9'], doppler: ['127.0.0.1'] })
    const { said, v2, exporter } = await exporting(to(peer.port, { router_addr_with_az: `zone:${peer.port}` }), {
      resolve,
    })
    exporter.consume(envelopes(['a']))
    await until(() => v2.dropped('connection') === 1)
    expect(said('127.0.0.9')).toBe(1)
    expect(peer.streams).toHaveLength(0)
  })

  test('move to another doppler after their limit, and lose nothing by it', async () => {
    const peer = await doppler()
    const options = { connections: 1, recycle_after: 5, max_batch_records: 1 }
    const { exporter, v2, said, gauge } = await exporting(to(peer.port, options), { random: () => 0 })
    for (let i = 0; i < 12; i++) {
      exporter.consume(envelopes([String(i)]))
      await until(() => v2.sent === i + 1)
      await until(() => gauge('streams', 'v2') === 1)
    }
    await until(() => peer.texts().length === 12)
    expect(peer.streams.map(({ messages }) => messages.length)).toEqual([5, 5, 2])
    await until(() => peer.open() === 1)
    expect(said('recycling connection to doppler after 5 writes')).toBe(2)
  })

  test('that are cut come back, once a second when the doppler does not keep them', async () => {
    const peer = await doppler({
      onStream: (_call, number) => {
        if (number <= 2) throw new GrpcError(GrpcCode.unavailable, 'not now')
      },
    })
    const { clock, gauge, said } = await exporting(to(peer.port, { connections: 1 }))
    await until(() => said('lost the stream to doppler') === 1 || said('failed to connect') === 1)
    expect(peer.streams).toHaveLength(1)
    clock.advance(1000)
    await until(() => peer.streams.length === 2)
    await until(() => {
      clock.advance(1000)
      return gauge('streams', 'v2') === 1 && peer.open() === 1
    })
    clock.advance(5000)
    await peer.stop()
    await until(() => gauge('streams', 'v2') === 0)

    const again = await doppler({ port: peer.port })
    await until(() => {
      clock.advance(1000)
      return again.open() === 1
    })
  })
})

describe('envelopes', () => {
  test('go as one message a batch, to any of the streams', async () => {
    const peer = await doppler()
    const { exporter, v2, gauge } = await exporting(to(peer.port))
    exporter.consume(envelopes(['early', 'bird']))
    await until(() => v2.sent === 2)
    await until(() => gauge('streams', 'v2') === 5)
    for (let i = 0; i < 40; i++) {
      exporter.consume(envelopes([String(i)]))
      await until(() => v2.sent === 3 + i)
    }
    await until(() => peer.texts().length === 42)
    const first = peer.messages().find((bytes) => textsOf(Batch.copyOf('envelopes', bytes)).length === 2)
    expect(textsOf(Batch.copyOf('envelopes', first!))).toEqual(['early', 'bird'])
    expect(peer.streams.filter(({ messages }) => messages.length > 0).length).toBeGreaterThan(1)
    for (const { messages } of peer.streams) {
      const numbers = messages.flatMap((bytes) => textsOf(Batch.copyOf('envelopes', bytes))).map(Number)
      expect(numbers.filter((n) => n >= 0)).toEqual(numbers.filter((n) => n >= 0).sort((a, b) => a - b))
    }
  })

  test('of v1 go one a message; their streams open with the first of them', async () => {
    const peer = await doppler()
    const { exporter, v1, v2, gauge } = await exporting(to(peer.port))
    await until(() => gauge('streams', 'v2') === 5)
    exporter.consume(v1Batch('a', 'b', 'c'))
    await until(() => v1.sent === 3)
    await until(() => peer.messages('Pusher').length === 3)
    const payloads = peer.messages('Pusher').map((data) => {
      expect(data[0]).toBe(0x0a)
      expect(data[1]).toBe(data.length - 2)
      return decodeV1(data.subarray(2))
    })
    expect(payloads.map(({ origin }) => origin)).toEqual(['a', 'b', 'c'])
    await until(() => gauge('streams', 'v1') === 5)
    expect([gauge('connections'), v2.received]).toEqual([10, 0])
  })

  test('of a megabyte arrive whole', async () => {
    const peer = await doppler()
    const { exporter, v2 } = await exporting(to(peer.port))
    const big = 'x'.repeat(1 << 20)
    exporter.consume(envelopes([big, 'small']))
    await until(() => v2.sent === 2)
    await until(() => peer.texts().length === 2)
    expect(
      peer
        .texts()
        .map((text) => text.length)
        .sort((a, b) => a - b),
    ).toEqual([5, 1 << 20])
  })

  test('find another doppler while one does not read, and wait within bounds when all of them stall', async () => {
    const stuck: Call[] = []
    const stalls = (call: Call) => {
      call.pause()
      stuck.push(call)
    }
    const mute = await doppler({ host: '127.0.0.1', onStream: stalls })
    const fine = await doppler({ host: '127.0.0.2', port: mute.port })
    let turn = 0
    const resolve = async () => [turn++ % 2 === 0 ? '127.0.0.1' : '127.0.0.2']
    const { exporter, v2, gauge } = await exporting(to(mute.port, { connections: 2 }), { resolve })
    await until(() => gauge('streams', 'v2') === 2)
    const big = 'x'.repeat(500_000)
    for (let i = 0; i < 40; i++) {
      exporter.consume(envelopes([big]))
      await until(() => v2.sent + 2 >= i)
    }
    await until(() => fine.texts().length > 30)
    await fine.stop()
    await until(() => gauge('streams', 'v2') === 1)
    for (let i = 0; i < 100; i++) exporter.consume(envelopes([big]))
    expect(v2.held()).toBeLessThan(45)
    expect(v2.dropped('displaced')).toBeGreaterThan(50)
    for (const call of stuck) call.resume()
    await until(() => v2.held() === 0)
    expect(v2.sent + v2.droppedTotal).toBe(140)
  })

  test('that a broken stream may have taken are lost and counted, never sent twice', async () => {
    const mute = await doppler({ onStream: (call) => call.pause() })
    const wire = await cable(mute.port)
    const fine = await doppler({ host: '127.0.0.2', port: wire.port })
    let turn = 0
    const resolve = async () => [turn++ % 2 === 0 ? '127.0.0.1' : '127.0.0.2']
    const settings = to(wire.port, { connections: 2 })
    const { exporter, v2, said, gauge } = await exporting(settings, { resolve, random: () => 0 })
    await until(() => gauge('streams', 'v2') === 2)
    // The first stream is chosen whenever it is free: its window fills until a write is stuck.
    const big = 'x'.repeat(600_000)
    let offered = 0
    while (v2.sent === offered) {
      exporter.consume(envelopes([big]))
      offered++
      await quiet(() => v2.sent)
    }
    exporter.consume(envelopes(['after']))
    await until(() => fine.texts().length === 1)
    wire.cut()
    await until(() => v2.held() === 0)
    expect(said('error writing to doppler: ')).toBe(1)
    expect(v2.dropped('connection')).toBe(1)
    expect(fine.texts()).toEqual(['after'])
  })
})

test('what found no doppler is kept for another attempt when retries are on', async () => {
  const gone = await doppler()
  await gone.stop()
  const retry_on_failure = { enabled: true, max_elapsed_time: 0 }
  const { exporter, v2, clock } = await exporting(to(gone.port, { retry_on_failure }))
  exporter.consume(envelopes(['kept']))
  await until(() => v2.attempts === 1)
  const peer = await doppler({ port: gone.port })
  await until(() => {
    clock.advance(100)
    return v2.sent === 1
  })
  await until(() => peer.texts().length === 1)
  expect(v2.maybe_duplicate).toBe(0)
})

test('the mean size of an envelope is that of the last minute', async () => {
  const peer = await doppler()
  const { exporter, v2, v1, clock, gauge } = await exporting(to(peer.port))
  const batch = envelopes(['one', 'three'])
  exporter.consume(batch)
  exporter.consume(v1Batch('a', 'bcd'))
  await until(() => v2.sent === 2 && v1.sent === 2)
  expect(gauge('average_envelope_bytes', 'v2')).toBe(0)
  clock.advance(60_000)
  expect(gauge('average_envelope_bytes', 'v2')).toBe(batch.size / 2)
  expect(gauge('average_envelope_bytes', 'v1')).toBe(
    encodeV1({ origin: 'ab', eventType: 7, counterEvent: { name: 'c', delta: 1n } }).length,
  )
  clock.advance(60_000)
  expect(gauge('average_envelope_bytes', 'v2')).toBe(0)
})

test('stop hands over what is queued and takes leave of every doppler', async () => {
  const peer = await doppler()
  const { exporter, v2, gauge } = await exporting(to(peer.port, { linger: '1h' }))
  await until(() => gauge('streams', 'v2') === 5)
  for (let i = 0; i < 3; i++) exporter.consume(envelopes([String(i)]))
  await exporter.stop(new AbortController().signal)
  await exporter.stop(new AbortController().signal)
  expect([v2.sent, gauge('connections')]).toEqual([3, 0])
  await until(() => peer.open() === 0 && peer.texts().length === 3)
})

test('stop before anything stood gives up at the deadline', async () => {
  const peer = await doppler()
  const never = new Promise<string[]>(() => {})
  const { exporter, v2 } = await exporting(to(peer.port), { resolve: () => never })
  exporter.consume(envelopes(['x']))
  await exporter.stop(AbortSignal.abort())
  expect(v2.dropped('shutdown')).toBe(1)
})

test('a router address is required', () => {
  expect(firehose.config.safeParse({}).error?.issues[0]).toMatchObject({
    path: ['router_addr'],
    message: 'is required',
  })
})
