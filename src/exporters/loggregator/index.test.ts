import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { decodeEnvelopeBatch } from '../../../test/support/decode.ts'
import { envelopes, textsOf } from '../../../test/support/delivery.ts'
import { Budget } from '../../delivery/budget.ts'
import { Ledger } from '../../delivery/ledger.ts'
import { newHost } from '../../engine/host.ts'
import { type GrpcServer, newGrpcServer } from '../../net/grpc-server.ts'
import { clientStream, type Handler } from '../../net/grpc-types.ts'
import { until } from '../../net/test-kit.ts'
import { systemClock } from '../../runtime/clock.ts'
import { newLog } from '../../runtime/log.ts'
import { Metrics } from '../../runtime/metrics.ts'
import { Batch } from '../../telemetry/batch.ts'
import loggregator from './index.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Agent {
  server: GrpcServer
  address: string
  /** Payload of every message, in order, and the path it came by. */
  messages: { path: string; bytes: Buffer }[]
}

async function agent(port = 0): Promise<Agent> {
  const messages: Agent['messages'] = []
  const stream = clientStream(({ path }) => ({
    message: (bytes, start, end) => void messages.push({ path, bytes: Buffer.from(bytes.subarray(start, end)) }),
  }))
  const { server, address } = await serving(
    { '/loggregator.v2.Ingress/BatchSender': stream, '/loggregator.v2.Ingress/Sender': stream },
    port,
  )
  return { server, address, messages }
}

async function serving(methods: Record<string, Handler>, port = 0): Promise<Omit<Agent, 'messages'>> {
  const server = newGrpcServer({ endpoint: { host: '127.0.0.1', port }, methods, log: newLog({ write: () => {} }) })
  const address = await server.start()
  cleanups.push(() => server.stop(AbortSignal.abort()))
  return { server, address: `127.0.0.1:${address.port}` }
}

function exporter(settings: object) {
  const ledger = new Ledger()
  const lines: string[] = []
  const shared = {
    log: newLog({ write: (line) => void lines.push(line) }),
    clock: systemClock,
    metrics: new Metrics(),
    ledger,
    budget: new Budget('test'),
  }
  const host = newHost(shared, {
    kind: 'exporter',
    type: 'loggregator',
    id: 'loggregator',
    readsOrigins: false,
    extension: () => undefined,
  })
  const made = loggregator.create({ config: loggregator.config.parse(settings), host })
  cleanups.push(() => made.stop(AbortSignal.timeout(1000)))
  const account = (destination: string) => ledger.open('queue', 'loggregator', { protocol: 'loggregator', destination })
  return { made, account, ledger, lines }
}

const payloads = (messages: Agent['messages']) =>
  messages.flatMap(({ bytes }) => decodeEnvelopeBatch(bytes)).map((one) => (one as { source_id: string }).source_id)

const lines = (messages: Agent['messages']) =>
  messages.flatMap(({ bytes }) => textsOf(Batch.copyOf('envelopes', bytes)))

test('every destination gets everything, in order', async () => {
  const [one, two] = [await agent(), await agent()]
  const { made, account } = exporter({ endpoints: [one.address, two.address] })
  await made.start()
  for (let i = 0; i < 50; i++) made.consume(envelopes(['x'], `app-${i}`))
  const all = Array.from({ length: 50 }, (_, i) => `app-${i}`)
  for (const { address, messages } of [one, two]) {
    await until(() => payloads(messages).length === 50)
    expect(payloads(messages)).toEqual(all)
    expect(account(address)).toMatchObject({ received: 50, sent: 50 })
  }
})

test('method sender writes one envelope a message', async () => {
  const peer = await agent()
  const { made } = exporter({ endpoint: peer.address, method: 'sender' })
  await made.start()
  made.consume(envelopes(['1', '2', '3']))
  await until(() => peer.messages.length === 3)
  expect(peer.messages.every(({ path }) => path.endsWith('/Sender'))).toBe(true)
})

