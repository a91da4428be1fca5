import { expect, test } from 'vitest'
import { ManualClock } from '../runtime/clock.ts'
import { TinyPieces } from './tiny-pieces.ts'

/** What it says of so many pieces, the clock going on before each. */
function judged(count: number, bytes: number, everyMs = 0): boolean[] {
  const clock = new ManualClock()
  const pieces = new TinyPieces(clock, 100)
  return Array.from({ length: count }, () => {
    clock.advance(everyMs)
    return pieces.isFlood(bytes)
  })
}

test.each([
  ['99 pieces of a byte', 99, 1, 0, 0],
  ['100 within a second', 100, 1, 9, 1],
  ['empty ones', 100, 0, 9, 1],
  ['300, judged by hundreds', 300, 1, 0, 3],
  ['100 in a second or more', 300, 1, 10, 0],
  ['larger ones, however fast', 300, 16, 0, 0],
])('%s', (_what, count, bytes, everyMs, floods) => {
  expect(judged(count, bytes, everyMs).filter(Boolean)).toHaveLength(floods)
})
