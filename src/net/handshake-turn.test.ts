import { expect, test } from 'vitest'
import { handshakeTurn } from './handshake-turn.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('eight begin in a turn, the others in the next ones, in their order', async () => {
  await turn()
  const begun: number[] = []
  for (let i = 0; i < 20; i++) handshakeTurn(() => begun.push(i))
  expect(begun).toHaveLength(8)
  await turn()
  expect(begun.length).toBeLessThanOrEqual(16)
  handshakeTurn(() => begun.push(20))
  while (begun.length < 21) await turn()
  expect(begun).toEqual(Array.from({ length: 21 }, (_, i) => i))
})

test('one that comes later does not wait', async () => {
  for (let i = 0; i < 3; i++) await turn()
  let begun = false
  handshakeTurn(() => {
    begun = true
  })
  expect(begun).toBe(true)
})
