import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import * as f from './fields.ts'

const sub = (text: string, value: unknown = text) => new f.Substituted(text, value, 'env:X')
const message = (schema: z.ZodType, value: unknown) => schema.safeParse(value).error?.issues[0]?.message
const hint = (schema: z.ZodType, value: unknown) =>
  (schema.safeParse(value).error?.issues[0] as { params?: { hint?: string } } | undefined)?.params?.hint

describe('a value of the right shape', () => {
  const rows: [string, z.ZodType, unknown, unknown][] = [
    ['text', f.text(), 'abc', 'abc'],
    ['text keeps the original text of a variable', f.text(), sub('0123', 83), '0123'],
    ['text from a variable that holds true', f.text(), sub('true', true), 'true'],
    ['text from a variable that holds a list', f.text(), sub('[a,b]', ['a', 'b']), '[a,b]'],
    ['text from an empty variable', f.text(), sub('', null), ''],
    ['int from a variable is what YAML makes of it', f.int(), sub('0123', 83), 83],
    ['int', f.int({ min: 1, max: 3 }), 3, 3],
    ['number', f.number(), 1.5, 1.5],
    ['port', f.port(), 65535, 65535],
    ['bool', f.bool(), false, false],
    ['bool from variable true', f.bool(), sub('true', true), true],
    ['bool from variable 1', f.bool(), sub('1', 1), true],
    ['bool from variable yes is false', f.bool(), sub('yes'), false],
    ['bool from variable True is false', f.bool(), sub('True', true), false],
    // The originals read their variables so (go-envstruct), not as strconv.ParseBool would.
    ...['TRUE', 't', 'T', 'on', 'y', '0', '2', ' true', ''].map(
      (text) =>
        [`bool from variable "${text}" is false`, f.bool(), sub(text), false] as [string, z.ZodType, unknown, unknown],
    ),
    ['duration in seconds', f.duration(), '15s', 15_000],
    ['duration of two parts', f.duration(), '1m30s', 90_000],
    ['duration with a fraction', f.duration(), '1.5h', 5_400_000],
    ['duration in milliseconds', f.duration(), '100ms', 100],
    ['duration 0', f.duration(), 0, 0],
    ['duration "0" from a variable', f.duration(), sub('0', 0), 0],
    ['size in MiB', f.size(), '16MiB', 16 * 1024 * 1024],
    ['size in KB', f.size(), '64KB', 64_000],
    ['size in bytes', f.size(), 512, 512],
    ['size from a variable', f.size(), sub('64KiB'), 65_536],
    ['endpoint', f.endpoint(), '127.0.0.1:8125', { host: '127.0.0.1', port: 8125, text: '127.0.0.1:8125' }],
    ['endpoint without host', f.endpoint(), ':9100', { host: '', port: 9100, text: ':9100' }],
    ['endpoint of IPv6', f.endpoint(), '[::1]:4317', { host: '::1', port: 4317, text: '[::1]:4317' }],
    [
      'endpoint with a default port',
      f.endpoint({ defaultPort: 514 }),
      'logs',
      { host: 'logs', port: 514, text: 'logs' },
    ],
    ['url', f.url(), 'https://a.b:1/x', 'https://a.b:1/x'],
    ['path', f.path(), '/etc/x', '/etc/x'],
    ['oneOf', f.oneOf(['a', 'b']), 'b', 'b'],
    ['list', f.list(), ['a'], ['a']],
    ['list from text', f.list(), 'a, b', ['a', 'b']],
    ['list from a variable', f.list(), sub('a, b'), ['a', 'b']],
    ['list from a variable that holds a YAML list', f.list(), sub('[x,y]', ['x', 'y']), ['x', 'y']],
    ['list of int from a variable', f.list(f.int()), sub('1, 2'), [1, 2]],
    ['map', f.map(), { a: 'b' }, { a: 'b' }],
    ['map from a variable', f.map(), sub('k:v,k2:v:2, k3:'), { k: 'v', k2: 'v:2', k3: '' }],
    ['map from a variable that is a YAML map by accident', f.map(), sub('k: v', { k: 'v' }), { k: ' v' }],
    ['map of int from a variable', f.map(f.int()), sub('a:1'), { a: 1 }],
    ['either, first', f.either(f.int(), f.text()), 1, 1],
    ['either, second', f.either(f.int(), f.text()), 'x', 'x'],
    ['anything', f.anything(), { a: [sub('1', 1)] }, { a: [1] }],
  ]
  test.each(rows)('%s', (_name, schema, given, expected) => {
    expect(schema.parse(given)).toEqual(expected)
  })
})

