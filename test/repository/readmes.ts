import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Catalogue } from '../../src/components.ts'
import { describeOptions, optionTable } from '../../src/config/describe.ts'
import type { AnySpec } from '../../src/plugin.ts'
import { root } from './process.ts'

/** A component with its folder: `src/receivers/statsd`. */
export interface Component {
  readonly folder: string
  readonly spec: AnySpec
}

const kindFolders = ['receivers', 'processors', 'exporters', 'connectors', 'extensions']

/** Folders that hold a component: those with an index.ts, and every plugin. */
export function componentFolders(): string[] {
  const parents = [...kindFolders.map((kind) => `src/${kind}`), 'plugins']
  return parents.flatMap((parent) => {
    const entries = list(join(root, parent)).filter((entry) => entry.isDirectory())
    return entries.map((entry) => `${parent}/${entry.name}`)
  })
}

function list(path: string) {
  try {
    return readdirSync(path, { withFileTypes: true })
  } catch {
    return []
  }
}

/** Every component there is, by its folder: the catalogue's, and plugins that it does not name. */
export async function allComponents(): Promise<Component[]> {
  const known = new Map((await new Catalogue().all()).map((spec) => [spec, spec]))
  const found = componentFolders().map(async (folder) => {
    const { default: spec } = (await import(join(root, folder, 'index.ts'))) as { default: AnySpec }
    return { folder, spec: known.get(spec) ?? spec }
  })
  return Promise.all(found)
}

/** What stands between the markers of a README: the table of options, and what an exporter promises. */
export function generatedParts(spec: AnySpec): Record<string, string> {
  const rows = describeOptions(spec.config)
  const options = rows.length > 0 ? optionTable(rows) : 'It has no options.'
  if (spec.kind !== 'exporter') return { options }
  const { semantics, order, on_kill } = spec.delivery
  const promise = ['| Promise | |', '| --- | --- |', `| semantics | ${semantics} |`, `| order | ${order} |`]
  return { options, delivery: [...promise, `| a kill -9 loses | ${on_kill} |`].join('\n') }
}

/** The README of a component with its generated parts as the code has them now. Throws when a marker is missing. */
export function currentReadme({ folder, spec }: Component): { path: string; written: string; current: string } {
  const path = join(root, folder, 'README.md')
  const written = readFileSync(path, 'utf8')
  let current = written
  for (const [name, text] of Object.entries(generatedParts(spec))) {
    const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
    const [from, to] = [current.indexOf(open), current.indexOf(close)]
    if (from < 0 || to < from) throw new Error(`${folder}/README.md needs the lines ${open} and ${close}`)
    current = `${current.slice(0, from)}${open}\n${text}\n${current.slice(to)}`
  }
  return { path, written, current }
}
