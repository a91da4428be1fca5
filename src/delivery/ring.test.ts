import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Ring } from './ring.ts'

test('a ring does what an array does', () => {
  const step = fc.constantFrom('push', 'push', 'push', 'shift', 'pop')
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const ring = new Ring<number>()
      const array: number[] = []
      for (const [i, what] of steps.entries()) {
        if (what === 'push') {
          ring.push(i)
          array.push(i)
        } else expect(ring[what as 'shift' | 'pop']()).toBe(array[what as 'shift' | 'pop']())
        expect([ring.length, ring.first, ring.last]).toEqual([array.length, array[0], array.at(-1)])
        expect(array.map((_, at) => ring.get(at))).toEqual(array)
      }
    }),
    { numRuns: 50 },
  )
})
