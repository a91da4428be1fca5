import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Batch } from '../telemetry/batch.ts'
import { Cursor } from '../telemetry/cursor.ts'
import type { Format } from '../telemetry/format.ts'
import { compilePath, PathError, pathNames } from '../telemetry/paths.ts'
import {
  batchOf,
  double,
  type EnvelopeParts,
  entry,
  envelope,
  field,
  int,
  varint,
} from '../telemetry/testing/encode.ts'
import { Value, ValueType } from '../telemetry/value.ts'
import { ConditionError, compileAny, compileCondition, without } from './conditions.ts'

const fixed = (number: number, value: bigint) => {
  const body = Buffer.alloc(8)
  body.writeBigUInt64LE(value)
  return Buffer.concat([varint((number << 3) | 1), body])
}
const attribute = (number: number, key: string, value: Buffer) => field(number, [field(1, key), field(2, value)])

const log: EnvelopeParts = {
  timestamp: 1760000000000000001n,
  source: 'app',
  instance: '3',
  log: 'GET /health 200',
  err: true,
  tags: { source_type: 'APP', é: 'ü' },
  deprecated: { old: 'text', number: 7n, real: 0.5, none: null, source_type: 'OLD' },
}
const counter: EnvelopeParts = { source: 'c', counter: { name: 'requests', delta: 3, total: (1n << 64n) - 1n } }
const gauge: EnvelopeParts = { gauge: { cpu: 0.5, memory: 1024 } }

const resource = field(1, [attribute(1, 'service.name', field(1, 'shop')), attribute(1, 'source_id', field(1, 'r'))])
const scope = field(1, [field(1, 'lib')])
const logRecord = Buffer.concat([
  fixed(1, 99n),
  int(2, 9),
  field(3, 'INFO'),
  field(5, field(1, 'hello')),
  attribute(6, 'k', field(1, 'v')),
  attribute(6, 'n', int(3, -5)),
  attribute(6, 'yes', int(2, 1)),
  attribute(6, 'd', double(4, 1.5)),
  attribute(6, 'list', field(5, field(1, field(1, 'x')))),
])
const logs = field(1, [resource, field(2, [scope, field(2, logRecord)])])
const point = (attributes: number) =>
  field(1, [fixed(3, 7n), double(4, 2.5), attribute(attributes, 'k', field(1, 'v'))])
const metric = (dataField: number, attributes: number, ...more: Buffer[]) =>
  field(1, [
    resource,
    field(2, [scope, field(2, [field(1, 'm'), field(3, 'ms'), field(dataField, [point(attributes), ...more])])]),
  ])
const span = Buffer.concat([
  field(5, 'GET /'),
  int(6, 2),
  fixed(7, 5n),
  attribute(9, 'k', field(1, 'v')),
  attribute(9, 'source_id', field(1, 'own')),
  field(15, int(3, 2)),
])
const traces = field(1, [resource, field(2, [scope, field(2, span)])])

const read = (format: Format, bytes: Buffer, path: string) => {
  const batch = Batch.of(format, bytes)
  const cursor = new Cursor().over(batch).at(batch.rowAt(0))
  const value = new Value()
  const { read: next } = compilePath(path, format)
  const all: string[] = []
  for (let again = false; next(cursor, value, again); again = true) {
    all.push(value.type === ValueType.none ? 'nil' : value.toString())
  }
  return all.join(' ')
}