describe('a value of the wrong shape', () => {
  const rows: [z.ZodType, unknown, string][] = [
    [f.text(), 8125, 'expected text, got the number 8125'],
    [f.text({ notEmpty: true }), '', 'must not be empty'],
    [f.int(), '1', 'expected a whole number, got the text "1"'],
    [f.int(), sub('"0123"', '0123'), 'expected a whole number, got "\\"0123\\"" from env:X'],
    [f.int(), 1.5, 'expected a whole number, got the number 1.5'],
    [f.int({ min: 1 }), 0, '0 is below the least of 1'],
    [f.port(), 65536, '65536 is above the most of 65535'],
    [f.bool(), 'yes', 'expected true or false, got the text "yes"'],
    [f.duration(), 15, 'missing unit in duration 15'],
    [f.duration(), '15', 'missing unit in duration "15"'],
    [f.duration(), 'abc', 'invalid duration "abc"'],
    [f.duration(), '5x', 'unknown unit "x" in duration "5x"'],
    [f.duration(), '-5s', 'duration "-5s" is below the least of 0s'],
    [f.size(), '5 apples', 'invalid size "5 apples"'],
    [f.endpoint(), 8125, 'expected host:port, got the number 8125'],
    [f.endpoint(), 'http://x:1', 'expected host:port, got "http://x:1"'],
    [f.endpoint(), '::1:80', 'expected host:port, got "::1:80"'],
    [f.endpoint(), 'a:99999', 'port 99999 is out of range'],
    [f.url(), 'localhost:1', 'expected a URL that starts with http:// or https://'],
    [f.path(), '', 'a path must not be empty'],
    [f.oneOf(['a', 'b']), 'c', 'expected one of "a", "b", got the text "c"'],
    [f.list(), 5, 'expected a list, got a number'],
    [f.list(), [1], 'expected text, got the number 1'],
    [f.map(), ['a'], 'expected a map, got a list'],
    [f.map(), sub('a:1,b'), "map[string]string key 'b' is missing a value"],
    [f.object({}), 'x', 'expected a map, got text'],
    [f.object({ a: f.text() }), {}, 'is required'],
    [f.object({ a: f.text() }), { a: null }, 'is required'],
    [f.text(), null, 'expected text, got nothing'],
  ]
  test.each(rows)('%#: %s %o', (schema, given, expected) => {
    expect(message(schema, given)).toBe(expected)
  })

  test('a port alone gets a hint what to write', () => {
    expect(hint(f.endpoint(), 8125)).toContain('write "127.0.0.1:8125"')
    expect(hint(f.endpoint(), sub('8125', 8125))).toContain('write "127.0.0.1:8125"')
  })

  test('an item is named by its index or key', () => {
    expect(f.list(f.int()).safeParse([1, 'x']).error?.issues[0]?.path).toEqual([1])
    expect(f.object({ m: f.map(f.int()) }).safeParse({ m: { k: 'x' } }).error?.issues[0]?.path).toEqual(['m', 'k'])
  })

  test('an unknown key inside a list of blocks keeps its code and keys', () => {
    const issue = f.list(f.object({ a: f.text() })).safeParse([{ a: 'x', b: 1 }]).error?.issues[0]
    expect(issue).toMatchObject({ code: 'unrecognized_keys', keys: ['b'], path: [0] })
  })
})

