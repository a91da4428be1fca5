import { expect, test } from 'vitest'
import { pauseMs, RetrySchedule } from './retry-schedule.ts'

test('pauses double from a millisecond to 8 s and stay at 15 s', () => {
  const pauses = Array.from({ length: 22 }, (_, i) => pauseMs(i))
  expect([0, 1, 2, 3, 4, 5, 11, 14, 15].map((i) => pauses[i])).toEqual([1, 1, 2, 4, 8, 16, 1024, 8192, 15000])
  expect(pauses.reduce((sum, ms) => sum + ms, 0)).toBe(121_384)
})

test('a message has 22 attempts, the next one starts with the longest pause', () => {
  const schedule = new RetrySchedule()
  for (let i = 0; i < 21; i++) schedule.failed()
  expect(schedule.exhausted).toBe(false)
  schedule.failed()
  expect(schedule.exhausted).toBe(true)
  schedule.givenUp()
  expect(schedule.exhausted).toBe(false)
  expect(schedule.failed()).toBe(15_000)
})

test('a success starts it over', () => {
  const schedule = new RetrySchedule()
  for (let i = 0; i < 10; i++) schedule.failed()
  schedule.worked()
  expect(schedule.failed()).toBe(1)
})
