// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are what is tested
import { expect, test } from 'vitest'
import type { z } from 'zod'
import { int, list, object, text } from '../../../src/config/fields.ts'
import { loadConfig } from '../../../src/config/load.ts'

// The Collector's table, part 1: substitution and merging, seen by a component's settings.

const env = { A: '1', E: '', S: '0123', L: '[x,y]', P: 'pa$$word', V: '${V}' }

/** The value of a field whose text in the file is `written`; else what is wrong, and the warnings. */
function read(written: string, field: z.ZodType) {
  const loaded = loadConfig(['a.yaml'], { set: [], env, readFile: () => `k: ${written}\n` })
  const warnings = loaded.warnings.map(({ message }) => message)
  const [problem] = loaded.problems
  if (problem) return { error: problem.message, warnings }
  const parsed = object({ k: field }).safeParse(loaded.value)
  return parsed.success ? { value: (parsed.data as { k: unknown }).k, warnings } : { error: 'refused', warnings }
}

const string = text()

test.each<[string, string, z.ZodType, unknown]>([
  ['${A}', 'int', int(), 1],
  ['${env:A}', 'int', int(), 1],
  ['${S}', 'string', string, '0123'],
  ['${S}', 'int', int(), 83],
  ['p-${A}-q', 'string', string, 'p-1-q'],
  ['${U:-d}', 'string', string, 'd'],
  ['${E:-d}', 'string', string, ''],
  ['${U:-}', 'string', string, ''],
  ['$A', 'string', string, '$A'],
  ['$$A', 'string', string, '$A'],
  ['$${A}', 'string', string, '${A}'],
  ['$$${A}', 'string', string, '$1'],
  ['${L}', 'list', list(), ['x', 'y']],
  ['${L}', 'string', string, '[x,y]'],
  // Where the Collector would lose a dollar, or take the text of a variable for a template.
  ['${P}', 'string', string, 'pa$$word'],
  ['${V}', 'string', string, '${V}'],
])('%s in a field of type %s', (written, _, field, value) => {
  expect(read(written, field)).toEqual({ value, warnings: [] })
})

test('${U} is the empty text, and a warning', () => {
  const warnings = [expect.stringContaining('Configuration references unset environment variable')]
  expect(read('${U}', string)).toEqual({ value: '', warnings })
})

test.each([
  ['http://${L}', 'retrieved value does not have unambiguous string representation'],
  ['${1X}', 'environment variable "1X" has invalid name: must match regex ^[a-zA-Z_][a-zA-Z0-9_]*$'],
  ['${nope:x}', 'scheme "nope" is not supported for uri "nope:'],
])('%s is an error', (written, message) => {
  expect(read(written, string)).toMatchObject({ error: expect.stringContaining(message) })
})

test('keys are never substituted', () => {
  expect(loadConfig(['a.yaml'], { set: [], env, readFile: () => '${A}: v\n' }).value).toEqual({ '${A}': 'v' })
})

const two: Record<string, string> = {
  '1.yaml': 'service: {pipelines: {logs: {exporters: [a, b]}}}\nprocessors: {batch: {timeout: 1s}}\n',
  '2.yaml': 'service: {pipelines: {logs: {exporters: [c]}}}\n',
}
const merged = (set: string[], appendLists = false) =>
  loadConfig(['1.yaml', '2.yaml'], { set, env, readFile: (path) => two[path]!, appendLists })

test('a list of a later file replaces the earlier one; with the gate it is appended', () => {
  expect(merged([]).value).toMatchObject({ service: { pipelines: { logs: { exporters: ['c'] } } } })
  expect(merged([], true).value).toMatchObject({ service: { pipelines: { logs: { exporters: ['a', 'b', 'c'] } } } })
})

test('--set wins over every file, and wants an equal sign', () => {
  expect(merged(['processors.batch.timeout=2s']).value).toMatchObject({ processors: { batch: { timeout: '2s' } } })
  expect(merged(['foo']).problems).toMatchObject([{ message: 'missing equal sign' }])
})
