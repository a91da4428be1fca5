// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are what is tested
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatProblems } from './diagnostics.ts'
import { type LoadOptions, loadConfig } from './load.ts'
import { Substituted } from './substituted.ts'

const env = {
  A: '1',
  E: '',
  S: '0123',
  L: '[x,y]',
  M: '{a: 1}',
  P: 'pa$$word',
  V: '${V}',
  Q: '"0123"',
  B: '["a",',
  PATH1: '/f',
  I: '1111:1111::',
}

function load(files: Record<string, string> | string, options: Partial<LoadOptions> = {}) {
  const texts: Record<string, string> = typeof files === 'string' ? { 'a.yaml': files } : files
  const readFile = (path: string) => {
    const text = texts[path]
    if (text === undefined) throw new Error('ENOENT: no such file')
    return text
  }
  const names = Object.keys(texts).filter((name) => name.endsWith('.yaml'))
  return loadConfig(names, { set: [], env, readFile, ...options })
}

const told = (loaded: ReturnType<typeof load>) => loaded.problems.map((problem) => problem.message)

/** A whole value as the fields see it: its text and its meaning. */
function whole(written: string) {
  const { value, problems } = load(`k: ${written}\n`)
  expect(problems).toEqual([])
  return value.k instanceof Substituted ? { text: value.k.text, value: value.k.value } : value.k
}

describe('substitution', () => {
  const rows: [string, unknown][] = [
    ['${A}', { text: '1', value: 1 }],
    ['${env:A}', { text: '1', value: 1 }],
    ['${S}', { text: '0123', value: 83 }],
    ['${Q}', { text: '"0123"', value: '"0123"' }],
    ['${B}', { text: '["a",', value: '["a",' }],
    ['p-${A}-q', 'p-1-q'],
    ['${U:-d}', { text: 'd', value: 'd' }],
    ['${env:U:-0123}', { text: '0123', value: 83 }],
    ['${E:-d}', { text: '', value: null }],
    ['${U:-}', { text: '', value: null }],
    ['${U:-${A}}', { text: '1', value: 1 }],
    ['${U:-a$$b}', { text: 'a$b', value: 'a$b' }],
    ['${U}', { text: '', value: null }],
    ['x${U}', 'x'],
    ['$A', '$A'],
    ['$$A', '$A'],
    ['$${A}', '${A}'],
    ['$$${A}', '$1'],
    ['$$$${A}', '$${A}'],
    ['${A} $${A}', '1 ${A}'],
    ['$${A} ${A}', '${A} 1'],
    ['${L}', { text: '[x,y]', value: ['x', 'y'] }],
    ['${P}', { text: 'pa$$word', value: 'pa$$word' }],
    ['http://[${I}]:80', 'http://[1111:1111::]:80'],
    ['x${P}', 'xpa$$word'],
    ['${V}', { text: '${V}', value: '${V}' }],
    ['"${yaml:[1, 2]}"', { text: '[1, 2]', value: [1, 2] }],
    ['"${yaml:{a: ${A}}}"', { text: '{a: 1}', value: { a: 1 } }],
    ['"${A"', '${A'],
    ['[a, "${A}x"]', ['a', '1x']],
  ]
  test.each(rows)('%s', (written, expected) => {
    expect(whole(written)).toEqual(expected)
  })

  const faults: [string, string, string][] = [
    ['http://${L}', 'TR_CONFIG_EXPANSION', 'retrieved value does not have unambiguous string representation'],
    [
      '${1X}',
      'TR_CONFIG_VARIABLE',
      'environment variable "1X" has invalid name: must match regex ^[a-zA-Z_][a-zA-Z0-9_]*$',
    ],
    ['${}', 'TR_CONFIG_VARIABLE', 'has invalid name'],
    ['${nope:x}', 'TR_CONFIG_SCHEME', 'scheme "nope" is not supported for uri "nope:'],
    ['${http://x/y}', 'TR_CONFIG_SCHEME', 'scheme "http" is not supported'],
    ['${file:/missing}', 'TR_CONFIG_READ', 'unable to read the file /missing: there is no such file'],
    ['${file:/a$b}', 'TR_CONFIG_EXPANSION', "unsupported characters ('$')"],
  ]
  test.each(faults)('%s is a problem', (written, code, message) => {
    const { problems } = load(`k: ${written}\n`)
    expect(problems[0]).toMatchObject({ code, path: 'k', location: { line: 1, column: 4 } })
    expect(problems[0]?.message).toContain(message)
  })

  test('an unset variable without a default is a warning', () => {
    const { warnings } = load('k: ${U}\n')
    expect(warnings.map(({ code, message }) => [code, message])).toEqual([
      ['TR_CONFIG_UNSET', 'Configuration references unset environment variable U'],
    ])
  })

  test('keys are never substituted', () => {
    expect(load('${A}: v\n').value).toEqual({ '${A}': 'v' })
  })

  test('service.empty_variables: unset makes empty variables keep the defaults of that file', () => {
    const files = {
      'a.yaml': 'service: {empty_variables: unset}\na: ${E:-d}\nb: ${E}\nc: ${U}\n',
      'b.yaml': 'd: ${E:-d}\n',
      'c.yaml': 'service.empty_variables: unset\ne: ${E:-d}\n',
    }
    const { value, warnings } = load(files)
    expect((value.a as Substituted).text).toBe('d')
    expect([value.b, value.c]).toEqual([null, null])
    expect((value.d as Substituted).text).toBe('')
    expect((value.e as Substituted).text).toBe('d')
    expect(value.service).toEqual({ empty_variables: 'unset' })
    expect(warnings).toEqual([])
  })
})

