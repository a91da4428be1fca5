import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeEnvelope,
  decodeOtlpLogs,
  decodeOtlpMetrics,
  decodeOtlpTraces,
  encodeEnvelope,
  frameRecords,
  type Message,
} from '../../../test/support/decode.ts'
import { readGolden } from '../../../test/support/golden.ts'
import { BackwardWriter } from '../protobuf.ts'
import { convertEnvelopesToOtlp } from './envelopes-to-otlp.ts'
import { rowsOf } from './rows.ts'
import { urlPath } from './url-path.ts'

const writers = () => ({
  logs: new BackwardWriter(64),
  metrics: new BackwardWriter(64),
  traces: new BackwardWriter(64),
})

const convert = (records: readonly Uint8Array[], wanted: string[] = ['logs', 'metrics', 'traces']) => {
  const outs = writers()
  const chosen = Object.fromEntries(Object.entries(outs).filter(([name]) => wanted.includes(name)))
  const counts = convertEnvelopesToOtlp(rowsOf(frameRecords(records)), { ...chosen, observedTime: [7, 0] })
  const logs = decodeOtlpLogs(outs.logs.take())
  const metrics = decodeOtlpMetrics(outs.metrics.take())
  const traces = decodeOtlpTraces(outs.traces.take())
  return {
    counts,
    logs: (logs.resourceLogs?.[0].scopeLogs[0].logRecords ?? []) as Message[],
    metrics: (metrics.resourceMetrics?.[0].scopeMetrics[0].metrics ?? []) as Message[],
    spans: (traces.resourceSpans?.[0].scopeSpans[0].spans ?? []) as Message[],
  }
}

/** Records of recorded requests: every resource and scope is unset, so only the records speak. */
const recorded = (outputs: Buffer[], methods: string[]) => {
  const found = { logs: [] as Message[], metrics: [] as Message[], spans: [] as Message[] }
  outputs.forEach((bytes, i) => {
    if (methods[i]!.startsWith('Logs')) {
      for (const one of decodeOtlpLogs(bytes).resourceLogs) found.logs.push(...one.scopeLogs[0].logRecords)
    } else if (methods[i]!.startsWith('Metrics')) {
      for (const one of decodeOtlpMetrics(bytes).resourceMetrics) found.metrics.push(...one.scopeMetrics[0].metrics)
    } else for (const one of decodeOtlpTraces(bytes).resourceSpans) found.spans.push(...one.scopeSpans[0].spans)
  })
  return found
}

/** Attributes and metrics come in any order, the observed time is that of the run, and zeros may be written or not. */
function sorted({ logs, metrics, spans }: { logs: Message[]; metrics: Message[]; spans: Message[] }) {
  const byText = (name: string) => (a: Message, b: Message) => ((a[name] ?? '') < (b[name] ?? '') ? -1 : 1)
  const points = metrics.flatMap((metric) => (metric.gauge ?? metric.sum).dataPoints)
  for (const record of [...logs, ...points, ...spans]) record.attributes.sort(byText('key'))
  for (const record of logs) record.observedTimeUnixNano = 0n
  return withoutZeros({ logs, metrics: metrics.sort(byText('name')), spans }) as Message
}

function withoutZeros(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutZeros)
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value
  const isZero = (name: string, one: unknown) => !/^(string|as)/.test(name) && (one === '' || one === 0n || one === 0)
  const kept = Object.entries(value).filter(([name, one]) => !isZero(name, one))
  return Object.fromEntries(kept.map(([name, one]) => [name, withoutZeros(one)]))
}

/** What the forwarder does before: default tags where the key is absent, counter totals summed up. */
function upstream(input: Buffer, agentTags: string): Buffer {
  const envelope = decodeEnvelope(input)
  for (const pair of agentTags.split(',').filter(Boolean)) {
    const [key = '', value = ''] = pair.split(':')
    const known = envelope.tags?.[key] !== undefined || envelope.deprecated_tags?.[key] !== undefined
    if (!known) envelope.tags = { ...envelope.tags, [key]: value }
  }
  return encodeEnvelope(envelope)
}

