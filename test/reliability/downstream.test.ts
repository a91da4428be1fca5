import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { GrpcCode, GrpcError } from '../../src/net/status.ts'
import { type IngressClient, ingressClient, log, textOf } from '../support/client.ts'
import { encodeEnvelopeBatch } from '../support/decode.ts'
import { forwarderEnv } from '../support/environments.ts'
import { accountsOf, faultsOf } from '../support/ledger-page.ts'
import type { Page } from '../support/page.ts'
import { type Role, startRole } from '../support/role.ts'
import { type IngressSink, startCollectorSink, startIngressSink } from '../support/sinks.ts'

// The bad days of a hub: one destination is down, refuses, stalls, breaks, comes back. The others lose nothing, and what
// the bad one misses is exactly what the page says.

interface Hub {
  role: Role
  client: IngressClient
  good: IngressSink
  bad: IngressSink
}

async function hub(): Promise<Hub> {
  const [good, bad] = await Promise.all([startIngressSink(), startIngressSink()])
  const env = { ...forwarderEnv([{ port: good.port }, { port: bad.port }]), DEBUG_METRICS: 'true' }
  const role = await startRole('forwarder-agent', env)
  return { role, client: ingressClient(await role.grpc()), good, bad }
}

const expired = (sink: IngressSink) => `egress_expired_total{protocol="loggregator",destination="${sink.address}"}`

/** `count` logs in batches of 100, the text is their number; `width` bytes at least. */
async function flood({ client, good }: Hub, from: number, count: number, width = 6): Promise<void> {
  const stream = client.stream()
  const before = good.count()
  // Half a queue, at most: from there on it looks at who sends the most.
  const ahead = Math.min(3000, 6_000_000 / width)
  for (let at = from; at < from + count; at += 100) {
    const batch = Array.from({ length: Math.min(100, from + count - at) }, (_, i) => {
      // Every batch holds records of fifty apps.
      return log(
        String(at + i)
          .padStart(6, '0')
          .padEnd(width, '.'),
        { source_id: `app-${(at + i) % 50}` },
      )
    })
    await client.write(stream, encodeEnvelopeBatch(batch))
    // No faster than the good destination, which shares this process, can follow.
    await good.until('the good one follows', () => good.count() - before >= at - from - ahead)
  }
  expect(await stream.end()).toBeUndefined()
}

const numbers = (sink: IngressSink) => sink.envelopes().map((envelope) => Number(textOf(envelope)!.slice(0, 6)))

/** Waits until nothing is queued for this destination; the books add up then and at any time before. */
const settled = ({ role }: Pick<Hub, 'role'>, sink: IngressSink) =>
  role.metricsUntil((page) => {
    expect(faultsOf(page)).toEqual([])
    return page.sum('tailrace_held_records', `destination="${sink.address}"`) === 0
  })

describe('a destination that', () => {
  test('is down loses the oldest beyond its queue, all of them counted, and gets the rest in order when it is back', async () => {
    const all = await hub()
    const { role, good, bad } = all
    await bad.stop()
    await flood(all, 0, 30_000)
    await good.until('everything at the good one', () => good.count() === 30_000)
    await bad.restart()
    await settled(all, bad)
    await bad.until('the rest', () => numbers(bad).at(-1) === 29_999)
    const page = await role.metrics()
    const got = numbers(bad)
    expect(page.get(expired(bad))).toBe(30_000 - got.length)
    expect(got.length).toBeGreaterThan(9000)
    expect(got.length).toBeLessThanOrEqual(12_000)
    expect(got).toEqual([...got].sort((a, b) => a - b))
    expect(page.get(expired(good))).toBe(0)
    expect(numbers(good)).toEqual(Array.from({ length: 30_000 }, (_, i) => i))
    expect(page.get('dropped{direction="ingress"}')).toBe(0)
  })

  test('stalls costs its bound of memory and nothing else, though every batch holds records of fifty apps', async () => {
    const all = await hub()
    const { role, good, bad } = all
    await flood(all, 0, 100)
    await bad.until('a stream', () => bad.count() === 100)
    bad.stall()
    const before = residentMebibytes(role)
    const buffers = bufferMebibytes(await role.metrics())
    // 120 MB in records of 4 kB: far more than the queue of 10,000 records and 16 MiB.
    await flood(all, 100, 30_000, 4000)
    await good.until('everything at the good one', () => good.count() === 30_100)
    const page = await role.metrics()
    expect(page.get(expired(good))).toBe(0)
    expect(page.get(expired(bad))).toBeGreaterThan(15_000)
    expect(residentMebibytes(role) - before).toBeLessThan(150)
    // The queue's bound and what is in use, as soon as garbage has been collected: not the slabs that records came in.
    await role.metricsUntil((page) => bufferMebibytes(page) - buffers < 32)
    bad.resume()
    await settled(all, bad)
    await bad.until('the rest', () => numbers(bad).at(-1) === 30_099)
    expect((await role.metrics()).get(expired(bad))).toBe(30_100 - bad.count())
  })

  test('refuses streams disturbs nobody, and the page tells every record it misses', async () => {
    const all = await hub()
    const { good, bad } = all
    bad.refuse(new GrpcError(GrpcCode.resourceExhausted, 'go away'))
    await flood(all, 0, 15_000)
    await good.until('everything at the good one', () => good.count() === 15_000)
    bad.refuse(undefined)
    const page = await settled(all, bad)
    expect(good.count()).toBe(15_000)
    expect(page.get(expired(good))).toBe(0)
    const books = page.sum('tailrace_queue_records_total', `destination="${bad.address}"`, 'fate="sent"')
    expect(books + page.get(expired(bad))).toBe(15_000)
  })

  test('breaks its connections again and again loses at most what was on its way, counted or handed over', async () => {
    const all = await hub()
    const { role, good, bad } = all
    for (let round = 0; round < 5; round++) {
      await flood(all, round * 1000, 1000)
      await good.until('a round', () => good.count() === (round + 1) * 1000)
      await bad.stop()
      await bad.restart()
    }
    await settled(all, bad)
    const page = await role.metrics()
    const sent = page.sum('tailrace_queue_records_total', `destination="${bad.address}"`, 'fate="sent"')
    expect(sent + page.get(expired(bad))).toBe(5000)
    await bad.until('what was sent', () => bad.count() >= 1)
    expect(bad.count()).toBeLessThanOrEqual(sent)
    expect(new Set(numbers(bad)).size).toBe(bad.count())
    expect(good.count()).toBe(5000)
  })
})

