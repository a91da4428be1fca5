import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeOtlpLogs, type Message } from '../../../../test/support/decode.ts'
import { faults } from '../../../ottl/testing/run.ts'
import { startRun } from '../filelog.fixture.ts'
import filelog from '../index.ts'
import { file, newSink, one, run } from './operators.fixture.ts'

describe('parsers', () => {
  test('regex_parser keeps named groups; those that match nothing are empty', () => {
    const regex = '^(?P<level>\\w+) (?P<msg>.*?)(?: code=(?P<code>\\d+))?$'
    expect(one([{ type: 'regex_parser', regex }], 'INFO all is well')).toMatchObject({
      body: 'INFO all is well',
      attributes: { level: 'INFO', msg: 'all is well', code: '' },
    })
  })

  test('regex_parser reads attributes of the file', () => {
    const regex = '/pods/(?P<ns>[^_]+)_(?P<pod>[^_]+)_'
    const operator = { type: 'regex_parser', parse_from: 'attributes["log.file.path"]', regex }
    expect(one([operator], 'x').attributes).toEqual({ ns: 'ns', pod: 'pod' })
  })

  test.each<[string, object, string, object]>([
    [
      'into attributes',
      {},
      '{"a":"b","n":1.5,"i":7,"t":true,"z":null,"l":[1,"x"],"m":{"k":"v"}}',
      { attributes: { a: 'b', n: 1.5, i: 7, t: true, z: null, l: [1, 'x'], m: { k: 'v' } } },
    ],
    ['into the body', { parse_to: 'body' }, '{"a":"b"}', { body: { a: 'b' }, attributes: {} }],
    ['below the body', { parse_to: 'body.x.y' }, '{"a":"b"}', { body: { x: { y: { a: 'b' } } } }],
    [
      'with integers',
      { parse_ints: true },
      '{"i":-9007199254740993,"n":1.5,"e":1e3,"big":99999999999999999999}',
      { attributes: { i: -9007199254740993n, n: 1.5, e: 1000, big: 1e20 } },
    ],
    [
      'with a key that JavaScript knows',
      {},
      '{"__proto__":{"a":"b"},"constructor":"x"}',
      { attributes: JSON.parse('{"__proto__":{"a":"b"},"constructor":"x"}') },
    ],
    [
      'and takes a body from it',
      { body: 'attributes.msg' },
      '{"msg":"hello"}',
      { body: 'hello', attributes: { msg: 'hello' } },
    ],
  ])('json_parser %s', (_, more, line, expected) => {
    expect(one([{ type: 'json_parser', ...more }], line)).toMatchObject(expected)
  })

  test('time and severity in a parser; severity text stays as it was written', () => {
    const operator = {
      type: 'json_parser',
      timestamp: { parse_from: 'attributes.ts', layout: '%Y-%m-%dT%H:%M:%S.%LZ' },
      severity: { parse_from: 'attributes.lvl' },
    }
    expect(one([operator], '{"ts":"2026-01-02T03:04:05.678Z","lvl":"Warning"}')).toMatchObject({
      time: BigInt(Date.UTC(2026, 0, 2, 3, 4, 5, 678)) * 1_000_000n,
      severity: 13,
      text: 'Warning',
    })
  })

  test('when the time fails the severity is read all the same', () => {
    const operator = {
      type: 'json_parser',
      timestamp: { parse_from: 'attributes.ts', layout: '%Y' },
      severity: { parse_from: 'attributes.lvl' },
    }
    const { records, counts, log } = run([operator], '{"ts":"x","lvl":"error"}')
    expect(records).toMatchObject([{ severity: 17, time: undefined, attributes: { ts: 'x' } }])
    expect(counts.failed).toBe(1)
    expect(log[0]).toContain(
      'operator json_parser: attributes.ts is no time of this layout: it does not match the layout at its part 1; the entry went on without it',
    )
  })
})

