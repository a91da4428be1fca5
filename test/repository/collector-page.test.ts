import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Catalogue, componentKinds } from '../../src/components.ts'
import { root } from './process.ts'

const page = readFileSync(join(root, 'docs/collector.md'), 'utf8')
const [here, notHere] = page.split(/^## What is not here$/m) as [string, string]
const catalogue = new Catalogue()
const named = (text: string) => new Set([...text.matchAll(/`([a-z0-9_]+)`/g)].map(([, name]) => name!))

test.each(componentKinds)('docs/collector.md has something on every %s', (kind) => {
  const names = named(here)
  expect(catalogue.types(kind).filter((type) => !names.has(type))).toEqual([])
})

test('what docs/collector.md says is not here is not here', () => {
  const rows = notHere.split('\n').filter((line) => line.startsWith('| '))
  const missing = [...named(rows.map((row) => row.split('|')[1]).join('\n'))]
  expect(missing.length).toBeGreaterThan(10)
  const types = new Set(componentKinds.flatMap((kind) => catalogue.types(kind)))
  expect(missing.filter((name) => types.has(name))).toEqual([])
})

test.each([...page.matchAll(/\]\(([^)#]+)/g)].map(([, target]) => target!))(
  'docs/collector.md: %s exists',
  (target) => {
    expect(readFileSync(join(root, 'docs', target), 'utf8')).not.toBe('')
  },
)