describe('a path finds', () => {
  test.each<[string, EnvelopeParts, string]>([
    ['kind', log, 'log'],
    ['kind', {}, 'none'],
    ['name', log, 'nil'],
    ['name', counter, 'requests'],
    ['name', { timer: 'http' }, 'http'],
    ['name', { event: ['title', 'b'] }, 'title'],
    ['name', gauge, 'cpu memory'],
    ['name', { gauge: {} }, 'nil'],
    ['value', gauge, '0.5 1024'],
    ['value', counter, 'nil'],
    ['delta', counter, '3'],
    ['delta', gauge, 'nil'],
    ['total', counter, '18446744073709551615'],
    ['source_id', log, 'app'],
    ['source_id', {}, ''],
    ['instance_id', log, '3'],
    ['timestamp', log, '1760000000000000001'],
    ['timestamp', { timestamp: -1 }, '-1'],
    ['body', log, 'GET /health 200'],
    ['body', counter, 'nil'],
    ['log.type', log, 'ERR'],
    ['log.type', { log: '' }, 'OUT'],
    ['log.type', counter, 'nil'],
    ['envelope.source_id', log, 'app'],
    ['attributes["source_type"]', log, 'APP'],
    ['attributes["é"]', log, 'ü'],
    ['attributes["old"]', log, 'text'],
    ['attributes["number"]', log, '7'],
    ['attributes["real"]', log, '0.5'],
    ['attributes["none"]', log, 'nil'],
    ['attributes["absent"]', log, 'nil'],
  ])('%s of an envelope', (path, parts, expected) => {
    expect(read('envelopes', batchOf(envelope(parts)), path)).toBe(expected)
  })

  test.each([
    ['kind', 'log'],
    ['body', 'hello'],
    ['log.body', 'hello'],
    ['severity_number', '9'],
    ['severity_text', 'INFO'],
    ['timestamp', '99'],
    ['name', ''],
    ['attributes["k"]', 'v'],
    ['attributes["n"]', '-5'],
    ['attributes["yes"]', 'true'],
    ['attributes["d"]', '1.5'],
    ['attributes["absent"]', 'nil'],
    ['resource.attributes["service.name"]', 'shop'],
    ['scope.name', 'lib'],
    ['source_id', 'r'],
    ['instance_id', 'nil'],
  ])('%s of a log record', (path, expected) => expect(read('logs', logs, path)).toBe(expected))

  test.each([
    [5, 7, 'gauge', 'gauge'],
    [7, 7, 'gauge', 'sum'],
    [9, 9, 'histogram', 'histogram'],
    [10, 1, 'exponential_histogram', 'exponential_histogram'],
    [11, 7, 'summary', 'summary'],
  ])('all of a point of data field %i', (dataField, attributes, kind, type) => {
    const bytes = metric(dataField, attributes)
    const all = [
      'kind',
      'metric.type',
      'name',
      'metric.unit',
      'attributes["k"]',
      'scope.name',
      'source_id',
      'timestamp',
    ]
    expect(all.map((path) => read('metrics', bytes, path))).toEqual([kind, type, 'm', 'ms', 'v', 'lib', 'r', '7'])
    expect(read('metrics', bytes, 'value')).toBe(dataField < 9 ? '2.5' : 'nil')
  })

  test('a monotonic sum to be a counter', () =>
    expect(read('metrics', metric(7, 7, int(3, 1)), 'kind')).toBe('counter'))

  test.each([
    ['kind', 'span'],
    ['span.name', 'GET /'],
    ['span.kind', '2'],
    ['status.code', '2'],
    ['timestamp', '5'],
    ['attributes["k"]', 'v'],
    ['source_id', 'own'],
    ['span.attributes["k"]', 'v'],
    ['resource.attributes["source_id"]', 'r'],
  ])('%s of a span', (path, expected) => expect(read('traces', traces, path)).toBe(expected))

  test.each<[string, Format, string]>([
    ['metric.name', 'logs', 'have no field'],
    ['attributes', 'logs', 'needs a key'],
    ['severity_text["x"]', 'logs', 'takes no key'],
    ['toString', 'logs', 'have no field'],
    ['a b', 'logs', 'is not a path'],
    ['kind', 'dropsonde', 'these have origin'],
  ])('nothing for %s of %s', (path, format, message) => {
    expect(() => compilePath(path, format)).toThrow(PathError)
    expect(() => compilePath(path, format)).toThrow(message)
  })
})

