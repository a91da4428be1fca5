import { describe, expect, test } from 'vitest'
import { faults, processorOf } from '../../ottl/testing/run.ts'
import {
  any,
  at,
  entries,
  fixed32,
  fixed64,
  logRequest,
  metricRequest,
  numberAt,
  type Plain,
  plainAny,
  plainEntries,
  traceRequest,
} from '../../ottl/testing/samples.ts'
import { batchOf, double, envelope, field, int } from '../../telemetry/testing/encode.ts'
import { decodeBatch } from '../../telemetry/testing/strict-decoder.ts'
import transform from './index.ts'

const values: Record<string, Plain> = {
  text: 'Hello wörld',
  number: 42n,
  real: 1.5,
  yes: true,
  list: ['a', 'b'],
  map: { inner: 'x', deep: { er: 5n } },
  json: '{"a": [1, null, {"b": "c"}]}',
  card: 'pay 4111111111111111 now',
  bytes: Buffer.from([1, 2]),
}
const logRecord = [
  fixed64(1, 99n),
  int(2, 9),
  field(3, 'INFO'),
  field(5, any('GET /items/17 200')),
  entries(6, values),
  fixed32(8, 1),
  field(9, Buffer.alloc(16, 1)),
]

/** The attributes of a log record after statements. */
function attributesAfter(...statements: string[]): { [key: string]: Plain } {
  const out = processorOf(transform, { log_statements: [{ context: 'log', statements }] }, 'logs').run(
    logRequest(logRecord),
  )
  return plainEntries(at(out!.bytes(), 1, 2, 2), 6)
}

