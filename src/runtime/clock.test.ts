import { expect, test } from 'vitest'
import { systemClock } from './clock.ts'

test('a time that is too long for a timer of the runtime does not come at once', async () => {
  let rang = false
  const timers = [2 ** 31, 2 ** 40, Number.POSITIVE_INFINITY].map((ms) =>
    systemClock.after(ms, () => {
      rang = true
    }),
  )
  await new Promise((resolve) => setTimeout(resolve, 20))
  for (const timer of timers) timer.cancel()
  expect(rang).toBe(false)
})
