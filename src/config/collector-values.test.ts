// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are what is tested
import { describe, expect, test } from 'vitest'
import type { z } from 'zod'
import { bool, int, list, object, text } from './fields.ts'
import { loadConfig } from './load.ts'

// What a Collector makes of substituted values in fields of each type. How references are cut, escaped and merged is in
// load.test.ts; ids and pipelines are in validate.test.ts.

const env = {
  A: '1',
  E: '',
  S: '0123',
  L: '[x,y]',
  P: 'pa$$word',
  X: '0xdeadbeef',
  Q: '"0123"',
  T: 'true',
  D: '2023-01-01',
  I: '1111:1111::',
  B: '["a",',
  N: '123',
  C: 'a,b',
}

/** The value of a field, or the messages of what is wrong with it. */
function read(written: string, field: z.ZodType): unknown {
  const loaded = loadConfig(['a.yaml'], { set: [], env, readFile: () => `k: ${written}\n` })
  if (loaded.problems.length > 0) return loaded.problems.map(({ message }) => message)
  const result = object({ k: field }).safeParse(loaded.value)
  return result.success ? (result.data as { k: unknown }).k : 'refused'
}

const refused = 'refused'

describe('a whole value: text for text fields, its meaning as YAML elsewhere', () => {
  test.each<[string, unknown, unknown, unknown, unknown]>([
    // written, as text, as int, as bool, as list
    ['${N}', '123', 123, false, ['123']],
    ['${S}', '0123', 83, false, ['0123']],
    ['${X}', '0xdeadbeef', 3735928559, false, ['0xdeadbeef']],
    ['${Q}', '"0123"', refused, false, ['"0123"']],
    ['${T}', 'true', refused, true, ['true']],
    ['${A}', '1', 1, true, ['1']],
    ['${L}', '[x,y]', refused, false, ['x', 'y']],
    ['${I}', '1111:1111::', refused, false, ['1111:1111::']],
    ['${D}', '2023-01-01', refused, false, ['2023-01-01']],
    ['${B}', '["a",', refused, false, ['["a"', '']],
    ['${C}', 'a,b', refused, false, ['a', 'b']],
    ['${env:A}', '1', 1, true, ['1']],
    ['${U:-d}', 'd', refused, false, ['d']],
    ['${P}', 'pa$$word', refused, false, ['pa$$word']],
  ])('%s', (written, asText, asInt, asBool, asList) => {
    expect(read(written, text())).toEqual(asText)
    expect(read(written, int())).toEqual(asInt)
    expect(read(written, bool())).toEqual(asBool)
    expect(read(written, list())).toEqual(asList)
  })
})

describe('empty and unset', () => {
  test.each<[string, unknown]>([
    ['${E:-d}', ''],
    ['${U:-}', ''],
    ['${U}', ''],
  ])('%s is the empty text', (written, expected) => expect(read(written, text())).toEqual(expected))

  test('where no text is wanted they keep the default', () => {
    expect(read('${E}', int().default(7))).toBe(7)
    expect(read('${U}', int().default(7))).toBe(7)
  })
})

describe('inside of a text', () => {
  test.each<[string, unknown]>([
    ['p-${A}-q', 'p-1-q'],
    ['http://${S}:80', 'http://0123:80'],
    ['$A', '$A'],
    ['$$A', '$A'],
    ['$${A}', '${A}'],
    ['$$${A}', '$1'],
  ])('%s', (written, expected) => expect(read(written, text())).toEqual(expected))

  test('a list there has no unambiguous form', () => {
    expect(String(read('http://${L}', text()))).toContain(
      'retrieved value does not have unambiguous string representation',
    )
  })

  test('a plain number or bool is no text: strict as the Collector', () => {
    expect(read('123', text())).toBe(refused)
    expect(read('"123"', int())).toBe(refused)
    expect(read('"true"', bool())).toBe(refused)
  })
})