describe('files in values', () => {
  test('a map is configuration again: templated, and at home in its own file', () => {
    const { value, at, problems } = load({ 'a.yaml': 'k: ${file:${env:PATH1}}\n', '/f': 'x: 1\ny: ${A}z\n' })
    expect(problems).toEqual([])
    expect((value.k as Substituted).value).toEqual({ x: 1, y: '1z' })
    expect(at(['k', 'y'])).toMatchObject({ file: '/f', line: 2, column: 4 })
  })

  test('a scalar is text without its last line break', () => {
    const { value } = load({ 'a.yaml': 'k: ${file:/f}\n', '/f': '0123\n' })
    expect(value.k).toMatchObject({ text: '0123', value: 83, source: 'file:/f' })
  })

  test('a file that includes itself is a problem', () => {
    expect(told(load({ 'a.yaml': 'k: ${file:/f}\n', '/f': 'x: ${file:/f}\ny: ${file:/f}\n' }))).toContain(
      'too many recursive expansions',
    )
  })
})

describe('scalars as the Collector reads them', () => {
  const rows: [string, unknown][] = [
    ['0123', 83],
    ['0o17', 15],
    ['0x1F', 31],
    ['-0x1f', -31],
    ['0b101', 5],
    ['1_000', 1000],
    ['010', 8],
    ['08', 8],
    ['+12', 12],
    ['1.5', 1.5],
    ['1e3', 1000],
    ['.5', 0.5],
    ['.inf', Infinity],
    ['yes', 'yes'],
    ['on', 'on'],
    ['True', true],
    ['FALSE', false],
    ['tRue', 'tRue'],
    ['~', null],
    ['Null', null],
    ['', null],
    ['2023-01-01', '2023-01-01'],
    ['1:30', '1:30'],
    ['"0123"', '0123'],
    ["'true'", 'true'],
    ['!!str 123', '123'],
    ['!!int "12"', 12],
    ['0xzz', '0xzz'],
    ['-', null],
  ]
  test.each(rows)('%s', (written, expected) => {
    const { value } = load(written === '-' ? 'k:\n' : `k: ${written}\n`)
    expect(value.k).toEqual(expected)
  })
})

