import { describe, expect, test } from 'vitest'
import type { Message } from '../../../test/support/protobuf-schema.ts'
import { Receipt } from '../../telemetry/receipt.ts'
import remoteWrite from './index.ts'
import { attributes, batchOf, exporting, gauge, lines, passing, receiving, settled, timeUnixNano } from './test-kit.ts'

describe('a request', () => {
  test('has every kind of metric, sorted labels, and what the protocol asks of its head', async () => {
    const { url, requests, until } = await receiving(() => ({ status: 204 }))
    const { exporter, account } = await exporting(url, {
      external_labels: { zone: 'z' },
      headers: { 'X-Scope-OrgID': 't' },
    })
    exporter.consume(
      batchOf(
        [
          gauge('Up.time', 1.5, { Big: '1', small: '2' }),
          {
            name: 'n',
            unit: 'By',
            sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [{ timeUnixNano, asInt: '7' }] },
          },
          {
            name: 'h',
            histogram: {
              aggregationTemporality: 2,
              dataPoints: [
                { timeUnixNano, count: '6', sum: 2.5, bucketCounts: ['1', '2', '3'], explicitBounds: [0.1, 1] },
              ],
            },
          },
          {
            name: 's',
            summary: {
              dataPoints: [{ timeUnixNano, count: '2', sum: 3, quantileValues: [{ quantile: 0.5, value: 1 }] }],
            },
          },
        ],
        { 'service.name': 'job', 'host.name': 'vm' },
      ),
    )
    await until(1)
    const [request] = requests
    expect(request!.headers).toMatchObject({
      'content-type': 'application/x-protobuf',
      'content-encoding': 'snappy',
      'x-prometheus-remote-write-version': '0.1.0',
      'x-scope-orgid': 't',
    })
    const at = '@1700000000123'
    expect(lines(request!)).toEqual([
      `Up_time{Big="1",job="job",small="2",zone="z"} 1.5 ${at}`,
      `n_bytes_total{job="job",zone="z"} 7 ${at}`,
      `h_bucket{job="job",le="0.1",zone="z"} 1 ${at}`,
      `h_bucket{job="job",le="1",zone="z"} 3 ${at}`,
      `h_bucket{job="job",le="+Inf",zone="z"} 6 ${at}`,
      `h_sum{job="job",zone="z"} 2.5 ${at}`,
      `h_count{job="job",zone="z"} 6 ${at}`,
      `s{job="job",quantile="0.5",zone="z"} 1 ${at}`,
      `s_sum{job="job",zone="z"} 3 ${at}`,
      `s_count{job="job",zone="z"} 2 ${at}`,
      `target_info{host_name="vm",job="job",zone="z"} 1 ${at}`,
    ])
    await settled(account)
    expect([account.received, account.sent]).toEqual([4, 4])
  })

  test('has exponential histograms as native ones, finer scales made coarser', async () => {
    const { url, requests, until } = await receiving(() => ({ status: 200 }))
    const { exporter, account } = await exporting(url)
    const exponential = (scale: number) => ({
      timeUnixNano,
      count: '10',
      sum: 4.5,
      scale,
      zeroCount: '1',
      positive: { offset: -2, bucketCounts: ['0', '4', '0', '3'] },
      negative: { offset: 3, bucketCounts: ['2'] },
    })
    const metric = {
      name: 'e',
      exponentialHistogram: {
        aggregationTemporality: 2,
        dataPoints: [exponential(2), exponential(9), exponential(-5)],
      },
    }
    exporter.consume(batchOf([metric]))
    await until(1)
    const histograms = requests[0]!.series.flatMap(({ histograms }) => histograms as Message[])
    expect(histograms[0]).toMatchObject({
      count: 10n,
      sum: 4.5,
      schema: 2,
      zeroCount: 1n,
      positiveSpans: [{ offset: 0, length: 3 }],
      positiveDeltas: [4, -4, 3],
      negativeSpans: [{ offset: 4, length: 1 }],
      negativeDeltas: [2],
    })
    // Buckets -1 and 1 at scale 9 are -1 and 0 at scale 8.
    expect(histograms[1]).toMatchObject({
      schema: 8,
      positiveSpans: [{ offset: 0, length: 2 }],
      positiveDeltas: [4, -1],
    })
    await settled(account)
    expect([account.sent, account.dropped('rejected')]).toEqual([2, 1])
  })

  test('says that a series has ended by the NaN that means so', async () => {
    const { url, requests, until } = await receiving(() => ({ status: 200 }))
    const { exporter } = await exporting(url)
    exporter.consume(batchOf([{ name: 'g', gauge: { dataPoints: [{ timeUnixNano, flags: 1 }] } }]))
    await until(1)
    expect(lines(requests[0]!)).toEqual(['g{} NaN @1700000000123'])
  })
  test('has exemplars where they belong, with as many labels as have room', async () => {
    const { url, requests, until } = await receiving(() => ({ status: 200 }))
    const { exporter } = await exporting(url)
    const exemplar = (asDouble: number, more: object = {}) => ({
      asDouble,
      timeUnixNano: '1700000000007000000',
      ...more,
    })
    const ids = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
    const of = (value: string) => ({ filteredAttributes: attributes({ 'user.id': value }) })
    exporter.consume(
      batchOf([
        {
          name: 'h',
          histogram: {
            aggregationTemporality: 2,
            dataPoints: [
              {
                timeUnixNano,
                count: '3',
                bucketCounts: ['1', '1', '1'],
                explicitBounds: [1, 2],
                exemplars: [
                  exemplar(2, { ...ids, ...of('a') }),
                  exemplar(9, of('x'.repeat(200))),
                  exemplar(9.5, of('b')),
                ],
              },
            ],
          },
        },
        {
          name: 'c',
          sum: {
            aggregationTemporality: 2,
            isMonotonic: true,
            dataPoints: [{ timeUnixNano, asInt: '7', exemplars: [{ asInt: '-3' }] }],
          },
        },
      ]),
    )
    await until(1)
    const found = requests[0]!.series.flatMap(({ labels, exemplars = [] }) => {
      const pairs = (list: unknown) => (list as Message[]).map(({ name, value }) => `${name}=${value}`).join()
      return (exemplars as Message[]).map(
        (one) => `${pairs(labels)}: ${pairs(one.labels ?? [])} ${one.value} @${one.timestamp}`,
      )
    })
    expect(found).toEqual([
      `__name__=h_bucket,le=2: span_id=${ids.spanId},trace_id=${ids.traceId},user_id=a 2 @1700000000007`,
      '__name__=h_bucket,le=+Inf:  9 @1700000000007',
      '__name__=h_bucket,le=+Inf: user_id=b 9.5 @1700000000007',
      '__name__=c_total:  -3 @1700000000123',
    ])
    expect(lines(requests[0]!).some((line) => line.startsWith('h_sum'))).toBe(false)
  })

  test('of its own tells types, help and units once a minute, where that is asked', async () => {
    const { url, requests } = await receiving(() => ({ status: 200 }))
    const { exporter, clock, account } = await exporting(url, { send_metadata: true, namespace: 'ns' })
    const at = (seconds: number) => ({ timeUnixNano: `${1_700_000_000 + seconds}000000000` })
    const metrics = (seconds: number) => [
      { name: 'g', description: 'Heat.', unit: 'Cel', gauge: { dataPoints: [{ ...at(seconds), asDouble: 1 }] } },
      {
        name: 'c',
        unit: 'By/s',
        sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [{ ...at(seconds), asInt: '7' }] },
      },
      { name: 's', summary: { dataPoints: [{ ...at(seconds), count: '1' }] } },
      {
        name: 'e',
        exponentialHistogram: { aggregationTemporality: 2, dataPoints: [{ ...at(seconds), count: '0' }] },
      },
    ]
    for (const seconds of [0, 59, 60]) {
      exporter.consume(batchOf(metrics(seconds)))
      await passing(clock, account)
    }
    const told = requests.map(({ metadata }) => metadata).filter((list) => list.length > 0)
    expect(told).toHaveLength(2)
    expect(told[0]).toEqual(told[1])
    expect(told[0]).toMatchObject([
      { type: 2, metricFamilyName: 'ns_g_celsius', help: 'Heat.', unit: 'celsius' },
      { type: 1, metricFamilyName: 'ns_c_bytes_per_second_total', unit: 'bytes_per_second' },
      { type: 5, metricFamilyName: 'ns_s' },
      { type: 3, metricFamilyName: 'ns_e' },
    ])
    expect(account.sent).toBe(12)
  })

  test.each([400, 503])('that has no place for metadata (%d) gets the samples, once', async (status) => {
    const { url, requests } = await receiving((number) => ({ status: number % 2 === 0 ? status : 200 }))
    const { exporter, clock, account, logged } = await exporting(url, { send_metadata: true })
    const point = { timeUnixNano: '1700000000000000000', asDouble: 1 }
    exporter.consume(batchOf([{ name: 'g', description: 'Heat.', gauge: { dataPoints: [point] } }]))
    await passing(clock, account)
    expect(requests.map(({ series, metadata }) => [series.length, metadata.length])).toEqual([
      [1, 0],
      [0, 1],
    ])
    expect([account.sent, account.attempts, account.dropped('rejected')]).toEqual([1, 1, 0])
    expect(logged.join()).toMatch(/metadata was not taken/)
  })
})

