import { expect, test } from 'vitest'
import { remembered } from './attribute-policies.ts'

test('what patterns answered is remembered for short texts alone: long ones would fill the memory', () => {
  const tested: number[] = []
  const matches = remembered(0, [{ test: (text) => tested.push(text.length) > 0 }])
  for (const length of [1024, 1025]) for (let i = 0; i < 2; i++) expect(matches('x'.repeat(length))).toBe(true)
  expect(tested).toEqual([1024, 1025, 1025])
})
