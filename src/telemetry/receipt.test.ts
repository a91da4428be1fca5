import { expect, test } from 'vitest'
import { type Outcome, Receipt } from './receipt.ts'

const lost = { dropped: 'rejected' } as const

test.each<[string, Outcome[], Outcome]>([
  ['one branch that delivered', ['delivered'], 'delivered'],
  ['one branch that stored', ['durable'], 'durable'],
  ['branches that all stored', ['durable', 'durable', 'durable'], 'durable'],
  ['a branch that only delivered', ['durable', 'delivered'], 'delivered'],
  ['a branch that lost them', ['durable', lost, 'delivered'], lost],
  ['the first of two losses', [lost, { dropped: 'memory' }], lost],
])('tells once, after the last branch: %s', (_, outcomes, expected) => {
  const told: Outcome[] = []
  const receipt = new Receipt((outcome) => told.push(outcome))
  receipt.fork(outcomes.length - 1)
  for (const [i, outcome] of outcomes.entries()) {
    expect(told).toHaveLength(0)
    receipt.settle(outcome)
    expect(told).toHaveLength(i === outcomes.length - 1 ? 1 : 0)
  }
  expect(told).toEqual([expected])
})

test('settling more often than there are branches is an error', () => {
  const receipt = new Receipt(() => {})
  receipt.settle('delivered')
  expect(() => receipt.settle('delivered')).toThrow('more often')
})
