import fc from 'fast-check'
import { expect, test } from 'vitest'
import { read, readFloat, readInteger } from './number-text.ts'

const float = (text: string) => readFloat(Buffer.from(text), 0, Buffer.byteLength(text))
const integer = (text: string) => readInteger(Buffer.from(text), 0, Buffer.byteLength(text))

test('reads what the runtime reads, to the last bit', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
        fc.stringMatching(/^-?\d{1,18}\.\d{0,18}$/),
      ),
      (text) => {
        expect(float(text)).toBe(Number(text))
        expect(read.ok).toBe(true)
      },
    ),
    { numRuns: 5000 },
  )
})

test.each([
  ['08', 8],
  ['+1', 1],
  ['.5', 0.5],
  ['5.', 5],
  ['-0', -0],
  ['1E3', 1000],
  ['1e-400', 0],
  ['nan', Number.NaN],
  ['+iNf', Infinity],
  ['-INFINITY', -Infinity],
])('%s is %d', (text, value) => {
  expect(float(text)).toBe(value)
  expect(read.ok).toBe(true)
})

test.each([
  '',
  '.',
  '+',
  '-',
  'e1',
  '1e',
  '1e+',
  '--1',
  '1_0',
  '0x10',
  '1p3',
  '0b1',
  '1e400',
  'infi',
  '+nan',
  '1,5',
  ' 1',
  '1.2.3',
  '٣',
])('%j is no float', (text) => {
  float(text)
  expect(read.ok).toBe(false)
})

test('a number ends where it is told to', () => {
  expect(readFloat(Buffer.from('12345'), 1, 3)).toBe(23)
})

test.each([
  ['9223372036854775807', true],
  ['9223372036854775808', false],
  ['-9223372036854775808', true],
  [`${'0'.repeat(40)}7`, true],
  ['1'.repeat(100_000), false],
  ['1.0', false],
  ['', false],
])('whether %.30s fits 64 bits: %s', (text, fits) => {
  integer(text)
  expect(read.ok).toBe(fits)
})
