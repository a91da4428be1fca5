import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeEnvelopeBatch,
  encodeOtlpLogs,
  encodeOtlpMetrics,
  encodeOtlpTraces,
  encodeV1,
  frameRecords,
  type Message,
} from '../../test/support/decode.ts'
import { deliveryConfig, deliveryHost } from '../../test/support/delivery.ts'
import { findConverter } from '../engine/converters.ts'
import { Batch } from '../telemetry/batch.ts'
import type { Format } from '../telemetry/format.ts'
import { queued } from './queued.ts'
import { bucketOf, sourceBuckets } from './source-buckets.ts'

const bucketOfText = (id: string) => bucketOf(Buffer.from(id), 0, Buffer.byteLength(id))

const bucketsIn = (batch: Batch) => {
  const bucket = sourceBuckets(batch)
  return Array.from({ length: batch.count }, (_, i) => bucket(batch.rowAt(i)))
}

/** The source ids that the conversion to v2 envelopes gives the records of a batch. */
const sourcesOf = (batch: Batch): string[] => {
  const [made] = findConverter(batch.format, ['envelopes'])!.convert(batch, ['envelopes'], 0).batches
  return decodeEnvelopeBatch(made!.bytes()).map(({ source_id }) => source_id ?? '')
}

const uuid = { low: 0x6d47cd09695d01b3n, high: 0xb75a4d822dadceaan }
const uuidInText = 'b3015d69-09cd-476d-aace-ad2d824d5ab7'
const v1 = (message: Message) => ({ origin: 'rep', deployment: 'cf', job: 'cell', ...message })
const log = { message: Buffer.from('x'), messageType: 1, timestamp: 1n }
const value = { name: 'n', value: 1, unit: 'u' }
const http = {
  startTimestamp: 1n,
  stopTimestamp: 2n,
  requestId: uuid,
  peerType: 1,
  method: 1,
  uri: '/',
  remoteAddress: 'a',
  userAgent: 'b',
  statusCode: 200,
  contentLength: 1n,
}
const container = { instanceIndex: 1, cpuPercentage: 1, memoryBytes: 1n, diskBytes: 1n }

test.each<[string, Message, string]>([
  ['a log line of an app', v1({ eventType: 5, logMessage: { ...log, appId: 'app-1' } }), 'app-1'],
  ['a log line of nobody', v1({ eventType: 5, logMessage: log }), 'cf/cell'],
  ['a request', v1({ eventType: 4, httpStartStop: { ...http, applicationId: uuid } }), uuidInText],
  ['a request of nobody', v1({ eventType: 4, httpStartStop: http }), 'cf/cell'],
  [
    'a request of app zero',
    v1({ eventType: 4, httpStartStop: { ...http, applicationId: { low: 0n, high: 0n } } }),
    'cf/cell',
  ],
  ['a container', v1({ eventType: 9, containerMetric: { ...container, applicationId: 'app-1' } }), 'app-1'],
  ['a tag', v1({ eventType: 6, valueMetric: value, tags: { a: 'b', source_id: 'router' } }), 'router'],
  [
    'an app before a tag',
    v1({ eventType: 5, logMessage: { ...log, appId: 'app-1' }, tags: { source_id: 'x' } }),
    'app-1',
  ],
  ['nothing but a job', { origin: 'o', eventType: 6, valueMetric: value, job: 'j' }, '/j'],
])('dropsonde: %s', (_name, message, source) => {
  const batch = Batch.copyOf('dropsonde', frameRecords([encodeV1(message)]))
  expect(sourcesOf(batch)).toEqual([source])
  expect(bucketsIn(batch)).toEqual([bucketOfText(source)])
})

const attributes = (values: Record<string, string>) =>
  Object.entries(values).map(([key, stringValue]) => ({ key, value: { stringValue } }))

const resources = [{ 'service.name': 'shop' }, { 'service.name': 'shop', source_id: 'app-2' }, { zone: 'z' }, {}]
const records = [{ a: 'b' }, { a: 'b', source_id: 'app-3' }, { source_id: '' }]
const expected = ['shop', 'app-3', 'shop', 'app-2', 'app-3', 'app-2', '', 'app-3', '', '', 'app-3', '']

const perResource = (scopes: string, leaves: (list: Record<string, string>[]) => Message) =>
  resources.map((resource) => ({ resource: { attributes: attributes(resource) }, [scopes]: [leaves(records)] }))

