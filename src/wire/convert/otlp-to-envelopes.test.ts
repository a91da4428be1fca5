import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeEnvelopeBatch,
  encodeEnvelopeBatch,
  encodeOtlpLogs,
  encodeOtlpMetrics,
  encodeOtlpTraces,
  type Message,
} from '../../../test/support/decode.ts'
import { BackwardWriter } from '../protobuf.ts'
import { convertEnvelopesToOtlp } from './envelopes-to-otlp.ts'
import { convertLogsToEnvelopes, convertMetricsToEnvelopes, convertTracesToEnvelopes } from './otlp-to-envelopes.ts'
import { rowsOf } from './rows.ts'

type Convert = typeof convertLogsToEnvelopes
const run = (convert: Convert, bytes: Uint8Array) => {
  const out = new BackwardWriter(64)
  const counts = convert(bytes, 0, bytes.length, out)
  const envelopes = decodeEnvelopeBatch(out.take())
  expect(envelopes).toHaveLength(counts.made)
  return { counts, envelopes }
}

const text = (value: string): Message => ({ stringValue: value })
const attributes = (values: Record<string, Message>) => Object.entries(values).map(([key, value]) => ({ key, value }))
const resource = {
  attributes: attributes({ 'service.name': text('shop'), 'service.instance.id': text('2'), zone: text('z1') }),
}

const logs = (...logRecords: Message[]) =>
  run(convertLogsToEnvelopes, encodeOtlpLogs({ resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] }))
const metrics = (...list: Message[]) =>
  run(
    convertMetricsToEnvelopes,
    encodeOtlpMetrics({ resourceMetrics: [{ resource, scopeMetrics: [{ metrics: list }] }] }),
  )
const spans = (...list: Message[]) =>
  run(convertTracesToEnvelopes, encodeOtlpTraces({ resourceSpans: [{ resource, scopeSpans: [{ spans: list }] }] }))

const head = { source_id: 'shop', instance_id: '2', tags: { zone: 'z1' } }

describe('log records', () => {
  test('become logs; from severity 17 on they are errors', () => {
    const { envelopes, counts } = logs(
      { timeUnixNano: 5n, severityNumber: 9, body: text('fine') },
      { observedTimeUnixNano: 7n, severityNumber: 17, body: text('bad') },
    )
    expect(envelopes).toEqual([
      { ...head, timestamp: 5n, log: { payload: Buffer.from('fine') } },
      { ...head, timestamp: 7n, log: { payload: Buffer.from('bad'), type: 1 } },
    ])
    expect(counts).toMatchObject({ made: 2, converted: 2, malformed: 0, repaired: 0 })
  })

  test.each<[string, Message, string]>([
    ['an int', { intValue: -1n }, '-1'],
    ['a bool', { boolValue: true }, 'true'],
    ['a double', { doubleValue: 0.5 }, '0.5'],
    ['bytes, as they are', { bytesValue: Buffer.from('raw') }, 'raw'],
    [
      'an array',
      { arrayValue: { values: [text('a'), { intValue: 2n ** 60n }, {}] } },
      '["a",1152921504606846976,null]',
    ],
    [
      'a list',
      { kvlistValue: { values: attributes({ a: { boolValue: false }, b: text('"') }) } },
      '{"a":false,"b":"\\""}',
    ],
  ])('a body that is %s', (_, body, payload) => {
    expect(logs({ body }).envelopes[0]!.log.payload.toString()).toBe(payload)
  })

  test('a body of title and body is an event', () => {
    const body = { kvlistValue: { values: attributes({ title: text('t'), body: text('b') }) } }
    expect(logs({ body }).envelopes).toEqual([{ ...head, event: { title: 't', body: 'b' } }])
  })

  test('trace ids become tags', () => {
    const { envelopes } = logs({ body: text('x'), traceId: Buffer.from('ab', 'hex'), spanId: Buffer.from('cd', 'hex') })
    expect(envelopes[0]!.tags).toEqual({ zone: 'z1', trace_id: 'ab', span_id: 'cd' })
  })

  test('attributes that are no strings become text', () => {
    const values = {
      int: { intValue: -(2n ** 63n) },
      double: { doubleValue: 1e21 },
      nan: { doubleValue: Number.NaN },
      no: { boolValue: false },
      bytes: { bytesValue: Buffer.from([0xff, 0]) },
      list: { arrayValue: { values: [{ intValue: 1n }] } },
      none: {},
    }
    expect(logs({ body: text('x'), attributes: attributes(values) }).envelopes[0]!.tags).toEqual({
      zone: 'z1',
      int: '-9223372036854775808',
      double: '1e+21',
      nan: 'NaN',
      no: 'false',
      bytes: '/wA=',
      list: '[1]',
      none: '',
    })
  })

  test('attributes of the record override those of the resource', () => {
    const own = attributes({ source_id: text('app'), zone: text('z2'), instance_id: text('') })
    expect(logs({ body: text('x'), attributes: own }).envelopes[0]).toMatchObject({
      source_id: 'app',
      instance_id: '2',
      tags: { 'service.name': 'shop', zone: 'z2' },
    })
  })

  test('strings that are no UTF-8 are repaired and counted', () => {
    const bytes = encodeOtlpLogs({
      resourceLogs: [{ scopeLogs: [{ logRecords: [{ attributes: attributes({ k: text('?') }) }] }] }],
    })
    bytes[bytes.indexOf(0x3f)] = 0xff
    const { envelopes, counts } = run(convertLogsToEnvelopes, bytes)
    expect(envelopes[0]!.tags).toEqual({ k: '\ufffd' })
    expect(counts.repaired).toBe(1)
  })
})

