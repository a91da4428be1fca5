import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OperatorFault } from './entry.ts'
import { one, run } from './operators.fixture.ts'
import { csvCells } from './text-parsers.ts'

describe('csv_parser', () => {
  const parse = (line: string, more = {}) => one([{ type: 'csv_parser', header: 'id,level,text', ...more }], line)
  test.each<[string, object, string, object]>([
    ['cells by the names of the header', {}, '1,debug,all is well', { id: '1', level: 'debug', text: 'all is well' }],
    ['empty cells', {}, ',,', { id: '', level: '', text: '' }],
    ['quotes', {}, '1,"a,b","say ""hi"""', { id: '1', level: 'a,b', text: 'say "hi"' }],
    ['a line end in quotes', {}, '1,"a\nb",c', { id: '1', level: 'a\nb', text: 'c' }],
    ['another delimiter', { delimiter: '\t', header: 'a\tb' }, 'x,y\tz', { a: 'x,y', b: 'z' }],
    ['a header with a delimiter of its own', { delimiter: '|', header_delimiter: ',' }, '1|2|3', { level: '2' }],
    ['quotes anywhere, when they are lazy', { lazy_quotes: true }, '1,a"b,"c"d', { level: 'a"b', text: 'c"d' }],
    ['quotes as text, when they are ignored', { ignore_quotes: true }, '1,"a,b"', { level: '"a', text: 'b"' }],
  ])('reads %s', (_, more, line, expected) => expect(parse(line, more).attributes).toMatchObject(expected))

  test('a header may stand in an attribute', () => {
    const operators = [
      { type: 'add', field: 'attributes.Fields', value: 'a,b' },
      { type: 'csv_parser', header_attribute: 'Fields', parse_to: 'body' },
    ]
    expect(one(operators, '1,2').body).toEqual({ a: '1', b: '2' })
  })

  test.each([
    ['1,2', 'wrong number of columns: expected 3, got 2'],
    ['1,a"b,2', 'a quote stands in a cell without quotes'],
    ['1,"a"b,2', 'text stands behind a closing quote'],
    ['1,"a,2', 'a cell has no closing quote'],
  ])('%s fails', (line, message) => {
    const { records, log } = run([{ type: 'csv_parser', header: 'id,level,text' }], line)
    expect([records[0]!.body, log[0]]).toEqual([line, expect.stringContaining(message)])
  })

  test('what was written as CSV is read as it was', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', ' ', '😀') })
    fc.assert(
      fc.property(
        fc.array(cell, { minLength: 1, maxLength: 5 }),
        fc.constantFrom('strict', 'lazy'),
        (cells, quotes) => {
          const row = cells.map((each) => (/[",\n]/.test(each) ? `"${each.replaceAll('"', '""')}"` : each)).join(',')
          expect(csvCells(row, ',', quotes as 'lazy')).toEqual(cells)
        },
      ),
    )
  })

  test('any text is cells, or fails', () => {
    const quotes = fc.constantFrom('strict' as const, 'lazy' as const, 'none' as const)
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '"', ',') }), quotes, (row, how) => {
        try {
          expect(csvCells(row, ',', how).length).toBeLessThanOrEqual(row.length + 1)
        } catch (error) {
          expect([error, how]).toEqual([expect.any(OperatorFault), 'strict'])
        }
      }),
    )
  })
})

describe('key_value_parser', () => {
  const parse = (line: string, more = {}) => one([{ type: 'key_value_parser', ...more }], line).attributes
  test.each<[string, object, object]>([
    ['name=tailrace  kind=agent', {}, { name: 'tailrace', kind: 'agent' }],
    ['a=1\tb=x=y', {}, { a: '1', b: 'x=y' }],
    ['msg="all is well" who=\'it is\'', {}, { msg: 'all is well', who: 'it is' }],
    ['name:x', { delimiter: ':' }, { name: 'x' }],
    ['name=x ! org=y    ! z=', { pair_delimiter: '!' }, { name: 'x', org: 'y', z: '' }],
    ['a=1\u00a0b=2\u2003c=é', {}, { a: '1', b: '2', c: 'é' }],
    ['a="1 "x\'y z\'w "b"=2', {}, { a: '1 xy zw', b: '2' }],
    ['a==1|=b||b==2||', { delimiter: '==', pair_delimiter: '||' }, { a: '1|=b', b: '2' }],
    ['a==1||b==2', { delimiter: '==', pair_delimiter: '||' }, { a: '1', b: '2' }],
  ])('reads %j with %j', (line, more, expected) => {
    expect(parse(line, more)).toEqual(expected)
  })

  test.each([
    ['a=1 b', 'a pair has no "="'],
    ['a="1', 'a quote is not closed'],
  ])('%s fails', (line, message) => {
    expect(run([{ type: 'key_value_parser' }], line).log[0]).toContain(message)
  })
})

describe('uri_parser', () => {
  test.each<[string, object]>([
    [
      'HTTPS://dev:pass@google.com:8443/app%20x?user_id=2&token=001&token=a+b#part',
      {
        scheme: 'https',
        user: 'dev',
        host: 'google.com',
        port: '8443',
        path: '/app x',
        query: { user_id: ['2'], token: ['001', 'a b'] },
      },
    ],
    ['/app?user=admin', { path: '/app', query: { user: ['admin'] } }],
    ['?env=stage&env=dev&x', { query: { env: ['stage', 'dev'], x: [''] } }],
    ['http://[::1]:80', { scheme: 'http', host: '::1', port: '80' }],
    ['//h/p', { path: '//h/p' }],
    ['mailto:a@b', { scheme: 'mailto' }],
    ['/hello world', { path: '/hello world' }],
    ['/x?__proto__=1', { path: '/x', query: JSON.parse('{"__proto__":["1"]}') }],
  ])('%s', (line, expected) => expect(one([{ type: 'uri_parser' }], line).attributes).toEqual(expected))

  test.each([
    ['/a%zz', 'a percent sign'],
    ['hello world', 'it is no URI'],
    ['', 'it is no URI'],
    ['1:2', 'it is no URI'],
    ['http://a b/', 'its host cannot be read'],
    ['http://a:b:c/', 'its host cannot be read'],
  ])('%s fails', (line, message) => expect(run([{ type: 'uri_parser' }], line).log[0]).toContain(message))
})

describe('trace_parser', () => {
  const [trace, span] = ['0102030405060708090a0b0c0d0e0f10', '0102030405060708']
  const ids = { trace_id: trace, span_id: span, trace_flags: '01' }
  const expected = { trace: Buffer.from(trace, 'hex'), span: Buffer.from(span, 'hex'), flags: 1 }

  test('sets the ids of a record, by itself and within a parser', () => {
    const json = { type: 'json_parser', parse_to: 'body' }
    expect(one([json, { type: 'trace_parser' }], JSON.stringify(ids))).toMatchObject(expected)
    const keys = ['trace_id', 'span_id', 'trace_flags']
    const from = Object.fromEntries(keys.map((key) => [key, { parse_from: `attributes.${key}` }]))
    expect(one([{ type: 'json_parser', trace: from }], JSON.stringify(ids))).toMatchObject(expected)
  })

  test('leaves what is not there, and fails on what is no id', () => {
    const operators = [{ type: 'json_parser', parse_to: 'body' }, { type: 'trace_parser' }]
    expect(one(operators, `{"span_id":"${span}"}`)).not.toHaveProperty('trace')
    expect(run(operators, '{"trace_id":"12"}').log[0]).toContain('body.trace_id is not 32 hexadecimal digits')
  })
})
