import { describe, expect, test } from 'vitest'
import { faults, processorOf } from '../../ottl/testing/run.ts'
import {
  any,
  at,
  entries,
  fixed64,
  logRequest,
  metricRequest,
  type Plain,
  plainAny,
  plainEntries,
  traceRequest,
} from '../../ottl/testing/samples.ts'
import { batchOf, envelope, field } from '../../telemetry/testing/encode.ts'
import { decodeBatch } from '../../telemetry/testing/strict-decoder.ts'
import redaction from './index.ts'

const card = '4[0-9]{15}'
const values: Record<string, Plain> = {
  name: 'dora',
  note: 'pay 4111111111111111 now',
  token: 'secret',
  n: 4111111111111111n,
}
const after = (config: object) => {
  const out = processorOf(redaction, config, 'logs').run(logRequest(entries(6, values)))!
  return plainEntries(at(out.bytes(), 1, 2, 2), 6)
}

describe('an attribute', () => {
  test.each<[string, object, Record<string, Plain>]>([
    ['that is not allowed goes', { allowed_keys: ['name'] }, { name: 'dora' }],
    ['goes when no keys are allowed', {}, {}],
    ['that is ignored stays as it is', { ignored_keys: ['note'], blocked_values: [card] }, { note: values.note! }],
    ['is ignored by pattern', { ignored_key_patterns: ['^na'] }, { name: 'dora' }],
    [
      'that is blocked is masked',
      { allow_all_keys: true, blocked_values: [card] },
      { ...values, note: 'pay **** now' },
    ],
    [
      'of another type is masked when asked for',
      { allow_all_keys: true, blocked_values: [card], redact_all_types: true },
      { ...values, note: 'pay **** now', n: '****' },
    ],
    [
      'with a blocked key is masked whole',
      { allow_all_keys: true, blocked_key_patterns: ['(?i)TOKEN'] },
      { ...values, token: '****' },
    ],
    [
      'with an allowed value stays',
      { allow_all_keys: true, blocked_key_patterns: ['token'], allowed_values: ['^secret$'] },
      values,
    ],
    [
      'is hashed when asked for',
      { allow_all_keys: true, blocked_key_patterns: ['token'], hash_function: 'md5' },
      { ...values, token: '5ebe2294ecd0e0f08eab7690d2a6ee69' },
    ],
    [
      'is told of',
      { allowed_keys: ['note', 'token'], blocked_values: [card], blocked_key_patterns: ['token'], summary: 'debug' },
      {
        note: 'pay **** now',
        token: '****',
        'redaction.redacted.keys': 'n,name',
        'redaction.redacted.count': 2n,
        'redaction.masked.keys': 'note,token',
        'redaction.masked.count': 2n,
      },
    ],
    [
      'is counted',
      { allow_all_keys: true, ignored_keys: ['n'], blocked_values: [card], allowed_values: ['dora'], summary: 'info' },
      {
        ...values,
        note: 'pay **** now',
        'redaction.masked.count': 1n,
        'redaction.allowed.count': 1n,
        'redaction.ignored.count': 1n,
      },
    ],
  ])('%s', (_, config, expected) => expect(after(config)).toEqual(expected))

  test('of two redactions after each other: their counts add up', () => {
    const first = processorOf(redaction, { allow_all_keys: true, blocked_values: [card], summary: 'info' }, 'logs')
    const second = processorOf(
      redaction,
      { allowed_keys: ['note', 'token'], blocked_key_patterns: ['token'], summary: 'info' },
      'logs',
    )
    const out = second.run(first.run(logRequest(entries(6, values)))!.bytes())!
    expect(plainEntries(at(out.bytes(), 1, 2, 2), 6)).toMatchObject({
      'redaction.masked.count': 2n,
      'redaction.redacted.count': 2n,
    })
  })
})

test('bodies are redacted too, at any depth', () => {
  const body = { user: 'x', deep: { card: '4111111111111111', list: ['ok', '4111111111111111'] }, token: 'y' }
  const config = { allow_all_keys: true, blocked_values: [card], blocked_key_patterns: ['token'], summary: 'debug' }
  const { run } = processorOf(redaction, config, 'logs')
  const record = at(run(logRequest(field(5, any(body))))!.bytes(), 1, 2, 2)
  expect(plainAny(at(record, 5))).toEqual({ user: 'x', deep: { card: '****', list: ['ok', '****'] }, token: '****' })
  expect(plainEntries(record, 6)).toEqual({
    'redaction.body.masked.keys': 'deep.card,deep.list.[1],token',
    'redaction.body.masked.count': 3n,
  })
  expect(plainAny(at(run(logRequest(field(5, any('is 4111111111111111'))))!.bytes(), 1, 2, 2, 5))).toBe('is ****')
})

test('resources, scopes, spans and their events', () => {
  const span = [entries(9, { a: 's' }), field(11, [fixed64(1, 5n), entries(3, { a: 's', b: 't' })])]
  const input = Buffer.concat([
    traceRequest(span),
    field(1, [field(1, entries(1, { a: 's' })), field(2, [field(1, entries(3, { a: 's' })), field(2, span)])]),
  ])
  const config = { allow_all_keys: true, blocked_values: ['^s$'] }
  const out = processorOf(redaction, config, 'traces').run(input)!.bytes()
  const found = [at(out, 1, 1), at(out, 1, 2, 1), at(out, 1, 2, 2), at(out, 1, 2, 2, 11)].map((each, i) =>
    plainEntries(each, [1, 3, 9, 3][i]!),
  )
  expect(found).toEqual([{ a: '****' }, { a: '****' }, { a: '****' }, { a: '****', b: 't' }])
})

test('points and envelopes', () => {
  const config = { allowed_keys: ['k'], blocked_values: ['x'] }
  const metric = [field(1, 'm'), field(9, field(1, entries(9, { k: 'axb', l: 'm' })))]
  const out = processorOf(redaction, config, 'metrics').run(metricRequest(metric))!.bytes()
  expect(plainEntries(at(out, 1, 2, 2, 9, 1), 9)).toEqual({ k: 'a****b' })
  const input = batchOf(envelope({ log: 'x', tags: { k: 'axb', l: 'm' }, deprecated: { old: 'y' } }))
  const [one] = decodeBatch(processorOf(redaction, config, 'envelopes').run(input)!.bytes())
  expect([one!.tags, one!.deprecated]).toEqual([{ k: 'a****b' }, {}])
})

test.each<[string, object, string]>([
  ['a broken pattern', { blocked_values: ['('] }, 'blocked_values.0: "(": a "(" has no ")"'],
  ['a missing key', { hash_function: 'hmac-sha256' }, 'hmac_key: is required for hmac-sha256'],
  ['an unknown summary', { summary: 'all' }, 'summary:'],
])('%s is named in the configuration', (_, config, message) => expect(faults(redaction, config)).toContain(message))
