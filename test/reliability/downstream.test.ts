import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { GrpcCode, GrpcError } from '../../src/net/status.ts'
import { type IngressClient, ingressClient, log, textOf } from '../support/client.ts'
import { encodeEnvelopeBatch } from '../support/decode.ts'
import { forwarderEnv } from '../support/environments.ts'
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
  const role = await startRole('forwarder-agent', forwarderEnv([{ port: good.port }, { port: bad.port }]))
  return { role, client: ingressClient(await role.grpc()), good, bad }
}

const expired = (sink: IngressSink) => `egress_expired_total{protocol="loggregator",destination="${sink.address}"}`

/** `count` logs in batches of 100, the text is their number; `width` bytes at least. */
async function flood({ client, good }: Hub, from: number, count: number, width = 6): Promise<void> {
  const stream = client.stream()
  const before = good.count()
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
    await good.until('the good one follows', () => good.count() - before >= at - from - 3000)
  }
  expect(await stream.end()).toBeUndefined()
}

const numbers = (sink: IngressSink) => sink.envelopes().map((envelope) => Number(textOf(envelope)!.slice(0, 6)))

/** Waits until nothing is queued for this destination. */
const settled = ({ role }: Hub, sink: IngressSink) =>
  role.metricsUntil((page) => page.sum('tailrace_held_records', `destination="${sink.address}"`) === 0)

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
    // 60 MB in records of 2 kB: far more than the queue of 10,000 records and 16 MiB.
    await flood(all, 100, 30_000, 2000)
    await good.until('everything at the good one', () => good.count() === 30_100)
    const page = await role.metrics()
    expect(page.get(expired(good))).toBe(0)
    expect(page.get(expired(bad))).toBeGreaterThan(15_000)
    expect(residentMebibytes(role) - before).toBeLessThan(150)
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
      expect(role.lines.join('\n')).toContain('no such thing')
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
  const { code, tookMs } = await role.stop()
  expect(code).toBe(0)
  // Five seconds on a machine that has time for it.
  expect(tookMs).toBeLessThan(9000)
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
