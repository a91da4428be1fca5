import { describe, expect, test } from 'vitest'
import { Budget } from '../../delivery/budget.ts'
import { GaugeSamples, weightedQuantiles } from './samples.ts'

const weighted = (pairs: readonly (readonly [value: number, weight: number])[]) => ({
  values: Float64Array.from(pairs, ([value]) => value),
  weights: Float64Array.from(pairs, ([, weight]) => weight),
  size: pairs.length,
})

describe('percentiles', () => {
  test.each([
    ['of nothing', [], [0, 50], [0, 0]],
    ['of one value', [[7, 1]], [0, 50, 100], [7, 7, 7]],
    [
      'in any order',
      [
        [3, 1],
        [1, 1],
        [2, 1],
      ],
      [0, 34, 67, 100],
      [1, 2, 3, 3],
    ],
    [
      'by weight',
      [
        [1, 1],
        [100, 9],
      ],
      [10, 11, 50],
      [1, 100, 100],
    ],
  ] as const)('%s', (_, pairs, percentiles, expected) => {
    expect(weightedQuantiles(weighted(pairs), percentiles)).toEqual(expected)
  })
})

test('memory is charged while it grows and given back', () => {
  const budget = new Budget('test')
  const samples = new GaugeSamples(budget)
  for (let i = 0; i < 10_000; i++) samples.add(i, 1)
  expect(samples.points).toBe(4096)
  expect(samples.lost).toBe(10_000 - 4096)
  expect(budget.used).toBe(4096 * 16)
  samples.clear()
  samples.add(1, 1)
  samples.clear()
  expect(budget.used).toBeLessThan(4096 * 16)
  samples.release()
  expect(budget.used).toBe(0)
})
