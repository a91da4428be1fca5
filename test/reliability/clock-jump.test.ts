import { once } from 'node:events'
import { createServer } from 'node:http'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { queued } from '../../src/delivery/queued.ts'
import { Retryable } from '../../src/delivery/sender.ts'
import { findConverter } from '../../src/engine/converters.ts'
import { newLogSeries } from '../../src/net/log-series.ts'
import type { Batch } from '../../src/plugin.ts'
import prometheus from '../../src/receivers/prometheus/index.ts'
import statsd from '../../src/receivers/statsd/index.ts'
import { newLog } from '../../src/runtime/log.ts'
import { Metrics } from '../../src/runtime/metrics.ts'
import { newOtel, type OtelSettings } from '../../src/runtime/otel.ts'
import { sendDatagrams } from '../support/client.ts'
import { decodeEnvelopeBatch, decodeOtlpLogs, decodeOtlpMetrics, type Message } from '../support/decode.ts'
import { deliveryConfig, deliveryHost, envelopes, textsOf } from '../support/delivery.ts'
import { runReceiver } from '../support/receiver.ts'
import { startCollectorSink } from '../support/sinks.ts'

// An operator or NTP sets the wall clock while everything runs: intervals go on as if nothing had happened, stamps say
// what the clock says, and nothing ends before it began.

const hour = 3_600_000
const jumps = [hour, -hour]
const nanos = (ms: number) => BigInt(Math.round(ms)) * 1_000_000n

function sending(written: Record<string, unknown>, answer: (batch: Batch) => void = () => {}) {
  const host = deliveryHost()
  const sends: { at: number; texts: string[] }[] = []
  const sender = {
    send(batch: Batch) {
      sends.push({ at: host.clock.monotonic(), texts: textsOf(batch) })
      answer(batch)
      return { sent: batch.count }
    },
    close() {},
  }
  const delivery = queued(deliveryConfig(written), host, sender, { random: () => 0.5 })
  onTestFinished(() => delivery.stop(AbortSignal.abort()))
  return { delivery, sends, host, clock: host.clock }
}

