import { expect, test } from 'vitest'
import { Budget } from '../../delivery/budget.ts'
import { DecidedIds } from './decision-cache.ts'

test('what is remembered is charged, and given back at the end', () => {
  const budget = new Budget('service')
  const ids = new DecidedIds(3, budget)
  for (const id of ['a', 'b', 'b', 'c', 'd']) ids.add(id)
  expect([ids.has('a'), ids.size, budget.used]).toEqual([false, 3, 240])
  ids.release()
  ids.add('e')
  expect([ids.has('e'), budget.used]).toEqual([false, 0])
})

test('without memory the oldest make room, and with none at all nothing is remembered', () => {
  const budget = new Budget('service', 200)
  const ids = new DecidedIds(3, budget)
  for (const id of ['a', 'b', 'c']) ids.add(id)
  expect([ids.has('a'), ids.has('b'), ids.has('c'), budget.used]).toEqual([false, true, true, 160])
  const others = new DecidedIds(3, budget)
  others.add('a')
  expect([others.has('a'), budget.used]).toEqual([false, 160])
})
