import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { decode, type Message, type Schema } from '../../../test/support/protobuf-schema.ts'
import { Budget } from '../../delivery/budget.ts'
import { Ledger } from '../../delivery/ledger.ts'
import { newHost } from '../../engine/host.ts'
import { Batch } from '../../plugin.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { newLog } from '../../runtime/log.ts'
import { Metrics } from '../../runtime/metrics.ts'
import { Receipt } from '../../telemetry/receipt.ts'
import { decodeOtlpJson } from '../../wire/otlp/json-decode.ts'
import { decodeSnappy } from '../../wire/snappy-decode.ts'
import remoteWrite from './index.ts'

const closers: (() => unknown)[] = []
afterEach(() => Promise.all(closers.splice(0).map((close) => close())))

const span: Schema = { 1: { name: 'offset', type: 'sint32' }, 2: { name: 'length', type: 'int32' } }
const labels: Schema[number] = {
  name: 'labels',
  repeated: true,
  type: { 1: { name: 'name', type: 'string' }, 2: { name: 'value', type: 'string' } },
}
const writeRequest: Schema = {
  3: {
    name: 'metadata',
    repeated: true,
    type: {
      1: { name: 'type', type: 'int32' },
      2: { name: 'metricFamilyName', type: 'string' },
      4: { name: 'help', type: 'string' },
      5: { name: 'unit', type: 'string' },
    },
  },
  1: {
    name: 'timeseries',
    repeated: true,
    type: {
      1: labels,
      3: {
        name: 'exemplars',
        repeated: true,
        type: { 1: labels, 2: { name: 'value', type: 'double' }, 3: { name: 'timestamp', type: 'int64' } },
      },
      2: {
        name: 'samples',
        repeated: true,
        type: { 1: { name: 'value', type: 'double' }, 2: { name: 'timestamp', type: 'int64' } },
      },
      4: {
        name: 'histograms',
        repeated: true,
        type: {
          1: { name: 'count', type: 'uint64' },
          3: { name: 'sum', type: 'double' },
          4: { name: 'schema', type: 'sint32' },
          5: { name: 'zeroThreshold', type: 'double' },
          6: { name: 'zeroCount', type: 'uint64' },
          8: { name: 'negativeSpans', repeated: true, type: span },
          9: { name: 'negativeDeltas', repeated: true, type: 'sint32' },
          11: { name: 'positiveSpans', repeated: true, type: span },
          12: { name: 'positiveDeltas', repeated: true, type: 'sint32' },
          15: { name: 'timestamp', type: 'int64' },
        },
      },
    },
  },
}

interface Request {
  headers: IncomingHttpHeaders
  series: Message[]
  metadata: Message[]
}

/** `name{a="b"} 1 @5` for every sample. */
const lines = ({ series }: Request): string[] =>
  series.flatMap(({ labels, samples }) => {
    const pairs = (labels as Message[]).map(({ name, value }) => [name, value] as [string, string])
    expect(pairs.map(([name]) => name)).toEqual(pairs.map(([name]) => name).sort())
    const name = pairs.find(([key]) => key === '__name__')![1]
    const rest = pairs.filter(([key]) => key !== '__name__').map(([key, value]) => `${key}="${value}"`)
    return ((samples as Message[] | undefined) ?? []).map(
      ({ value, timestamp }) => `${name}{${rest.join(',')}} ${value} @${timestamp}`,
    )
  })

interface Answer {
  status: number
  headers?: Record<string, string>
  text?: string
}

