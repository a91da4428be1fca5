import fc from 'fast-check'
import { expect, test } from 'vitest'
import { claim, headroom, release } from './slab.ts'

test('claims never overlap, room in front included, whatever is given back', () => {
  const step = fc.record({
    size: fc.oneof(fc.nat(200), fc.nat(80_000), fc.constant(400_000)),
    keep: fc.double({ min: 0, max: 1, noNaN: true }),
    late: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const held: { buffer: Buffer; from: number; to: number }[] = []
      let pending: (() => void) | undefined
      for (const { size, keep, late } of steps) {
        const room = claim(size)
        expect(room.start).toBeGreaterThanOrEqual(headroom)
        expect(room.start + size).toBeLessThanOrEqual(room.buffer.length)
        pending?.()
        const to = room.start + Math.floor(size * keep)
        const giveBack = () => release(room, size, to)
        // Given back at once, or only when a newer claim stands behind it: then nothing may happen.
        if (late) pending = giveBack
        else {
          pending = undefined
          giveBack()
        }
        held.push({ buffer: room.buffer, from: room.start - headroom, to })
      }
      for (const [i, a] of held.entries()) {
        for (const b of held.slice(i + 1)) {
          expect(a.buffer !== b.buffer || a.to <= b.from || b.to <= a.from).toBe(true)
        }
      }
    }),
    { numRuns: 200 },
  )
})

test('what the newest claim gives back is claimed next', () => {
  const first = claim(50_000)
  release(first, 50_000, first.start + 10)
  const second = claim(10)
  expect([second.buffer, second.start]).toEqual([first.buffer, first.start + 10 + headroom])
})