describe('null, absent and defaults', () => {
  const schema = f.object({
    timeout: f.duration().default('15s').describe('How long.').meta({ unit: 'ms' }),
    tags: f.map().default({ a: 'b' }),
    names: f.list().default(['x']),
    name: f.text().default('n'),
    tls: f.tlsClient().optional(),
    retry: f.object({ enabled: f.bool().default(true) }).default({}),
    grpc: f.block({ endpoint: f.endpoint().default(':1') }),
    queue: f.block({ length: f.int().default(5) }, { on: true }),
  })

  test('an empty block gives the defaults', () => {
    expect(schema.parse({})).toEqual({
      timeout: 15_000,
      tags: { a: 'b' },
      names: ['x'],
      name: 'n',
      retry: { enabled: true },
      queue: { length: 5 },
    })
    expect(schema.parse(null)).toEqual(schema.parse({}))
  })

  test('null keeps a default and turns a block on', () => {
    const given = { timeout: null, tags: null, names: null, name: null, grpc: null, retry: null, tls: null }
    const parsed = schema.parse(given)
    expect(parsed).toMatchObject({
      timeout: 15_000,
      tags: { a: 'b' },
      names: ['x'],
      name: 'n',
      retry: { enabled: true },
    })
    expect(parsed.grpc?.endpoint.port).toBe(1)
    expect(parsed.tls?.min_version).toBe('1.2')
  })

  test('[] and {} override a default', () => {
    expect(schema.parse({ tags: {}, names: [] })).toMatchObject({ tags: {}, names: [] })
  })

  test('an empty variable keeps the default, except of text', () => {
    expect(schema.parse({ timeout: sub('', null), name: sub('', null) })).toMatchObject({ timeout: 15_000, name: '' })
  })

  test('enabled: false turns a block off, another value is an error', () => {
    expect(schema.parse({ queue: { enabled: false } }).queue).toBeUndefined()
    expect(schema.parse({ queue: { enabled: true, length: 7 } }).queue).toEqual({ length: 7 })
    expect(message(schema, { queue: { enabled: 'maybe' } })).toContain("unexpected value for 'enabled'")
  })

  test('two configs share no object', () => {
    expect(schema.parse({}).tags).not.toBe(schema.parse({}).tags)
    expect(schema.parse({}).names).not.toBe(schema.parse({}).names)
  })

  test('a default that does not parse throws where it is written', () => {
    expect(() => f.duration().default('15')).toThrow('missing unit')
  })

  test('the output type is what the component gets', () => {
    type Config = f.ConfigOf<typeof schema>
    expectTypeOf<Config['timeout']>().toEqualTypeOf<number>()
    expectTypeOf<Config['tags']>().toEqualTypeOf<Record<string, string>>()
    expectTypeOf<Config['names']>().toEqualTypeOf<string[]>()
    expectTypeOf<NonNullable<Config['grpc']>['endpoint']>().toEqualTypeOf<f.Endpoint>()
    expectTypeOf<NonNullable<Config['tls']>['min_version']>().toEqualTypeOf<'1.2' | '1.3'>()
  })

  test('JSON Schema has defaults as they are written, units and docs', () => {
    const json = z.toJSONSchema(schema, { io: 'input' }) as { properties: Record<string, unknown>; required?: string[] }
    expect(json.properties.timeout).toMatchObject({ default: '15s', description: 'How long.', unit: 'ms' })
    expect(json.properties.names).toMatchObject({ default: ['x'] })
    expect(json.required).toBeUndefined()
  })
})

describe('secrets', () => {
  test('print as [REDACTED] everywhere and are revealed on request', () => {
    const value = f.secret().parse(sub('pa$$word'))
    expect(value.reveal()).toBe('pa$$word')
    expect([`${value}`, JSON.stringify({ value }), inspect({ value })].join()).not.toContain('pa$$word')
    expect(inspect(value)).toBe('[REDACTED]')
  })

  test('are not quoted by a message', () => {
    expect(message(f.secret(), 12345)).toBe('expected text')
  })

  test('stay out of the messages of what surrounds them', () => {
    expect(message(f.map(f.secret()), sub('hunter2'))).not.toContain('hunter2')
    expect(message(f.object({ key: f.secret() }), sub('hunter2'))).not.toContain('hunter2')
  })

  test('substituted text does not print', () => {
    expect(`${sub('hunter2')} ${JSON.stringify(sub('hunter2'))} ${inspect(sub('hunter2'))}`).not.toContain('hunter2')
  })
})

test('a key called __proto__ stays a key', () => {
  const given = JSON.parse('{"__proto__": "x"}')
  expect(Object.keys(f.map().parse(given))).toEqual(['__proto__'])
  expect(f.object({}).safeParse(given).success).toBe(false)
})

test('no field throws, whatever it is given', () => {
  const inner = f.object({
    a: f.text(),
    b: f.block({ c: f.secret() }),
    d: f.either(f.map(f.int()), f.list(f.duration())),
  })
  const fields = [
    f.text(),
    f.secret(),
    f.bool(),
    f.int(),
    f.number(),
    f.port(),
    f.duration(),
    f.size(),
    f.endpoint(),
    f.url(),
    f.path(),
  ]
  const all = [
    ...fields,
    f.oneOf(['a']),
    f.anything(),
    f.list(inner),
    f.map(inner),
    inner,
    f.tlsServer(),
    f.list(f.list()),
  ]
  const written = fc.oneof(
    fc.string(),
    fc.constantFrom('1h', '::', '[', '[::1]:', 'a:', '-', '.s', '1e9s', '16MiB', '9'.repeat(400), '{a: 1}'),
  )
  const value = fc.oneof(
    fc.anything(),
    written,
    written.map((text) => sub(text)),
    fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'enabled'), fc.anything()),
  )
  fc.assert(
    fc.property(value, (given) => {
      for (const field of all) field.safeParse(given)
    }),
    { numRuns: 1000 },
  )
})
