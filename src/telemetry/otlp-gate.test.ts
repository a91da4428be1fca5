import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeOtlpLogs } from '../../test/support/decode.ts'
import { decodeOtlpJson } from '../wire/otlp/json-decode.ts'
import { requests } from '../wire/otlp/messages.ts'
import { randomMessage } from '../wire/otlp/random-message.fixture.ts'
import { BackwardWriter } from '../wire/protobuf.ts'
import { indexRecords } from './index-records.ts'
import { OtlpGate } from './otlp-gate.ts'
import { groupSize, type RecordIndex, rowSize } from './record-index.ts'

const formats = ['logs', 'metrics', 'traces'] as const
type Format = (typeof formats)[number]

/** What the gate says of these bytes, which stand in the middle of others: `count bytes` or the fault. */
function through(format: Format, message: Buffer | string, gate = new OtlpGate()) {
  const bytes = typeof message === 'string' ? Buffer.from(message, 'hex') : message
  const around = Buffer.concat([Buffer.from('0a05', 'hex'), bytes, Buffer.from('ffff', 'hex')])
  const batch = gate.take(format, around, 2, 2 + bytes.length)
  return { gate, batch, out: batch?.bytes().toString('hex'), fault: gate.fault }
}

const hex = (text: string) => Buffer.from(text).toString('hex')
const field = (number: number, body: string) => {
  const writer = new BackwardWriter()
  writer.bytesField(number, Buffer.from(body, 'hex'))
  return writer.take().toString('hex')
}
/** A request with one record of these bytes. */
const logs = (record: string) => field(1, field(2, field(2, record)))

const sound: [string, Format, number, string][] = [
  ['an empty request', 'logs', 0, ''],
  [
    'a log record',
    'logs',
    1,
    '0a6d0a150a130a0c736572766963652e6e616d6512030a016112540a060a0173120131124a09010000000000000010091a04494e464f2a040a02686932070a016b1202182a45010000004a100102030405060708090a0b0c0d0e0f1052080102030405060708590200000000000000',
  ],
  [
    'a log record of the JavaScript SDK',
    'logs',
    1,
    '0a710a170a130a0c736572766963652e6e616d6512030a0161100012560a060a0173120131124c09010000000000000010091a04494e464f2a040a02686932070a016b1202182a380045010000004a100102030405060708090a0b0c0d0e0f1052080102030405060708590200000000000000',
  ],
  ['a minimal log record of the Collector', 'logs', 1, '0a1b0a0012170a0012130901000000000000002a040a0268694a005200'],
  [
    'a gauge',
    'metrics',
    1,
    '0a2c122a12280a036370751a01312a1e0a1c19010000000000000021000000000000f83f3a080a016b12030a0161',
  ],
  [
    'a cumulative sum',
    'metrics',
    1,
    '0a2c122a12280a037265713a210a1b11010000000000000019020000000000000031050000000000000010021801',
  ],
  [
    'a histogram',
    'metrics',
    1,
    '0a4d124b12490a01684a440a401101000000000000001902000000000000002103000000000000002900000000000018403210010000000000000002000000000000003a0800000000000000401002',
  ],
  [
    'bucket counts one by one instead of packed',
    'metrics',
    1,
    field(1, field(2, field(2, field(9, field(1, '310100000000000000310200000000000000'))))),
  ],
  [
    'a span',
    'traces',
    1,
    '0a3f123d123b0a100102030405060708090a0b0c0d0e0f10120801020304050607082a05474554202f30023901000000000000004102000000000000007a021802',
  ],
  ['an unknown varint', 'logs', 1, logs('980601')],
  ['an unknown fixed64', 'logs', 1, logs('99060102030405060708')],
  ['an unknown text', 'logs', 1, logs('9a0602ffff')],
  ['an unknown fixed32', 'logs', 1, logs('9d0601020304')],
  [
    'scopes under field 2, and others under field 1000',
    'logs',
    1,
    field(1, field(2, field(2, '')) + field(1000, '1200')),
  ],
  [
    'text beyond ASCII',
    'logs',
    1,
    logs(field(3, hex('ünïcode')) + field(6, field(1, hex('k')) + field(2, field(1, hex('é'))))),
  ],
  [
    'an attribute of 200 bytes',
    'logs',
    1,
    logs(field(6, field(1, hex('k')) + field(2, field(1, hex('x'.repeat(200)))))),
  ],
  [
    'attributes of every type',
    'logs',
    1,
    logs(
      [
        '',
        '1001',
        '18ffffffffffffffffff01',
        '21000000000000f83f',
        '3a02ff00',
        '2a050a030a0161',
        '320a0a080a016b12030a0161',
      ]
        .map((value) => field(6, field(1, hex('k')) + field(2, value)))
        .join(''),
    ),
  ],
]

