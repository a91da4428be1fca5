import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { frameMessage } from '../../src/net/frames.ts'
import { counter, ingressClient, log, sendDatagrams, textOf } from '../support/client.ts'
import { encodeEnvelope, encodeEnvelopeBatch, encodeV1, frameRecords } from '../support/decode.ts'
import { forwarderEnv, statsdInjectorEnv, udpForwarderEnv } from '../support/environments.ts'
import { faultsOf } from '../support/ledger-page.ts'
import { startRole } from '../support/role.ts'
import { startIngressSink } from '../support/sinks.ts'

// What a hub is sent by strangers: nothing of it may cost the others a record, the stream or the process.

async function hub() {
  const sink = await startIngressSink()
  const role = await startRole('forwarder-agent', forwarderEnv([{ port: sink.port }]))
  const client = ingressClient(await role.grpc())
  return { sink, role, client }
}

const repeat = (count: number, text: string) => Array.from({ length: count }, (_, i) => log(`${text} ${i}`))

test('one invalid string among the records of twenty clients is repaired; all others arrive and every stream lives', async () => {
  const { sink, role } = await hub()
  const address = await role.grpc()
  const clients = Array.from({ length: 20 }, () => ingressClient(address))
  const streams = clients.map((client) => client.stream())
  const broken = frameRecords([
    Buffer.concat([encodeEnvelope(log('broken')), Buffer.from([0x4a, 5, 0x0a, 1, 0xff, 0x12, 0])]),
  ])
  await Promise.all(clients.map((client, i) => client.write(streams[i]!, i === 7 ? broken : repeat(10, `first ${i}`))))
  await Promise.all(clients.map((client, i) => client.write(streams[i]!, repeat(10, `second ${i}`))))
  await sink.until('everything', () => sink.count() === 19 * 10 + 1 + 200)
  // Decoding is strict: it would throw on a string that is not UTF-8.
  const repaired = sink.envelopes().filter((envelope) => textOf(envelope) === 'broken')
  expect(repaired.map(({ tags }) => Object.keys(tags))).toEqual([['\ufffd']])
  expect((await role.metrics()).sum('tailrace_loggregator_repaired_envelopes_total')).toBe(1)
  for (const stream of streams) expect(await stream.end()).toBeUndefined()
})

test('envelopes that do not parse are dropped alone, counted, and the stream goes on', async () => {
  const { sink, role, client } = await hub()
  const stream = client.stream()
  const whole = encodeEnvelope(log('whole'))
  const cut = whole.subarray(0, whole.length - 5)
  const negative = Buffer.from([0x22, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01])
  await client.write(stream, frameRecords([whole, cut, negative, whole]))
  await client.write(stream, [log('next')])
  await sink.until('the good ones', () => sink.count() === 3)
  expect(sink.envelopes().map(textOf)).toEqual(['whole', 'whole', 'next'])
  expect((await role.metrics()).get('dropped{direction="ingress"}')).toBe(2)
  expect(await stream.end()).toBeUndefined()
})

test('unknown fields travel on, empty batches and empty envelopes do no harm', async () => {
  const { sink, client } = await hub()
  const unknown = Buffer.concat([encodeEnvelope(log('x')), Buffer.from([0xfa, 0x3f, 3, 1, 2, 3])])
  await client.send(Buffer.alloc(0))
  await client.send(frameRecords([unknown]))
  await sink.until('an envelope', () => sink.count() === 1)
  expect(sink.received[0]!.bytes.includes(Buffer.from([0xfa, 0x3f, 3, 1, 2, 3]))).toBe(true)
})

test('a message of 10 MiB + 1 ends its stream with RESOURCE_EXHAUSTED; other streams of the connection go on', async () => {
  const { sink, client } = await hub()
  const [bad, good] = [client.stream(), client.stream()]
  bad.write(frameMessage(Buffer.alloc(10 * 1024 * 1024 + 1)))
  const error = await bad.closed
  expect(error?.code).toBe(8)
  await client.write(good, [log('still here')])
  await sink.until('the other stream', () => sink.count() === 1)
})

