import { describe, expect, test } from 'vitest'
import { floatText } from './float-text.ts'
import { total, truncateCount, truncateCounter } from './totals.ts'
import { writeFamilies } from './write.ts'

test.each([
  [100000, '100000'],
  [1000000, '1e+06'],
  [1756047.3, '1.7560473e+06'],
  [123456789, '1.23456789e+08'],
  [0.0001, '0.0001'],
  [0.00001, '1e-05'],
  [0.000012345, '1.2345e-05'],
  [3.14e42, '3.14e+42'],
  [-1.23e-45, '-1.23e-45'],
  [1e100, '1e+100'],
  [0, '0'],
  [-0, '-0'],
  [Number.NaN, 'NaN'],
  [Infinity, '+Inf'],
  [-Infinity, '-Inf'],
])('%d is written as %s', (value, text) => {
  expect(floatText(value)).toBe(text)
})

describe('writeFamilies', () => {
  test('escapes, sorts by name and leaves out families without samples', () => {
    const text = writeFamilies([
      { name: 'b', help: '', type: 'gauge', samples: [{ labels: [['a', 'val with "quotes"\n\\']], value: 1 }] },
      { name: 'none', help: 'x', type: 'gauge', samples: [] },
      { name: 'a', help: 'two-line\n doc  str\\ing "q"', type: 'counter', samples: [{ labels: [], value: 1e6 }] },
    ])
    expect(text).toBe(
      '# HELP a two-line\\n doc  str\\\\ing "q"\n# TYPE a counter\na 1e+06\n# TYPE b gauge\nb{a="val with \\"quotes\\"\\n\\\\"} 1\n',
    )
  })

  test('counts of histograms are whole numbers', () => {
    const samples = [
      { suffix: '_bucket', labels: [['le', '+Inf'] as const], value: 2000000 },
      { suffix: '_sum', labels: [], value: 2000000 },
      { suffix: '_count', labels: [], value: 2000000 },
    ]
    expect(writeFamilies([{ name: 'h', help: '', type: 'histogram', samples }])).toBe(
      '# TYPE h histogram\nh_bucket{le="+Inf"} 2000000\nh_sum 2e+06\nh_count 2000000\n',
    )
  })
})

const asBigInt = () => (BigInt(total.hi) << 32n) | BigInt(total.lo)

test.each([
  [2.9999, 2n],
  [-0.5, 0n],
  [-3, 18446744073709551613n],
  [-4294967296, 18446744069414584320n],
  [Number.NaN, 2n ** 63n],
  [Infinity, 2n ** 63n],
  [-Infinity, 2n ** 63n],
  [1.8446744073709552e19, 2n ** 63n],
  [1.844674407370955e19, 18446744073709549568n],
  [9007199254740992, 9007199254740992n],
])('the counter total of %d is %d', (value, expected) => {
  truncateCounter(value)
  expect(asBigInt()).toBe(expected)
})

test.each([
  [5.5, 5n],
  [Number.NaN, 0n],
  [1e30, 0n],
  [-1, 0n],
  [2 ** 40 + 3, 2n ** 40n + 3n],
])('the count of %d is %d', (value, expected) => {
  truncateCount(value)
  expect(asBigInt()).toBe(expected)
})
