import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { currentOwner, onBehalfOf } from './handover.ts'

test('those who start at the same time, one inside another too, each bind on their own behalf', async () => {
  const seen: (string | undefined)[] = []
  const start = (inner?: () => Promise<void>) => async () => {
    await setImmediate()
    await inner?.()
    seen.push(currentOwner())
  }
  const outer = onBehalfOf(
    'outer',
    start(() => onBehalfOf('inner', start())),
  )
  await Promise.all([outer, onBehalfOf('other', start())])
  expect(seen.toSorted()).toEqual(['inner', 'other', 'outer'])
  expect(currentOwner()).toBeUndefined()
})

test('a start that was given up binds on its own behalf when it comes to it, and one that throws leaves nothing behind', async () => {
  const go = Promise.withResolvers<void>()
  const late = onBehalfOf('late', async () => {
    await go.promise
    return currentOwner()
  })
  await expect(onBehalfOf('broken', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(currentOwner()).toBeUndefined()
  await onBehalfOf('next', async () => go.resolve())
  expect(await late).toBe('late')
})