describe('merging', () => {
  const first = 'exporters: [a, b]\nm: {x: 1, y: {z: 2}}\ns: old\n'

  test('maps merge deeply, lists and scalars are replaced', () => {
    const { value } = load({ 'a.yaml': first, 'b.yaml': 'exporters: [c]\nm: {y: {w: 3}}\ns: new\n' })
    expect(value).toEqual({ exporters: ['c'], m: { x: 1, y: { z: 2, w: 3 } }, s: 'new' })
  })

  test('each value keeps the place it came from', () => {
    const { at } = load({ 'a.yaml': first, 'b.yaml': 'm:\n  y: {w: 3}\n' }, { set: ['m.y.v = 4'] })
    expect(at(['m', 'x'])).toMatchObject({ file: 'a.yaml', line: 2, column: 8, excerpt: 'm: {x: 1, y: {z: 2}}' })
    expect(at(['m', 'y', 'w'])).toMatchObject({ file: 'b.yaml', line: 2, column: 10 })
    expect(at(['m', 'y'], 'z')).toMatchObject({ file: 'a.yaml', line: 2, column: 15 })
    expect(at(['m', 'y', 'v'])).toMatchObject({ file: '--set', line: 1, column: 9, excerpt: 'm.y.v = 4' })
    expect(at(['exporters', 1])).toMatchObject({ file: 'a.yaml', line: 1, column: 16 })
    expect(at(['m', 'missing', 'more'])).toMatchObject({ file: 'a.yaml', line: 2 })
  })

  test('a map from a file merges with a map', () => {
    const { value } = load({ 'a.yaml': 'k: ${file:/f}\n', 'b.yaml': 'k: {b: 2}\n', '/f': 'a: 1\n' })
    expect(value).toEqual({ k: { a: 1, b: 2 } })
  })

  test('--set takes YAML, dots and ::, and wins', () => {
    const set = ['processors.batch.timeout=2s', 'a::b=[1, 2]', 'receivers.otlp/x.on = true', 'n=${A}']
    const { value } = load('processors: {batch: {timeout: 1s}}\n', { set })
    expect(value).toMatchObject({
      processors: { batch: { timeout: '2s' } },
      a: { b: [1, 2] },
      receivers: { 'otlp/x': { on: true } },
    })
    expect(value.n).toMatchObject({ value: 1 })
  })

  test('--set without an equal sign', () => {
    expect(told(load('a: 1\n', { set: ['foo'] }))).toEqual(['missing equal sign'])
  })

  test('with the gate of the Collector lists of ids are appended, without duplicates; those of processors are replaced', () => {
    const files = {
      'a.yaml': 'exporters: [a]\nservice: {extensions: [e], pipelines: {logs: {exporters: [a, b], processors: [p]}}}\n',
      'b.yaml': 'exporters: [b]\nservice: {extensions: [f], pipelines: {logs: {exporters: [c, a], processors: [q]}}}\n',
    }
    const pipelines = (exporters: string[]) => ({ logs: { exporters, processors: ['q'] } })
    const replaced = { exporters: ['b'], service: { extensions: ['f'], pipelines: pipelines(['c', 'a']) } }
    expect(load(files).value).toEqual(replaced)
    const appended = { exporters: ['b'], service: { extensions: ['e', 'f'], pipelines: pipelines(['a', 'b', 'c']) } }
    expect(load(files, { appendLists: true }).value).toEqual(appended)
  })

  test('a key with :: is a path', () => {
    expect(load('a::b: {c::d: 1}\na::e: 2\n').value).toEqual({ a: { b: { c: { d: 1 } }, e: 2 } })
  })

  test('anchors, aliases and << work', () => {
    expect(load('a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}\nc: *x\n').value).toEqual({
      a: { k: 1, l: 2 },
      b: { k: 3, l: 2 },
      c: { k: 1, l: 2 },
    })
  })
})

describe('locations', () => {
  test('file:, yaml: and env: may stand before a location', () => {
    const { value, problems } = loadConfig(['file:a.yaml', 'yaml:processors::batch::timeout: 2s', 'env:DOC'], {
      set: [],
      env: { DOC: 'x: 1' },
      readFile: () => 'a: 1',
    })
    expect(problems).toEqual([])
    expect(value).toEqual({ a: 1, processors: { batch: { timeout: '2s' } }, x: 1 })
  })

  test('another scheme, a missing file, no file and a list are problems', () => {
    const options = { set: [], env: {}, readFile: () => '[a]' }
    expect(loadConfig(['https://x/y'], options).problems[0]?.message).toBe('unsupported scheme on URI "https://x/y"')
    expect(loadConfig([], options).problems[0]?.message).toBe('at least one config flag must be provided')
    expect(loadConfig(['a'], options).problems[0]?.message).toContain(
      'retrieved value (type=list) cannot be used as a Conf',
    )
    expect(loadConfig(['/nowhere/at/all'], { set: [], env: {} }).problems[0]).toMatchObject({ code: 'TR_CONFIG_READ' })
  })
})

