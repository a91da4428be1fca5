import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { editYaml } from './migrate-edits.ts'

function without(text: string, ...paths: string[]): string {
  const yaml = editYaml(text)
  yaml.remove(paths.map((path) => ({ path, comment: ` no ${path}` })))
  return yaml.text()
}

describe('what is left at the place', () => {
  test.each<[string, string, string[], string]>([
    ['before what followed', 'a: 1\nb: 2\n', ['a'], '# no a\nb: 2\n'],
    ['at the end of a block', 'm:\n  a: 1\n  b: 2\nn: 3\n', ['m.b'], 'm:\n  a: 1\n  # no m.b\nn: 3\n'],
    ['above a block that is empty now', 'm:\n  a: 1\nn: 3\n', ['m.a'], '# no m.a\nm: {}\nn: 3\n'],
    ['above a list in brackets', 'l: [a, b]\n', ['l.0'], '# no l.0\nl: [b]\n'],
    ['in a list of lines', 'l:\n  - a\n  # of b\n  - b\n', ['l.0'], 'l:\n  # no l.0\n  # of b\n  - b\n'],
    ['in lists without indentation', 'l:\n- a\n- b\n', ['l.1'], 'l:\n- a\n# no l.1\n'],
    ['several, in their order', 'l: [a, b, c]\n', ['l.0', 'l.2'], '# no l.0\n# no l.2\nl: [b]\n'],
    [
      'a comment of its own stays',
      '# head\n\n# of a\na: 1\n# of b\nb: 2\n',
      ['b'],
      '# head\n\n# of a\na: 1\n# of b\n# no b\n',
    ],
    ['under a key without a value', 'a:\n# of b\nb: 1\nc: 2\n', ['b'], 'a:\n# of b\n# no b\nc: 2\n'],
    ['keys with dots and slashes', 'e:\n  x/a.b: 1\n  x/a: 2\n', ['e.x/a.b'], 'e:\n  # no e.x/a.b\n  x/a: 2\n'],
    ['keys in one line', 'a::b: 1\nc: 2\n', ['a.b'], '# no a.b\nc: 2\n'],
    ['the indentation of the file', 'a:\n    b: 1\n    c: 2\n', ['a.b'], 'a:\n    # no a.b\n    c: 2\n'],
  ])('%s', (_, text, paths, expected) => expect(without(text, ...paths)).toBe(expected))
})

test('scalars stay as they were written', () => {
  const rest = `a: 0123
b: yes
c: ~
d: '{{ .x.secret }}'
e: "\${env:A}"
f: |
  -----BEGIN
  -----END
g:
h: 1e3
`
  expect(without(`x: 1\n${rest}`, 'x')).toBe(`# no x\n${rest}`)
})

test('what is repeated elsewhere stays, and so does what is not there', () => {
  const text = 'a: &x {b: 1}\nc: *x\n'
  expect(without(text, 'a', 'c.b', 'd', 'a.z')).toBe(text)
})

test('what was repeated goes after those who repeated it', () => {
  const yaml = editYaml('a: &x {b: 1}\nc: *x\nd: 2\n')
  expect(yaml.remove([{ path: 'a', comment: '' }])).toEqual([])
  yaml.remove([{ path: 'c', comment: ' no c' }])
  yaml.remove([{ path: 'a', comment: ' no a' }])
  expect(yaml.text()).toBe('# no a\n# no c\nd: 2\n')
})

test('a text that nothing was taken from is the same bytes', () => {
  const text = 'a:   [ 1,2 ]   # odd\n\n\n\nb: {x : 1}\n'
  expect(without(text, 'nothing')).toBe(text)
})

test('any one setting is taken out of any file, and nothing else', () => {
  const key = fc.stringMatching(/^[a-z][a-z/]{0,5}$/)
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      fc.stringMatching(/^[a-z ]{0,8}$/),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
    ),
  }))
  const file = fc.dictionary(key, tree, { minKeys: 1, maxKeys: 4 })
  fc.assert(
    fc.property(file, fc.nat(), fc.boolean(), (value, pick, flow) => {
      const all = pathsOf(value)
      const path = all[pick % all.length]!
      const text = stringify(value, { collectionStyle: flow ? 'flow' : 'any' })
      const model = structuredClone(value)
      drop(model, path)
      expect(parse(without(text, path.join('.'))) ?? {}).toEqual(model)
    }),
    { numRuns: 300 },
  )
})

type Path = (string | number)[]

function pathsOf(value: unknown, at: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return []
  const entries: [string | number, unknown][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
  return entries.flatMap(([key, inner]) => [[...at, key], ...pathsOf(inner, [...at, key])])
}

function drop(value: unknown, [head, ...rest]: Path): void {
  const parent = value as Record<string | number, unknown>
  if (rest.length > 0) drop(parent[head!], rest)
  else if (Array.isArray(value)) value.splice(Number(head), 1)
  else delete parent[head!]
}
