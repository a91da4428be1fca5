import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { faults, processorOf } from '../../ottl/testing/run.ts'
import {
  any,
  at,
  entries,
  logRequest,
  metricRequest,
  type Plain,
  plainEntries,
  traceRequest,
} from '../../ottl/testing/samples.ts'
import { batchOf, entry, envelope, field, int } from '../../telemetry/testing/encode.ts'
import { decodeBatch, fieldsOf } from '../../telemetry/testing/strict-decoder.ts'
import attributes from './index.ts'

const values: Record<string, Plain> = { a: 'x', n: 42n, d: 1.5, b: true, email: 'me@example.com', s: '17', list: ['y'] }
const changedBy = (...actions: object[]) => {
  const out = processorOf(attributes, { actions }, 'logs').run(logRequest(entries(6, values)))!
  return plainEntries(at(out.bytes(), 1, 2, 2), 6)
}
const sha = (text: string) => expect.stringMatching(new RegExp(`^${text}`))

describe('an action', () => {
  test.each<[object, Record<string, unknown>]>([
    [{ key: 'a', value: 'y', action: 'insert' }, {}],
    [{ key: 'new', value: 'y', action: 'insert' }, { new: 'y' }],
    [{ key: 'a', value: 'y', action: 'update' }, { a: 'y' }],
    [{ key: 'new', value: 'y', action: 'update' }, {}],
    [{ key: 'a', value: 5, action: 'upsert' }, { a: 5n }],
    [{ key: 'new', value: 5.5, action: 'upsert' }, { new: 5.5 }],
    [{ key: 'new', value: [true, { k: 'v' }], action: 'upsert' }, { new: [true, { k: 'v' }] }],
    [{ key: 'new', from_attribute: 'list', action: 'insert' }, { new: ['y'] }],
    [{ key: 'new', from_attribute: 'absent', action: 'insert' }, {}],
    [{ key: 'new', from_attribute: 'absent', default_value: 'z', action: 'insert' }, { new: 'z' }],
    [{ key: 'a', action: 'delete' }, { a: undefined }],
    [
      { pattern: '^(a|s|absent)$', action: 'delete' },
      { a: undefined, s: undefined },
    ],
    [{ key: 'email', action: 'hash' }, { email: createHash('sha256').update('me@example.com').digest('hex') }],
    [{ key: 'n', action: 'hash' }, { n: sha('[0-9a-f]{64}$') }],
    [{ key: 'list', action: 'hash' }, { list: '' }],
    [{ pattern: '^em', action: 'hash' }, { email: sha('[0-9a-f]{64}$') }],
    [
      { key: 'email', pattern: '^(?P<user>[^@]+)@(?P<domain>.*)$', action: 'extract' },
      { user: 'me', domain: 'example.com' },
    ],
    [{ key: 'email', pattern: '^(?P<user>x)', action: 'extract' }, {}],
    [{ key: 'n', pattern: '(?P<user>4)', action: 'extract' }, {}],
    [{ key: 's', action: 'convert', converted_type: 'int' }, { s: 17n }],
    [{ key: 's', action: 'convert', converted_type: 'double' }, { s: 17 }],
    [{ key: 'a', action: 'convert', converted_type: 'int' }, {}],
    [{ key: 'd', action: 'convert', converted_type: 'int' }, { d: 1n }],
    [{ key: 'b', action: 'convert', converted_type: 'int' }, { b: 1n }],
    [{ key: 'n', action: 'convert', converted_type: 'double' }, { n: 42 }],
    [{ key: 'n', action: 'convert', converted_type: 'string' }, { n: '42' }],
    [{ key: 'd', action: 'convert', converted_type: 'string' }, { d: '1.5' }],
    [{ key: 'list', action: 'convert', converted_type: 'string' }, { list: '["y"]' }],
  ])('%j', (action, changes) => {
    const expected = Object.fromEntries(
      Object.entries({ ...values, ...changes }).filter(([, value]) => value !== undefined),
    )
    expect(changedBy(action)).toEqual(expected)
  })

  test('sees what those before it did', () => {
    const out = changedBy(
      { key: 'q', value: 'y', action: 'insert' },
      { key: 'q', action: 'hash' },
      { key: 'a', from_attribute: 'q', action: 'update' },
    )
    expect(out.a).toBe(out.q)
    expect(out.q).toHaveLength(64)
  })

  test('takes values from where the record came from', () => {
    const actions = [
      { key: 'ip', from_context: 'client.address', action: 'insert' },
      { key: 'tenant', from_context: 'metadata.X-Tenant', action: 'insert' },
      { key: 'none', from_context: 'metadata.other', default_value: 'd', action: 'insert' },
    ]
    const { run } = processorOf(attributes, { actions }, 'logs')
    const origin = { address: '10.0.0.7', port: 1, subject: undefined, metadata: { 'x-tenant': 'acme' } }
    const of = (options: object) => plainEntries(at(run(logRequest([]), options)!.bytes(), 1, 2, 2), 6)
    expect(of({ origin })).toEqual({ ip: '10.0.0.7', tenant: 'acme', none: 'd' })
    expect(of({})).toEqual({ none: 'd' })
    expect(attributes.readsOrigins).toBeTypeOf('function')
  })
})