describe('severities', () => {
  const parse = (value: unknown, more = {}) =>
    one(
      [{ type: 'json_parser' }, { type: 'severity_parser', parse_from: 'attributes.s', ...more }],
      JSON.stringify({ s: value }),
    )
  test.each<[unknown, object, number | undefined, string]>([
    ['ERROR', {}, 17, 'ERROR'],
    ['err2', {}, 18, 'err2'],
    ['fatal4', {}, 24, 'fatal4'],
    [9, {}, 9, '9'],
    ['nonsense', {}, undefined, 'nonsense'],
    ['warning', { preset: 'otel' }, undefined, 'warning'],
    ['error', { preset: 'none' }, undefined, 'error'],
    ['Oops', { mapping: { error: 'oops' } }, 17, 'Oops'],
    ['hey', { mapping: { warn2: ['x', 'HEY'] } }, 14, 'hey'],
    [503, { mapping: { error: '5xx', warn: '4xx' } }, 17, '503'],
    ['404', { mapping: { error: '5xx', warn: '4xx' } }, 13, '404'],
    [7, { mapping: { fatal: [{ min: 6, max: 10 }] } }, 21, '7'],
    ['e', { mapping: { error: 'e' }, overwrite_text: true }, 17, 'ERROR'],
    ['INFO', { mapping: { info3: 'info' }, overwrite_text: true }, 11, 'INFO3'],
    ['?', { overwrite_text: true }, undefined, 'DEFAULT'],
  ])('%j with %j', (value, more, severity, text) => {
    expect(parse(value, more)).toMatchObject({ severity, text })
  })
})

describe('times', () => {
  const at = (...parts: [number, number, ...number[]]) => BigInt(Date.UTC(...(parts as [number, number]))) * 1_000_000n
  const parse = (text: string, layout: string, more = {}) => {
    const time = { type: 'time_parser', parse_from: 'body', layout, location: 'UTC', ...more }
    return run([time], text)
  }
  test.each<[string, string, object, bigint]>([
    ['2026-01-02 03:04:05', '%Y-%m-%d %H:%M:%S', {}, at(2026, 0, 2, 3, 4, 5)],
    ['2026-01-02 03:04:05.123456789', '%Y-%m-%d %H:%M:%S.%L', {}, at(2026, 0, 2, 3, 4, 5) + 123_456_789n],
    ['2026-01-02 03:04:05,5', '%F %T,%f', {}, at(2026, 0, 2, 3, 4, 5, 500)],
    ['2026-01-02 03:04:05.25', '%F %T', {}, at(2026, 0, 2, 3, 4, 5, 250)],
    ['02/Jan/2026:03:04:05 +0100', '%d/%b/%Y:%H:%M:%S %z', {}, at(2026, 0, 2, 2, 4, 5)],
    ['2026-01-02T03:04:05Z', '%Y-%m-%dT%H:%M:%S%z', {}, at(2026, 0, 2, 3, 4, 5)],
    ['2026-01-02T03:04:05-02:30', '%Y-%m-%dT%H:%M:%S%j', {}, at(2026, 0, 2, 5, 34, 5)],
    ['Fri January  2 3:04:05 PM 26', '%a %B %e %l:%M:%S %p %y', {}, at(2026, 0, 2, 15, 4, 5)],
    ['Jan 02 03:04:05', '%b %d %H:%M:%S', {}, at(2026, 0, 2, 3, 4, 5)],
    ['Dec 31 23:59:59', '%b %d %H:%M:%S', {}, at(2025, 11, 31, 23, 59, 59)],
    ['Nov 25 00:00:00', '%b %e %T', {}, at(2026, 10, 25)],
    ['2026-07-02 03:04:05', '%F %T', { location: 'America/New_York' }, at(2026, 6, 2, 7, 4, 5)],
    ['2026-01-02 03:04:05', '%F %T', { location: 'Asia/Kolkata' }, at(2026, 0, 1, 21, 34, 5)],
    ['2026-01-02 03:04:05 CET', '%F %T %Z', {}, at(2026, 0, 2, 2, 4, 5)],
    ['2026-07-02 03:04:05 PDT', '%F %T %Z', { location: 'America/Los_Angeles' }, at(2026, 6, 2, 10, 4, 5)],
    ['2026-07-02 03:04:05 XYZ', '%F %T %Z', { time_zone_locations: { XYZ: 'Asia/Tokyo' } }, at(2026, 6, 1, 18, 4, 5)],
    [
      '2026-01-02T03:04:05.678+01:00',
      '2006-01-02T15:04:05.000Z07:00',
      { layout_type: 'gotime' },
      at(2026, 0, 2, 2, 4, 5, 678),
    ],
    ['Jan  2 2026 3:04PM', 'Jan _2 2006 3:04PM', { layout_type: 'gotime' }, at(2026, 0, 2, 15, 4)],
    [
      'Friday, 02-Jan-26 03:04:05 UTC',
      'Monday, 02-Jan-06 15:04:05 MST',
      { layout_type: 'gotime' },
      at(2026, 0, 2, 3, 4, 5),
    ],
    ['2026 033', '2006 002', { layout_type: 'gotime' }, at(2026, 1, 2)],
    ['1136214245', 's', { layout_type: 'epoch' }, 1136214245n * 1_000_000_000n],
    ['1136214245123', 'ms', { layout_type: 'epoch' }, 1136214245123n * 1_000_000n],
    ['1136214245123456', 'us', { layout_type: 'epoch' }, 1136214245123456000n],
    ['1136214245123456789', 'ns', { layout_type: 'epoch' }, 1136214245123456789n],
    ['1136214245.123', 's.ms', { layout_type: 'epoch' }, 1136214245123000000n],
    ['1136214245.123456789', 's.ns', { layout_type: 'epoch' }, 1136214245123456789n],
  ])('%s by %s', (text, layout, more, expected) => {
    const { records, log } = parse(text, layout, more)
    expect([records[0]!.time, log]).toEqual([expected, []])
  })

  test.each<[string, string, object, string]>([
    ['2026-02-30', '%Y-%m-%d', {}, 'no such day'],
    ['2026-13-01', '%Y-%m-%d', {}, 'part 3'],
    ['2026-01-01 rest', '%Y-%m-%d', {}, 'more than the layout has'],
    ['1969-12-31', '%Y-%m-%d', {}, 'before 1970'],
    ['2026-01-02 QQQ', '%Y-%m-%d %Z', {}, 'zone is not known'],
    ['', '%Y', {}, 'part 1'],
    ['x', 's', { layout_type: 'epoch' }, 'no time of the layout s'],
    ['-5', 's', { layout_type: 'epoch' }, 'no time of the layout s'],
    ['9999999999999', 's', { layout_type: 'epoch' }, 'too far in the future'],
    ['5', 's.ms', { layout_type: 'epoch' }, 'no time of the layout s.ms'],
  ])('%j is no %s: %j', (text, layout, more, message) => {
    const { records, counts, log } = parse(text, layout, more)
    expect([records[0]!.time, counts.failed]).toEqual([undefined, 1])
    expect(log[0]).toContain(message)
  })

  test.each<[unknown, string, bigint]>([
    [1136214245, 's', 1136214245n * 1_000_000_000n],
    [1136214245.75, 's', 1136214245n * 1_000_000_000n],
    [1136214245.125, 's.ms', 1136214245125000000n],
    [1136214245, 's.us', 1136214245n * 1_000_000_000n],
  ])('the number %j by %s', (value, layout, expected) => {
    const operators = [
      { type: 'json_parser' },
      { type: 'time_parser', parse_from: 'attributes.t', layout_type: 'epoch', layout },
    ]
    expect(one(operators, JSON.stringify({ t: value })).time).toBe(expected)
  })

  test('clocks that change', () => {
    const parseIn = (text: string) => parse(text, '%F %T', { location: 'Europe/Berlin' }).records[0]!.time
    expect(parseIn('2026-03-29 01:59:59')).toBe(at(2026, 2, 29, 0, 59, 59))
    expect(parseIn('2026-03-29 03:00:00')).toBe(at(2026, 2, 29, 1))
    expect(parseIn('2026-10-25 01:59:59')).toBe(at(2026, 9, 24, 23, 59, 59))
    expect(parseIn('2026-10-25 03:00:00')).toBe(at(2026, 9, 25, 2))
  })
})

