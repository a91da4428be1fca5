import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decode, type Message } from '../../../test/support/protobuf-schema.ts'
import { BackwardWriter } from '../../wire/protobuf.ts'
import { ExponentialHistogram } from './exponential-histogram.ts'

const buckets = {
  1: { name: 'offset', type: 'sint32' },
  2: { name: 'bucketCounts', type: 'uint64', repeated: true },
} as const
const request = {
  1: {
    name: 'point',
    type: {
      4: { name: 'count', type: 'fixed64' },
      5: { name: 'sum', type: 'double' },
      6: { name: 'scale', type: 'sint32' },
      7: { name: 'zeros', type: 'fixed64' },
      8: { name: 'positive', type: buckets },
      9: { name: 'negative', type: buckets },
      12: { name: 'min', type: 'double' },
      13: { name: 'max', type: 'double' },
    },
  },
} as const

function pointOf(values: readonly number[], maxSize: number): Message {
  const histogram = new ExponentialHistogram(maxSize)
  for (const value of values) histogram.add(value, 1)
  const out = new BackwardWriter()
  histogram.write(out, Buffer.alloc(0), { startLo: 0, startHi: 0, lo: 0, hi: 0 })
  return decode(request as never, out.take()).point
}

test('keeps count, sum, least and largest value, and zeros apart', () => {
  expect(pointOf([0, 1, -2, 4], 160)).toMatchObject({ count: 4n, sum: 3, zeros: 1n, min: -2, max: 4 })
})

test('halves its resolution until the buckets are few enough', () => {
  const { scale, positive } = pointOf([1, 2, 4, 8], 4)
  // Scale 0: (0.5, 1], (1, 2], (2, 4], (4, 8].
  expect(scale).toBe(0)
  expect(positive).toEqual({ offset: -1, bucketCounts: [1n, 1n, 1n, 1n] })
})

test('every value lies in its bucket, however many there are', () => {
  const value = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true, min: 1e-300, max: 1e300 }),
    fc.double({ noNaN: true, min: 0.001, max: 1000 }),
  )
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 50 }),
      fc.integer({ min: 2, max: 160 }),
      (values, maxSize) => {
        const { scale, positive } = pointOf(values, maxSize)
        const counts = (positive.bucketCounts as bigint[]).map(Number)
        expect(counts.length).toBeLessThanOrEqual(maxSize)
        expect(counts.reduce((a, b) => a + b)).toBe(values.length)
        const low = Math.log2(Math.min(...values)) * 2 ** scale
        const high = Math.log2(Math.max(...values)) * 2 ** scale
        const slack = 1e-6 * (1 + Math.abs(low) + Math.abs(high))
        expect(positive.offset).toBeLessThanOrEqual(low + slack)
        expect(positive.offset + counts.length).toBeGreaterThanOrEqual(high - slack)
      },
    ),
  )
})