const point = { timeUnixNano: 3n }
describe('metrics', () => {
  test.each<[string, Message, Message]>([
    [
      'a gauge',
      { unit: 'ms', gauge: { dataPoints: [{ ...point, asDouble: 1.5 }] } },
      { gauge: { metrics: { n: { unit: 'ms', value: 1.5 } } } },
    ],
    [
      'a gauge of ints',
      { gauge: { dataPoints: [{ ...point, asInt: -4n }] } },
      { gauge: { metrics: { n: { value: -4 } } } },
    ],
    [
      'a sum that may fall',
      { sum: { dataPoints: [{ ...point, asInt: 4n }], aggregationTemporality: 2 } },
      { gauge: { metrics: { n: { value: 4 } } } },
    ],
    [
      'a cumulative sum',
      { sum: { dataPoints: [{ ...point, asInt: 2n ** 60n }], aggregationTemporality: 2, isMonotonic: true } },
      { counter: { name: 'n', total: 2n ** 60n } },
    ],
    [
      'a delta sum',
      { sum: { dataPoints: [{ ...point, asDouble: 4.9 }], aggregationTemporality: 1, isMonotonic: true } },
      { counter: { name: 'n', delta: 4n } },
    ],
  ])('%s', (_, metric, message) => {
    const { envelopes, counts } = metrics({ name: 'n', ...metric })
    expect(envelopes).toEqual([{ ...head, timestamp: 3n, ...message }])
    expect(counts).toMatchObject({ made: 1, converted: 1 })
  })

  const histogram = { ...point, count: 3n, sum: 6, bucketCounts: [1n, 0n, 2n], explicitBounds: [0.5, 1e6] }
  test('a histogram has the shape that the Prometheus scraper gives it', () => {
    const { envelopes, counts } = metrics({
      name: 'h',
      histogram: { dataPoints: [histogram], aggregationTemporality: 2 },
    })
    const bucket = (total: bigint, le: string) => ({ counter: { name: 'h_bucket', total }, tags: { zone: 'z1', le } })
    expect(envelopes).toMatchObject([
      { timestamp: 3n, gauge: { metrics: { h_sum: { value: 6 } } } },
      { counter: { name: 'h_count', total: 3n }, tags: { zone: 'z1' } },
      bucket(1n, '0.5'),
      bucket(1n, '1e+06'),
      bucket(3n, '+Inf'),
    ])
    expect(counts).toMatchObject({ made: 5, converted: 1 })
  })

  test('a delta histogram makes deltas', () => {
    const { envelopes } = metrics({ name: 'h', histogram: { dataPoints: [histogram], aggregationTemporality: 1 } })
    expect(envelopes.slice(1).map(({ counter }) => counter.delta)).toEqual([3n, 1n, 1n, 3n])
  })

  test('a summary has a gauge per quantile', () => {
    const dataPoints = [
      {
        ...point,
        count: 2n,
        sum: 3,
        quantileValues: [
          { quantile: 0.5, value: 1 },
          { quantile: 0.99, value: 2 },
        ],
      },
    ]
    const { envelopes } = metrics({ name: 's', summary: { dataPoints } })
    expect(envelopes).toMatchObject([
      { gauge: { metrics: { s_sum: { value: 3 } } } },
      { counter: { name: 's_count', total: 2n } },
      { gauge: { metrics: { s: { value: 1 } } }, tags: { quantile: '0.5' } },
      { gauge: { metrics: { s: { value: 2 } } }, tags: { quantile: '0.99' } },
    ])
  })

  test('an exponential histogram keeps its sum and count', () => {
    const { envelopes, counts } = metrics({
      name: 'e',
      exponentialHistogram: { dataPoints: [{ ...point, count: 2n, sum: 3, scale: 1 }] },
    })
    expect(envelopes).toMatchObject([
      { gauge: { metrics: { e_sum: { value: 3 } } } },
      { counter: { name: 'e_count', total: 2n } },
    ])
    expect(counts).toMatchObject({ converted: 1, withoutBuckets: 1 })
  })

  test.each<[string, Message]>([
    ['a point without a value', point],
    ['a point that says it has none', { ...point, asInt: 1n, flags: 1 }],
    ['a negative counter', { ...point, asInt: -1n }],
    ['a counter of NaN', { ...point, asDouble: Number.NaN }],
    ['a counter beyond uint64', { ...point, asDouble: 1e30 }],
  ])('%s has no form', (_, dataPoint) => {
    const sum = { dataPoints: [dataPoint], aggregationTemporality: 2, isMonotonic: true }
    expect(metrics({ name: 'n', sum }).counts).toMatchObject({ made: 0, notRepresentable: 1 })
  })

  test('the order of metrics and points is kept', () => {
    const gauge = (...values: number[]) => ({ gauge: { dataPoints: values.map((asDouble) => ({ asDouble })) } })
    const { envelopes } = metrics({ name: 'a', ...gauge(1, 2) }, { name: 'b', ...gauge(3) })
    expect(envelopes.map((one) => Object.values<Message>(one.gauge.metrics)[0]!.value)).toEqual([1, 2, 3])
  })
})

