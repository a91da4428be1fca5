import { expect, test } from 'vitest'
import { Budget } from './budget.ts'

test('a claim counts here and everywhere above', () => {
  const service = new Budget('service', 100)
  const queue = service.child('group', 60).child('queue', 50)
  queue.take(40)
  expect([queue.fits(10), queue.fits(11), service.used]).toEqual([true, false, 40])
  service.take(60)
  expect(queue.fits(1)).toBe(false)
  expect(queue.excess()).toBe(0)
  queue.take(15)
  expect(queue.excess()).toBe(15)
})

test('who waits is told when bytes come back where they are missing, whoever gives them', () => {
  const service = new Budget('service', 100)
  const [one, other] = [service.child('one'), service.child('other', 10)]
  const told: string[] = []
  other.take(100)
  one.onRoom(() => told.push('one'))
  other.give(95)
  expect(told).toEqual(['one'])
  other.take(5)
  other.onRoom(() => told.push('other'))
  one.take(1)
  one.give(1)
  expect(told).toEqual(['one'])
  other.give(1)
  other.give(1)
  expect(told).toEqual(['one', 'other'])
})

test('who asks twice is told once', () => {
  const budget = new Budget('queue', 10)
  let told = 0
  const fn = () => void told++
  budget.onRoom(fn)
  budget.onRoom(fn)
  budget.give(0)
  expect(told).toBe(1)
})