test('a peer that is away loses nothing until the queue is full, then exactly the oldest', async () => {
  const peer = await agent()
  await peer.server.stop(AbortSignal.abort())
  const { made, account } = exporter({
    endpoint: peer.address,
    queue_size: 100,
    retry_on_failure: { initial_interval: '10ms', max_interval: '10ms' },
  })
  await made.start()
  for (let i = 0; i < 150; i++) made.consume(envelopes([`line ${i}`]))
  const books = account(peer.address)
  expect(books.imbalance()).toBe(0)
  const back = await agent(Number(peer.address.split(':')[1]))
  await until(() => books.held() === 0)
  await until(() => lines(back.messages).length === books.sent)
  expect(books.losses()).toEqual([['displaced', 150 - books.sent]])
  expect(books.sent).toBeGreaterThanOrEqual(100)
  expect(lines(back.messages).slice(-99)).toEqual(Array.from({ length: 99 }, (_, i) => `line ${51 + i}`))
  expect(books.imbalance()).toBe(0)
})

test('agents are found by their port files; those of the collector and duplicates are left out', async () => {
  const peer = await agent()
  const dir = mkdtempSync(join(tmpdir(), 'ports-'))
  const port = peer.address.split(':')[1]
  const file = (job: string, text: string) => {
    mkdirSync(join(dir, job))
    writeFileSync(join(dir, job, 'ingress_port.yml'), text)
  }
  file('a', `ingress: ${port}`)
  file('b', `ingress: "${port}"`)
  file('c', 'ingress: 9100\nprotocol: otelcol')
  file('d', '')
  const { made, ledger, lines } = exporter({ ingress_port_glob: join(dir, '*/ingress_port.yml') })
  await made.start()
  made.consume(envelopes(['x']))
  await until(() => peer.messages.length === 1)
  expect(ledger.accounts.filter(({ labels }) => labels.destination)).toHaveLength(1)
  expect(lines.join('')).toContain(
    `No ingress port defined in ${join(dir, 'd/ingress_port.yml')}. Ignoring this destination.`,
  )
})

test('without a destination everything is dropped by name', async () => {
  const { made, ledger } = exporter({})
  await made.start()
  made.consume(envelopes(['1', '2']))
  const books = ledger.open('queue', 'loggregator')
  expect(books.dropped('no_destination')).toBe(2)
  expect(books.imbalance()).toBe(0)
})

test('an envelope above the limit of the peer is dropped alone', async () => {
  const peer = await agent()
  const { made, account } = exporter({ endpoint: peer.address, max_message_size: '64KiB' })
  await made.start()
  made.consume(envelopes(['small', 'x'.repeat(70_000), 'also small']))
  await until(() => account(peer.address).sent === 2)
  expect(account(peer.address).dropped('too_large')).toBe(1)
})

test('a peer that ends the stream while it is written to costs what was on its way, no more', async () => {
  const peer = await agent()
  const { made, account } = exporter({ endpoint: peer.address })
  await made.start()
  made.consume(envelopes(['1']))
  await until(() => peer.messages.length === 1)
  await peer.server.stop(AbortSignal.abort())
  const back = await agent(Number(peer.address.split(':')[1]))
  const books = account(peer.address)
  for (let i = 0; i < 20; i++) {
    made.consume(envelopes([`later ${i}`]))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await until(() => books.held() === 0)
  await until(() => back.messages.length > 0)
  expect(books.sent + books.droppedTotal).toBe(21)
  expect(books.imbalance()).toBe(0)
})

test('a peer that ends every stream is named, in few lines', async () => {
  const peer = await serving({})
  const { made, account, lines } = exporter({ endpoint: peer.address })
  await made.start()
  const books = account(peer.address)
  for (let ended = 1; ended <= 3; ended++) {
    made.consume(envelopes(['x']))
    await until(() => books.sent + books.droppedTotal === ended)
    await until(() => lines.some((line) => line.includes('unknown method BatchSender')))
  }
  expect(lines.filter((line) => line.includes('unknown method BatchSender'))).toHaveLength(1)
})

test('a peer that never answers the end of the stream does not hold up a stop to the last', async () => {
  const never = clientStream(() => ({ message: () => {}, end: () => new Promise<Buffer>(() => {}) }))
  const peer = await serving({ '/loggregator.v2.Ingress/BatchSender': never })
  const { made, account } = exporter({ endpoint: peer.address })
  await made.start()
  made.consume(envelopes(['x']))
  await until(() => account(peer.address).sent === 1 && peer.server.stats.messagesIn === 1)
  const deadline = AbortSignal.timeout(10_000)
  await made.stop(deadline)
  expect(deadline.aborted).toBe(false)
  await until(() => peer.server.stats.connectionsOpen === 0)
})
