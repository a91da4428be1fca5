import { expect, test } from 'vitest'
import { Batch } from '../telemetry/batch.ts'
import { batchOf, envelope } from '../telemetry/testing/encode.ts'
import { ConditionError, compileCondition, without } from './conditions.ts'
import { compileStatement } from './statements.ts'

const many = (count: number, part: string, between: string) => Array.from({ length: count }, () => part).join(between)

test.each<[string, string, string, string]>([
  ['conditions joined by and', many(100_000, 'name == "a"', ' and '), 'name == "a" and', 'more than 10000 conditions'],
  ['conditions joined by or', many(100_000, 'name == "a"', ' or '), 'name == "a" or', 'more than 10000 conditions'],
  ['sums', `name == ${many(100_000, '1', '+')}`, '+1+1', 'more than 1000 times "+", "-", "*" or "/"'],
  ['products', `name == ${many(100_000, '1', '*')}`, '*1*1', 'more than 1000 times "+", "-", "*" or "/"'],
  ['sums in sums', `name == ${'('.repeat(50)}1${many(50, '+1'.repeat(50), ')')}`, '+1', 'more than 1000 times'],
  ['parentheses', `${'('.repeat(100_000)}name == "a"`, '(((', 'nested too deeply'],
  ['not', 'not '.repeat(100_000), 'not not', 'nested too deeply'],
  ['lists', `name == ${'['.repeat(100_000)}`, '[[[', 'nested too deeply'],
  ['keys', `attributes${'["a"]'.repeat(100_000)} == 1`, '["a"]', 'more than 100 keys in brackets'],
])('too many %s are refused, with their place', (_, source, near, message) => {
  let caught: unknown
  try {
    compileCondition(source, 'envelopes')
  } catch (error) {
    caught = error
  }
  expect(caught).toBeInstanceOf(ConditionError)
  const { message: text, position } = caught as ConditionError
  expect(text).toContain(message)
  expect(text.length).toBeLessThan(600)
  expect(source.slice(position - 20, position + 20)).toContain(near)
})

test('a statement is bounded like a condition', () => {
  expect(() => compileStatement(`set(name, 1) where ${many(100_000, 'body == 1', ' or ')}`, 'logs')).toThrow(
    'more than 10000 conditions are joined by "or"',
  )
})

test('ten thousand conditions are as good as two', () => {
  const batch = Batch.of('envelopes', batchOf(envelope({ source: 'a' }), envelope({ source: 'b' })))
  const others = many(9_999, 'source_id == "c"', ' or ')
  expect(without(batch, compileCondition(`${others} or source_id == "b"`, 'envelopes')).count).toBe(1)
  const all = many(9_999, 'source_id != "c"', ' and ')
  expect(without(batch, compileCondition(`${all} and source_id == "a"`, 'envelopes')).count).toBe(1)
})
