import { expect, test } from 'vitest'
import { Distribution } from './distribution.ts'

const of = (bounds: number[], ...values: number[]) => {
  const made = new Distribution(bounds)
  for (const value of values) made.add(value)
  return made
}

test('a value that equals a bound belongs below it', () => {
  const { counts, sum, count } = of([1, 10], 0, 1, 2, 10, 11)
  expect({ counts, sum, count }).toEqual({ counts: [2, 2, 1], sum: 24, count: 5 })
})

test('two become one between the bounds of the first', () => {
  const both = of([10, 100], 5, 500).with(of([1, 10, 50], 1, 7, 40, 60))
  expect([both.counts, both.sum]).toEqual([[3, 1, 2], 613])
})
