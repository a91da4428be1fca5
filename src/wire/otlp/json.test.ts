import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { examples, l1Json, l1OfJavaScript } from './examples.fixture.ts'
import { decodeJsonMessage, decodeOtlpJson } from './json-decode.ts'
import { encodeJsonMessage, encodeOtlpJson } from './json-encode.ts'
import { requests } from './messages.ts'
import { randomMessage } from './random-message.fixture.ts'

const formats = ['logs', 'metrics', 'traces'] as const
type Format = (typeof formats)[number]

function decoded(format: Format, json: unknown): string {
  const text = typeof json === 'string' ? json : JSON.stringify(json)
  const result = decodeOtlpJson(format, Buffer.from(text))
  return 'error' in result ? result.error : result.toString('hex')
}
const encoded = (format: Format, hex: string) => JSON.parse(encodeOtlpJson(format, Buffer.from(hex, 'hex')).toString())

test.each(examples)('%s: bytes to JSON', (_, format, hex, json) => {
  expect(encoded(format, hex)).toEqual(json)
})

test.each(examples)('%s: JSON to bytes', (_, format, hex, json) => {
  const absent = (key: string, value: unknown) =>
    (key === 'resource' || key === 'scope') && JSON.stringify(value) === '{}' ? undefined : value
  expect(decoded(format, JSON.stringify(json, absent))).toBe(hex)
})

test('explicit zeros, as the JavaScript SDK writes them, are left out of JSON', () => {
  expect(encoded('logs', l1OfJavaScript)).toEqual(l1Json)
})

/** One log record whose JSON is `{"<text>}`, as hex of the record's body or the fault. */
const record = (text: string): string => {
  const shape = requests.logs.byNumber[1]!.message!.byNumber[2]!.message!.byNumber[2]!.message!
  const result = decodeJsonMessage(shape, Buffer.from(text))
  return 'error' in result ? result.error : result.toString('hex')
}

describe('what is read', () => {
  test.each([
    ['{"timeUnixNano":"1700000000123456789"}', '0915cd853dfe9c9717'],
    ['{"timeUnixNano":1700000000123456789}', '0915cd853dfe9c9717'],
    ['{"time_unix_nano":1,"severity_text":"x"}', '0901000000000000001a0178'],
    ['{"timeUnixNano":18446744073709551615}', '09ffffffffffffffff'],
    ['{"timeUnixNano":1e3}', '09e803000000000000'],
    ['{"timeUnixNano":"0","flags":0,"severityText":"","traceId":""}', ''],
    ['{"severityNumber":"SEVERITY_NUMBER_INFO"}', '1009'],
    ['{"severityNumber":9}', '1009'],
    ['{"severityNumber":"9"}', '1009'],
    ['{"traceId":"0102030405060708090A0B0C0D0E0F10"}', '4a100102030405060708090a0b0c0d0e0f10'],
    ['{"body":null,"attributes":null,"flags":null}', ''],
    ['{"unknown":{"a":[1,{"b":"]}"}],"c":{}},"flags":1,"x":[],"y":-1.5e3,"z":null}', '4501000000'],
    [' {\n\t"flags" : 1 \r} ', '4501000000'],
    ['{"body":{}}', '2a00'],
    ['{"body":{"stringValue":""}}', '2a020a00'],
    ['{"body":{"boolValue":false}}', '2a021000'],
    ['{"body":{"intValue":0}}', '2a021800'],
    ['{"body":{"intValue":"-1"}}', '2a0b18ffffffffffffffffff01'],
    ['{"body":{"intValue":"-9223372036854775808"}}', '2a0b1880808080808080808001'],
    ['{"body":{"doubleValue":1.5}}', '2a0921000000000000f83f'],
    ['{"body":{"doubleValue":0}}', '2a09210000000000000000'],
    ['{"body":{"doubleValue":"NaN"}}', '2a0921000000000000f87f'],
    ['{"body":{"doubleValue":"-Infinity"}}', '2a0921000000000000f0ff'],
    ['{"body":{"bytesValue":"/wA="}}', '2a043a02ff00'],
    ['{"body":{"bytesValue":"_wA"}}', '2a043a02ff00'],
    ['{"body":{"arrayValue":{"values":[{"stringValue":"a"}]}}}', '2a072a050a030a0161'],
    ['{"body":{"kvlistValue":{"values":[{"key":"k","value":{"stringValue":"a"}}]}}}', '2a0c320a0a080a016b12030a0161'],
    ['{"severityText":"\\u00e9\\n\\"\\\\\\/\\ud83d\\ude00"}', `1a0a${Buffer.from('é\n"\\/😀').toString('hex')}`],
    ['{"severityText":"\\ud800x"}', '1a04efbfbd78'],
    ['{"severityText":"é"}', '1a02c3a9'],
  ])('%s', (json, hex) => {
    expect(record(json)).toBe(hex)
  })
})

