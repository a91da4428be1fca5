import { expect, test } from 'vitest'
import { Refused } from '../../../src/delivery/admission.ts'
import { readPartialSuccess } from '../../../src/exporters/otlp-answers.ts'
import { emptyFrame } from '../../../src/net/frames.ts'
import { startOtlp } from '../../../src/receivers/otlp/otlp-run.fixture.ts'
import { examples, l1, l1Json, l1OfJavaScript, metricJson } from '../../../src/wire/otlp/examples.fixture.ts'
import { decodeOtlpJson } from '../../../src/wire/otlp/json-decode.ts'
import { encodeOtlpJson } from '../../../src/wire/otlp/json-encode.ts'

// The Collector's table, part 5: bytes, checked against encoders of others.

type Signal = 'logs' | 'metrics' | 'traces'

const hexOf = (signal: Signal, json: unknown) => {
  const result = decodeOtlpJson(signal, Buffer.from(JSON.stringify(json)))
  return 'error' in result ? result.error : result.toString('hex')
}
const jsonOf = (signal: Signal, hex: string) => JSON.parse(encodeOtlpJson(signal, Buffer.from(hex, 'hex')).toString())

/** The bytes of a request whose only value is the body of one log record. */
const within = (value: string) => {
  const length = (hex: string) => (hex.length / 2).toString(16).padStart(2, '0')
  return ['2a', '12', '12', '0a'].reduce((inner, tag) => tag + length(inner) + inner, value)
}

test.each([
  ['a text', '0a0161', { stringValue: 'a' }],
  ['an empty text, which is not nothing', '0a00', { stringValue: '' }],
  ['nothing', '', {}],
  ['true', '1001', { boolValue: true }],
  ['false', '1000', { boolValue: false }],
  ['0', '1800', { intValue: '0' }],
  ['-1', '18ffffffffffffffffff01', { intValue: '-1' }],
  ['1.5', '21000000000000f83f', { doubleValue: 1.5 }],
  ['bytes', '3a02ff00', { bytesValue: '/wA=' }],
  ['a list', '2a050a030a0161', { arrayValue: { values: [{ stringValue: 'a' }] } }],
  ['a map', '320a0a080a016b12030a0161', { kvlistValue: { values: [{ key: 'k', value: { stringValue: 'a' } }] } }],
])('a value: %s', (_, hex, body) => {
  const request = { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body }] }] }] }
  expect(hexOf('logs', request)).toBe(within(hex))
  expect(jsonOf('logs', within(hex)).resourceLogs[0].scopeLogs[0].logRecords[0].body).toEqual(body)
})

test('a log record: to JSON and back', () => {
  expect(jsonOf('logs', l1)).toEqual(l1Json)
  expect(hexOf('logs', l1Json)).toBe(l1)
})

test('a log record as the JavaScript SDK writes it, in bytes and in JSON, means the same', () => {
  expect(jsonOf('logs', l1OfJavaScript)).toEqual(l1Json)
  // It writes integers as numbers.
  expect(hexOf('logs', JSON.parse(JSON.stringify(l1Json).replace('"42"', '42')))).toBe(l1)
})

test.each<[string, Signal, string, object]>([
  [
    'the least log record of a Collector, with empty parts written out',
    'logs',
    '0a1b0a0012170a0012130901000000000000002a040a0268694a005200',
    {
      resourceLogs: [
        { resource: {}, scopeLogs: [{ scope: {}, logRecords: [{ timeUnixNano: '1', body: { stringValue: 'hi' } }] }] },
      ],
    },
  ],
  ...examples,
])('%s', (_, signal, hex, json) => {
  expect(jsonOf(signal, hex)).toEqual(json)
})

test('scale and offset of an exponential histogram are zigzag', () => {
  const point = { scale: -1, positive: { offset: 3, bucketCounts: ['1'] } }
  const request = metricJson({ name: 'e', exponentialHistogram: { dataPoints: [point] } })
  const hex = hexOf('metrics', request)
  expect(hex).toContain('3001')
  expect(hex).toContain('0806')
  expect(
    jsonOf('metrics', hex).resourceMetrics[0].scopeMetrics[0].metrics[0].exponentialHistogram.dataPoints[0],
  ).toEqual({ ...point, negative: undefined })
})

test('partial success', () => {
  expect(readPartialSuccess(Buffer.from('0a0708031203626164', 'hex'))).toMatchObject({ rejected: 3, message: 'bad' })
})

test('a Status, without and with RetryInfo', async () => {
  const run = await startOtlp({ http: {} })
  const request = { headers: { 'content-type': 'application/x-protobuf' }, body: Buffer.from(l1, 'hex') }
  run.verdict = new Refused('busy')
  expect((await run.send(request)).body.toString('hex')).toBe('080e120462757379')
  run.verdict = new Refused('busy', 5000)
  expect((await run.send(request)).body.toString('hex')).toBe(
    '080e1204627573791a300a28747970652e676f6f676c65617069732e636f6d2f676f6f676c652e7270632e5265747279496e666f12040a020805',
  )
})

test('an empty message of gRPC', () => expect(emptyFrame.toString('hex')).toBe('0000000000'))

test.each([
  [
    'a trace id of 15 bytes',
    'traces',
    `0a151213${'12110a0f'}${'01'.repeat(15)}`,
    /invalid length for TraceId: 15 bytes/,
  ],
  ['a field with the wrong wire type', 'logs', '0a06120412020801', /wrong wireType = 0 for field TimeUnixNano/],
] as const)('%s is refused', async (_, signal, hex, sentence) => {
  const run = await startOtlp({ http: {} })
  const headers = { 'content-type': 'application/x-protobuf' }
  const answer = await run.send({ path: `/v1/${signal}`, headers, body: Buffer.from(hex, 'hex') })
  expect([answer.status, answer.body.toString()]).toEqual([400, expect.stringMatching(sentence)])
  expect(run.batches).toEqual([])
})

/** A log record of time 1, and what stands behind it in the record, in its scope and in its resource. */
const nested = (inRecord: string, scopeTag = '12') => {
  const length = (hex: string) => (hex.length / 2).toString(16).padStart(2, '0')
  const leaf = `090100000000000000${inRecord}`
  const scope = `12${length(leaf)}${leaf}`
  const group = `${scopeTag}${length(scope)}${scope}`
  return `0a${length(group)}${group}`
}

test.each([
  ['a varint', '980601'],
  ['8 bytes', `9906${'00'.repeat(8)}`],
  ['a message', '9a0600'],
  ['a group', '9b069c06'],
  ['4 bytes', `9d06${'00'.repeat(4)}`],
])('field 99 is ignored, whatever it is: %s', async (_, field) => {
  const run = await startOtlp({ http: {} })
  const headers = { 'content-type': 'application/x-protobuf' }
  const answer = await run.send({ headers, body: Buffer.from(nested(field), 'hex') })
  expect([answer.status, run.batches.map(({ count }) => count)]).toEqual([200, [1]])
})

test('records under field 1000, where they stood before 2022, are taken', async () => {
  const run = await startOtlp({ http: {} })
  const headers = { 'content-type': 'application/x-protobuf' }
  const answer = await run.send({ headers, body: Buffer.from(nested('', 'c23e'), 'hex') })
  expect([answer.status, run.batches.map(({ count }) => count)]).toEqual([200, [1]])
})