test('a span is a timer with its ids and peer type as tags', () => {
  const ids = { traceId: Buffer.from('beef', 'hex'), spanId: Buffer.from('dead', 'hex') }
  const { envelopes } = spans({ ...ids, name: 'GET /', kind: 3, startTimeUnixNano: 1n, endTimeUnixNano: 2n })
  expect(envelopes).toEqual([
    {
      ...head,
      timestamp: 2n,
      tags: { zone: 'z1', trace_id: 'beef', span_id: 'dead', peer_type: 'Client' },
      timer: { name: 'GET /', start: 1n, stop: 2n },
    },
  ])
})

test('attributes repeated beyond all bounds are counted, not written', () => {
  const big = { attributes: attributes({ big: text('x'.repeat(1_000_000)) }) }
  const logRecords = Array.from({ length: 200 }, () => ({ body: text('x') }))
  const { counts } = run(
    convertLogsToEnvelopes,
    encodeOtlpLogs({ resourceLogs: [{ resource: big, scopeLogs: [{ logRecords }] }] }),
  )
  expect(counts.converted + counts.tooLarge).toBe(200)
  expect(counts.tooLarge).toBeGreaterThan(50)
})

describe('there and back', () => {
  const word = fc.string({ unit: 'binary', maxLength: 8 })
  const uint63 = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n })
  const payload = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).map((one) => Buffer.from(one))
  const message = fc.oneof(
    fc.record({ log: fc.record({ payload, type: fc.constantFrom(0, 1) }) }),
    fc.record({ event: fc.record({ title: word, body: word }) }),
    fc.record({ counter: fc.record({ name: word, total: uint63 }) }),
    fc.record({
      gauge: fc.record({
        metrics: fc.dictionary(word, fc.record({ unit: word, value: fc.double() }), {
          minKeys: 1,
          maxKeys: 3,
          noNullPrototype: true,
        }),
      }),
    }),
  )
  const reserved = ['source_id', 'instance_id', '__v1_type', 'trace_id', 'span_id']
  const tags = fc
    .dictionary(word, word, { maxKeys: 4, noNullPrototype: true })
    .filter((map) => !reserved.some((key) => key in map))
  const envelope = fc
    .tuple(fc.record({ timestamp: uint63, source_id: word, instance_id: word, tags }), message)
    .map(([base, one]): Message => ({ ...base, ...one }))
  const hex = (bytes: number) =>
    fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((id) => Buffer.from(id).toString('hex'))
  const timer = fc
    .tuple(
      tags.filter((map) => !('uri' in map || 'peer_type' in map)),
      hex(16),
      hex(8),
      uint63,
      uint63,
      fc.boolean(),
    )
    .map(([map, trace_id, span_id, start, stop, server]): Message => {
      const peer = server ? { peer_type: 'Server' } : {}
      return {
        timestamp: stop,
        source_id: 's',
        instance_id: 'i',
        tags: { ...map, ...peer, trace_id, span_id },
        timer: { name: 'http', start, stop },
      }
    })

  /** One envelope per metric, and nothing that is empty. */
  const plain = (envelopes: Message[]): Message[] =>
    envelopes.flatMap(({ gauge, ...rest }) => {
      const one = withoutEmpty(rest)
      if (!gauge) return [one]
      return Object.entries<Message>(gauge.metrics).map(([name, metric]) => ({
        ...one,
        name,
        unit: metric.unit ?? '',
        value: metric.value ?? 0,
      }))
    })
  const withoutEmpty = (rest: Message): Message => {
    const isEmpty = (value: unknown) =>
      value === '' || value === 0 || (typeof value === 'object' && Object.keys(value ?? {}).length === 0)
    const kept = Object.entries(rest).map(([key, value]) => {
      const inner = ['log', 'event', 'counter'].includes(key) ? { is: true, ...withoutEmpty(value) } : value
      return [key, inner] as const
    })
    return Object.fromEntries(kept.filter(([, value]) => !isEmpty(value)))
  }

  const thereAndBack = (envelopes: Message[]) => {
    const outs = { logs: new BackwardWriter(), metrics: new BackwardWriter(), traces: new BackwardWriter() }
    convertEnvelopesToOtlp(rowsOf(encodeEnvelopeBatch(envelopes)), { ...outs, observedTime: [1, 1] })
    return [
      ...run(convertLogsToEnvelopes, outs.logs.take()).envelopes,
      ...run(convertMetricsToEnvelopes, outs.metrics.take()).envelopes,
      ...run(convertTracesToEnvelopes, outs.traces.take()).envelopes,
    ]
  }

  test('logs, events, counters and gauges keep their meaning', () => {
    fc.assert(
      fc.property(fc.array(envelope, { maxLength: 4 }), (envelopes) => {
        const expected = [
          ...envelopes.filter((one) => one.log || one.event),
          ...envelopes.filter((one) => one.counter || one.gauge),
        ]
        expect(plain(thereAndBack(envelopes))).toEqual(plain(expected))
      }),
    )
  })

  test('timers keep their meaning', () => {
    fc.assert(
      fc.property(fc.array(timer, { maxLength: 3 }), (timers) => {
        expect(thereAndBack(timers)).toEqual(timers)
      }),
    )
  })
})