describe('a function makes', () => {
  test.each<[string, Plain | undefined]>([
    ['Concat([attributes["text"], attributes["number"], nil], "-")', 'Hello wörld-42-<nil>'],
    ['IsMatch(attributes["number"], "^4")', true],
    ['IsMatch(attributes["absent"], "")', false],
    ['IsString(attributes["text"])', true],
    ['IsInt(attributes["real"])', false],
    ['IsDouble(attributes["real"])', true],
    ['IsBool(attributes["yes"])', true],
    ['IsMap(attributes["map"])', true],
    ['IsList(attributes["list"])', true],
    ['Int("17")', 17n],
    ['Int(attributes["real"])', 1n],
    ['Int("x")', undefined],
    ['Int("9223372036854775808")', undefined],
    ['Double("1e3")', 1000],
    ['Double(attributes["number"])', 42],
    ['String(attributes["number"])', '42'],
    ['String(attributes["map"])', '{"inner":"x","deep":{"er":5}}'],
    ['String(attributes["bytes"])', 'AQI='],
    ['Bool("true")', true],
    ['Len(attributes["text"])', 12n],
    ['Len(attributes["list"])', 2n],
    ['Len(attributes)', 9n],
    ['Substring(attributes["text"], 0, 5)', 'Hello'],
    ['Split(attributes["text"], " ")', ['Hello', 'wörld']],
    ['Split(body, "/")[1]', 'items'],
    ['ToLowerCase(attributes["text"])', 'hello wörld'],
    ['ToUpperCase(attributes["text"])', 'HELLO WÖRLD'],
    ['Trim("  x ")', 'x'],
    ['HasPrefix(body, "GET")', true],
    ['HasSuffix(body, "GET")', false],
    ['ParseJSON(attributes["json"])', { a: [1, null, { b: 'c' }] }],
    ['ParseJSON(attributes["json"])["a"][2]["b"]', 'c'],
    ['ExtractPatterns(body, "^(?P<method>\\w+) (?P<path>\\S+)")', { method: 'GET', path: '/items/17' }],
    ['SHA256("a")', 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb'],
    ['SHA1("a")', '86f7e437faa5a7fce15d1ddcb9eaeaea377667b8'],
    ['MD5("a")', '0cc175b9c0f1b6a831c399e269772661'],
    ['attributes["number"] * 2 + 1', 85n],
    ['attributes["number"] / 5', 8n],
    ['(attributes["number"] - 2) / 5.0', 8],
    ['attributes["map"]["deep"]["er"]', 5n],
    ['attributes["list"][1]', 'b'],
    ['attributes["list"][-1]', 'b'],
    ['["a", 1, {"b": true}]', ['a', 1n, { b: true }]],
    ['0x0102', Buffer.from([1, 2])],
    ['SEVERITY_NUMBER_WARN', 13n],
    ['trace_id.string', '01'.repeat(16)],
    ['nil', undefined],
    ['Concat(delimiter=",", values=["a", "b"])', 'a,b'],
    ['resource.attributes["service.name"]', 'shop'],
    ['scope.version', '1'],
    ['time_unix_nano', 99n],
  ])('%s', (source, expected) => {
    expect(attributesAfter(`set(attributes["out"], ${source})`).out).toEqual(expected)
  })

  test('the time', () => {
    const before = BigInt(Date.now())
    const { out } = attributesAfter('set(attributes["out"], UnixMilli(Now()))')
    expect((out as bigint) >= before && (out as bigint) <= BigInt(Date.now())).toBe(true)
  })
})

describe('an editor', () => {
  const { text: _text, ...withoutText } = values
  test.each<[string, Record<string, Plain>]>([
    ['set(attributes["text"], attributes["number"])', { ...values, text: 42n }],
    ['set(attributes["text"], nil)', values],
    ['set(attributes["map"]["new"]["er"], 1)', { ...values, map: { inner: 'x', deep: { er: 5n }, new: { er: 1n } } }],
    ['set(attributes, {"only": 1})', { only: 1n }],
    ['set(attributes, resource.attributes)', { 'service.name': 'shop' }],
    ['delete_key(attributes, "text")', withoutText],
    ['delete_key(attributes["map"], "deep")', { ...values, map: { inner: 'x' } }],
    ['delete_matching_keys(attributes, "^[^t]")', { text: values.text! }],
    ['keep_keys(attributes, ["text", "absent"])', { text: values.text! }],
    ['keep_matching_keys(attributes, "^te")', { text: values.text! }],
    ['append(attributes["list"], "c")', { ...values, list: ['a', 'b', 'c'] }],
    ['append(attributes["number"], values=[1, 2])', { ...values, number: [42n, 1n, 2n] }],
    [
      'replace_pattern(attributes["text"], "(?P<first>\\w)ello", "$${first}i$1")'.replace('$$', '$'),
      { ...values, text: 'HiH wörld' },
    ],
    ['replace_pattern(attributes["number"], "4", "5")', values],
    ['replace_match(attributes["text"], "Hel*", "bye")', { ...values, text: 'bye' }],
    ['replace_match(attributes["text"], "el*", "bye")', values],
    ['replace_all_patterns(attributes, "value", "4\\d{15}", "****")', { ...values, card: 'pay **** now' }],
    ['replace_all_matches(attributes, "pay*", "")', { ...values, card: '' }],
    ['truncate_all(attributes, 8)', { ...values, text: 'Hello w', json: '{"a": [1', card: 'pay 4111' }],
    ['limit(attributes, 2, ["real"])', { text: values.text!, real: 1.5 }],
    ['merge_maps(attributes, {"text": 1, "new": 2}, "insert")', { ...values, new: 2n }],
    ['merge_maps(attributes, {"text": 1, "new": 2}, "update")', { ...values, text: 1n }],
    ['merge_maps(attributes, {"text": 1, "new": 2}, "upsert")', { ...values, text: 1n, new: 2n }],
  ])('%s', (statement, expected) => expect(attributesAfter(statement)).toEqual(expected))

  test('replaces in keys', () => {
    expect(
      attributesAfter('keep_keys(attributes, ["text"])', 'replace_all_patterns(attributes, "key", "^t", "T")'),
    ).toEqual({
      Text: values.text,
    })
  })

  test('flattens', () => {
    expect(attributesAfter('keep_keys(attributes, ["map", "list"])', 'flatten(attributes)')).toEqual({
      'map.inner': 'x',
      'map.deep.er': 5n,
      'list.0': 'a',
      'list.1': 'b',
    })
    expect(attributesAfter('keep_keys(attributes, ["map"])', 'flatten(attributes, "p", 1)')).toEqual({
      'p.map.inner': 'x',
      'p.map.deep': { er: 5n },
    })
  })

  test('sees what statements before it did', () => {
    const out = attributesAfter(
      'set(attributes["text"], "a")',
      'set(attributes["b"], attributes["text"])',
      'delete_key(attributes, "text")',
    )
    expect([out.text, out.b]).toEqual([undefined, 'a'])
  })
})

describe('fields are written', () => {
  const one = (statement: string, format: 'logs' | 'metrics' | 'traces', bytes: Buffer) => {
    const key = { logs: 'log', metrics: 'metric', traces: 'trace' }[format]
    return processorOf(transform, { [`${key}_statements`]: [statement] }, format)
      .run(bytes)!
      .bytes()
  }

  test.each<[string, (record: Buffer) => unknown, unknown]>([
    ['set(log.body, "x")', (log) => plainAny(at(log, 5)), 'x'],
    ['set(log.body["a"], 1) where IsMap(log.body)', (log) => plainAny(at(log, 5)), 'GET /items/17 200'],
    ['set(log.severity_number, SEVERITY_NUMBER_ERROR)', (log) => numberAt(log, 2), 17n],
    ['set(log.severity_text, "WARN")', (log) => String(at(log, 3)), 'WARN'],
    ['set(log.time_unix_nano, 5)', (log) => (numberAt(log, 1) as Buffer).readBigUInt64LE(), 5n],
    [
      'set(log.observed_time_unix_nano, log.time_unix_nano + 1)',
      (log) => (numberAt(log, 11) as Buffer).readBigUInt64LE(),
      100n,
    ],
    ['set(log.flags, 3)', (log) => (numberAt(log, 8) as Buffer).readUInt32LE(), 3],
    ['set(log.event_name, "e")', (log) => String(at(log, 12)), 'e'],
    ['set(log.trace_id, TraceID(0x000102030405060708090a0b0c0d0e0f))', (log) => at(log, 9)[15], 15],
    ['set(log.span_id.string, "0102030405060708")', (log) => at(log, 10).toString('hex'), '0102030405060708'],
  ])('%s', (statement, read, expected) => {
    expect(read(at(one(statement, 'logs', logRequest(logRecord)), 1, 2, 2))).toEqual(expected)
  })

  const span = [
    field(1, Buffer.alloc(16, 1)),
    field(5, 'GET /items/17'),
    int(6, 2),
    entries(9, { a: 'b' }),
    field(11, [fixed64(1, 5n), field(2, 'first'), entries(3, { k: 'v' }), int(4, 7)]),
    field(11, [field(2, 'second')]),
    field(13, [field(1, Buffer.alloc(16, 2))]),
    field(15, [field(2, 'bad'), int(3, 2)]),
  ]
  test.each<[string, (span: Buffer) => unknown, unknown]>([
    ['set(span.name, "x")', (each) => String(at(each, 5)), 'x'],
    ['replace_pattern(span.name, "/[0-9]+", "/{id}")', (each) => String(at(each, 5)), 'GET /items/{id}'],
    ['set(span.kind, SPAN_KIND_CLIENT)', (each) => numberAt(each, 6), 3n],
    [
      'set(span.status.code, STATUS_CODE_OK) where span.status.code == STATUS_CODE_ERROR',
      (each) => numberAt(at(each, 15), 3),
      1n,
    ],
    ['set(span.status.message, "fine")', (each) => [String(at(each, 15, 2)), numberAt(at(each, 15), 3)], ['fine', 2n]],
    ['set(span.attributes["root"], IsRootSpan())', (each) => plainEntries(each, 9), { a: 'b', root: true }],
    [
      'set(span.attributes["n"], Len(span.events) + Len(span.links))',
      (each) => plainEntries(each, 9),
      { a: 'b', n: 3n },
    ],
    [
      'set(spanevent.attributes["of"], span.name) where spanevent.name == "second"',
      (each) => plainEntries(at(each, 11), 3),
      { of: 'GET /items/17' },
    ],
    ['set(spanevent.name, "third")', (each) => String(at(each, 11, 2)), 'third'],
    ['set(span.attributes["e"], spanevent.name)', (each) => plainEntries(each, 9), { a: 'b', e: 'second' }],
  ])('%s', (statement, read, expected) => {
    expect(read(at(one(statement, 'traces', traceRequest(span)), 1, 2, 2))).toEqual(expected)
  })

  const exemplar = field(5, [double(3, 1), field(7, [field(1, 'k')])])
  const gauge = [
    field(1, 'm'),
    field(3, 'ms'),
    field(5, field(1, [fixed64(3, 7n), double(4, 2.5), exemplar, entries(7, { k: 'v' })])),
  ]
  const sum = [field(1, 's'), field(7, [field(1, fixed64(6, 5n)), int(2, 2), int(3, 1)])]
  test.each<[string, (metric: Buffer) => unknown, unknown]>([
    ['set(metric.name, Concat(["p", metric.name], "."))', (each) => String(at(each, 1)), 'p.m'],
    ['set(metric.description, "d")', (each) => String(at(each, 2)), 'd'],
    [
      'set(metric.unit, "s") where metric.unit == "ms" and metric.type == METRIC_DATA_TYPE_GAUGE',
      (each) => String(at(each, 3)),
      's',
    ],
    [
      'set(datapoint.value_int, 3)',
      (each) => [numberAt(at(each, 5, 1), 6), numberAt(at(each, 5, 1), 4)],
      [Buffer.from('0300000000000000', 'hex'), undefined],
    ],
    [
      'set(datapoint.value_double, datapoint.value_double * 2)',
      (each) => (numberAt(at(each, 5, 1), 4) as Buffer).readDoubleLE(),
      5,
    ],
    [
      'set(datapoint.attributes["unit"], metric.unit)',
      (each) => plainEntries(at(each, 5, 1), 7),
      { k: 'v', unit: 'ms' },
    ],
    ['set(datapoint.flags, FLAG_NO_RECORDED_VALUE)', (each) => numberAt(at(each, 5, 1), 8), 1n],
    [
      'set(datapoint.start_time_unix_nano, datapoint.time_unix_nano)',
      (each) => (numberAt(at(each, 5, 1), 2) as Buffer).readBigUInt64LE(),
      7n,
    ],
    ['set(metric.is_monotonic, true)', (each) => numberAt(at(each, 5), 3), undefined],
  ])('%s', (statement, read, expected) => {
    const metric = at(one(statement, 'metrics', metricRequest(gauge)), 1, 2, 2)
    expect(read(metric)).toEqual(expected)
    expect(metric.includes(exemplar)).toBe(true)
  })

  test('in the data of a metric', () => {
    const statement = 'set(metric.aggregation_temporality, AGGREGATION_TEMPORALITY_DELTA) where metric.is_monotonic'
    const out = one(`${statement} == true`, 'metrics', metricRequest(sum))
    expect(numberAt(at(out, 1, 2, 2, 7), 2)).toBe(1n)
  })

  test('in resources and scopes, once for all their records', () => {
    const statements = [
      { context: 'resource', statements: ['set(attributes["seen"], Len(attributes))'] },
      { context: 'scope', statements: ['set(name, "other")', 'set(attributes["a"], version)'] },
      'set(log.attributes["from"], resource.attributes["seen"])',
    ]
    const out = processorOf(transform, { log_statements: statements }, 'logs').run(logRequest([], []))!.bytes()
    expect(plainEntries(at(out, 1, 1), 1)).toEqual({ 'service.name': 'shop', seen: 1n })
    expect(String(at(out, 1, 2, 1, 1))).toBe('other')
    expect(plainEntries(at(out, 1, 2, 1), 3)).toEqual({ a: '1' })
    expect(plainEntries(at(out, 1, 2, 2), 6)).toEqual({ from: 1n })
  })

  test('of envelopes', () => {
    const statements = [
      'set(attributes["n"], 5)',
      'set(body, "b") where kind == "log"',
      'set(source_id, "s")',
      'replace_pattern(body, "b", "c")',
    ]
    const input = batchOf(
      envelope({ source: 'a', log: 'x', deprecated: { n: 'old' } }),
      envelope({ counter: { name: 'c' } }),
    )
    const out = decodeBatch(
      processorOf(transform, { envelope_statements: statements }, 'envelopes').run(input)!.bytes(),
    )
    expect(out.map(({ sourceId, tags, deprecated }) => [sourceId, tags, deprecated])).toEqual([
      ['s', { n: '5' }, {}],
      ['s', { n: '5' }, {}],
    ])
    expect(JSON.stringify(out[0]!.message)).toContain('63')
  })
})

describe('a statement that fails', () => {
  const failing = 'set(log.attributes["x"], ToLowerCase(log.attributes["n"]))'
  const input = logRequest(entries(6, { n: 1n }), entries(6, { n: 'A' }))
  const after = 'set(log.attributes["y"], 1)'

  test('costs its record, counted, when failures propagate', () => {
    const { run, account, metric } = processorOf(
      transform,
      { error_mode: 'propagate', log_statements: [failing, after] },
      'logs',
    )
    const out = run(input)!
    expect(out.count).toBe(1)
    expect(plainEntries(at(out.bytes(), 1, 2, 2), 6)).toEqual({ n: 'A', x: 'a', y: 1n })
    expect([account.dropped('rule'), metric('failed_statements_total')]).toEqual([1, 1])
  })

  test.each(['ignore', 'silent'])('is left out and the next one runs with %s', (mode) => {
    const { run, account, metric } = processorOf(
      transform,
      { error_mode: mode, log_statements: [failing, after] },
      'logs',
    )
    const out = run(input)!
    expect(out.count).toBe(2)
    const [, first] = out.bytes().toString('latin1').split('\x01n')
    expect(first).toContain('\x01y')
    expect([account.dropped('rule'), metric('failed_statements_total')]).toEqual([0, 1])
  })

  test.each([
    'set(log.attributes["x"], ParseJSON(log.body))',
    'set(log.attributes["x"], Substring(log.body, 0, 100))',
    'set(log.body["k"], 1)',
    'delete_key(log.body, "k")',
    'set(log.attributes["x"], 1 / Len(log.event_name))',
    'set(log.severity_number, log.body)',
    'merge_maps(log.attributes, log.body, "upsert")',
  ])('%s', (statement) => {
    const { run, account } = processorOf(transform, { log_statements: [statement] }, 'logs')
    expect(run(logRequest(field(5, any('no json'))))).toBeUndefined()
    expect(account.dropped('rule')).toBe(1)
  })
})

test.each([101, 20_000])('JSON that is nested %i deep costs its own record alone', (deep) => {
  const json = '['.repeat(deep) + ']'.repeat(deep)
  const statement = 'set(log.attributes["x"], ParseJSON(log.body))'
  const { run, account } = processorOf(transform, { log_statements: [statement] }, 'logs')
  expect(run(logRequest(field(5, any('[[1]]')), field(5, any(json))))?.count).toBe(1)
  expect(account.dropped('rule')).toBe(1)
})

test('conditions of a group: any of them must hold', () => {
  const group = {
    context: 'log',
    conditions: ['body == "a"', 'severity_number > 8'],
    statements: ['set(attributes["x"], 1)'],
  }
  const { run } = processorOf(transform, { log_statements: [group] }, 'logs')
  const records = [field(5, any('a')), int(2, 9), field(5, any('b'))]
  const out = run(logRequest(...records))!
    .bytes()
    .toString('latin1')
  expect(out.split('\x01x').length - 1).toBe(2)
})

test('what is not touched keeps its bytes, and its batch', () => {
  const { run } = processorOf(transform, { log_statements: ['set(log.body, "x") where log.body == "y"'] }, 'logs')
  const bytes = logRequest(logRecord)
  expect(run(bytes)!.bytes()).toEqual(bytes)
})

test.each<[string, unknown, string]>([
  [
    'an unknown editor',
    ['sett(log.body, 1)'],
    'log_statements.0: there is no editor sett: did you mean set?; there are set, append, delete_key,',
  ],
  ['an unknown function', ['set(log.body, Lower("x"))'], 'there is no function Lower'],
  ['a converter as a statement', ['Concat(["a"], "")'], 'Concat makes a value and changes nothing'],
  [
    'an unknown field',
    ['set(log.bdy, 1)'],
    'logs have no field "log.bdy": did you mean log.body?; these have kind, name',
  ],
  [
    'a field that is not in its context',
    [{ context: 'resource', statements: ['set(body, "x")'] }],
    '0.statements.0: logs have no field "body" in the context resource; these have resource.attributes',
  ],
  ['a field that cannot be written', ['set(log.kind, "x")'], 'log.kind can be read but not written'],
  ['a value that the field cannot hold', ['set(log.severity_number, "x")'], 'takes an integer, got text'],
  ['a missing argument', ['set(log.body)'], 'the argument value is missing: write set(target, value)'],
  ['too many arguments', ['delete_key(log.attributes, "a", "b")'], 'too many arguments: write delete_key(target, key)'],
  ['a wrong name of an argument', ['limit(log.attributes, most=3, priority_keys=[])'], 'limit has no argument most'],
  ['a broken pattern', ['replace_pattern(log.body, "(?=x)", "")'], 'Go has no looking ahead or behind'],
  ['a broken glob', ['replace_match(log.body, "[b-a]*", "")'], 'range out of order in character class, at position 25'],
  ['a map that is to be a list', ['append(log.attributes, "x")'], 'log.attributes is a map: append takes a list'],
  ['a text without its end', ['set(log.body, "x)'], 'without its closing quote, at position 15'],
  ['a forgotten where', ['set(log.body, 1) log.body == 2'], 'expected "where" or the end, got "log.body"'],
  [
    'a wrong context',
    [{ context: 'span', statements: [] }],
    'log_statements.0.context: logs have no context the text "span"',
  ],
  ['a wrong key', [{ statments: [] }], 'log_statements.0.statments: unknown key statments, did you mean statements?'],
  ['a wrong error_mode', [{ error_mode: 'x', statements: [] }], 'expected one of propagate, ignore, silent'],
  ['a number', [5], 'log_statements.0: expected a statement, got the number 5'],
  [
    'a function for metrics',
    ['set(log.body, HasAttrKeyOnDatapoint("k"))'],
    'this function looks at the points of a metric',
  ],
  ['more priority keys than may stay', ['limit(log.attributes, 1, ["a", "b"])'], 'more keys than the 1'],
  ['a function as a replacement', ['replace_pattern(log.body, "x", SHA256("y"))'], 'functions are not supported here'],
])('%s is named in the configuration', (_, log_statements, message) => {
  expect(faults(transform, { log_statements })).toContain(message)
})