describe('what is refused, and where', () => {
  test.each([
    ['', 'expected {, the text ends at byte 0'],
    ['{', 'expected a string at byte 1'],
    ['[]', 'expected { at byte 0'],
    ['{}x', 'expected the end at byte 2'],
    ['{"flags":1,}', 'expected a string at byte 11'],
    ['{"flags":-1}', 'flags: does not fit fixed32 at byte 9'],
    ['{"flags":4294967296}', 'flags: does not fit fixed32 at byte 9'],
    ['{"flags":1.5}', 'flags: expected a whole number at byte 9'],
    ['{"flags":true}', 'flags: expected a number at byte 9'],
    ['{"timeUnixNano":"18446744073709551616"}', 'timeUnixNano: does not fit 64 bits at byte 17'],
    ['{"timeUnixNano":""}', 'timeUnixNano: expected a whole number at byte 17'],
    ['{"traceId":"01"}', 'traceId: expected 32 hexadecimal digits, got 2 at byte 12'],
    ['{"spanId":"010203040506070g"}', 'spanId: expected hexadecimal digits at byte 11'],
    ['{"severityNumber":"LOUD"}', 'severityNumber: no such value: "LOUD" at byte 18'],
    [`{"severityNumber":"${'x'.repeat(99)}"}`, `severityNumber: no such value: "${'x'.repeat(40)}" at byte 18`],
    ['{"attributes":[{"key":"a"},{"key":1}]}', 'attributes[1].key: expected a string at byte 34'],
    ['{"attributes":{}}', 'attributes: expected [ at byte 14'],
    ['{"body":{"intValue":"9223372036854775808"}}', 'body.intValue: does not fit int64 at byte 20'],
    ['{"body":{"bytesValue":"%"}}', 'body.bytesValue: expected base64 at byte 23'],
    ['{"body":{"doubleValue":1e999}}', 'body.doubleValue: expected a number at byte 23'],
    ['{"body":{"doubleValue":"x"}}', 'body.doubleValue: expected a number at byte 23'],
    ['{"body":{"boolValue":"true"}}', 'body.boolValue: expected true or false at byte 21'],
    ['{"severityText":"a', 'severityText: the text ends inside a string at byte 18'],
    ['{"severityText":"\\x"}', 'severityText: no such escape at byte 17'],
    ['{"severityText":"\\u00g0"}', 'severityText: expected \\uXXXX at byte 17'],
    ['{"unknown":[1,}', 'expected a number at byte 14'],
  ])('%s', (json, fault) => {
    expect(record(json)).toBe(fault)
  })

  test('messages that are nested too deep', () => {
    const deep = (levels: number) => `{"body":${'{"arrayValue":{"values":['.repeat(levels)}{}${']}}'.repeat(levels)}}`
    expect(record(deep(49))).toMatch(/^2a/)
    expect(record(deep(60))).toMatch(/nested more than 100 deep at byte \d+$/)
    expect(record(`{"x":${'['.repeat(100_000)}`)).toMatch(/^nested more than 1000 deep/)
  })
})

test.each(formats)('%s: random messages survive the way through JSON byte for byte', (format) => {
  fc.assert(
    fc.property(randomMessage(requests[format]), (bytes) => {
      const json = encodeJsonMessage(requests[format], bytes)
      const back = decodeJsonMessage(requests[format], json)
      expect('error' in back ? back.error : back.toString('hex')).toBe(bytes.toString('hex'))
    }),
    { numRuns: 150 },
  )
})

test('random text is refused or decoded, and never throws', () => {
  const seed = JSON.stringify(l1Json)
  const pieces = fc.array(
    fc.oneof(
      fc.constantFrom('{', '}', '[', ']', '"', ',', ':', '\\', 'null', '1e9', '"traceId"', '"body"'),
      fc.string(),
    ),
  )
  fc.assert(
    fc.property(fc.nat(seed.length), fc.nat(40), pieces, (at, cut, parts) => {
      const text = Buffer.from(seed.slice(0, at) + parts.join('') + seed.slice(at + cut))
      const result = decodeOtlpJson('logs', text)
      expect(!('error' in result) || result.error.length > 0).toBe(true)
    }),
    { numRuns: 500 },
  )
})

test('bytes that are no message end it, and JSON stays JSON', () => {
  fc.assert(
    fc.property(fc.constantFrom(...formats), fc.uint8Array({ maxLength: 200 }), (format, bytes) => {
      JSON.parse(encodeOtlpJson(format, bytes).toString())
    }),
    { numRuns: 300 },
  )
})