describe('fields', () => {
  const json = { type: 'json_parser', parse_to: 'body' }
  test.each<[string, object[], string, object]>([
    [
      'move',
      [{ type: 'move', from: 'body.a', to: 'attributes.b' }],
      '{"a":"x","c":"y"}',
      { body: { c: 'y' }, attributes: { b: 'x' } },
    ],
    [
      'move to the body',
      [{ type: 'move', from: 'body.log', to: 'body' }],
      '{"log":"the line","c":"y"}',
      { body: 'the line' },
    ],
    [
      'move a layer of the body',
      [{ type: 'move', from: 'body.w', to: 'body' }],
      '{"w":{"a":"x"},"c":"y"}',
      { body: { a: 'x', c: 'y' } },
    ],
    [
      'copy',
      [
        { type: 'copy', from: 'body.m', to: 'attributes.m' },
        { type: 'remove', field: 'body.m.k' },
      ],
      '{"m":{"k":"v"}}',
      { body: { m: {} }, attributes: { m: { k: 'v' } } },
    ],
    [
      'add',
      [
        { type: 'add', field: 'attributes.x', value: 5 },
        { type: 'add', field: 'attributes["a.b"]', value: { k: [1.5, true] } },
      ],
      '{}',
      { attributes: { x: 5n, 'a.b': { k: [1.5, true] } } },
    ],
    [
      'add an expression',
      [{ type: 'add', field: 'body.b', value: 'EXPR(body.a + "_suffix")' }],
      '{"a":"x"}',
      { body: { a: 'x', b: 'x_suffix' } },
    ],
    ['remove', [{ type: 'remove', field: 'body["a"]' }], '{"a":"x","b":1}', { body: { b: 1 } }],
    ['remove the body', [{ type: 'remove', field: 'body' }], '{"a":"x"}', { body: null }],
    [
      'set where no map is',
      [{ type: 'add', field: 'body.a.b', value: 'x' }],
      '{"a":"text"}',
      { body: { a: { b: 'x' } } },
    ],
    [
      'remove all attributes',
      [
        { type: 'add', field: 'attributes.x', value: 'y' },
        { type: 'remove', field: 'attributes' },
      ],
      '{}',
      { attributes: {} },
    ],
    [
      'a resource',
      [{ type: 'move', from: 'body.r', to: 'resource["service.name"]' }],
      '{"r":"shop"}',
      { resource: { host: 'h', 'service.name': 'shop' } },
    ],
    ['remove of the resource', [{ type: 'remove', field: 'resource.host' }], '{}', { resource: {} }],
  ])('%s', (_, operators, line, expected) => {
    const { records, counts } = run([json, ...operators], line)
    expect(counts.failed).toBe(0)
    const { 'log.file.path': path, ...attributes } = records[0]!.attributes
    expect({ ...records[0]!, attributes }).toMatchObject(expected)
    const keys = Object.keys(expected) as ('body' | 'attributes' | 'resource')[]
    for (const key of keys) expect({ ...records[0]!, attributes }[key]).toEqual((expected as (typeof records)[0])[key])
    expect(path === undefined).toBe(operators.some((each) => (each as { field?: string }).field === 'attributes'))
  })

  test('records of different resources share a batch, those of one a ResourceLogs', () => {
    const operators = [
      { type: 'json_parser' },
      { type: 'move', if: 'attributes.r != nil', from: 'attributes.r', to: 'resource.r' },
    ]
    const { records } = run(operators, '{"r":"a","n":1}', '{"n":2}', '{"r":"b","n":3}', '{"r":"a","n":4}')
    expect(records.map(({ resource, attributes }) => [resource.r, attributes.n])).toEqual([
      [undefined, 2],
      ['a', 1],
      ['a', 4],
      ['b', 3],
    ])
  })
})