describe('forwarder to the OTel collector, as recorded', () => {
  // The original cannot encode these and loses the request; we repair the payload.
  const repairedHere = /^log payload invalid UTF-8/
  // The forwarder's counter totals come first: this delta becomes a total there.
  const summed: Record<string, bigint> = { 'counter delta 5 only': 5n }
  const gates = ['EMIT_OTEL_LOGS', 'EMIT_OTEL_METRICS', 'EMIT_OTEL_TRACES']
  const isOn = (text = '') => ['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)

  test.each(readGolden('forwarder-otlp'))('$name', ({ name, input, output, methods, settings }) => {
    const wanted = gates
      .filter((gate) => isOn(settings[gate]))
      .map((gate) => gate.slice('EMIT_OTEL_'.length).toLowerCase())
    const { counts, ...ours } = convert([upstream(input, settings.AGENT_TAGS ?? '')], wanted)
    if (repairedHere.test(name)) {
      expect(counts).toMatchObject({ logRecords: 1, repaired: 1 })
      return
    }
    if (name in summed) ours.metrics[0]!.sum.dataPoints[0].asInt = summed[name]
    expect(sorted(ours)).toEqual(sorted(recorded(output, methods)))
  })
})

const log = (payload: string | Uint8Array, more: Message = {}) =>
  encodeEnvelope({ timestamp: 5n, log: { payload: Buffer.from(payload) }, ...more })

describe('convertEnvelopesToOtlp', () => {
  test('puts the records of a batch, in order, under one resource and one scope', () => {
    const out = writers()
    const rows = rowsOf(frameRecords([log('a'), log('b'), log('c')]))
    convertEnvelopesToOtlp(rows, { ...out, observedTime: [0, 0] })
    const request = decodeOtlpLogs(out.logs.take())
    expect(request.resourceLogs).toHaveLength(1)
    const bodies = request.resourceLogs[0].scopeLogs[0].logRecords.map((record: Message) => record.body.stringValue)
    expect(bodies).toEqual(['a', 'b', 'c'])
    expect([out.metrics.length, out.traces.length]).toEqual([0, 0])
  })

  test('attributes are instance_id, source_id, then the tags in their order', () => {
    const { logs } = convert([log('x', { source_id: 's', tags: { b: '1', source_id: 'no', a: '2' } })])
    expect(logs[0]!.attributes.map((one: Message) => `${one.key}=${one.value.stringValue}`)).toEqual([
      'instance_id=',
      'source_id=s',
      'b=1',
      'a=2',
    ])
  })

  test('a deprecated tag replaces a tag of the same name', () => {
    const { logs } = convert([log('x', { tags: { k: 'new' }, deprecated_tags: { k: { decimal: 0.23 } } })])
    expect(logs[0]!.attributes.at(-1)).toEqual({ key: 'k', value: { stringValue: '0.23' } })
  })

  test('repairs a payload that is no text and counts it', () => {
    const { logs, counts } = convert([log(Buffer.from([0x61, 0xc3])), log('fine')])
    expect(logs.map((record) => record.body.stringValue)).toEqual(['a\ufffd', 'fine'])
    expect(counts).toMatchObject({ logRecords: 2, fromLogs: 2, repaired: 1 })
  })

  test('counts what is not wanted apart from what OTLP has no form for', () => {
    const timer = encodeEnvelope({ timer: { name: 'http' } })
    const gauge = encodeEnvelope({ gauge: { metrics: { a: { value: 1 }, b: { value: 2 } } } })
    const { counts } = convert([log('x'), timer, gauge, encodeEnvelope({}), Buffer.from([0xff])], ['metrics', 'traces'])
    expect(counts).toMatchObject({ notWanted: 1, notRepresentable: 2, dataPoints: 2, fromMetrics: 1, malformed: 1 })
  })
})

test.each([
  ['http://h/a%2Fb%20c?q=1#f', '/a/b c'],
  ['http://h', ''],
  ['http://h:8080:9090/x', undefined],
  ['http://[::1]:80/x', '/x'],
  ['http://[fe80::1%25en0]/x', '/x'],
  ['http://[nonsense]/x', undefined],
  ['http://h/#%zz', undefined],
  ['http://a b/x', undefined],
  ['http://%41/x', undefined],
  ['http://u ser@h/x', undefined],
  ['///x', '///x'],
  ['a?b:c', 'a'],
  ['a:b?c', ''],
])('the path of %j is %j', (url, path) => expect(urlPath(url)).toBe(path))

test('any bytes never throw, and all that comes out decodes', () => {
  const damaged = fc
    .tuple(fc.constantFrom(...readGolden('forwarder-otlp').map((row) => row.input)), fc.nat(), fc.nat(127), fc.nat())
    .map(([input, at, byte, cut]) => {
      const copy = Buffer.from(input)
      if (copy.length > 0) copy[at % copy.length] = byte
      return cut % 3 === 0 ? copy.subarray(0, cut % (copy.length + 1)) : copy
    })
  const arbitrary = fc.uint8Array({ maxLength: 200, max: 127 })
  fc.assert(
    fc.property(fc.array(fc.oneof(arbitrary, damaged), { maxLength: 4 }), (records) => {
      // Strings were checked before; only sound text reaches this conversion, except in payloads.
      const sound = records.filter((record) => {
        try {
          decodeEnvelope(record)
          return true
        } catch (error) {
          return !(error instanceof TypeError)
        }
      })
      const { counts, logs, metrics, spans } = convert(sound)
      expect([logs.length, metrics.length, spans.length]).toEqual([counts.logRecords, counts.dataPoints, counts.spans])
      const { fromLogs, fromMetrics, fromTimers, notWanted, notRepresentable, malformed } = counts
      expect(fromLogs + fromMetrics + fromTimers + notWanted + notRepresentable + malformed).toBe(sound.length)
    }),
    { numRuns: 300 },
  )
})