test.each(sound)('%s leaves as it came', (_, format, count, message) => {
  const { batch, out, gate, fault } = through(format, message)
  expect(out ?? fault).toBe(message)
  expect(batch?.count).toBe(count)
  expect(gate).toMatchObject({ malformed: 0, repaired: 0 })
})

describe('what does not parse is refused with its reason', () => {
  test.each<[string, Format, string, string]>([
    [
      'a trace id of 15 bytes',
      'logs',
      logs(field(9, '00'.repeat(15))),
      'proto: LogRecord: invalid length for TraceId: 15 bytes instead of 16',
    ],
    [
      'a span id of 9 bytes',
      'traces',
      field(1, field(2, field(2, field(2, '00'.repeat(9))))),
      'invalid length for SpanId: 9 bytes instead of 8',
    ],
    ['a wrong wire type', 'logs', logs('0801'), 'proto: LogRecord: wrong wireType = 0 for field TimeUnixNano (byte 6)'],
    ['a number where a message belongs', 'logs', '0801', 'wrong wireType = 0 for field ResourceLogs'],
    ['a group where a message belongs', 'logs', '0b0c', 'wrong wireType = 3 for field ResourceLogs'],
    ['a group that does not end', 'logs', logs('9b0608'), 'cut off'],
    ['a group ended by another', 'logs', logs('9b06a406'), 'cut off'],
    ['an end of no group', 'logs', logs('9c06'), 'illegal wireType 4'],
    ['wire type 7', 'logs', logs('9f06'), 'illegal wireType 7'],
    ['field 0', 'logs', '0201', 'illegal tag 2'],
    ['a lone byte', 'logs', 'ff', 'the tag of a field does not parse'],
    [
      'a length beyond the end',
      'logs',
      '0a05',
      'the value of field ResourceLogs does not parse or is cut off (unexpected EOF)',
    ],
    ['a varint of eleven bytes', 'logs', logs('10ffffffffffffffffffff01'), 'field SeverityNumber does not parse'],
    [
      'packed doubles that are no multiple of eight',
      'metrics',
      field(1, field(2, field(2, field(9, field(1, field(7, '00')))))),
      'field ExplicitBounds',
    ],
    [
      'packed varints cut off',
      'metrics',
      field(1, field(2, field(2, field(10, field(1, field(8, field(2, 'ff'))))))),
      'field BucketCounts',
    ],
    ['an attribute with a broken value', 'logs', logs(field(6, `0a016b12020a05`)), 'AnyValue'],
    ['an attribute with a key of a wrong type', 'logs', logs(field(6, '08011200')), 'wrong wireType = 0 for field Key'],
    ['something unsound under field 1000', 'logs', field(1, field(1000, '1205')), 'cut off'],
  ])('%s', (_, format, message, fault) => {
    const result = through(format, message)
    expect(result.batch).toBeUndefined()
    expect(result.fault).toContain(fault)
    expect(result.gate.malformed).toBe(1)
  })

  test('values in values without end', () => {
    let value = ''
    for (let i = 0; i < 60; i++) value = field(5, field(1, value))
    expect(through('logs', logs(field(5, value))).fault).toContain('nested more than 100 deep')
    value = ''
    for (let i = 0; i < 45; i++) value = field(5, field(1, value))
    expect(through('logs', logs(field(5, value))).batch?.count).toBe(1)
  })

  test('a request of a million empty records', () => {
    const scope = Buffer.alloc(2_200_000, Buffer.from('1200', 'hex')).toString('hex')
    expect(through('logs', field(1, field(2, scope))).fault).toContain('more than 1048576 records')
  })
})

