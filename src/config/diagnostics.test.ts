import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { catalogue, empty, entries } from './catalogue.fixture.ts'
import { type ConfigCode, configCodes, formatProblem } from './diagnostics.ts'
import { loadConfig } from './load.ts'
import { distance, nearest } from './nearest.ts'
import { locate, newSource } from './source.ts'
import { validate } from './validate.ts'

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
const sections = page
  .split(/^### /m)
  .slice(1)
  .map((section) => ({
    code: section.split('\n')[0]!,
    example: /^```text\n(.*?)^```/ms.exec(section)?.[1] ?? '',
  }))
const config = sections.filter(({ code }) => code.startsWith('TR_CONFIG_'))

test('docs/errors.md has a paragraph for every code and for no other', () => {
  expect(config.map(({ code }) => code)).toEqual(Object.keys(configCodes))
})

// These come from the command line, the graph and the loader of plugins.
const elsewhere: ConfigCode[] = ['TR_CONFIG_SET', 'TR_CONFIG_FORMAT', 'TR_CONFIG_PLUGIN']

test.each(config.filter(({ code }) => !elsewhere.includes(code as ConfigCode)))(
  'the example of $code shows it',
  async ({ code, example }) => {
    const known = {
      ...catalogue,
      find: async (kind: never, type: string) =>
        type === 'forward' ? { kind, type, config: empty } : catalogue.find(kind, type),
    }
    const readFile = (path: string) => {
      if (path !== 'a.yaml') throw new Error('ENOENT')
      return example
    }
    const { problems, warnings } = await validate(loadConfig(['a.yaml'], { set: [], env: {}, readFile }), known)
    expect([...problems, ...warnings].map((problem) => problem.code)).toContain(code)
  },
)

test('the example of TR_CONFIG_SET shows it', () => {
  const [, argument] = config
    .find(({ code }) => code === 'TR_CONFIG_SET')!
    .example.trim()
    .split(' ')
  expect(loadConfig([], { set: [argument!], env: {} }).problems.map(({ code }) => code)).toContain('TR_CONFIG_SET')
})

test('the nearest name is a few letters off, or begins alike', () => {
  expect(distance('kitten', 'sitting')).toBe(3)
  expect(nearest('statds', ['statsd', 'otlp'])).toBe('statsd')
  expect(nearest('cert', ['ca_file', 'cert_file'])).toBe('cert_file')
  expect(
    nearest(
      'zzz',
      entries.map(({ type }) => type),
    ),
  ).toBeUndefined()
})

test('a long line is cut around the place', () => {
  const text = `a: ${'x'.repeat(300)} !`
  const location = locate({ source: newSource('a.yaml', text), start: 304, end: 305 })
  const picture = formatProblem({ code: 'TR_CONFIG_VALUE', location, path: '', message: 'm' }).split('\n')
  expect(picture[2]!.length).toBeLessThan(160)
  expect(picture[2]![picture[3]!.indexOf('^')]).toBe('!')
})