test('deltas are not sent, and counted', async () => {
  const { url, requests, until } = await receiving(() => ({ status: 200 }))
  const { exporter, account } = await exporting(url)
  const delta = {
    name: 'd',
    sum: { aggregationTemporality: 1, isMonotonic: true, dataPoints: [{ timeUnixNano, asInt: '7' }] },
  }
  let fate: unknown
  const receipt = new Receipt((outcome) => {
    fate = outcome
  })
  exporter.consume(batchOf([delta], {}, [receipt]))
  expect(fate).toEqual({ dropped: 'not_representable' })
  exporter.consume(batchOf([delta, gauge('g', 1)]))
  await until(1)
  await settled(account)
  expect([account.received, account.sent, account.dropped('not_representable')]).toEqual([3, 1, 2])
  expect(requests.flatMap(lines)).toEqual(['g{} 1 @1700000000123'])
})

test.each([
  ['no endpoint', {}, 'endpoint'],
  [
    'remote write 2',
    { endpoint: 'http://p', protobuf_message: 'io.prometheus.write.v2.Request' },
    'prometheus.WriteRequest',
  ],
  ['a log of its own', { endpoint: 'http://p', wal: { directory: 'x' } }, 'wal is not supported: write `sending_queue'],
  ['_created', { endpoint: 'http://p', export_created_metric: {} }, 'export_created_metric is not supported: leave'],
  [
    'a label that names series',
    { endpoint: 'http://p', external_labels: { __name__: 'c' } },
    '"__name__" is no name of a label',
  ],
  ['a label that is none', { endpoint: 'http://p', external_labels: { 'a.b': 'c' } }, '"a.b" is no name of a label'],
])('%s is no configuration', (_name, written, message) => {
  expect(JSON.stringify(remoteWrite.config.safeParse(written).error?.issues)).toContain(
    JSON.stringify(message).slice(1, -1),
  )
})
