import { expect, test } from 'vitest'
import { boundBacktracking } from '../config/bounded-regex.ts'
import { execWithRoom, testWithRoom } from './with-room.ts'

boundBacktracking()
const long = `b${'a'.repeat(2 << 20)}`

test('where the room for ways back runs out a match is found all the same', () => {
  const regex = /(?:((((a))))|((c)))+/
  expect(() => regex.exec(long)).toThrow(RangeError)
  expect(execWithRoom(regex, long)).toMatchObject({ index: 1, 1: 'a', 5: undefined })
  expect(testWithRoom(regex, long)).toBe(true)
})

test('the search for all matches goes on behind the one before', () => {
  const regex = /(?:((((a))))|((c)))+|b/g
  expect(execWithRoom(regex, long)?.[0]).toBe('b')
  expect(execWithRoom(regex, long)?.index).toBe(1)
  expect(regex.lastIndex).toBe(long.length)
  expect(execWithRoom(regex, long)).toBeNull()
  expect(regex.lastIndex).toBe(0)
})

test('a pattern that the linear matcher does not take fails as before', () => {
  const regex = /(?:((((a))))|((c)))+(?=$)/
  expect(() => execWithRoom(regex, long)).toThrow(RangeError)
  expect(() => testWithRoom(regex, long)).toThrow(RangeError)
})