describe('if', () => {
  test.each<[string, string]>([
    ['body matches "^{.*}$"', '{"a":1}'],
    ['body contains "x" and not (body startsWith "y")', 'ax'],
    ['body endsWith "x" || false', 'ax'],
    ['attributes["log.file.path"] contains "pods"', ''],
    ['attributes.missing == nil', ''],
    ['attributes.missing?.deep == nil', ''],
    ['(attributes.missing ?? "none") == "none"', ''],
    ['not (attributes.missing matches "x")', ''],
    ['body in ["a", "b"]', 'b'],
    ['body not in ["a", "b"]', 'c'],
    ['"host" in resource', ''],
    ['len(body) > 2 && len(body) <= 3 + 1', 'abcd'],
    ['len(body) == 4.0', 'abcd'],
    ['body == "x" ? true : false', 'x'],
    ["lower(body) == 'abc'", 'ABC'],
    ['int(body) % 2 == 1', '7'],
    ['severity_number == 0 and severity_text == ""', ''],
    ['$ == "x" and $body == "x"', 'x'],
    ['!(body < "b") == (body >= "b")', 'c'],
    ['-1 < 0 and 2 * 3 - 1 == 5', ''],
    ['env("NOBODY_SETS_THIS") == ""', ''],
  ])('%s holds for %j', (condition, line) => {
    const { records, log } = run([{ type: 'add', field: 'attributes.met', value: true, if: condition }], line)
    expect([records[0]!.attributes.met, log]).toEqual([true, []])
  })

  test('what cannot be asked is a failure of the operator', () => {
    const { records, log } = run(
      [{ type: 'add', field: 'attributes.met', value: true, if: 'body.level == "x"' }],
      'text',
    )
    expect(records[0]!.attributes.met).toBeUndefined()
    expect(log[0]).toContain('text has no key level')
    expect(run([{ type: 'noop', if: 'body' }], 'text').log[0]).toContain('the expression is text, not true or false')
    expect(run([{ type: 'noop', if: 'body < 5' }], 'text').counts.failed).toBe(1)
  })
})

