import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { sendDatagrams } from '../../../test/support/client.ts'
import { decodeOtlpMetrics, type Message } from '../../../test/support/decode.ts'
import { type DecodedEnvelope, decodeEnvelopes } from '../../../test/support/decode-envelopes.ts'
import { type ReceiverRun, type ReceiverRunOptions, runReceiver } from '../../../test/support/receiver.ts'
import { loadConfig } from '../../config/load.ts'
import statsd from './index.ts'

type Started = { receiver: ReceiverRun; address: string }

async function started(
  written: Record<string, unknown>,
  options: ReceiverRunOptions,
  announcement: string | RegExp,
): Promise<Started> {
  const receiver = runReceiver(statsd, { endpoint: 'localhost:0', ...written }, options)
  await receiver.start()
  const line = receiver.lines.find((each) => each.match(announcement))!
  return { receiver, address: line.replace(announcement, '') }
}

const injector = (written: Record<string, unknown> = {}): Promise<Started> =>
  started({ mode: 'injector', ...written }, { formats: ['envelopes'] }, 'Started statsd-injector listener at ')

const aggregating = (written: Record<string, unknown> = {}, memory?: number): Promise<Started> =>
  started(written, { formats: ['metrics'], ...(memory && { memory }) }, /^\[statsd\] listening for StatsD address=/)

const envelopesOf = (receiver: ReceiverRun): DecodedEnvelope[] =>
  receiver.batches.flatMap((batch) => decodeEnvelopes(batch.bytes()))

/** Metrics of all batches by name. */
function metricsOf(receiver: ReceiverRun): Record<string, Message> {
  const metrics = receiver.batches
    .flatMap((batch) => decodeOtlpMetrics(batch.bytes()).resourceMetrics as Message[])
    .flatMap((resource) => resource.scopeMetrics[0].metrics as Message[])
  return Object.fromEntries(metrics.map((metric) => [metric.name as string, metric]))
}

const attributesOf = (point: Message): Record<string, string> =>
  Object.fromEntries((point.attributes ?? []).map(({ key, value }: Message) => [key, value.stringValue ?? '']))

/** Sends lines and ends the interval when all of them have been folded. */
async function fold({ receiver, address }: Started, lines: readonly string[], samples = lines.length): Promise<void> {
  const before = receiver.counter('lines_total') ?? 0
  await sendDatagrams(address, lines)
  while ((receiver.counter('lines_total') ?? 0) < before + samples) await new Promise(setImmediate)
  receiver.clock.advance(60_000)
}

describe('statsd receiver as injector', () => {
  test('prints where it listens, in the words of the original', async () => {
    const { receiver, address } = await injector()
    expect(receiver.lines).toContain('Listening for statsd on hostport localhost:0')
    expect(address).toMatch(/^127\.0\.0\.1:\d+$/)
    await receiver.stop()
  })

  test('makes the envelopes that the original made of the recorded datagrams', async () => {
    const rows = readFileSync(new URL('../../../test/testdata/statsd-injector.jsonl', import.meta.url), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { fresh: boolean; input_b64: string; output: Message[] })
    // Lines that continue the process of the first one.
    const end = rows.findIndex((row, i) => i > 0 && row.fresh)
    const { receiver, address } = await injector()
    await sendDatagrams(
      address,
      rows.slice(0, end).map((row) => Buffer.from(row.input_b64, 'base64')),
    )
    const expected = rows.slice(0, end).flatMap((row) => row.output)
    await receiver.records(expected.length)
    expect(envelopesOf(receiver).map(({ timestamp: _, ...rest }) => rest)).toEqual(expected)
    await receiver.stop()
  })

  test('stamps envelopes with the clock and keeps running sums', async () => {
    const { receiver, address } = await injector()
    await sendDatagrams(address, ['uaa.requests:2|c\nuaa.requests:3|c|#az:z1\n'])
    await receiver.records(2)
    const [first, second] = envelopesOf(receiver)
    expect(first!.gauge!.metrics).toEqual({ requests: { unit: 'counter', value: 2 } })
    expect(second).toEqual({
      timestamp: `${receiver.clock.now()}000000`,
      source_id: 'uaa',
      tags: { origin: 'uaa', az: 'z1' },
      gauge: { metrics: { requests: { unit: 'counter', value: 5 } } },
    })
    await receiver.stop()
  })

  test('skips malformed lines, counts them, and shows one in ten seconds', async () => {
    const { receiver, address } = await injector()
    await sendDatagrams(address, ['nonsense\na.b:1|g\n\na.b:x|g', 'a.c:1|g'])
    await receiver.records(2)
    const text = `Error parsing stat line "nonsense": input line 'nonsense' was not a valid statsd line`
    expect(receiver.lines.filter((line) => line.startsWith('Error parsing'))).toEqual([text])
    expect(receiver.account.dropped('malformed')).toBe(3)
    expect(receiver.counter('malformed_lines_total')).toBe(3)
    expect(receiver.counter('lines_total')).toBe(5)
    await receiver.stop()
    expect(receiver.account).toMatchObject({ offered: 5, taken: 2 })
    expect(receiver.account.imbalance()).toBe(0)
  })

  test('forgets the running value not used for longest when there are too many', async () => {
    const { receiver, address } = await injector({ max_series: 2 })
    await sendDatagrams(address, ['o.a:1|c', 'o.b:1|c', 'o.c:1|c', 'o.a:1|c', 'o.c:1|c'])
    await receiver.records(5)
    const values = envelopesOf(receiver).map((each) => Object.values(each.gauge!.metrics)[0]!.value)
    expect(values).toEqual([1, 1, 1, 1, 2])
    expect(receiver.counter('evicted_series_total')).toBe(2)
    await receiver.stop()
  })
})

