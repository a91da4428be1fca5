import { setImmediate as turnOver } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { pace } from './pace.ts'

const sleeps = vi.spyOn(Atomics, 'wait')
afterEach(() => sleeps.mockClear())

const apart = () => {
  const from = performance.now()
  while (performance.now() - from < 5);
}

async function twoTurns() {
  await turnOver()
  await turnOver()
}

describe('the pace of turns', () => {
  test('does not hold up a lone turn', async () => {
    for (let i = 0; i < 3; i++) {
      apart()
      pace()
      await twoTurns()
    }
    expect(sleeps).not.toHaveBeenCalled()
  })

  test('spaces turns that follow each other closely', async () => {
    apart()
    const from = performance.now()
    pace()
    pace()
    await twoTurns()
    expect(performance.now() - from).toBeGreaterThan(1.9)
    for (const [, , , ms] of sleeps.mock.calls) expect(ms).toBeLessThanOrEqual(2)
  })

  test('does not sleep when the turn took long by itself', async () => {
    pace()
    pace()
    apart()
    await twoTurns()
    expect(sleeps).not.toHaveBeenCalled()
  })
})
