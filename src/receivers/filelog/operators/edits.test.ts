import { expect, test } from 'vitest'
import { faults } from '../../../ottl/testing/run.ts'
import filelog from '../index.ts'
import { one, run } from './operators.fixture.ts'

const json = { type: 'json_parser', parse_to: 'body' }

test.each<[string, string[], string, object]>([
  ['fields of the body', ['body.a', 'body.m'], '{"a":1,"b":2,"m":{"k":3}}', { body: { a: 1, m: { k: 3 } } }],
  ['a field deep in it', ['body.m.k'], '{"a":1,"m":{"k":3,"l":4}}', { body: { m: { k: 3 } } }],
  ['attributes, and the body as it is', ['attributes.x'], '{"a":1}', { body: { a: 1 }, attributes: { x: 'y' } }],
  ['nothing of the resource', ['resource.none'], '{}', { resource: {} }],
  ['the whole body', ['body'], '{"a":1}', { body: { a: 1 }, resource: { host: 'h' } }],
])('retain keeps %s', (_, fields, line, expected) => {
  const operators = [json, { type: 'add', field: 'attributes.x', value: 'y' }, { type: 'retain', fields }]
  const record = one(operators, line)
  for (const [key, value] of Object.entries(expected)) expect(record[key as 'body']).toEqual(value)
})

test.each<[string, string, string, object]>([
  ['into the body', 'body.m', '{"m":{"a":1,"b":2},"c":3}', { a: 1, b: 2, c: 3 }],
  ['into another map', 'body.w.m', '{"w":{"m":{"a":1},"c":3}}', { w: { a: 1, c: 3 } }],
  ['one layer alone', 'body.m', '{"m":{"a":{"b":1}}}', { a: { b: 1 } }],
])('flatten puts the keys of a map %s', (_, field, line, expected) => {
  expect(one([json, { type: 'flatten', field }], line).body).toEqual(expected)
})

test('flatten fails on what is no map', () => {
  const flatten = [json, { type: 'flatten', field: 'body.m' }]
  expect(run(flatten, '{"m":1}').log[0]).toContain('body.m is a number, not a map')
  expect(run(flatten, '{}').log[0]).toContain('the entry has no body.m to flatten')
  const whole = { include: ['x'], operators: [{ type: 'flatten', field: 'body' }] }
  expect(faults(filelog, whole)).toContain('operators.0.field: write a field of the body, such as body.key')
})