describe('broken text', () => {
  test('says where and what to do', () => {
    expect(formatProblems(load('a:\n\tb: 1\n').problems)).toMatchInlineSnapshot(`
      "a.yaml:2:1  TR_CONFIG_YAML
        not valid YAML: Tabs are not allowed as indentation
        2 |  b: 1
          | ^
        indent with spaces, never with tabs"
    `)
    expect(formatProblems(load('a: 1\na: 2\n').problems)).toMatchInlineSnapshot(`
      "a.yaml:2:1  TR_CONFIG_YAML
        this key stands twice in one map
        2 | a: 2
          | ^
        keep one of the two"
    `)
    expect(formatProblems(load('a: 1\n---\nb: 2\n').problems)).toMatchInlineSnapshot(`
      "a.yaml:2:1  TR_CONFIG_YAML
        there is more than one document in this file
        2 | ---
          | ^^^
        put each document (after "---") into a file of its own"
    `)
    expect(formatProblems(load('a: [1, 2\nb: 3\n').problems)).toMatchInlineSnapshot(`
      "a.yaml:2:1  TR_CONFIG_YAML
        there is no closing ]
        2 | b: 3
          | ^
        close it in the line above, or further up"
    `)
  })

  test('an alias bomb and deep nesting end as problems', () => {
    const bomb = [
      'a0: &a0 [x, x]',
      ...Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`),
    ].join('\n')
    expect(told(load(bomb)).join()).toContain('200000')
    expect(told(load(`a: ${'['.repeat(20_000)}`)).length).toBeGreaterThan(0)
    expect(told(load('a: &a [*a]\n')).length).toBeGreaterThan(0)
  })

  const piece = fc.constantFrom(
    'a',
    ':',
    ' ',
    '\n',
    '  ',
    '- ',
    '${',
    '}',
    '$',
    'env:',
    'file:',
    '/f',
    'A',
    '&x',
    '*x',
    '<<',
    '{',
    '[',
    ']',
    '"',
    "'",
    '|',
    '#',
    '\t',
    '::',
    '0x',
    '!!',
    '%',
    '---',
    '\u0000',
  )
  test('random text never throws and gives a tree or problems', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(piece, { maxLength: 40 }).map((all) => all.join('')),
        ),
        (text) => {
          const { value, problems, warnings } = load({ 'a.yaml': text, '/f': text })
          expect(typeof value).toBe('object')
          formatProblems([...problems, ...warnings])
        },
      ),
      { numRuns: 1000 },
    )
  })
})

test('excerpts hide quoted secrets with commas, the rest of a line, and logins inside of URLs', () => {
  const loaded = load(
    'a: {token: "x,y", b: 1}\npassword: x, y # z\nurl: http://me:pw@host/p\nkey: {token: "${env:A}"}\nt: !!binary aGk=\n',
  )
  const excerpts = ['a', 'password', 'url', 'key'].map((key) => loaded.at([key]).excerpt)
  expect(excerpts).toEqual([
    'a: {token: ********, b: 1}',
    'password: ********',
    'url: http://********@host/p',
    'key: {token: "${env:A}"}',
  ])
  expect(loaded.value.t).toBe('aGk=')
})

test('what a later file says otherwise is not warned of, and hidden with what is', () => {
  const loaded = load({ 'a.yaml': 'x: {dsn: $HUNTER2, other: $TEXT}\n', 'b.yaml': 'x: {dsn: 1}\n' })
  expect(loaded.warnings.map(({ path }) => path)).toEqual(['x.other'])
  loaded.hide(['x', 'dsn'])
  expect(loaded.warnings[0]!.location.excerpt).toBe('x: {dsn: ********, other: $TEXT}')
})

test.each([
  ['flow style', 'a:\n  headers: {x-scope: hunter2, b: c]\n'],
  ['a quote that does not end', 'a:\n  headers:\n    first: 1\n\n    x-scope: "hunter2\n'],
  ['two colons', 'a:\n  headers:\n    x-scope: hunter2: 1\n'],
  ['a list', 'a:\n  headers:\n  - name: x-scope\n    value: hunter2: 1\n'],
  ['a line of a longer text', 'a:\n  headers:\n    x-scope: "first\n      hunter2\n  b: "\n'],
])('values of headers do not show where the text is no YAML: %s', (_, text) => {
  const { problems } = load(text)
  expect(problems).not.toEqual([])
  const shown = formatProblems(problems)
  expect(shown).toContain('********')
  expect(shown).not.toContain('hunter2')
})

test('excerpts hide what sounds like a secret and what a schema says is one', () => {
  const loaded = load('x: {password: hunter2, dsn: abc123, other: 1}\n')
  loaded.hide(['x', 'dsn'])
  expect(loaded.at(['x', 'other'])).toMatchObject({
    column: 44,
    excerpt: 'x: {password: ********, dsn: ********, other: 1}',
    caret: { column: 46 },
  })
  expect(loaded.at(['x', 'dsn'])).toMatchObject({ caret: { column: 29, length: 8 } })
})

test('a variable that must be set is a problem when it is unset or empty', () => {
  const read = (env: Record<string, string>) =>
    loadConfig(['a.yaml'], { set: [], env, readFile: () => 'key: ${env:NAME:?}\n' })
  expect(read({}).problems.map(({ code, message }) => [code, message])).toEqual([
    ['TR_CONFIG_REQUIRED', 'the environment variable NAME must be set'],
  ])
  expect(read({ NAME: '' }).problems).toHaveLength(1)
  expect(read({ NAME: 'x' }).problems).toEqual([])
})

test('a reference with digits beside it may stand for a number', () => {
  const { value } = loadConfig(['a.yaml'], {
    set: [],
    env: { HUNDREDS: '12' },
    readFile: () => 'size: ${env:HUNDREDS}00\nname: v${env:HUNDREDS}\n',
  })
  expect(value.size).toMatchObject({ text: '1200', value: 1200 })
  expect(value.name).toBe('v12')
})