const point = (values: Record<string, string>) => ({ attributes: attributes(values), asInt: 1n, timeUnixNano: 1n })
const histogram = (values: Record<string, string>) => ({ ...point(values), count: 1n, sum: 1 })

describe('OTLP', () => {
  test.each<[string, Format, Uint8Array]>([
    [
      'logs',
      'logs',
      encodeOtlpLogs({
        resourceLogs: perResource('scopeLogs', (list) => ({
          logRecords: list.map((values) => ({ attributes: attributes(values), body: { stringValue: 'x' } })),
        })),
      }),
    ],
    [
      'traces',
      'traces',
      encodeOtlpTraces({
        resourceSpans: perResource('scopeSpans', (list) => ({
          spans: list.map((values) => ({ attributes: attributes(values), name: 'x', kind: 2 })),
        })),
      }),
    ],
    ...(['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'] as const).map(
      (kind): [string, Format, Uint8Array] => [
        kind,
        'metrics',
        encodeOtlpMetrics({
          resourceMetrics: perResource('scopeMetrics', (list) => ({
            metrics: [
              {
                name: 'm',
                [kind]: { dataPoints: list.map(kind === 'gauge' || kind === 'sum' ? point : histogram) },
              },
            ],
          })),
        }),
      ],
    ),
  ])('%s: by the record, its resource, its service', (name, format, bytes) => {
    const batch = Batch.copyOf(format, bytes)
    expect(batch.count).toBe(expected.length)
    expect(bucketsIn(batch)).toEqual(expected.map(bucketOfText))
    // A histogram becomes several envelopes.
    if (!/istogram|summary/.test(name)) expect(sourcesOf(batch)).toEqual(expected)
  })

  test('a filtered batch keeps its sources', () => {
    const batch = Batch.copyOf(
      'logs',
      encodeOtlpLogs({
        resourceLogs: perResource('scopeLogs', (list) => ({
          logRecords: list.map((values) => ({ attributes: attributes(values) })),
        })),
      }),
    )
    expect(bucketsIn(batch.slice(4, 6))).toEqual(['app-3', 'app-2'].map(bucketOfText))
  })
})

test('reads nothing but its own bytes, whatever stands there', () => {
  const formats = ['dropsonde', 'logs', 'metrics', 'traces'] as const
  fc.assert(
    fc.property(fc.constantFrom(...formats), fc.uint8Array({ maxLength: 60 }), (format, bytes) => {
      for (const body of [bytes, frameRecords([bytes]), frameRecords([frameRecords([bytes])])]) {
        for (const bucket of bucketsIn(Batch.copyOf(format, body))) expect(bucket).toBeLessThan(256)
      }
    }),
  )
})

test.each<[string, Format, (app: string, count: number) => Uint8Array]>([
  [
    'dropsonde',
    'dropsonde',
    (app, count) => frameRecords(Array(count).fill(encodeV1(v1({ eventType: 5, logMessage: { ...log, appId: app } })))),
  ],
  [
    'OTLP',
    'logs',
    (app, count) =>
      encodeOtlpLogs({
        resourceLogs: [
          {
            resource: { attributes: attributes({ 'service.name': app }) },
            scopeLogs: [{ logRecords: Array(count).fill({ body: { stringValue: 'x'.repeat(50) } }) }],
          },
        ],
      }),
  ],
])('in a queue of %s that is half full a flooding app hurts itself', async (_name, format, encode) => {
  const host = deliveryHost()
  const settings = { when_full: 'drop_oldest', queue_size: 200, queue_bytes: 0, timeout: 0, max_batch_records: 10 }
  const exporter = queued(deliveryConfig(settings), host, { send: () => new Promise(() => {}), close() {} })
  await exporter.start()
  const put = (app: string, count: number) => exporter.consume(Batch.copyOf(format, encode(app, count)))
  for (const app of ['quiet a', 'quiet b', 'quiet c']) put(app, 10)
  for (let i = 0; i < 60; i++) put('flood', 10)
  const { only: account } = host
  expect(account.dropped('unfair_share')).toBeGreaterThan(450)
  const before = account.droppedTotal
  put('quiet a', 10)
  expect([account.droppedTotal, account.dropped('displaced'), account.imbalance()]).toEqual([before, 0, 0])
})