test.each(['Send', 'BatchSender'])(
  'by %s a message of 10 MiB passes whole, one byte more is refused',
  async (method) => {
    const { sink, role, client } = await hub()
    const limit = 10 * 1024 * 1024
    const batch = (last: number) =>
      encodeEnvelopeBatch([...Array.from({ length: 160 }, () => log('x'.repeat(65_000))), log('y'.repeat(last))])
    const whole = batch(60_000 + limit - batch(60_000).length)
    const over = batch(60_001 + limit - batch(60_000).length)
    expect([whole.length, over.length]).toEqual([limit, limit + 1])
    const send = async (bytes: Buffer): Promise<number | undefined> => {
      if (method === 'Send')
        return client.send(bytes).then(
          () => undefined,
          ({ code }) => code,
        )
      const stream = client.stream()
      stream.write(frameMessage(bytes))
      return (await stream.end())?.code
    }
    expect(await send(whole)).toBeUndefined()
    await sink.until('all of it', () => sink.count() === 161)
    expect(await send(over)).toBe(8)
    expect(await send(encodeEnvelopeBatch([log('next')]))).toBeUndefined()
    await sink.until('what came next', () => sink.count() === 162)
    expect(faultsOf(await role.metrics())).toEqual([])
  },
)

test('StatsD datagrams of 65,507 bytes are read whole, whatever stands in them', async () => {
  const sink = await startIngressSink()
  const role = await startRole('statsd-injector', statsdInjectorEnv(sink.port))
  const address = await role.address(/^Started statsd-injector listener at (\S+)$/)
  const most = 65_507
  const all = Array.from({ length: 4000 }, (_, i) => `app.hits${i}:1|c`).join('\n')
  const full = all.slice(0, all.lastIndexOf('\n', most))
  await sendDatagrams(address, [full, Buffer.alloc(most, 0xff), 'app.last:1|c'])
  const count = full.split('\n').length + 1
  await sink.until('every line', () => sink.count() === count)
  expect(Object.keys(sink.envelopes().at(-1)!.gauge.metrics)).toEqual(['last'])
})

test('datagrams of 65,507 bytes pass whole, and empty and random ones are counted', async () => {
  const sink = await startIngressSink()
  const role = await startRole('udp-forwarder', udpForwarderEnv(sink.address))
  const most = 65_507
  const message = (size: number) =>
    encodeV1({
      origin: 'o',
      eventType: 5,
      timestamp: 1n,
      logMessage: { message: Buffer.alloc(size, 'x'), messageType: 1, timestamp: 1n },
    })
  const size = most - (message(60_000).length - 60_000)
  const datagram = message(size)
  expect(datagram.length).toBe(most)
  await sendDatagrams(await role.udp(), [datagram, Buffer.alloc(0), Buffer.alloc(2000, 0xff), message(1)])
  await sink.until('two envelopes', () => sink.count() === 2)
  expect(sink.envelopes().map(({ log }) => log.payload.length)).toEqual([size, 1])
  const page = await role.metrics()
  expect(page.get('ingress{metric_version="1.0"}')).toBe(4)
  expect(page.get('dropped{direction="all",metric_version="1.0"}')).toBe(2)
})

test('100,000 distinct counters keep the table within its bound, and the ones in use keep their totals', async () => {
  const { sink, role, client } = await hub()
  const stream = client.stream()
  for (let at = 0; at < 100_000; at += 1000) {
    const batch = [
      counter('hot', { delta: 1n }),
      ...Array.from({ length: 999 }, (_, i) => counter(`c${at + i}`, { delta: 1n })),
    ]
    await client.write(stream, encodeEnvelopeBatch(batch))
    await sink.until('the sink follows', () => sink.count() >= at - 3000)
  }
  await sink.until('everything', () => sink.count() === 100_000)
  const hot = sink.envelopes().filter(({ counter }) => counter.name === 'hot')
  expect(hot.at(-1)!.counter.total).toBe(100n)
  const page = await role.metrics()
  const evicted = [...page.series].filter(([name]) => /^tailrace_counter_totals_.*evict/.test(name))
  expect(
    evicted.length,
    [...page.series.keys()].filter((name) => name.includes('counter_totals')).join(),
  ).toBeGreaterThan(0)
  expect(evicted.reduce((sum, [, value]) => sum + value, 0)).toBeGreaterThan(80_000)
})

test('noise, HTTP/1 and half-open connections on the ingress port hold nobody up', async () => {
  const { sink, role, client } = await hub()
  const [host, port] = (await role.grpc()).split(':')
  const noise = ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', '\0\0\0\0', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n']
  const sockets = noise.map((text) => {
    const socket = connect(Number(port), host)
    socket.on('error', () => {})
    socket.write(text)
    return socket
  })
  await client.send([log('x')])
  await sink.until('an envelope', () => sink.count() === 1)
  // Those that say enough are on the page, by their cause; four zeros may yet become a handshake.
  await role.metricsUntil((page) => page.sum('tailrace_loggregator_handshakes_failed_total', 'reason="not_tls"') === 2)
  for (const socket of sockets) socket.destroy()
})
