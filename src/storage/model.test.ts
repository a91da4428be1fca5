import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SimulatedDisk } from './simulated-disk.fixture.ts'
import { type Life, SpoolModel, type Step } from './spool-model.fixture.ts'

/** A small generator of numbers in [0, 1), so that a run can be repeated from its seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const kinds: Step['do'][] = [
  ...(['append', 'append', 'append', 'append', 'take', 'take', 'read', 'read'] as const),
  ...(['finish', 'finish', 'finish', 'endSync', 'endSync', 'advance', 'advance', 'drop', 'rewind', 'save'] as const),
]
const step: fc.Arbitrary<Step> = fc.nat({ max: 0xfffff }).map((n) => ({ do: kinds[n % kinds.length]!, n: n >> 4 }))

const life = (ends: Life['end'][], faults: Life['faults']): fc.Arbitrary<Life> =>
  fc.record({
    steps: fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }),
    dieAt: fc.integer({ min: 1, max: 90 }),
    end: fc.constantFrom(...ends),
    faults: fc.constant(faults),
  })

/** Counts the deaths that were survived: two at least in each run, so 10,200 in this file. */
async function playAll(ends: Life['end'][], faults: Life['faults'], runs: number): Promise<number> {
  let deaths = 0
  const lives = fc.array(life(ends, faults), { minLength: 2, maxLength: 4, size: 'max' })
  const settings = fc.record({ seed: fc.integer(), maxLossMs: fc.constantFrom(0, 500) })
  await fc.assert(
    fc.asyncProperty(lives, settings, async (all, { seed, maxLossMs }) => {
      const random = randomFrom(seed)
      const model = new SpoolModel(new SimulatedDisk(random), maxLossMs)
      for (const each of all) {
        await model.live(each)
        deaths++
      }
      await model.check()
    }),
    { numRuns: runs },
  )
  return deaths
}

test('no kill loses, damages or disorders what was appended', async () => {
  expect(await playAll(['kill', 'kill', 'close'], {}, 1700)).toBeGreaterThanOrEqual(3400)
})

test('no power cut loses what was synced, or damages or disorders what is left', async () => {
  expect(await playAll(['power cut'], {}, 1700)).toBeGreaterThanOrEqual(3400)
})

test('kills and power cuts, mixed, on a disk whose writes and syncs fail now and then', async () => {
  expect(await playAll(['kill', 'power cut', 'close'], { write: 0.05, sync: 0.1, read: 0.02 }, 1400)).toBeGreaterThan(
    2800,
  )
})