const upsert = { actions: [{ key: 'k', value: 'new', action: 'upsert' }] }

test.each([
  [5, 7],
  [7, 7],
  [9, 9],
  [10, 1],
  [11, 7],
])('attributes of points in data field %i are field %i', (data, number) => {
  const metric = [field(1, 'm'), field(data, [field(1, entries(number, { k: 'old' })), field(1, int(41, 1))])]
  const out = processorOf(attributes, upsert, 'metrics').run(metricRequest(metric))!.bytes()
  expect(fieldsOf(at(out, 1, 2, 2, data)).map(({ value }) => plainEntries(value as Buffer, number))).toEqual([
    { k: 'new' },
    { k: 'new' },
  ])
})

test('tags of envelopes are text, and a deprecated tag of the key goes', () => {
  const actions = [
    { key: 'old', value: 5, action: 'upsert' },
    { key: 'b', action: 'delete' },
  ]
  const input = batchOf(envelope({ source: 's', log: 'x', tags: { a: '1', b: '2' }, deprecated: { old: 'y', b: 'z' } }))
  const [out] = decodeBatch(processorOf(attributes, { actions }, 'envelopes').run(input)!.bytes())
  expect([out!.tags, out!.deprecated, out!.sourceId]).toEqual([{ a: '1', old: '5' }, {}, 's'])
})

test('tags of v1 envelopes', () => {
  const input = batchOf(Buffer.concat([field(1, 'origin'), int(2, 5), entry(17, 'k', 'old')]))
  const out = processorOf(attributes, upsert, 'dropsonde').run(input)!.bytes()
  expect(out).toEqual(batchOf(Buffer.concat([field(1, 'origin'), int(2, 5), entry(17, 'k', 'new')])))
})