describe('a condition', () => {
  const holds = (condition: string, parts: EnvelopeParts) => {
    const batch = Batch.of('envelopes', batchOf(envelope(parts)))
    return compileCondition(condition, 'envelopes')(new Cursor().over(batch).at(batch.rowAt(0)))
  }

  test.each<[string, EnvelopeParts, boolean]>([
    ['kind == "log" and attributes["source_type"] == "APP"', log, true],
    ['kind == "log" and attributes["source_type"] == "RTR"', log, false],
    ['kind != "log"', log, false],
    ['attributes["absent"] == nil', log, true],
    ['attributes["absent"] != nil', log, false],
    ['attributes["absent"] != "x"', log, true],
    ['attributes["number"] == 7', log, true],
    ['attributes["number"] == "7"', log, false],
    ['attributes["real"] == 0.5', log, true],
    ['attributes["real"] == .5e0', log, true],
    ['timestamp == 1760000000000000001', log, true],
    ['timestamp == 1760000000000000000', log, false],
    ['timestamp == -1', { timestamp: -1 }, true],
    ['total == 18446744073709551615', counter, true],
    ['total == -1', counter, false],
    ['value == 1024', gauge, true],
    ['name == "memory"', gauge, true],
    ['name != "memory"', gauge, false],
    ['name == "disk"', gauge, false],
    ['IsMatch(name, "^mem")', gauge, true],
    ['IsMatch(body, "^GET /(health|ready)")', log, true],
    ['IsMatch(body, "(?i)^get")', log, true],
    ['IsMatch(body, "\\d+$")', log, true],
    ['IsMatch(attributes["absent"], "")', log, false],
    ['IsMatch(delta, "^3$")', counter, true],
    ['not kind == "log" or source_id == "app"', log, true],
    ['not (kind == "log" or source_id == "app")', log, false],
    ['kind == "gauge" or kind == "log" and source_id == "x"', gauge, true],
    ['(kind == "gauge" or kind == "log") and source_id == "x"', gauge, false],
    ['body == "a\\"b\\\\c\\n"', { log: 'a"b\\c\n' }, true],
    ['not not kind == "log"', log, true],
  ])('%s', (condition, parts, expected) => expect(holds(condition, parts)).toBe(expected))

  test('on booleans', () => {
    const batch = Batch.of('logs', logs)
    const condition = compileCondition('attributes["yes"] == true and not attributes["k"] == true', 'logs')
    expect(without(batch, condition).count).toBe(0)
  })

  test('of a list holds when any does', () => {
    const batch = Batch.of('envelopes', batchOf(envelope(log), envelope(counter), envelope(gauge)))
    const kept = without(batch, compileAny(['kind == "log"', 'name == "cpu"'], 'envelopes'))
    expect(kept.bytes()).toEqual(batchOf(envelope(counter)))
    expect(without(batch, compileAny([], 'envelopes'))).toBe(batch)
  })

  test.each<[string, number, string]>([
    ['', 0, 'expected a field, a function, "not" or "(", got the end'],
    ['kind', 4, 'expected "==", "!=", "<", "<=", ">" or ">=", got the end'],
    ['kind = "log"', 5, 'expected "==": one "=" compares nothing'],
    ['kind == log', 8, 'have no field "log"; these have kind, source_id'],
    ['kind == log', 8, 'text stands in quotes: "log"'],
    ['kind == "log', 8, 'without its closing quote'],
    ['kind == "log" kind', 14, 'expected "and", "or" or the end'],
    ['(kind == "log"', 14, 'expected ")", got the end'],
    ['attributes[k] == "x"', 11, 'expected a key in quotes, got "k"'],
    ['attributes["k" == "x"', 15, 'expected "]", got "=="'],
    ['severity == 5', 0, 'have no field "severity"'],
    ['IsMatch(name, "(")', 14, 'a "(" has no ")"'],
    ['IsMatch(name)', 0, 'the argument pattern is missing: write IsMatch(target, pattern)'],
    ['Ismatch(name, "x")', 0, 'there is no function Ismatch: did you mean IsMatch?; there are Concat, IsMatch'],
    ['kind == toString', 8, 'have no field "toString"'],
    ['("x")', 1, 'expected a field'],
    ['attributes == "x"', 0, 'attributes needs a key'],
    ['timestamp > ', 12, 'expected a value'],
    ['total == 18446744073709551616', 9, 'does not fit 64 bits'],
    ['not '.repeat(200), 0, 'nested too deeply'],
    ['cache["x"] == 1', 0, 'there is no cache here: only statements of transform have one'],
  ])('that is wrong says where: %s', (source, position, message) => {
    let caught: unknown
    try {
      compileCondition(source, 'envelopes')
    } catch (error) {
      caught = error
    }
    expect(caught).toBeInstanceOf(ConditionError)
    expect((caught as ConditionError).message).toContain(message)
    if (position > 0) expect((caught as ConditionError).position).toBe(position)
  })

  const words = [
    'kind',
    '==',
    '!=',
    '"log"',
    'and',
    'or',
    'not',
    '(',
    ')',
    'IsMatch',
    ',',
    'attributes',
    '[',
    ']',
    '5',
    'nil',
    '"',
    '\\',
  ]
  test('of any text is compiled or refused with a ConditionError', () => {
    const text = fc.oneof(
      fc.string(),
      fc.array(fc.constantFrom(...words), { maxLength: 12 }).map((list) => list.join(' ')),
    )
    fc.assert(
      fc.property(text, (source) => {
        try {
          compileCondition(source, 'envelopes')
        } catch (error) {
          expect(error).toBeInstanceOf(ConditionError)
          expect((error as ConditionError).position).toBeLessThanOrEqual(source.length)
        }
      }),
      { numRuns: 1000 },
    )
  })
})

test('no path throws or leaves its record on bytes that are not of its format', () => {
  const formats = ['envelopes', 'logs', 'metrics', 'traces'] as const
  const samples = { envelopes: batchOf(envelope(log), envelope(gauge)), logs, metrics: metric(7, 7), traces }
  fc.assert(
    fc.property(fc.constantFrom(...formats), fc.uint8Array({ maxLength: 12 }), fc.nat(), (format, noise, at) => {
      const bytes = Buffer.from(samples[format])
      const from = at % bytes.length
      bytes.set(noise.subarray(0, bytes.length - from), from)
      const batch = Batch.of(format, bytes)
      const cursor = new Cursor().over(batch)
      const value = new Value()
      for (const name of pathNames(format)) {
        const { read: next } = compilePath(name.replace('...', 'k'), format)
        for (let i = 0; i < batch.count; i++) {
          cursor.at(batch.rowAt(i))
          let found = 0
          for (let again = false; next(cursor, value, again); again = true) {
            expect(value.end).toBeLessThanOrEqual(value.buf.length)
            expect(++found).toBeLessThan(100)
          }
          expect(found).toBeGreaterThan(0)
        }
      }
    }),
    { numRuns: 500 },
  )
})

test('a gauge of very many metrics is read in one pass', () => {
  const metrics = Array.from({ length: 60_000 }, (_, i) => entry(1, `m${i}`, double(2, i)))
  const batch = Batch.of('envelopes', batchOf(envelope({ extra: field(6, metrics) })))
  const started = performance.now()
  expect(without(batch, compileCondition('name == "m59999"', 'envelopes')).count).toBe(0)
  // To begin anew for each would be two billion steps.
  expect(performance.now() - started).toBeLessThan(10_000)
})