describe('on_error', () => {
  test.each<[string, number, number]>([
    ['send', 1, 1],
    ['send_quiet', 1, 0],
    ['drop', 0, 1],
    ['drop_quiet', 0, 0],
  ])('%s: %i records, %i lines of log', (mode, records, lines) => {
    const result = run(
      [
        { type: 'json_parser', on_error: mode },
        { type: 'add', field: 'attributes.next', value: 1 },
      ],
      'no json',
    )
    expect([result.records.length, result.log.length]).toEqual([records, lines])
    expect(result.counts).toEqual({ dropped: 1 - records, failed: 1 })
    if (records === 1) expect(result.records[0]).toMatchObject({ body: 'no json', attributes: { next: 1n } })
  })

  test('filter leaves out what meets its expression', () => {
    const { records, counts } = run([{ type: 'filter', expr: 'body startsWith "DEBUG"' }], 'DEBUG x', 'INFO y')
    expect([records.map(({ body }) => body), counts]).toEqual([['INFO y'], { dropped: 1, failed: 0 }])
  })

  test('bytes cannot be parsed, and go on as they are', () => {
    const { sink, counts } = newSink([{ type: 'json_parser' }], { isText: false })
    sink.add(Buffer.from([0xff, 0xfe]), 0, 2, file)
    const { resourceLogs } = decodeOtlpLogs(sink.take([])!.bytes()) as { resourceLogs: Message[] }
    expect(resourceLogs).toMatchObject([
      { scopeLogs: [{ logRecords: [{ body: { bytesValue: Buffer.from([0xff, 0xfe]) } }] }] },
    ])
    expect(counts.failed).toBe(1)
  })
})

test('hostile lines: nothing throws, every line is a record or counted', () => {
  const operators = [
    {
      type: 'json_parser',
      if: 'body startsWith "{"',
      parse_to: 'body',
      timestamp: { parse_from: 'body.t', layout: '%Y-%m-%d %H:%M:%S.%f %Z' },
    },
    { type: 'regex_parser', regex: '^(?P<a>(?:x+)+)(?P<b>y)?$', if: 'not (body startsWith "{")', on_error: 'drop' },
    { type: 'move', from: 'body.a', to: 'body' },
    { type: 'move', from: 'body.b', to: 'resource.x' },
    { type: 'severity_parser', parse_from: 'attributes.a', mapping: { error: '5xx' } },
    { type: 'time_parser', parse_from: 'attributes.b', layout_type: 'epoch', layout: 's.ns' },
    { type: 'add', field: 'attributes.c.d', value: 'EXPR(body + attributes.a)' },
  ]
  const { sink, counts } = newSink(operators)
  const line = fc.oneof(
    fc.json(),
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '{"t":"2026-01-01 00:00:00.1 UTC"}',
      `${'x'.repeat(50)}!`,
      '{"__proto__":{"a":{}}}',
      `${'{"a":'.repeat(500)}1${'}'.repeat(500)}`,
      '{"b":{"__proto__":1}}',
      '['.repeat(100_000),
      `{"a":${'['.repeat(50_000)}`,
    ),
  )
  let lines = 0
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), (texts) => {
      const before = counts.dropped
      for (const text of texts) {
        const bytes = Buffer.from(text.toWellFormed())
        sink.add(bytes, 0, bytes.length, file)
      }
      lines += texts.length
      const batch = sink.take([])
      expect((batch?.count ?? 0) + counts.dropped - before).toBe(texts.length)
      if (batch) decodeOtlpLogs(batch.bytes())
    }),
    { numRuns: 100 },
  )
  expect(lines).toBeGreaterThan(50)
  expect(({} as { a?: unknown }).a).toBeUndefined()
})

test('the receiver runs its lines through operators, and counts what they leave out', async () => {
  const received = await startRun({
    operators: [
      { type: 'json_parser', severity: { parse_from: 'attributes.level' } },
      { type: 'filter', expr: 'attributes.level == "debug"' },
      { type: 'move', from: 'attributes.msg', to: 'body' },
    ],
  })
  received.write('x.log', '{"level":"info","msg":"one"}\n{"level":"debug","msg":"two"}\nthree\n')
  expect(await received.lines(2)).toEqual(['one', 'three'])
  expect(received.records()[0]).toMatchObject({ severityNumber: 9, severityText: 'info' })
  expect(received.counter('operator_errors')).toBe(2)
  expect(received.account.dropped('rule')).toBe(1)
})