describe('what is mended', () => {
  test.each<[string, string, string, number]>([
    ['a body', logs(field(5, field(1, `61ff${hex('é')}`))), logs(field(5, field(1, `61efbfbd${hex('é')}`))), 1],
    [
      'key and value of an attribute',
      logs(field(6, `${field(1, 'c3')}${field(2, field(1, 'e282'))}`) + field(3, '41')),
      logs(field(6, `${field(1, 'efbfbd')}${field(2, field(1, 'efbfbd'))}`) + field(3, '41')),
      2,
    ],
    [
      'the key of a number',
      logs(field(6, `${field(1, 'c3')}1202182a`)),
      logs(field(6, `${field(1, 'efbfbd')}1202182a`)),
      1,
    ],
    [
      'a name in the scope',
      field(1, field(2, field(1, field(1, 'ff')) + field(2, ''))),
      field(1, field(2, field(1, field(1, 'efbfbd')) + field(2, ''))),
      1,
    ],
    [
      'records under field 1000 move to field 2',
      field(1, field(1000, field(2, ''))),
      field(1, field(2, field(2, ''))),
      0,
    ],
    ['a group is left out', logs(`9b0608019c06${field(3, '41')}`), logs(field(3, '41')), 0],
    ['a group in a group', logs(`9b06a306a4069c06${field(3, '41')}`), logs(field(3, '41')), 0],
  ])('%s', (_, before, after, strings) => {
    const { batch, out, gate } = through('logs', before)
    expect(out).toBe(after)
    expect(batch?.count).toBe(1)
    expect(gate).toMatchObject({ repaired: strings, malformed: 0 })
  })
})

const rowsOf = (index: RecordIndex) => [...index.rows.subarray(index.base, index.base + index.count * rowSize)]
const groupsOf = (index: RecordIndex) => [...index.groups.subarray(0, index.groupCount * groupSize)]

test.each(formats)('%s: random requests leave as they came, with the index that a second look would find', (format) => {
  fc.assert(
    fc.property(randomMessage(requests[format]), (bytes) => {
      const { batch, out } = through(format, bytes)
      expect(out).toBe(bytes.toString('hex'))
      const index = batch!.index()
      const at = batch!.buffer.indexOf(bytes, index.count > 0 ? 0 : undefined)
      if (index.count === 0) return
      const start = index.groups[0]!
      expect(at).toBeLessThanOrEqual(start)
      const again = indexRecords(format, batch!.buffer, start, start + bytes.length)
      expect(rowsOf(index)).toEqual(rowsOf(again))
      expect(groupsOf(index)).toEqual(groupsOf(again))
    }),
    { numRuns: 100 },
  )
})

test.each(formats)('%s: changed bytes are refused or are sound, and never throw', (format) => {
  const change = fc.record({ at: fc.nat(), byte: fc.nat(255), cut: fc.boolean() })
  fc.assert(
    fc.property(randomMessage(requests[format]), fc.array(change, { maxLength: 4 }), (bytes, changes) => {
      let changed = Buffer.from(bytes)
      for (const { at, byte, cut } of changes) {
        if (cut) changed = changed.subarray(0, at % (changed.length + 1))
        else if (changed.length > 0) changed[at % changed.length] = byte
      }
      const { batch, fault } = through(format, changed)
      if (!batch) {
        expect(fault).toMatch(/^proto: \w+: .* \(byte \d+\)$/)
        return
      }
      // What came through once comes through again as it is.
      const again = through(format, batch.bytes())
      expect(again.out).toBe(batch.bytes().toString('hex'))
      expect(again.gate.repaired).toBe(0)
    }),
    { numRuns: 300 },
  )
})

test('a request of text beyond ASCII can be read by others', () => {
  const json = { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'ünï' } }] }] }] }
  const bytes = decodeOtlpJson('logs', Buffer.from(JSON.stringify(json))) as Buffer
  const { batch } = through('logs', bytes)
  expect(decodeOtlpLogs(batch!.bytes())).toMatchObject(json)
})