test('any bytes never throw, and all that comes out decodes', () => {
  const histogram = {
    dataPoints: [
      { count: 3n, sum: 6, bucketCounts: [1n, 2n], explicitBounds: [2], attributes: attributes({ k: text('é') }) },
    ],
  }
  const body = { kvlistValue: { values: attributes({ title: text('t'), body: text('b') }) } }
  const samples = [
    encodeOtlpLogs({
      resourceLogs: [
        { resource, scopeLogs: [{ logRecords: [{ body }, { body: { arrayValue: { values: [body] } } }] }] },
      ],
    }),
    encodeOtlpMetrics({
      resourceMetrics: [
        {
          resource,
          scopeMetrics: [
            {
              metrics: [
                { name: 'h', histogram },
                { name: 'g', gauge: { dataPoints: [{ asInt: 1n }] } },
              ],
            },
          ],
        },
      ],
    }),
    encodeOtlpTraces({
      resourceSpans: [
        {
          resource,
          scopeSpans: [
            { spans: [{ name: 'n', traceId: Buffer.alloc(16, 1), attributes: attributes({ k: text('v') }) }] },
          ],
        },
      ],
    }),
  ]
  const damaged = fc
    .tuple(fc.constantFrom(...samples), fc.nat(), fc.nat(255), fc.nat())
    .map(([input, at, byte, cut]) => {
      const copy = Buffer.from(input)
      copy[at % copy.length] = byte
      return cut % 3 === 0 ? copy.subarray(0, cut % (copy.length + 1)) : copy
    })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), (bytes) => {
      for (const convert of [convertLogsToEnvelopes, convertMetricsToEnvelopes, convertTracesToEnvelopes])
        run(convert, bytes)
    }),
    { numRuns: 2000 },
  )
})

test('nesting without end is rendered down to a limit', () => {
  let body: Message = text('deep')
  for (let depth = 0; depth < 300; depth++) body = { arrayValue: { values: [body] } }
  const payload = logs({ body }).envelopes[0]!.log.payload.toString()
  expect(payload).toMatch(/^\[{65}null\]{65}$/)
})
