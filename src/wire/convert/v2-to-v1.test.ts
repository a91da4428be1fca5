import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeV1, decodeV1List, encodeEnvelope, frameRecords, type Message } from '../../../test/support/decode.ts'
import { readGolden } from '../../../test/support/golden.ts'
import { BackwardWriter } from '../protobuf.ts'
import { fixedDecimal, parsed, parseInt64, plainDecimal } from './numbers.ts'
import { rowsOf } from './rows.ts'
import { checkV1, V1Verdict } from './v1-validate.ts'
import { convertV2ToV1 } from './v2-to-v1.ts'

const convertBytes = (records: readonly Uint8Array[]) => {
  const out = new BackwardWriter(64)
  const counts = convertV2ToV1(rowsOf(frameRecords(records)), out)
  return { counts, list: out.take() }
}
const convert = (records: readonly Uint8Array[]) => {
  const { counts, list } = convertBytes(records)
  return { counts, envelopes: decodeV1List(list) }
}

const byMetricName = (a: Message, b: Message) => ((a.valueMetric?.name ?? '') < (b.valueMetric?.name ?? '') ? -1 : 1)

describe('Doppler, v2 in and v1 out, as recorded', () => {
  // Where a double does not fit an uint64 the original gives what amd64 gives; we clamp.
  const clamped: Record<string, bigint> = {
    'container, memory negative (result depends on the platform: amd64)': 0n,
    'container, memory NaN (result depends on the platform: amd64)': 0n,
    'container, memory 1e20 (result depends on the platform: amd64)': 2n ** 64n - 1n,
  }

  test.each(readGolden('doppler-v2-to-v1'))('$name', ({ name, input, output }) => {
    const { envelopes, counts } = convert([input])
    const expected = output.map(decodeV1)
    if (name in clamped) expected[0]!.containerMetric.memoryBytes = clamped[name]
    expect(envelopes.sort(byMetricName)).toEqual(expected.sort(byMetricName))
    expect(counts).toEqual({
      made: output.length,
      converted: Math.min(output.length, 1),
      notRepresentable: output.length === 0 ? 1 : 0,
      tooLarge: 0,
      malformed: 0,
    })
  })
})

test('keeps the order of envelopes and of the metrics of a gauge', () => {
  const gauge = encodeEnvelope({ gauge: { metrics: { b: { value: 1 }, a: { value: 2 } } } })
  const log = encodeEnvelope({ log: { payload: Buffer.from('hi') } })
  const { envelopes, counts } = convert([log, gauge, Buffer.from([0xff]), log])
  expect(envelopes.map((envelope) => envelope.valueMetric?.name ?? 'log')).toEqual(['log', 'b', 'a', 'log'])
  expect(counts).toEqual({ made: 4, converted: 3, notRepresentable: 0, tooLarge: 0, malformed: 1 })
})

test('a gauge that would repeat its tags beyond all bounds is counted, not written', () => {
  const metrics = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`m${i}`, { value: 1 }]))
  const gauge = encodeEnvelope({ tags: { big: 'x'.repeat(100_000) }, gauge: { metrics } })
  expect(convert([gauge]).counts).toMatchObject({ made: 0, tooLarge: 1 })
})

describe('numbers as Go prints and reads them', () => {
  test.each([
    [0.0078125, '0.007812'],
    [0.0234375, '0.023438'],
    [-0.0078125, '-0.007812'],
    [1.0078125, '1.007812'],
    [-1e-9, '-0.000000'],
    [1e21, '1000000000000000000000.000000'],
  ])('%%f of %d is %s', (value, text) => expect(fixedDecimal(value)).toBe(text))

  test.each([
    [0.23, '0.23'],
    [1e21, '1000000000000000000000'],
    [-1.5e22, '-15000000000000000000000'],
    [1e-7, '0.0000001'],
    [-1.25e-8, '-0.0000000125'],
    [-0, '-0'],
    [Number.POSITIVE_INFINITY, '+Inf'],
  ])('the plain form of %d is %s', (value, text) => expect(plainDecimal(value)).toBe(text))

  test.each([
    ['0', 0n],
    ['+7', 7n],
    ['-1', -1n],
    ['9223372036854775807', 2n ** 63n - 1n],
    ['-9223372036854775808', -(2n ** 63n)],
    ['-4294967296', -(2n ** 32n)],
    ['00000000000000000000000012', 12n],
    ['9223372036854775808', undefined],
    ['-9223372036854775809', undefined],
    ['99999999999999999999999', undefined],
    ['', undefined],
    ['-', undefined],
    [' 1', undefined],
    ['1_000', undefined],
    ['0x10', undefined],
  ])('int64 of %j is %s', (text, value) => {
    const bytes = Buffer.from(text)
    const ok = parseInt64(bytes, 0, bytes.length)
    expect(ok ? BigInt.asIntN(64, (BigInt(parsed.hi) << 32n) | BigInt(parsed.lo)) : undefined).toBe(value)
  })
})

test('any bytes never throw, and every v1 envelope that comes out is acceptable', () => {
  const damaged = fc
    .tuple(fc.constantFrom(...readGolden('doppler-v2-to-v1').map((row) => row.input)), fc.nat(), fc.nat(255), fc.nat())
    .map(([input, at, byte, cut]) => {
      const copy = Buffer.from(input)
      if (copy.length > 0) copy[at % copy.length] = byte
      return cut % 3 === 0 ? copy.subarray(0, cut % (copy.length + 1)) : copy
    })
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), { maxLength: 4 }), (records) => {
      const { counts, list } = convertBytes(records)
      const rows = rowsOf(list)
      expect(rows.count).toBe(counts.made)
      expect(counts.converted + counts.notRepresentable + counts.malformed).toBe(records.length)
      for (let i = 0; i < rows.count; i++) {
        expect(checkV1(list, rows.spans[i * 2]!, rows.spans[i * 2 + 1]!)).toBe(V1Verdict.accepted)
      }
    }),
    { numRuns: 300 },
  )
})
