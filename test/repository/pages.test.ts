import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { allDropReasons } from '../../src/delivery/ledger.ts'
import { sourceFiles } from './imports.ts'
import { root } from './process.ts'

const read = (path: string) => readFileSync(join(root, path), 'utf8')
const headings = (text: string) => [...text.matchAll(/^### (.*)$/gm)].map(([, heading]) => heading!)

test('docs/losses.md explains every reason there is, and no other', () => {
  expect(headings(read('docs/losses.md')).toSorted()).toEqual(allDropReasons.toSorted())
})

const runtime = read('docs/errors.md').split(/^## Starting$/m)[1]!
const program = sourceFiles().map(read).join('\n')

// The configuration's part of the page is held against its catalogue beside that (src/config/diagnostics.test.ts).
test.each(headings(runtime))('docs/errors.md explains "%s", which the program says', (message) => {
  expect(program).toContain(message)
})
