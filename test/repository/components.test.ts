import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Catalogue, componentKinds } from '../../src/components.ts'
import { describeOptions } from '../../src/config/describe.ts'
import { root } from './process.ts'
import { allComponents, componentFolders, currentReadme } from './readmes.ts'

const components = await allComponents()
const folders = componentFolders()

test.each(folders)('%s has what every component has', (folder) => {
  const missing = ['index.ts', 'index.test.ts', 'README.md', 'sample.yaml'].filter(
    (file) => !existsSync(join(root, folder, file)),
  )
  expect(missing).toEqual([])
})

test('the catalogue names every folder and nothing else', () => {
  const text = readFileSync(join(root, 'src/components.ts'), 'utf8')
  const named = [...text.matchAll(/import\('\.\.?\/(.*?)\/index\.ts'\)/g)].map(([, path]) =>
    path!.startsWith('plugins') ? path! : `src/${path}`,
  )
  // The plugin to copy is loaded as a stranger's would be: by service.plugins.
  expect(named.toSorted()).toEqual(folders.filter((folder) => folder !== 'plugins/hello').toSorted())
})

test.each(components)('$folder is named as it is called, in the section of its kind', ({ folder, spec }) => {
  expect(spec.type).toBe(folder.split('/').at(-1)!.replaceAll('-', '_'))
  expect(componentKinds).toContain(spec.kind)
  if (folder.startsWith('src/')) expect(folder.split('/')[1]).toBe(`${spec.kind}s`)
})

test('the catalogue finds components by their other names, and by no others', async () => {
  const text = readFileSync(join(root, 'src/components.ts'), 'utf8')
  const table = text.slice(text.indexOf('const aliases'), text.indexOf('/** The components a'))
  const known = [...table.matchAll(/(\w+): '\w+'/g)].map(([, name]) => name)
  expect(known.toSorted()).toEqual(components.flatMap(({ spec }) => spec.aliases ?? []).toSorted())
  for (const { spec } of components)
    for (const alias of spec.aliases ?? []) expect(await new Catalogue().find(spec.kind, alias)).toBe(spec)
})

test.each(components)('$folder and every option of it is described', ({ spec }) => {
  expect(spec.summary).toMatch(/^[A-Z].*\.$/)
  const silent = describeOptions(spec.config).filter(({ type, doc }) => doc === '' && type !== 'block')
  expect(silent.map(({ key }) => key)).toEqual([])
})

test.each(components)('README of $folder shows the options and promises of the code (npm run docs)', (component) => {
  const { written, current } = currentReadme(component)
  expect(written).toBe(current)
})

test.each(components)('two configurations of $folder by default share no object', ({ spec }) => {
  const [first, second] = [spec.config.safeParse({}), spec.config.safeParse({})]
  if (!first.success || !second.success) return
  expect(shared(first.data, second.data, '')).toEqual([])
})

/** Paths of objects that stand in both. Empty frozen ones cannot do harm. */
function shared(first: unknown, second: unknown, path: string): string[] {
  if (typeof first !== 'object' || first === null || typeof second !== 'object' || second === null) return []
  if (first === second) return Object.isFrozen(first) ? [] : [path]
  return Object.keys(first).flatMap((key) =>
    shared((first as Record<string, unknown>)[key], (second as Record<string, unknown>)[key], `${path}.${key}`),
  )
}
