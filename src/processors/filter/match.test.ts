import { describe, expect, test } from 'vitest'
import { faults, processorOf } from '../../ottl/testing/run.ts'
import { decodeOtlpJson } from '../../wire/otlp/json-decode.ts'
import { encodeOtlpJson } from '../../wire/otlp/json-encode.ts'
import filter from './index.ts'

type Signal = 'logs' | 'metrics' | 'traces'

const attributes = (values: Record<string, string>) =>
  Object.entries(values).map(([key, stringValue]) => ({ key, value: { stringValue } }))

/** What the filter leaves of records in two resources (services a and b), by `name`. */
function left(signal: Signal, config: object, group: (records: object[], service: string) => object, all: object[][]) {
  const [key] = { logs: ['resourceLogs'], metrics: ['resourceMetrics'], traces: ['resourceSpans'] }[signal]
  const groups = all.map((records, i) => group(records, 'ab'[i]!))
  const input = decodeOtlpJson(signal, Buffer.from(JSON.stringify({ [key!]: groups })))
  if ('error' in input) throw new Error(input.error)
  const out = processorOf(filter, config, signal).run(input)
  if (!out) return []
  const text = encodeOtlpJson(signal, out.bytes()).toString()
  return [...text.matchAll(/"(?:name|stringValue)":"(is-[a-z0-9]+)"/g)].map(([, name]) => name)
}

const resource = (service: string) => ({
  attributes: attributes({ 'service.name': service, [`only.${service}`]: 'x' }),
})

describe('logs', () => {
  const group = (logRecords: object[], service: string) => ({
    resource: resource(service),
    scopeLogs: [{ logRecords }],
  })
  const record = (body: string, severityNumber: number, severityText: string, more = {}) => ({
    body: { stringValue: body },
    severityNumber,
    severityText,
    attributes: attributes(more),
  })
  const all = [
    [record('is-1', 9, 'INFO', { user: 'u1' }), record('is-2', 17, 'ERROR')],
    [record('is-3', 0, ''), record('is-4', 5, 'DEBUG', { user: 'u2', team: 't' })],
  ]
  test.each<[object, string[]]>([
    [{ include: { match_type: 'strict', bodies: ['is-1', 'is-4'] } }, ['is-1', 'is-4']],
    [{ exclude: { match_type: 'regexp', bodies: ['[12]$'] } }, ['is-3', 'is-4']],
    [{ include: { match_type: 'strict', severity_texts: ['ERROR', 'DEBUG'] } }, ['is-2', 'is-4']],
    [{ include: { match_type: 'strict', severity_number: { min: 'INFO' } } }, ['is-1', 'is-2']],
    [{ include: { match_type: 'strict', severity_number: { min: 'WARN', match_undefined: true } } }, ['is-2', 'is-3']],
    [{ exclude: { match_type: 'strict', record_attributes: [{ key: 'user' }] } }, ['is-2', 'is-3']],
    [
      { exclude: { match_type: 'strict', record_attributes: [{ key: 'user' }, { key: 'team', value: 't' }] } },
      ['is-1', 'is-2', 'is-3'],
    ],
    [
      { include: { match_type: 'strict', resource_attributes: [{ key: 'service.name', value: 'b' }] } },
      ['is-3', 'is-4'],
    ],
    [
      {
        include: { match_type: 'strict', resource_attributes: [{ key: 'service.name', value: 'a' }] },
        exclude: { match_type: 'strict', severity_texts: ['ERROR'] },
        log_record: ['body == "is-9"'],
      },
      ['is-1'],
    ],
  ])('%j', (logs, expected) => expect(left('logs', { logs }, group, all)).toEqual(expected))
})

describe('metrics', () => {
  const group = (metrics: object[], service: string) => ({ resource: resource(service), scopeMetrics: [{ metrics }] })
  const metric = (name: string) => ({ name, gauge: { dataPoints: [{ asDouble: 1 }, { asDouble: 2 }] } })
  const all = [[metric('is-1'), metric('is-2')], [metric('is-1')]]
  test.each<[object, string[]]>([
    [{ exclude: { match_type: 'strict', metric_names: ['is-1'] } }, ['is-2']],
    [{ include: { match_type: 'regexp', metric_names: ['^is-[2-9]'] } }, ['is-2']],
    [{ include: { match_type: 'strict', resource_attributes: [{ key: 'only.b' }] } }, ['is-1']],
    // Names and resources are asked apart: to be excluded one is enough, to be included both are needed.
    [{ exclude: { match_type: 'strict', metric_names: ['is-2'], resource_attributes: [{ key: 'only.b' }] } }, ['is-1']],
    [{ include: { match_type: 'strict', metric_names: ['is-2'], resource_attributes: [{ key: 'only.b' }] } }, []],
  ])('%j', (metrics, expected) => expect(left('metrics', { metrics }, group, all)).toEqual(expected))
})

describe('spans', () => {
  const group = (spans: object[], service: string) => ({ resource: resource(service), scopeSpans: [{ spans }] })
  const span = (name: string, more = {}) => ({ name, kind: 2, attributes: attributes(more) })
  const all = [[span('is-1'), span('is-2', { env: 'dev' })], [span('is-3')]]
  test.each<[object, string[]]>([
    [{ include: { match_type: 'strict', services: ['b'] } }, ['is-3']],
    [{ exclude: { match_type: 'regexp', span_names: ['-[13]'] } }, ['is-2']],
    [
      { exclude: { match_type: 'strict', services: ['a'], attributes: [{ key: 'env', value: 'dev' }] } },
      ['is-1', 'is-3'],
    ],
  ])('%j', (spans, expected) => expect(left('traces', { spans }, group, all)).toEqual(expected))
})

test.each<[object, string]>([
  [{ logs: { include: { match_type: 'strict' } } }, 'needs one of resource_attributes, record_attributes'],
  [{ logs: { include: { match_type: 'regexp', bodies: ['ok', '('] } } }, 'logs.include.bodies.1'],
  [{ logs: { include: { match_type: 'strict', severity_number: { min: 'LOUD' } } } }, 'TRACE'],
  [{ metrics: { exclude: { match_type: 'expr', expressions: ['x'] } } }, 'metrics.exclude.match_type'],
])('%j is refused', (config, message) => expect(faults(filter, config)).toContain(message))