describe('statsd receiver that aggregates', () => {
  test('sums counters over the interval, sampling rates included, as delta sums', async () => {
    const run = await aggregating()
    const startMs = run.receiver.clock.now()
    await fold(run, ['hits:3|c|#b:2,a:1', 'hits:1|c|@0.1|#a:1,b:2', 'hits:1|c'])
    const { hits } = metricsOf(run.receiver)
    expect(hits!.sum).toMatchObject({ aggregationTemporality: 1 })
    expect(hits!.sum.isMonotonic ?? false).toBe(false)
    const points = hits!.sum.dataPoints.map((point: Message) => [attributesOf(point), point.asInt])
    expect(points).toEqual(
      expect.arrayContaining([
        [{ a: '1', b: '2' }, 13n],
        [{}, 1n],
      ]),
    )
    expect(points).toHaveLength(2)
    expect(hits!.sum.dataPoints[0]).toMatchObject({
      startTimeUnixNano: BigInt(startMs) * 1_000_000n,
      timeUnixNano: BigInt(startMs + 60_000) * 1_000_000n,
    })
    expect(run.receiver.account).toMatchObject({ offered: 2, taken: 2 })
    await run.receiver.stop()
    expect(run.receiver.account.imbalance()).toBe(0)
  })

  test('starts counters anew each interval and sends nothing for series that were quiet', async () => {
    const run = await aggregating({ is_monotonic_counter: true })
    await fold(run, ['hits:3|c', 'level:7|g'])
    run.receiver.batches.length = 0
    await fold(run, ['hits:2|c'])
    const metrics = metricsOf(run.receiver)
    expect(Object.keys(metrics)).toEqual(['hits'])
    expect(metrics.hits!.sum).toMatchObject({ isMonotonic: true, dataPoints: [{ asInt: 2n }] })
    await run.receiver.stop()
  })

  test('keeps gauges: the last value, or relative to the one before', async () => {
    const run = await aggregating()
    await fold(run, ['level:5|g', 'level:7|g'])
    await fold(run, ['level:-3|g'])
    const values = run.receiver.batches.map(
      (batch) =>
        decodeOtlpMetrics(batch.bytes()).resourceMetrics[0].scopeMetrics[0].metrics[0].gauge.dataPoints[0].asDouble,
    )
    expect(values).toEqual([7, 4])
    await run.receiver.stop()
  })

  test('forgets a gauge that was not seen for series_expiry', async () => {
    const run = await aggregating({ series_expiry: '90s' })
    await fold(run, ['level:5|g'])
    run.receiver.clock.advance(60_000)
    await fold(run, ['level:+1|g'])
    const { level } = metricsOf(run.receiver)
    expect(level!.gauge.dataPoints[0].asDouble).toBe(1)
    await run.receiver.stop()
  })

  const summaries = ['timing', 'histogram', 'distribution'].map((statsd_type) => ({
    statsd_type,
    observer_type: 'summary',
  }))

  test('makes a gauge with a point for every value of timers, histograms and distributions that no mapping names', async () => {
    const run = await aggregating({ timer_histogram_mapping: [{ statsd_type: 'histogram', observer_type: 'summary' }] })
    await fold(run, ['latency:3:7|ms', 'size:4|d', 'named:5|h'], 4)
    const { latency, size, named } = metricsOf(run.receiver)
    expect(latency).toMatchObject({ unit: 'ms' })
    expect(latency!.gauge.dataPoints.map((point: Message) => point.asDouble)).toEqual([3, 7])
    expect(size!.gauge.dataPoints).toHaveLength(1)
    expect(named!.summary.dataPoints).toHaveLength(1)
    await run.receiver.stop()
  })

  test('summarises timers, histograms and distributions where asked to', async () => {
    const run = await aggregating({ timer_histogram_mapping: summaries })
    const values = Array.from({ length: 100 }, (_, i) => `${i + 1}`).join(':')
    await fold(run, [`latency:${values}|ms`, 'size:4|h|@0.5', 'size:2|d'], 102)
    const { latency } = metricsOf(run.receiver)
    expect(latency).toMatchObject({ unit: 'ms' })
    expect(latency!.summary.dataPoints).toHaveLength(1)
    const [point] = latency!.summary.dataPoints
    expect(point).toMatchObject({ count: 100n, sum: 5050 })
    expect(point.quantileValues).toEqual(
      [
        [0, 1],
        [0.1, 10],
        [0.5, 50],
        [0.9, 90],
        [0.95, 95],
        [1, 100],
      ].map(([quantile, value]) => ({ quantile, value })),
    )
    await run.receiver.stop()
  })

  test('obeys timer_histogram_mapping', async () => {
    const run = await aggregating({
      timer_histogram_mapping: [
        {
          statsd_type: 'timing',
          observer_type: 'histogram',
          histogram: { explicit_buckets: [{ matcher_pattern: '^api', buckets: [1, 10] }] },
        },
        { statsd_type: 'histogram', observer_type: 'gauge' },
        { statsd_type: 'distribution', observer_type: 'disabled' },
      ],
    })
    await fold(run, ['api:1|ms', 'api:5|ms|@0.5', 'api:50|ms', 'other:8|ms', 'size:1:2|h', 'gone:1|d'], 7)
    const { api, other, size, gone } = metricsOf(run.receiver)
    expect(api!.histogram).toMatchObject({
      aggregationTemporality: 1,
      dataPoints: [{ count: 4n, sum: 61, bucketCounts: [1n, 2n, 1n], explicitBounds: [1, 10] }],
    })
    expect(other!.exponentialHistogram).toMatchObject({
      aggregationTemporality: 1,
      dataPoints: [{ count: 1n, sum: 8, scale: 20 }],
    })
    expect(size!.gauge.dataPoints.map((point: Message) => point.asDouble)).toEqual([1, 2])
    expect(gone).toBeUndefined()
    expect(run.receiver.counter('skipped_lines_total')).toBe(1)
    await run.receiver.stop()
  })

  test('counts the different members of a set', async () => {
    const run = await aggregating()
    await fold(run, ['users:ann|s', 'users:bob|s', 'users:ann|s'])
    expect(metricsOf(run.receiver).users!.gauge.dataPoints[0].asInt).toBe(2n)
    await run.receiver.stop()
  })

  test('takes DogStatsD tags, containers and types as attributes', async () => {
    const run = await aggregating({ enable_metric_type: true, enable_simple_tags: true })
    await fold(run, ['hits:1|c|#env:prod,canary|c:ci-abc', 'wait:1|ms'])
    const { hits, wait } = metricsOf(run.receiver)
    expect(attributesOf(hits!.sum.dataPoints[0])).toEqual({
      canary: '',
      env: 'prod',
      metric_type: 'counter',
      'container.id': 'abc',
    })
    expect(attributesOf(wait!.gauge.dataPoints[0])).toEqual({ metric_type: 'timing' })
    await run.receiver.stop()
  })

  test('counts lines that do not parse in a counter of its own: no record was lost', async () => {
    const run = await aggregating()
    await fold(run, ['nonsense\nhits:1|c\n_e{1,1}:a|b'], 3)
    expect(run.receiver.counter('malformed_lines_total')).toBe(1)
    expect(run.receiver.counter('skipped_lines_total')).toBe(1)
    expect(run.receiver.counter('lines_total')).toBe(3)
    expect(run.receiver.account).toMatchObject({ offered: 1, taken: 1, droppedTotal: 0 })
    await run.receiver.stop()
  })

  test('bounds the number of series and counts what is lost with one', async () => {
    const run = await aggregating({ max_series: 2 })
    await fold(run, ['a:1|c', 'b:1|c', 'c:1|c', 'b:1|c'])
    expect(Object.keys(metricsOf(run.receiver)).sort()).toEqual(['b', 'c'])
    expect(metricsOf(run.receiver).b!.sum.dataPoints[0].asInt).toBe(2n)
    expect(run.receiver.account.dropped('series_limit')).toBe(1)
    await run.receiver.stop()
    expect(run.receiver.account.imbalance()).toBe(0)
  })

  test('charges values to the memory budget, keeps a sample of them when it is used up, and gives all of it back', async () => {
    const run = await aggregating({ timer_histogram_mapping: summaries }, 2048)
    const values = Array.from({ length: 500 }, () => '1').join(':')
    await fold(run, [`latency:${values}|ms`, 'users:ann|s'], 501)
    const { latency } = metricsOf(run.receiver)
    expect(latency!.summary.dataPoints[0]).toMatchObject({ count: 500n, sum: 500 })
    expect(run.receiver.budget.used).toBeLessThanOrEqual(2048)
    await run.receiver.stop()
    expect(run.receiver.budget.used).toBe(0)
  })

  test('splits a large interval into several requests', async () => {
    const run = await aggregating()
    const lines = Array.from({ length: 4500 }, (_, i) => `hits:1|c|#i:${i}`)
    const packets = Array.from({ length: 90 }, (_, i) => lines.slice(i * 50, i * 50 + 50).join('\n'))
    for (let i = 0; i < 90; i += 10) await sendDatagrams(run.address, packets.slice(i, i + 10))
    while (run.receiver.counter('lines_total')! < 4500) await new Promise(setImmediate)
    run.receiver.clock.advance(60_000)
    expect(run.receiver.batches.map((batch) => batch.count)).toEqual([2000, 2000, 500])
    expect(run.receiver.batches.every((batch) => batch.index().count === batch.count)).toBe(true)
    await run.receiver.stop()
  })

  test('sends what an interval has gathered when it stops', async () => {
    const run = await aggregating()
    await sendDatagrams(run.address, ['hits:1|c'])
    while (run.receiver.counter('lines_total') !== 1) await new Promise(setImmediate)
    await run.receiver.stop()
    await run.receiver.stop()
    expect(metricsOf(run.receiver).hits!.sum.dataPoints[0].asInt).toBe(1n)
  })

  test('refuses buckets that do not ascend and patterns that are none', async () => {
    const mapping = (buckets: number[], matcher_pattern = '.*') => ({
      timer_histogram_mapping: [
        {
          statsd_type: 'timer',
          observer_type: 'histogram',
          histogram: { explicit_buckets: [{ matcher_pattern, buckets }] },
        },
      ],
    })
    await expect(aggregating(mapping([1, 1]))).rejects.toThrow('explicit buckets must ascend: 1 follows 1')
    await expect(aggregating(mapping([1], '('))).rejects.toThrow('matcher_pattern "("')
  })
})

test('sample.yaml loads', () => {
  const file = new URL('./sample.yaml', import.meta.url).pathname
  const { value, problems } = loadConfig([file], { set: [], env: {} })
  expect(problems).toEqual([])
  for (const written of Object.values(value.receivers as object))
    expect(() => statsd.config.parse(written)).not.toThrow()
})