describe('include and exclude', () => {
  const span = (name: string, kind: number, more: Record<string, Plain> = {}) => [
    field(5, name),
    int(6, kind),
    entries(9, more),
  ]
  const input = traceRequest(
    span('GET /', 2, { env: 'prod' }),
    span('POST /', 3, { env: 'dev', n: 5n }),
    span('job', 1),
  )
  const changed = (config: object) => {
    const out = processorOf(attributes, { ...config, ...upsert }, 'traces')
      .run(input)!
      .bytes()
    const spans = fieldsOf(at(out, 1, 2)).filter((each) => each.field === 2)
    return spans.map(({ value }) => plainEntries(value as Buffer, 9).k === 'new')
  }
  test.each<[object, boolean[]]>([
    [{ include: { match_type: 'strict', services: ['shop'] } }, [true, true, true]],
    [{ include: { match_type: 'strict', services: ['other'] } }, [false, false, false]],
    [{ include: { match_type: 'regexp', services: ['^sh'], span_names: ['^GET', '^j'] } }, [true, false, true]],
    [{ include: { match_type: 'strict', span_names: ['GET'] } }, [false, false, false]],
    [{ include: { match_type: 'strict', span_kinds: ['SPAN_KIND_CLIENT'] } }, [false, true, false]],
    [{ include: { match_type: 'regexp', span_kinds: ['CLIENT$', 'SERVER$'] } }, [true, true, false]],
    [{ include: { match_type: 'strict', attributes: [{ key: 'env' }] } }, [true, true, false]],
    [
      {
        include: {
          match_type: 'strict',
          attributes: [
            { key: 'env', value: 'dev' },
            { key: 'n', value: 5 },
          ],
        },
      },
      [false, true, false],
    ],
    [{ include: { match_type: 'regexp', attributes: [{ key: 'n', value: '^5$' }] } }, [false, true, false]],
    [{ include: { match_type: 'strict', resources: [{ key: 'service.name', value: 'shop' }] } }, [true, true, true]],
    [{ include: { match_type: 'strict', libraries: [{ name: 'lib', version: '1' }] } }, [true, true, true]],
    [{ include: { match_type: 'strict', libraries: [{ name: 'lib', version: '2' }] } }, [false, false, false]],
    [{ exclude: { match_type: 'strict', span_names: ['job'] } }, [true, true, false]],
    [
      {
        include: { match_type: 'regexp', span_names: ['/'] },
        exclude: { match_type: 'strict', attributes: [{ key: 'env', value: 'dev' }] },
      },
      [true, false, false],
    ],
  ])('%j', (config, expected) => expect(changed(config)).toEqual(expected))

  const log = (severity: number, text: string, body: Plain) => [int(2, severity), field(3, text), field(5, any(body))]
  test.each<[object, boolean[]]>([
    [{ log_bodies: ['hello'] }, [true, false, false]],
    [{ log_severity_texts: ['WARN'] }, [false, true, false]],
    [{ log_severity_number: { min: 9 } }, [false, true, false]],
    [{ log_severity_number: { min: 5, match_undefined: true } }, [true, true, true]],
  ])('of logs: %j', (match, expected) => {
    const { run } = processorOf(attributes, { include: { match_type: 'strict', ...match }, ...upsert }, 'logs')
    const out = run(logRequest(log(5, 'DEBUG', 'hello'), log(13, 'WARN', 'x'), log(0, '', 5n)))!.bytes()
    expect(
      fieldsOf(at(out, 1, 2))
        .slice(1)
        .map(({ value }) => plainEntries(value as Buffer, 6).k === 'new'),
    ).toEqual(expected)
  })

  test('of metrics by name', () => {
    const metric = (name: string) => [field(1, name), field(5, field(1, int(41, 1)))]
    const { run } = processorOf(
      attributes,
      { include: { match_type: 'regexp', metric_names: ['^a'] }, ...upsert },
      'metrics',
    )
    const out = run(metricRequest(metric('ab'), metric('b')))!
      .bytes()
      .toString('latin1')
    expect(out.split('new').length - 1).toBe(1)
    expect(out.indexOf('new')).toBeLessThan(out.lastIndexOf('b'))
  })

  test('what says nothing about the records of a pipeline is refused', () => {
    const create = (include: object, format: 'logs' | 'metrics') => () =>
      processorOf(attributes, { include, ...upsert }, format)
    expect(create({ match_type: 'strict', span_names: ['x'] }, 'logs')).toThrow(
      'include.span_names says nothing about logs: write log_bodies',
    )
    expect(create({ match_type: 'strict' }, 'metrics')).toThrow('include needs one of metric_names')
  })
})

test.each<[string, object, string]>([
  ['no action', { key: 'a' }, 'actions.0.action'],
  ['no key', { action: 'insert', value: 1 }, 'actions.0: the action insert needs a key'],
  ['nothing to delete', { action: 'delete' }, 'the action delete needs a key or a pattern'],
  [
    'nothing to set',
    { action: 'update', key: 'a' },
    'needs one of value, from_attribute, from_context and default_value',
  ],
  ['no pattern', { action: 'extract', key: 'a' }, 'needs a pattern with named groups'],
  [
    'a group without a name',
    { action: 'extract', key: 'a', pattern: '(x)(?P<y>z)' },
    'actions.0.pattern: every group of the pattern needs a name',
  ],
  ['a broken pattern', { action: 'delete', pattern: '[a' }, 'actions.0.pattern: "[a": a "[" has no "]"'],
  ['no type', { action: 'convert', key: 'a' }, 'needs converted_type: int, double or string'],
  [
    'an unknown source',
    { action: 'insert', key: 'a', from_context: 'peer' },
    'expected client.address or metadata.<header>, got "peer"',
  ],
  ['what an authenticator knows', { action: 'insert', key: 'a', from_context: 'auth.x' }, 'is not handed on here'],
])('%s is named in the configuration', (_, action, message) => {
  expect(faults(attributes, { actions: [action] })).toContain(message)
})

test('a broken pattern of include is named in the configuration', () => {
  const config = { ...upsert, include: { match_type: 'regexp', span_names: ['(?=x)'] } }
  expect(faults(attributes, config)).toContain('include.span_names.0: "(?=x)": Go has no looking ahead or behind')
})
