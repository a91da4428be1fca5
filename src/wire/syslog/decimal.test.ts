import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { boundText } from '../convert/numbers.ts'
import { splitBigInt } from '../halves.ts'
import { decimalRoom, writeDouble, writeInt64, writeUint64 } from './decimal.ts'
import { Timestamp } from './timestamp.ts'

const text = (write: (buf: Uint8Array) => number) => {
  const buf = Buffer.alloc(64)
  return buf.toString('latin1', 0, write(buf))
}

describe('decimals', () => {
  test('of 64 bits are those of BigInt', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        const [lo, hi] = splitBigInt(value)
        expect(text((buf) => writeUint64(buf, 0, lo, hi))).toBe(String(value))
        expect(text((buf) => writeInt64(buf, 0, lo, hi))).toBe(String(BigInt.asIntN(64, value)))
      }),
      { numRuns: 2000 },
    )
  })

  const edges = [0n, 1n, 999_999_999n, 1_000_000_000n, 2n ** 32n, 10n ** 18n - 1n, 10n ** 18n, 10n ** 19n, 2n ** 63n]
  test.each(edges)('%s', (value) => {
    expect(text((buf) => writeUint64(buf, 0, ...splitBigInt(value)))).toBe(String(value))
  })

  test('of doubles have the fewest digits, in the form of Go', () => {
    const short = fc.tuple(fc.integer(), fc.integer({ min: 0, max: 9 })).map(([n, scale]) => n / 10 ** scale)
    fc.assert(
      fc.property(fc.oneof(fc.double(), short), (value) => {
        const written = text((buf) => writeDouble(buf, 0, value))
        expect(written).toBe(boundText(value))
        expect(written.length).toBeLessThanOrEqual(decimalRoom)
      }),
      { numRuns: 5000 },
    )
    expect(
      [0, -0, 0.5, -0.001, 123456, 1234567, 1e-5, 268435456].map((v) => text((buf) => writeDouble(buf, 0, v))),
    ).toEqual(['0', '-0', '0.5', '-0.001', '123456', '1.234567e+06', '1e-05', '2.68435456e+08'])
  })
})

describe('timestamps', () => {
  const stamp = new Timestamp()
  const of = (nanos: bigint) => {
    stamp.set(...splitBigInt(nanos))
    const written = text((buf) => stamp.write(buf, 0))
    expect(written.length).toBe(stamp.size)
    return written
  }

  test.each([
    [-1n, '1969-12-31T23:59:59.999999+00:00'],
    [0n, '1970-01-01T00:00:00+00:00'],
    [1500000000123456789n, '2017-07-14T02:40:00.123456+00:00'],
    [1500000000120000000n, '2017-07-14T02:40:00.12+00:00'],
    [-(2n ** 63n), '1677-09-21T00:12:43.145224+00:00'],
    [2n ** 63n - 1n, '2262-04-11T23:47:16.854775+00:00'],
  ])('%s ns', (nanos, expected) => {
    expect(of(nanos)).toBe(expected)
  })

  test('are those of Date at any moment', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (nanos) => {
        const seconds = nanos >= 0n ? nanos / 1_000_000_000n : -((-nanos + 999_999_999n) / 1_000_000_000n)
        const micros = (nanos - seconds * 1_000_000_000n) / 1000n
        const fraction = String(micros).padStart(6, '0').replace(/0+$/, '')
        const date = new Date(Number(seconds) * 1000).toISOString().slice(0, 19)
        expect(of(nanos)).toBe(`${date}${fraction && `.${fraction}`}+00:00`)
      }),
      { numRuns: 3000 },
    )
  })
})