describe.each(jumps)('when the wall clock jumps by %d ms', (jump) => {
  test('linger ends when it should', async () => {
    const { delivery, sends, clock } = sending({ linger: '20ms' })
    await delivery.start()
    delivery.consume(envelopes(['1']))
    delivery.consume(envelopes(['2']))
    clock.jump(jump)
    clock.advance(19)
    expect(sends).toHaveLength(1)
    clock.advance(1)
    expect(sends).toEqual([
      { at: 0, texts: ['1'] },
      { at: 20, texts: ['2'] },
    ])
  })

  test('a batch is flushed at its age', async () => {
    const batch = { flush_timeout: '200ms', min_size: 100 }
    const { delivery, sends, clock } = sending({ sending_queue: { batch } })
    await delivery.start()
    delivery.consume(envelopes(['1']))
    clock.advance(100)
    clock.jump(jump)
    delivery.consume(envelopes(['2']))
    clock.advance(100)
    expect(sends).toEqual([{ at: 200, texts: ['1', '2'] }])
  })

  test('repeats come after their pauses, and end with max_elapsed_time', async () => {
    const retry_on_failure = { initial_interval: '1s', multiplier: 2, max_interval: '4s', max_elapsed_time: '8s' }
    const { delivery, sends, clock, host } = sending({ retry_on_failure }, () => {
      throw new Retryable('busy')
    })
    await delivery.start()
    delivery.consume(envelopes(['1']))
    clock.jump(jump)
    clock.advance(20_000)
    expect(sends.map(({ at }) => at)).toEqual([0, 1000, 3000, 7000])
    expect(host.only.dropped('retries_exhausted')).toBe(1)
  })

  test('an attempt times out when it should', async () => {
    const { clock, ...host } = deliveryHost()
    let aborted = 0
    const sender = {
      send: (_batch: Batch, signal: AbortSignal) =>
        new Promise<never>(() => signal.addEventListener('abort', () => void aborted++)),
      close() {},
    }
    const config = deliveryConfig({ timeout: '5s', retry_on_failure: { enabled: false } })
    const delivery = queued(config, { ...host, clock }, sender)
    await delivery.start()
    delivery.consume(envelopes(['1']))
    clock.jump(jump)
    clock.advance(4999)
    expect(aborted).toBe(0)
    clock.advance(1)
    expect([aborted, host.only.dropped('connection')]).toEqual([1, 1])
    await delivery.stop(AbortSignal.abort())
  })

  test('a queue whose head has become old moves into memory of its own', async () => {
    const { delivery, clock } = sending({ retry_on_failure: { initial_interval: '60s', max_interval: '60s' } }, () => {
      throw new Retryable('busy')
    })
    await delivery.start()
    delivery.consume(envelopes(['1']))
    delivery.consume(envelopes(['2']))
    clock.jump(jump)
    clock.advance(99)
    expect(delivery.queue.stalled).toBe(false)
    clock.advance(1)
    expect(delivery.queue.stalled).toBe(true)
  })

  test('a series of like events is summed up after a minute', () => {
    const { clock } = deliveryHost()
    const lines: string[] = []
    const series = newLogSeries(newLog({ write: (line) => void lines.push(line) }), clock)
    series.note('key', 'again')
    series.note('key', 'again')
    clock.jump(jump)
    clock.advance(59_999)
    expect(lines).toHaveLength(1)
    clock.advance(1)
    expect(lines).toHaveLength(2)
    series.close()
  })

  test('StatsD intervals go on, no point ends before it starts, and gauges expire by time that passed', async () => {
    const settings = { endpoint: '127.0.0.1:0', aggregation_interval: '10s', series_expiry: '15s' }
    const receiver = runReceiver(statsd, settings, { formats: ['metrics'] })
    await receiver.start()
    const { clock, batches } = receiver
    const announced = /listening for StatsD address=(\S+)/
    const [, address] = announced.exec(receiver.lines.find((line) => announced.test(line))!)!
    const fold = async (line: string) => {
      const before = receiver.counter('lines_total') ?? 0
      await sendDatagrams(address!, [line])
      while ((receiver.counter('lines_total') ?? 0) === before) await new Promise(setImmediate)
    }
    await fold('level:5|g')
    clock.advance(10_000)
    await fold('level:+1|g')
    clock.advance(5000)
    clock.jump(jump)
    await fold('hits:1|c')
    clock.advance(4999)
    expect(batches).toHaveLength(1)
    clock.advance(1)
    expect(batches).toHaveLength(2)
    await fold('level:+1|g')
    await fold('hits:1|c')
    clock.advance(10_000)
    clock.advance(10_000)
    await fold('level:+1|g')
    clock.advance(10_000)
    const metrics = batches.map((batch) => metricsOf(batch))
    const levels = metrics.map(({ level }) => level?.gauge.dataPoints[0].asDouble)
    // 5, one more, one more, and after 20 s without a line from 0 on.
    expect(levels).toEqual([5, 6, 7, 1])
    const points = metrics.flatMap(({ hits }) => (hits?.sum.dataPoints ?? []) as Message[])
    expect(points).toHaveLength(2)
    for (const { startTimeUnixNano: from, timeUnixNano: to } of points) expect(to - from).toBeGreaterThanOrEqual(0n)
    const now = clock.now()
    expect(points.map(({ timeUnixNano }) => timeUnixNano)).toEqual([nanos(now - 30_000), nanos(now - 20_000)])
    expect(points[1]!.timeUnixNano - points[1]!.startTimeUnixNano).toBe(nanos(10_000))
    await receiver.stop()
  })

  test('pages are scraped once an interval, stamped by the clock, and took no negative time', async () => {
    let answer: () => void = () => {}
    let asked = 0
    const server = createServer((_, response) => {
      asked++
      answer = () => void response.end('hits 1\n')
      if (asked > 1) answer()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    const { port } = server.address() as { port: number }
    const times = { scrape_interval: '60s', scrape_timeout: '10s' }
    const job = { job_name: 'j', ...times, static_configs: [{ targets: [`127.0.0.1:${port}`] }] }
    const receiver = runReceiver(prometheus, { config: { scrape_configs: [job] } }, { formats: ['metrics'] })
    const { clock } = receiver
    const begun: number[] = []
    const after = clock.after.bind(clock)
    clock.after = (ms, fn) => {
      // Every scrape begins with the timer of its timeout.
      if (ms === 10_000) begun.push(clock.now())
      return after(ms, fn)
    }
    await receiver.start()
    while (begun.length === 0) clock.advance(100)
    while (asked === 0) await new Promise(setImmediate)
    // The clock jumps while the target thinks about its answer.
    clock.jump(jump)
    clock.advance(500)
    const took = (clock.now() - jump - begun[0]!) / 1000
    answer()
    const first = metricsOf((await receiver.records(4))[0]!)
    expect(first.scrape_duration_seconds!.gauge.dataPoints[0].asDouble).toBeCloseTo(took, 3)
    const stampOf = ({ hits }: Record<string, Message>) => Number(hits!.gauge.dataPoints[0].timeUnixNano / 1_000_000n)
    expect(Math.abs(stampOf(first) - begun[0]!)).toBeLessThanOrEqual(1)
    // One interval after the first one, whatever the wall says.
    while (begun.length === 1) {
      clock.advance(500)
      await new Promise(setImmediate)
    }
    const second = metricsOf((await receiver.records(8)).at(-1)!)
    expect([begun.length, asked]).toEqual([2, 2])
    expect(begun[1]! - begun[0]!).toBeCloseTo(60_000 + jump, 0)
    expect(Math.abs(stampOf(second) - begun[1]!)).toBeLessThanOrEqual(1)
    await receiver.stop()
  })

  test("the agent's own metrics never end before they started", async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const collector = await startCollectorSink({ plaintext: true })
    const otlp = { protocol: 'grpc', endpoint: `http://${collector.address}` }
    const readers = [{ periodic: { interval: 60_000, exporter: { otlp } } }]
    const telemetry = { logs: {}, metrics: { readers }, traces: {}, resource: {} }
    const metrics = new Metrics()
    metrics.counter('hits', 'Hits.').add(1)
    const otel = await newOtel({ telemetry } as OtelSettings, { families: () => metrics.families(), own: () => [] })
    vi.setSystemTime(Date.now() + jump)
    await otel.close()
    const [point] = collector.metrics()[0]!.sum.dataPoints
    expect(point.timeUnixNano).toBe(nanos(Date.now()))
    expect(point.timeUnixNano - point.startTimeUnixNano).toBe(nanos(Math.max(0, jump)))
  })

  test('records keep their own times, also when they are converted', () => {
    const { clock } = deliveryHost()
    clock.jump(jump)
    const before = envelopes(['x'])
    const [converted] = findConverter('envelopes', ['logs'])!.convert(before, ['logs'], clock.now()).batches
    const [log] = decodeOtlpLogs(converted!.bytes()).resourceLogs[0].scopeLogs[0].logRecords
    expect(log.observedTimeUnixNano).toBe(nanos(clock.now()))
    expect(log.timeUnixNano ?? 0n).toBe(decodeEnvelopeBatch(before.bytes())[0]!.timestamp ?? 0n)
  })
})

const metricsOf = (batch: Batch): Record<string, Message> =>
  Object.fromEntries(
    (decodeOtlpMetrics(batch.bytes()).resourceMetrics as Message[])
      .flatMap((resource) => resource.scopeMetrics[0].metrics as Message[])
      .map((metric) => [metric.name as string, metric]),
  )
