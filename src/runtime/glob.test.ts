import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { BadPattern, glob } from './glob.ts'

const folder = mkdtempSync(join(tmpdir(), 'tailrace-glob-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
for (const file of [
  'a/config/x.yml',
  'b/config/x.yml',
  'b/config/.x.yml',
  'b/other/x.yml',
  'c/x.yml',
  'd[1]/x.yml',
  'e-f/x.yml',
]) {
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  writeFileSync(join(folder, file), '')
}

test.each([
  ['*/config/x.yml', ['a/config/x.yml', 'b/config/x.yml']],
  ['b/config/*.yml', ['b/config/.x.yml', 'b/config/x.yml']],
  ['*/x.yml', ['c/x.yml', 'd[1]/x.yml', 'e-f/x.yml']],
  ['e-*/x.yml', ['e-f/x.yml']],
  ['e[a\\-c]f/x.yml', ['e-f/x.yml']],
  ['b/?onfig/x.yml', ['b/config/x.yml']],
  ['[a-b]/config/x.yml', ['a/config/x.yml', 'b/config/x.yml']],
  ['[^a]/config/x.yml', ['b/config/x.yml']],
  ['d\\[1]/x.yml', ['d[1]/x.yml']],
  ['a/config/x.yml', ['a/config/x.yml']],
  ['a/config/none.yml', []],
  ['none/*', []],
  ['c/x.yml/*', []],
  ['[]]', []],
])('%s', (pattern, found) => {
  expect(glob(`${folder}/${pattern}`).map((path) => relative(folder, path))).toEqual(found)
})

test.each(['[', 'a[', '[^', '[]', '[b-a]', 'a\\'])('refuses %s', (pattern) => {
  expect(() => glob(`${folder}/${pattern}`)).toThrow(BadPattern)
})

test('nothing matches the empty pattern', () => {
  expect(glob('')).toEqual([])
})

test('any text is a pattern or a bad pattern', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', '*', '?', '[', ']', '^', '-', '\\', '{', '.', '$', 'ü') }),
      (name) => {
        try {
          expect(Array.isArray(glob(`${folder}/${name}`))).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(BadPattern)
        }
      },
    ),
  )
})
