import { expect, test } from 'vitest'
import {
  decodeEnvelopeBatch,
  decodeOtlpLogs,
  decodeOtlpMetrics,
  decodeOtlpTraces,
  decodeV1List,
  encodeEnvelopeBatch,
  encodeOtlpLogs,
  encodeOtlpMetrics,
  encodeOtlpTraces,
  encodeV1List,
} from '../../test/support/decode.ts'
import { Batch } from './batch.ts'
import { fieldText } from './field-text.ts'
import { attributeSetter } from './set-attribute.ts'

const long = 'x'.repeat(200)

test('sets a tag of envelopes, replaces the old ones, leaves the others', () => {
  const bytes = encodeEnvelopeBatch([
    { source_id: 'a', tags: { k: 'old', other: '1' }, log: { payload: Buffer.from('hi') } },
    { source_id: 'b', deprecated_tags: { k: { text: 'older' } }, counter: { name: 'c', delta: '1' } },
    { source_id: 'skip', tags: { k: 'stays' } },
  ])
  const batch = Batch.of('envelopes', bytes)
  const source = fieldText('envelopes', 'source_id')
  const out = attributeSetter('envelopes', 'k')(batch, (record) => {
    const id = source(record)
    return id === 'skip' ? undefined : `${id} ${long}`
  })
  const [first, second, third] = decodeEnvelopeBatch(out.bytes())
  expect(first!.tags).toEqual({ k: `a ${long}`, other: '1' })
  expect(second!.tags).toEqual({ k: `b ${long}` })
  expect(second!.deprecated_tags ?? {}).toEqual({})
  expect(third!.tags).toEqual({ k: 'stays' })
  expect(out.count).toBe(3)
  expect(decodeEnvelopeBatch(batch.bytes())[0]!.tags).toEqual({ k: 'old', other: '1' })
})

test('a batch in which nothing is set is the same batch', () => {
  const batch = Batch.of('envelopes', encodeEnvelopeBatch([{ source_id: 'a' }]))
  expect(attributeSetter('envelopes', 'k')(batch, () => undefined)).toBe(batch)
})

const otlpText = (key: string, text: string) => ({ key, value: { stringValue: text } })

test('sets an attribute of log records, spans and data points, deep inside their messages', () => {
  const resource = { attributes: [otlpText('k', 'of the resource')] }
  const logs = encodeOtlpLogs({
    resourceLogs: [
      { resource, scopeLogs: [{ logRecords: [{ attributes: [otlpText('k', 'old')] }, {}] }, { logRecords: [{}] }] },
    ],
  })
  const spans = encodeOtlpTraces({ resourceSpans: [{ resource, scopeSpans: [{ spans: [{ name: 's' }] }] }] })
  const point = { asInt: '1' }
  const metrics = encodeOtlpMetrics({
    resourceMetrics: [
      {
        resource,
        scopeMetrics: [
          {
            metrics: [
              { name: 'g', gauge: { dataPoints: [point, point] } },
              { name: 'h', histogram: { dataPoints: [{ count: '1' }] } },
            ],
          },
        ],
      },
    ],
  })
  const set = (format: 'logs' | 'metrics' | 'traces', bytes: Buffer) =>
    attributeSetter(format, 'k')(Batch.of(format, bytes), () => long).bytes()
  const wanted = [otlpText('k', long)]
  const { resourceLogs } = decodeOtlpLogs(set('logs', logs))
  const records = resourceLogs[0].scopeLogs.flatMap((scope: { logRecords: unknown[] }) => scope.logRecords)
  expect(records.map((record: { attributes: unknown }) => record.attributes)).toEqual([wanted, wanted, wanted])
  expect(resourceLogs[0].resource).toEqual(resource)
  const { resourceSpans } = decodeOtlpTraces(set('traces', spans))
  expect(resourceSpans[0].scopeSpans[0].spans[0]).toEqual({ name: 's', attributes: wanted })
  const [gauge, histogram] = decodeOtlpMetrics(set('metrics', metrics)).resourceMetrics[0].scopeMetrics[0].metrics
  expect(gauge.gauge.dataPoints.map((each: { attributes: unknown }) => each.attributes)).toEqual([wanted, wanted])
  expect(histogram.histogram.dataPoints[0].attributes).toEqual(wanted)
})

test('sets a tag of v1 envelopes', () => {
  const bytes = encodeV1List([{ origin: 'o', eventType: 6, tags: { k: 'old' } }])
  const out = attributeSetter('dropsonde', 'k')(Batch.of('dropsonde', bytes), () => 'new')
  expect(decodeV1List(out.bytes())[0]!.tags).toEqual({ k: 'new' })
})
