import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MetricType, StatsdParser } from './parse.ts'

const TYPES = Object.fromEntries(Object.entries(MetricType).map(([name, type]) => [type, name]))

/** Each sample as one line of text; what is absent is left out. */
function samples(parser: StatsdParser, bytes: Buffer): string[] {
  const text = (start: number, end: number) => bytes.toString('utf8', start, end)
  const found: string[] = []
  parser.open(bytes)
  while (parser.next()) {
    const { type, value, rate, isRelative, timestamp } = parser
    const shown = type === MetricType.set ? text(parser.valueStart, parser.valueEnd) : String(value)
    let line = `${text(parser.nameStart, parser.nameEnd)} ${TYPES[type]} ${isRelative ? 'by ' : ''}${shown}`
    if (rate !== 1) line += ` @${rate}`
    while (parser.nextTag()) {
      line += ` ${text(parser.keyStart, parser.keyEnd)}=${text(parser.tagValueStart, parser.tagValueEnd)}`
    }
    if (parser.containerEnd > 0) line += ` in ${text(parser.containerStart, parser.containerEnd)}`
    if (timestamp > 0) line += ` at ${timestamp}`
    found.push(line)
  }
  return found
}

const parse = (text: string) => samples(new StatsdParser(), Buffer.from(text))

describe('lines', () => {
  test.each([
    ['gorets:1|c|@0.1', ['gorets counter 1 @0.1']],
    ['a:+10e1|c', ['a counter 100']],
    ['a:-10|c', ['a counter -10']],
    ['a:-0.0|ms', ['a timer 0']],
    ['gaugor:333|g', ['gaugor gauge 333']],
    ['gaugor:-10|g\ngaugor:+4|g', ['gaugor gauge by -10', 'gaugor gauge by 4']],
    ['a:foo|s', ['a set foo']],
    ['users:a:b|s', ['users set a:b']],
    ['a:1|c|@2\na:1|c|@.2\na:1|c|@2e-1', ['a counter 1 @2', 'a counter 1 @0.2', 'a counter 1 @0.2']],
    ['k:1|c:2|c', ['k counter 1', 'k counter 2']],
    ['k:1|c|@0.1:2|ms|@0.5:3|g|#a:b', ['k counter 1 @0.1 a=b', 'k timer 2 @0.5 a=b', 'k gauge 3 a=b']],
    [
      'page.views:1:2:32|d|@0.5|#env:dev',
      [
        'page.views distribution 1 @0.5 env=dev',
        'page.views distribution 2 @0.5 env=dev',
        'page.views distribution 32 @0.5 env=dev',
      ],
    ],
    ['m:21::22|c', ['m counter 21', 'm counter 22']],
    ['m:15|c|T1656581400', ['m counter 15 at 1656581400']],
    ['m:1|h|#a,b:c:d,,e:|c:ci-83|@0.5|e:x|card:low', ['m histogram 1 @0.5 a= b=c:d e= in ci-83']],
    ['m:1|c|#', ['m counter 1']],
    ['m:1|c|unknown', ['m counter 1']],
    ['a:1|c\r\n\n\nb:2|c', ['a counter 1', 'b counter 2']],
    ['a b/c{d}:1|c', ['a b/c{d} counter 1']],
  ])('%j', (text, expected) => {
    const parser = new StatsdParser()
    expect(samples(parser, Buffer.from(text)).map((line) => line.replace('timer -0', 'timer 0'))).toEqual(expected)
    expect(parser.counts).toEqual({ malformed: 0, events: 0, serviceChecks: 0 })
  })

  test.each([
    'foo',
    'foo:1',
    'foo:1|',
    'foo:1|c|',
    ':1|c',
    'foo:|c',
    'foo:-1|ms',
    'foo:0,345|ms',
    'foo:1|x',
    'foo:1|mss',
    'foo:1|c|@',
    'foo:1|c|@.',
    'foo:1|c|@.1.2.3',
    'foo:1|c|@-1.0',
    'foo:1|c|@0',
    'foo:1|c|@Infinity',
    'foo:1|c|#a|@b',
    'foo:x|c',
    'foo:NaN|g',
    'foo:Inf|g',
    'foo:0x10|c',
    'foo:1|c||@1',
    '_other:1',
    '_e:1',
  ])('%j is malformed and costs only itself', (line) => {
    const parser = new StatsdParser()
    expect(samples(parser, Buffer.from(`${line}\nok:1|c`))).toEqual(['ok counter 1'])
    expect(parser.counts.malformed).toBe(1)
  })

  test('events and service checks are counted, not read', () => {
    const parser = new StatsdParser()
    const text = '_e{5,4}:title|text|t:warning|#a:b\na:1|c\n_sc|redis.conn|2|#env:dev|m:timed out\n_e{'
    expect(samples(parser, Buffer.from(text))).toEqual(['a counter 1'])
    expect(parser.counts).toEqual({ malformed: 0, events: 2, serviceChecks: 1 })
  })

  test('a bad value of several costs only itself', () => {
    const parser = new StatsdParser()
    expect(samples(parser, Buffer.from('a:1:x:3|c'))).toEqual(['a counter 1', 'a counter 3'])
    expect(parser.counts.malformed).toBe(1)
  })
})

describe('any bytes', () => {
  const piece = fc.constantFrom(
    'a',
    ':',
    '|',
    'c',
    'g',
    'ms',
    's',
    '@',
    '0.5',
    '#',
    ',',
    '1',
    '-',
    '\n',
    '\r',
    '_e{',
    '_sc|',
    'T1',
    'c:x',
  )
  const any = fc.oneof(
    fc.uint8Array({ maxLength: 120 }),
    fc.array(piece, { maxLength: 30 }).map((all) => Buffer.from(all.join(''))),
  )

  test('never throw, never loop, never reach a neighbour', () => {
    const parser = new StatsdParser()
    fc.assert(
      fc.property(any, (bytes) => {
        const outer = Buffer.concat([Buffer.from('x:1|c\nab'), bytes, Buffer.from('5|c|@0.1|#x:y|c:z\nr:2|g')])
        const inner = outer.subarray(8, 8 + bytes.length)
        expect(samples(parser, inner)).toEqual(samples(parser, Buffer.from(bytes)))
      }),
      { numRuns: 3000 },
    )
  })

  test('stay linear', () => {
    const started = performance.now()
    for (const text of [
      'a:1|c:'.repeat(10_000),
      `a:${'1:'.repeat(30_000)}|c`,
      `a:1|c|#${','.repeat(60_000)}`,
      '|'.repeat(65_000),
    ])
      parse(text)
    expect(performance.now() - started).toBeLessThan(3000)
  })
})