describe('what is wrong is named with its place', () => {
  const config = (...operators: unknown[]) => ({ include: ['x'], operators })
  test.each<[string, unknown[], string]>([
    ['a misspelt operator', [{ type: 'regx_parser' }], 'operators.0.type: there is no operator "regx_parser"'],
    ['one that is not here', [{ type: 'syslog_parser' }], 'operators.0.type: the operator syslog_parser is not here'],
    ['no type', [{}], 'operators.0: an operator needs a type'],
    ['no map', ['json_parser'], 'operators.0: expected an operator, got the text "json_parser"'],
    [
      'a misspelt key',
      [{ type: 'json_parser', parse_form: 'body' }],
      'operators.0.parse_form: unknown key "parse_form"',
    ],
    [
      'a misspelt key in a block',
      [{ type: 'json_parser', timestamp: { parse_from: 'body', layot: 's' } }],
      'operators.0.timestamp.layot: unknown key "layot"',
    ],
    ['a missing setting', [{ type: 'move', from: 'body' }], 'operators.0.to: is required'],
    [
      'a regular expression',
      [{ type: 'regex_parser', regex: '(?P<a>x' }],
      'operators.0.regex: "(?P<a>x": a "(" has no ")"',
    ],
    ['one without names', [{ type: 'regex_parser', regex: '(x)' }], 'operators.0.regex: no named capture groups'],
    [
      'a field',
      [{ type: 'remove', field: 'boddy.x' }],
      'operators.0.field: unrecognized prefix "boddy": did you mean body.x?',
    ],
    [
      'a field of nothing',
      [{ type: 'move', from: 'level', to: 'body' }],
      'operators.0.from: unrecognized prefix "level"; fields begin with body, attributes or resource',
    ],
    [
      'attributes as a whole',
      [{ type: 'move', from: 'attributes', to: 'body' }],
      'attributes cannot be referenced without subfield',
    ],
    ['an open bracket', [{ type: 'remove', field: 'body["x' }], 'is no field: write body.key or body["key"]'],
    [
      'a directive',
      [{ type: 'time_parser', parse_from: 'body', layout: '%Q' }],
      'operators.0.layout: there is no directive %Q',
    ],
    ['digits without a dot', [{ type: 'time_parser', parse_from: 'body', layout: '%S%L' }], 'write %S.%L or %S,%L'],
    [
      'a layout of nothing',
      [{ type: 'time_parser', parse_from: 'body', layout: 'x', layout_type: 'gotime' }],
      '"x" has no part of a time',
    ],
    [
      'an epoch',
      [{ type: 'time_parser', parse_from: 'body', layout: 'sec', layout_type: 'epoch' }],
      'operators.0.layout: there is no layout "sec" of the type epoch',
    ],
    [
      'a location',
      [{ type: 'time_parser', parse_from: 'body', layout: '%Y', location: 'Europe/Berlim' }],
      'operators.0.location: there is no location "Europe/Berlim"',
    ],
    [
      'a severity',
      [{ type: 'severity_parser', parse_from: 'body', mapping: { eror: 'x' } }],
      'operators.0.mapping.eror: there is no severity "eror": did you mean "error"?',
    ],
    [
      'a severity of nothing',
      [{ type: 'severity_parser', parse_from: 'body', mapping: { info: [{ min: 1 }] } }],
      'operators.0.mapping.info.0: expected text',
    ],
    [
      'a condition',
      [{ type: 'noop', if: 'body matchs "x"' }],
      'operators.0.if: expected an operator or the end, got "matchs", at position 6',
    ],
    ['a name in it', [{ type: 'noop', if: 'atributes.x == 1' }], 'unknown name atributes: did you mean attributes?'],
    ['a function in it', [{ type: 'noop', if: 'lenn(body) == 1' }], 'there is no function lenn: did you mean len?'],
    ['a pattern in it', [{ type: 'noop', if: 'body matches "(?=x)"' }], 'Go has no looking ahead or behind'],
    [
      'an expression',
      [{ type: 'add', field: 'body', value: 'EXPR(body +)' }],
      'operators.0.value: expected a field, "text", a number',
    ],
    ['all of them', [{ type: 'nop' }, { type: 'noop' }, { type: 'remove', field: 'x' }], 'operators.2.field'],
  ])('%s', (_, operators, message) => {
    expect(faults(filelog, config(...operators))).toContain(message)
  })
})
