import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findCycle, type Import, importsOf, sourceFiles } from './imports.ts'
import { root } from './process.ts'

/** What each layer may import beside itself. Imports point down only; node: and npm packages are looked at elsewhere. */
const below: Readonly<Record<string, readonly string[]>> = {
  wire: [],
  runtime: [],
  config: ['runtime'],
  telemetry: ['wire'],
  printing: ['telemetry', 'wire'],
  ottl: ['telemetry', 'wire', 'config'],
  net: ['wire', 'runtime'],
  drains: ['net', 'wire', 'runtime'],
  storage: ['telemetry', 'wire', 'runtime'],
  delivery: ['storage', 'printing', 'telemetry', 'wire', 'config', 'runtime'],
  admin: ['engine', 'plugin', 'delivery', 'storage', 'net', 'printing', 'telemetry', 'wire', 'config', 'runtime'],
  plugin: ['delivery', 'net', 'ottl', 'telemetry', 'config', 'runtime'],
  component: [
    'admin',
    'plugin',
    'delivery',
    'storage',
    'drains',
    'net',
    'ottl',
    'printing',
    'telemetry',
    'wire',
    'config',
    'runtime',
  ],
  components: ['component', 'plugins', 'plugin'],
  engine: ['plugin', 'delivery', 'telemetry', 'wire', 'config', 'runtime'],
  pipeline: ['engine', 'plugin', 'delivery', 'telemetry', 'runtime'],
  cli: [
    'admin',
    'pipeline',
    'engine',
    'components',
    'plugin',
    'delivery',
    'storage',
    'drains',
    'net',
    'ottl',
    'printing',
    'telemetry',
    'wire',
    'config',
    'runtime',
  ],
  main: ['cli'],
}

const kinds = ['receivers', 'processors', 'exporters', 'connectors', 'extensions']

/** `src/wire/protobuf.ts` is of layer wire; a component's layer is `component`, its home its folder. */
function layerOf(path: string): string {
  const [top, second = ''] = path.split('/')
  if (top === 'plugins') return 'plugins'
  if (/^plugin(-net)?\.ts$/.test(second)) return 'plugin'
  return kinds.includes(second) ? 'component' : second.replace(/\.ts$/, '')
}

/** The folder of a component; undefined for files that all components of a kind share. */
function homeOf(path: string): string | undefined {
  const parts = path.split('/')
  if (parts[0] === 'plugins') return parts.slice(0, 2).join('/')
  return kinds.includes(parts[1]!) && parts.length > 3 ? parts.slice(0, 3).join('/') : undefined
}

const isOurs = (path: string) => path.startsWith('src/') || path.startsWith('plugins/')
const place = ({ from, line, to }: Import) => `${from}:${line} imports ${to}`

const files = sourceFiles()
const imports = files.flatMap(importsOf)

test('imports point down only', () => {
  const breaches = imports.filter((each) => {
    const { from, to, typeOnly } = each
    const [layer, target] = [layerOf(from), layerOf(to)]
    if (layer === 'plugins' || !isOurs(to) || layer === target) return false
    // The reasons of losses are words that telemetry hands on; it runs nothing of delivery.
    if (to === 'src/delivery/reasons.ts' && typeOnly) return false
    return !below[layer]?.includes(target)
  })
  expect(breaches.map(place)).toEqual([])
})

test('a component imports nothing of a sibling', () => {
  const breaches = imports.filter(({ from, to }) => {
    const home = homeOf(from)
    const other = homeOf(to)
    return layerOf(from) === 'component' && other !== undefined && other !== home
  })
  expect(breaches.map(place)).toEqual([])
})

test('plugins import only the public API, packages and their own files', () => {
  const breaches = imports.filter(({ from, to }) => {
    if (layerOf(from) !== 'plugins') return false
    if (to.startsWith('src/') || to.startsWith('test/')) return true
    if (to.startsWith('plugins/')) return homeOf(to) !== homeOf(from)
    return to.startsWith('tailrace') && to !== 'tailrace/plugin' && to !== 'tailrace/plugin/net'
  })
  expect(breaches.map(place)).toEqual([])
})

test('codecs use nothing of Node but bytes and text', () => {
  // node:net for isIP, which only looks at text.
  const allowed = ['node:buffer', 'node:zlib', 'node:net']
  const breaches = imports.filter(({ from, to }) => layerOf(from) === 'wire' && !isOurs(to) && !allowed.includes(to))
  expect(breaches.map(place)).toEqual([])
})

test('no module needs itself to be loaded', () => {
  expect(findCycle(files)?.join(' -> ')).toBeUndefined()
})

test('only the command line ends the process', () => {
  const ending = files.filter((file) => /process\.(exit|abort|kill)\(/.test(readFileSync(join(root, file), 'utf8')))
  expect(ending.filter((file) => !['cli', 'main'].includes(layerOf(file)))).toEqual([])
})