test('three destinations, one of them down, refusing, stalled, reset and back again: the books add up after each', async () => {
  const sinks = await Promise.all([startIngressSink(), startIngressSink(), startIngressSink()])
  const [good, bad, other] = sinks as [IngressSink, IngressSink, IngressSink]
  const role = await startRole('forwarder-agent', forwarderEnv(sinks.map(({ port }) => ({ port }))))
  const all = { role, client: ingressClient(await role.grpc()), good, bad }
  let given = 0
  const round = async () => {
    await flood(all, given, 1000)
    given += 1000
    for (const sink of [good, other]) await sink.until('the round', () => sink.count() === given)
    const page = await role.metrics()
    expect(faultsOf(page)).toEqual([])
    // What one hands on is what the next one gets.
    const accounts = accountsOf(page)
    const [{ taken }] = accounts.filter(({ kind }) => kind === 'receiver').map(({ fates }) => fates) as [PageFates]
    expect(taken).toBe(given)
    for (const { kind, name, fates } of accounts)
      if (kind !== 'receiver' && !name.startsWith('otlp')) expect([name, fates.received]).toEqual([name, given])
    for (const sink of [good, other]) expect(page.get(expired(sink))).toBe(0)
  }
  const stages: { begin: () => unknown; end: () => unknown }[] = [
    { begin: () => bad.stop(), end: () => bad.restart() },
    { begin: () => bad.refuse(new GrpcError(GrpcCode.unavailable, 'busy')), end: () => bad.refuse(undefined) },
    { begin: () => bad.stall(), end: () => bad.resume() },
    { begin: () => bad.stop().then(() => bad.restart()), end: () => {} },
  ]
  await round()
  await bad.until('the first round', () => bad.count() === 1000)
  for (const { begin, end } of stages) {
    await begin()
    await round()
    await end()
    await settled(all, bad)
    // It is back: what comes now arrives.
    await round()
    await bad.until('the last record', () => numbers(bad).at(-1) === given - 1)
  }
  const page = await settled(all, bad)
  const queue = accountsOf(page).find(({ name }) => name.includes(bad.address))!
  expect(queue.fates.sent! + queue.dropped).toBe(given)
  expect(page.get(expired(bad))).toBe(queue.dropped)
  const got = numbers(bad)
  expect(new Set(got).size).toBe(got.length)
  expect(got).toEqual([...got].sort((a, b) => a - b))
})

const bufferMebibytes = (page: Page) => page.get('nodejs_external_memory_bytes') / 2 ** 20

type PageFates = ReturnType<typeof accountsOf>[number]['fates']

