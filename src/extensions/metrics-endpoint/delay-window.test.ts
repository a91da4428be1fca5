import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { DelayWindow } from './delay-window.ts'

/** Measurements that the test makes. */
function newLoop() {
  const running = new Set<{ seen: number[] }>()
  const measure = () => {
    const seen: number[] = []
    const delays = {
      seen,
      get count() {
        return seen.length
      },
      percentile: (percent: number) => seen.toSorted((a, b) => a - b)[Math.ceil((seen.length * percent) / 100) - 1]!,
      enable: () => running.size < running.add(delays).size,
      disable: () => running.delete(delays),
    }
    return delays
  }
  // What a timer of 20 ms measures: the delay comes on top.
  const delay = (ms: number) => running.forEach(({ seen }) => void seen.push((20 + ms) * 1e6))
  return { measure, delay, running }
}

test('a bad moment is shown for one to two windows, to every reader, and then forgotten', () => {
  const { measure, delay, running } = newLoop()
  const window = new DelayWindow(measure)
  expect(window.percentile(99)).toBe(0)
  delay(300)
  const p99 = () => Number(window.percentile(99).toFixed(6))
  expect([p99(), p99()]).toEqual([0.3, 0.3])
  window.rotate()
  delay(1)
  expect([p99(), window.percentile(50).toFixed(3)]).toEqual([0.3, '0.001'])
  window.rotate()
  expect(p99()).toBe(0.001)
  for (let i = 0; i < 10; i++) window.rotate()
  expect([p99(), running.size]).toEqual([0, 2])
})

test('an idle loop shows no delay, a blocked one shows how long', async () => {
  const window = new DelayWindow()
  await wait(100)
  const end = performance.now() + 200
  while (performance.now() < end);
  await wait(50)
  expect(window.percentile(100)).toBeGreaterThan(0.1)
  expect(window.percentile(25)).toBeLessThan(window.percentile(100))
})
