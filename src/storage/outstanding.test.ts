import { expect, test } from 'vitest'
import { Outstanding } from './outstanding.ts'

test('the lowest unfinished batch is known, in whatever order they are finished', () => {
  const outstanding = new Outstanding()
  for (let i = 1; i <= 5; i++) outstanding.add(i, 10, i * 10)
  expect([2, 1, 4].map((sequence) => outstanding.finish(sequence))).toEqual([10, 10, 10])
  expect(outstanding.lowest).toMatchObject({ sequence: 3, records: 30 })
  expect([...outstanding.doneAbove().batches]).toEqual([[4, { before: 40, count: 10 }]])
  expect([outstanding.finish(4), outstanding.finish(9), outstanding.size]).toEqual([undefined, undefined, 2])
  outstanding.finish(3)
  expect(outstanding.lowest).toMatchObject({ sequence: 5 })
  outstanding.finish(5)
  expect([outstanding.lowest, outstanding.size]).toEqual([undefined, 0])
})

test('what is lost before a batch is no batch: the one before it stays unfinished', () => {
  const outstanding = new Outstanding()
  outstanding.add(1, 10, 0)
  outstanding.addLost(2, 5, 10)
  outstanding.add(2, 10, 15)
  expect(outstanding.size).toBe(2)
  expect(outstanding.doneAbove()).toEqual({ batches: new Map(), gaps: new Map([[2, 5]]) })
  outstanding.finish(1)
  expect(outstanding.lowest).toMatchObject({ sequence: 2, records: 15 })
})

test('one batch that is stuck does not make all that come after it be remembered', () => {
  const outstanding = new Outstanding()
  outstanding.add(1, 1, 0)
  for (let i = 2; i <= 200_000; i++) {
    outstanding.add(i, 1, i - 1)
    outstanding.finish(i)
    expect(outstanding.size).toBe(1)
  }
  expect(outstanding.doneAbove().batches.size).toBeLessThanOrEqual(65_536)
  expect(outstanding.lowest).toMatchObject({ sequence: 1 })
  outstanding.finish(1)
  expect([outstanding.lowest, outstanding.doneAbove().batches.size]).toEqual([undefined, 0])
})