const residentMebibytes = (role: Role) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${role.pid}/status`, 'utf8'))![1]) / 1024

describe('a collector that', () => {
  async function withCollector(answer: () => Buffer) {
    const collector = await startCollectorSink({ answer })
    const env = forwarderEnv([{ port: collector.port, protocol: 'otelcol' }])
    const role = await startRole('forwarder-agent', { ...env, EMIT_OTEL_LOGS: 'true', OTEL_RETRY_MAX_RETRIES: '1' })
    return { collector, role, client: ingressClient(await role.grpc()) }
  }
  const lost = (address: string) => `egress_expired_total{protocol="otelcol",destination="${address}"}`

  test('O15: is unavailable once gets it the second time, and nothing is lost', async () => {
    let calls = 0
    const { collector, role, client } = await withCollector(() => {
      if (calls++ === 0) throw new GrpcError(GrpcCode.unavailable, 'restarting')
      return Buffer.alloc(0)
    })
    await client.send([log('x')])
    await collector.until('two calls', () => collector.received.length === 2)
    const page = await role.metricsUntil((page) => page.sum('tailrace_held_records', 'id="otlp"') === 0)
    expect(page.get(lost(collector.address))).toBe(0)
    expect(role.lines.some((line) => line.includes('Write error'))).toBe(false)
  })

  test.each(['invalidArgument', 'permissionDenied', 'unimplemented'] as const)(
    'O16: answers %s is asked once, and the loss is counted and named',
    async (code) => {
      const { collector, role, client } = await withCollector(() => {
        throw new GrpcError(GrpcCode[code], 'no such thing')
      })
      await client.send([log('x')])
      const page = await role.metricsUntil((page) => page.get(lost(collector.address)) === 1)
      expect(collector.received.length).toBe(1)
      expect(page.sum('tailrace_dropped_records_total', 'reason="rejected"')).toBe(1)
      await role.line(/no such thing/)
    },
  )

  test('O17: rejects a part loses that part, and says why', async () => {
    // partial_success { rejected_log_records: 1, error_message: "too old" }
    const reply = Buffer.concat([Buffer.from([0x0a, 11, 0x08, 1, 0x12, 7]), Buffer.from('too old')])
    const { collector, role, client } = await withCollector(() => reply)
    await client.send([log('x'), log('y')])
    const page = await role.metricsUntil((page) => page.get(lost(collector.address)) === 1)
    expect(page.sum('tailrace_queue_records_total', 'id="otlp"', 'fate="sent"')).toBe(1)
    await role.line(/Write error: too old/)
    expect(collector.received.length).toBe(1)
  })

  test('O18: stays unavailable is given up after the repeats that were asked for', async () => {
    const { collector, role, client } = await withCollector(() => {
      throw new GrpcError(GrpcCode.unavailable, 'down')
    })
    await client.send([log('x')])
    const page = await role.metricsUntil((page) => page.get(lost(collector.address)) === 1)
    expect(collector.received.length).toBe(2)
    expect(page.sum('tailrace_dropped_records_total', 'reason="retries_exhausted"')).toBe(1)
  })
})

test('SIGTERM with full queues drains for four seconds at most, counts the rest, and ends with 0', async () => {
  const all = await hub()
  const { role, good, bad } = all
  await flood(all, 0, 100)
  await bad.until('a stream', () => bad.count() === 100)
  bad.stall()
  await flood(all, 100, 12_000, 1000)
  await good.until('everything at the good one', () => good.count() === 12_100)
  const sent = (await role.metrics()).sum('tailrace_queue_records_total', `destination="${bad.address}"`, 'fate="sent"')
  const { code, tookMs } = await role.stop()
  expect(code).toBe(0)
  expect(role.lines.join('\n')).toMatch(new RegExp(`-> ${bad.address}\\] warn: \\d+ records lost reason=shutdown`))
  const lost = new RegExp(`-> ${bad.address}\\] warn: (\\d+) records? lost`)
  expect(sent + role.lines.reduce((sum, line) => sum + Number(lost.exec(line)?.[1] ?? 0), 0)).toBe(12_100)
  // Much less than without end, whatever else the machine has to do.
  expect(tookMs).toBeLessThan(20_000)
})

test('after kill -9 and a restart everything goes on, and only what was in the process is missing', async () => {
  const [one] = [await startIngressSink()]
  const env = forwarderEnv([{ port: one.port }])
  const first = await startRole('forwarder-agent', env)
  const port = (await first.grpc()).split(':')[1]!
  await ingressClient(`127.0.0.1:${port}`).send([log('before')])
  await one.until('the first', () => one.count() === 1)
  expect((await first.stop('SIGKILL')).signal).toBe('SIGKILL')
  const second = await startRole('forwarder-agent', { ...env, AGENT_PORT: port })
  await ingressClient(await second.grpc()).send([log('after')])
  await one.until('the second', () => one.count() === 2)
  expect(one.envelopes().map(textOf)).toEqual(['before', 'after'])
})
