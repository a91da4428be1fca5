import { describe, expect, test } from 'vitest'
import { faults, processorOf } from '../../ottl/testing/run.ts'
import { any, at, entries, logRequest, metricRequest, plainEntries, traceRequest } from '../../ottl/testing/samples.ts'
import { batchOf, double, envelope, field } from '../../telemetry/testing/encode.ts'

import { decodeBatch } from '../../telemetry/testing/strict-decoder.ts'
import transform from './index.ts'

const body = field(5, any('{"a": 1, "b": {"c": "d"}}'))

/** The attributes of the last log record. */
function attributesAfter(log_statements: unknown[], ...records: Parameters<typeof logRequest>) {
  const out = processorOf(transform, { log_statements }, 'logs').run(logRequest(...records))!
  return plainEntries(at(out.bytes(), 1, 2, 2), 6)
}
const group = (...statements: string[]) => [{ context: 'log', statements }]

describe('the cache', () => {
  test.each<[string, string[], object]>([
    [
      'keeps a value',
      ['set(cache["x"], body)', 'set(attributes["y"], cache["x"])'],
      { y: '{"a": 1, "b": {"c": "d"}}' },
    ],
    [
      'takes a map in',
      ['merge_maps(cache, ParseJSON(body), "upsert")', 'set(attributes["y"], cache["b"]["c"])'],
      { y: 'd' },
    ],
    ['is set as a whole', ['set(cache, ParseJSON(body))', 'set(attributes, cache)'], { a: 1, b: { c: 'd' } }],
    ['is empty at first', ['set(attributes["n"], Len(cache))', 'set(attributes["x"], cache["x"])'], { n: 0n }],
    [
      'loses keys',
      ['set(cache["x"], 1)', 'set(cache["y"], 2)', 'delete_key(cache, "x")', 'set(attributes, cache)'],
      { y: 2n },
    ],
    [
      'is changed by all editors of maps',
      [
        'set(cache["Text"], "long text")',
        'set(cache["m"]["n"], 1)',
        'flatten(cache)',
        'truncate_all(cache, 4)',
        'replace_all_patterns(cache, "key", "T", "t")',
        'keep_matching_keys(cache, "^(text|m)")',
        'append(cache["list"], "e")',
        'set(attributes, cache)',
      ],
      { text: 'long', 'm.n': 1n, list: ['e'] },
    ],
    ['may be called by its context', ['set(log.cache["x"], 1)', 'set(attributes["x"], cache["x"])'], { x: 1n }],
    [
      'is there in where',
      ['set(cache["x"], 1)', 'set(attributes["y"], 1) where cache["x"] == 1 and cache["z"] == nil'],
      { y: 1n },
    ],
  ])('%s', (_, statements, expected) => expect(attributesAfter(group(...statements), body)).toEqual(expected))

  test('is forgotten from record to record, and from group to group', () => {
    const twice = group('set(attributes["seen"], cache["x"])', 'set(cache["x"], 1)')
    expect(attributesAfter([...twice, ...twice], body, body)).toEqual({})
  })

  test('is one for statements without a group that follow each other', () => {
    const statements = ['set(log.cache["x"], log.body)', 'set(log.attributes["y"], log.cache["x"])']
    expect(attributesAfter(statements, field(5, any('v')))).toEqual({ y: 'v' })
    const parted = [statements[0], { statements: ['set(log.attributes["z"], 1)'] }, statements[1]]
    expect(attributesAfter(parted, field(5, any('v')))).toEqual({ z: 1n })
  })

  test('does not change a record that only fills it', () => {
    const bytes = logRequest(body)
    const { run } = processorOf(transform, { log_statements: group('set(cache["x"], body)') }, 'logs')
    expect(run(bytes)!.bytes()).toEqual(bytes)
  })

  test('takes maps only', () => {
    const { run, account } = processorOf(transform, { log_statements: group('set(cache, body)') }, 'logs')
    expect(run(logRequest(field(5, any('text'))))).toBeUndefined()
    expect(account.dropped('rule')).toBe(1)
    expect(faults(transform, { log_statements: group('set(cache, 1)') })).toContain(
      'cache takes a map, got the integer 1',
    )
  })
})

describe('the cache of', () => {
  const copy = (context: string) => [
    `set(${context}.cache["x"], "v")`,
    `set(${context}.attributes["y"], ${context}.cache["x"])`,
  ]
  const spans = traceRequest([field(11, [field(2, 'e'), entries(3, { k: 1n })]), field(5, 's')])
  const points = metricRequest([field(1, 'm'), field(5, [field(1, double(4, 1))])])

  test.each<[string, string, Buffer, (out: Buffer) => unknown]>([
    ['resource', 'log', logRequest(body), (out) => plainEntries(at(out, 1, 1), 1).y],
    ['scope', 'log', logRequest(body), (out) => plainEntries(at(out, 1, 2, 1), 3).y],
    ['span', 'trace', spans, (out) => plainEntries(at(out, 1, 2, 2), 9).y],
    ['spanevent', 'trace', spans, (out) => plainEntries(at(out, 1, 2, 2, 11), 3).y],
    ['datapoint', 'metric', points, (out) => plainEntries(at(out, 1, 2, 2, 5, 1), 7).y],
  ])('a %s', (context, signal, bytes, read) => {
    const format = `${signal}s` as 'logs'
    const { run } = processorOf(transform, { [`${signal}_statements`]: copy(context) }, format)
    expect(read(run(bytes)!.bytes())).toBe('v')
    const inGroup = {
      [`${signal}_statements`]: [
        { context, statements: copy(context).map((each) => each.replaceAll(`${context}.`, '')) },
      ],
    }
    expect(read(processorOf(transform, inGroup, format).run(bytes)!.bytes())).toBe('v')
  })

  test('a metric', () => {
    const statements = ['set(metric.cache["x"], metric.name)', 'set(metric.unit, metric.cache["x"])']
    const out = processorOf(transform, { metric_statements: statements }, 'metrics').run(points)!.bytes()
    expect(String(at(out, 1, 2, 2, 3))).toBe('m')
  })

  test('an envelope', () => {
    const statements = ['set(cache["x"], source_id)', 'set(attributes["y"], cache["x"])']
    const { run } = processorOf(transform, { envelope_statements: statements }, 'envelopes')
    expect(decodeBatch(run(batchOf(envelope({ source: 's' })))!.bytes())[0]!.tags).toEqual({ y: 's' })
  })
})

test.each([
  [
    { log_statements: [{ context: 'log', statements: ['set(body, resource.cache["x"])'] }] },
    'log_statements.0.statements.0: the statements of a group have one cache, that of their context: log.cache',
  ],
  [
    { log_statements: ['set(resource.cache["x"], 1)', 'set(log.body, log.cache["x"])'] },
    'log_statements.0: the statements of a group have one cache',
  ],
])('the cache of another context is refused', (config, message) => expect(faults(transform, config)).toContain(message))
