import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { converters } from '../../ottl/converters.ts'
import { editors } from '../../ottl/editors.ts'

const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8')

test('every function stands in the README as it is', () => {
  const rows = Object.entries({ ...editors, ...converters }).map(([name, { parameters, summary }]) => {
    const written = parameters.map((each) => (each.optional ? `[${each.name}]` : each.name))
    return `| \`${name}(${written.join(', ')})\` | ${summary} |`
  })
  expect(rows.filter((row) => !readme.includes(`\n${row}\n`))).toEqual([])
  const inTables = [...readme.matchAll(/^\| `\w+\(.*\)` \|/gm)]
  expect(inTables.length).toBe(rows.length)
})