async function receiving(answer: (number: number) => Answer | Promise<Answer>) {
  const requests: Request[] = []
  const waiting: { count: number; resolve(): void }[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', async () => {
      const body = decodeSnappy(Buffer.concat(chunks), 1 << 24) as Buffer
      const { timeseries = [], metadata = [] } = decode(writeRequest, body)
      requests.push({ headers: request.headers, series: timeseries as Message[], metadata: metadata as Message[] })
      for (const one of waiting) if (requests.length >= one.count) one.resolve()
      const { status, headers = {}, text = '' } = await answer(requests.length)
      response.writeHead(status, headers).end(text)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const until = (count: number) =>
    new Promise<void>((resolve) => {
      if (requests.length >= count) resolve()
      else waiting.push({ count, resolve })
    })
  return { url: `http://127.0.0.1:${port}/api/v1/write?tenant=a`, requests, until }
}

async function exporting(endpoint: string, written: Record<string, unknown> = {}) {
  const clock = new ManualClock()
  const ledger = new Ledger()
  const logged: string[] = []
  const host = newHost(
    {
      log: newLog({ level: 'info', write: (line) => void logged.push(line) }),
      clock,
      metrics: new Metrics(),
      ledger,
      budget: new Budget('service'),
    },
    { kind: 'exporter', type: 'prometheusremotewrite', id: 'prw', readsOrigins: false, extension: () => undefined },
  )
  const exporter = remoteWrite.create({ config: remoteWrite.config.parse({ endpoint, ...written }), host })
  await exporter.start()
  closers.push(() => exporter.stop(AbortSignal.abort()))
  return { exporter, clock, logged, account: ledger.accounts[0]! }
}

const timeUnixNano = '1700000000123000000'
const attributes = (of: Record<string, string>) =>
  Object.entries(of).map(([key, stringValue]) => ({ key, value: { stringValue } }))
const batchOf = (metrics: object[], resource: Record<string, string> = {}, receipts: Receipt[] = []): Batch => {
  const request = { resourceMetrics: [{ resource: { attributes: attributes(resource) }, scopeMetrics: [{ metrics }] }] }
  return Batch.copyOf('metrics', decodeOtlpJson('metrics', Buffer.from(JSON.stringify(request))) as Buffer, {
    receipts,
  })
}
const gauge = (name: string, value: number, of: Record<string, string> = {}) => ({
  name,
  gauge: { dataPoints: [{ timeUnixNano, asDouble: value, attributes: attributes(of) }] },
})
const settled = async (account: { received: number; sent: number; droppedTotal: number; held(): number }) => {
  while (account.held() > 0) await new Promise(setImmediate)
}
/** The same, while time passes: slower than answers come. */
const passing = async (clock: ManualClock, account: { held(): number }) => {
  while (account.held() > 0) {
    clock.advance(1)
    await new Promise(setImmediate)
  }
}

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

  const many = (count: number, at = 0) => Array.from({ length: count }, (_, i) => gauge('g', i + at, { n: String(i) }))
  const lineOf = (i: number, at = 0) => `g{n="${i}"} ${i + at} @1700000000123`

  /** The first request is answered when the second has come: `most` were open at the same time. */
  const receivingTwo = async () => {
    const open = { now: 0, most: 0 }
    const receiver = await receiving(async () => {
      open.most = Math.max(open.most, ++open.now)
      await receiver.until(2)
      open.now--
      return { status: 200 }
    })
    return { ...receiver, open }
  }

  test('is cut at max_batch_size_bytes; its parts go at the same time, as many as num_consumers says', async () => {
    const { url, requests, open } = await receivingTwo()
    const { exporter, account } = await exporting(url, {
      max_batch_size_bytes: 4096,
      remote_write_queue: { num_consumers: 2 },
    })
    exporter.consume(batchOf(many(300)))
    await settled(account)
    expect([account.sent, open.most]).toEqual([300, 2])
    expect(requests.length).toBeGreaterThan(3)
    expect(requests.flatMap(lines).sort()).toEqual(Array.from({ length: 300 }, (_, i) => lineOf(i)).sort())
  })

  test('waits for those that have earlier samples of its series', async () => {
    const { url, requests } = await receivingTwo()
    const { exporter, account } = await exporting(url, { max_batch_size_bytes: 4096, max_batch_request_parallelism: 9 })
    exporter.consume(batchOf([...many(200), ...many(200, 1000)]))
    await settled(account)
    const all = requests.flatMap(lines)
    for (let i = 0; i < 200; i++) expect(all.indexOf(lineOf(i))).toBeLessThan(all.indexOf(lineOf(i, 1000)))
    expect(all).toHaveLength(400)
  })

  test('that failed is repeated; those of the batch that did not are not', async () => {
    const { url, requests } = await receiving((number) => ({ status: number === 2 ? 503 : 200 }))
    const { exporter, clock, account } = await exporting(url, {
      max_batch_size_bytes: 4096,
      max_batch_request_parallelism: 1,
    })
    exporter.consume(batchOf(many(300)))
    await passing(clock, account)
    const [, second, third] = requests.map(lines)
    expect(third).toEqual(second)
    expect(requests.toSpliced(1, 1).flatMap(lines)).toEqual(Array.from({ length: 300 }, (_, i) => lineOf(i)))
    expect([account.sent, account.maybe_duplicate]).toEqual([300, 300])
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

describe('an answer', () => {
  test.each([429, 500, 503])('%d is repeated after the time it names, in order', async (status) => {
    const { url, requests, until } = await receiving((number) =>
      number === 1 ? { status, headers: { 'retry-after': '7' } } : { status: 200 },
    )
    const { exporter, clock, account } = await exporting(url)
    exporter.consume(batchOf([gauge('first', 1)]))
    await until(1)
    exporter.consume(batchOf([gauge('second', 2)]))
    let waited = 0
    for (; requests.length < 2; waited += 500) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      clock.advance(500)
    }
    expect(waited).toBeGreaterThanOrEqual(7000)
    await settled(account)
    expect(account.sent).toBe(2)
    expect(requests.slice(1).flatMap(lines)).toEqual(['first{} 1 @1700000000123', 'second{} 2 @1700000000123'])
  })

  test.each([400, 404, 302])('%d is the end of the batch, counted and told', async (status) => {
    const { url } = await receiving(() => ({ status, text: 'out of order sample\n' }))
    const { exporter, account, logged } = await exporting(url)
    exporter.consume(batchOf([gauge('g', 1)]))
    await settled(account)
    expect(account.dropped('rejected')).toBe(1)
    expect(logged.join('')).toContain(`remote write answered ${status}: out of order sample`)
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
  ['a label that is none', { endpoint: 'http://p', external_labels: { 'a.b': 'c' } }, '"a.b" is no name of a label'],
])('%s is no configuration', (_name, written, message) => {
  expect(JSON.stringify(remoteWrite.config.safeParse(written).error?.issues)).toContain(
    JSON.stringify(message).slice(1, -1),
  )
})
