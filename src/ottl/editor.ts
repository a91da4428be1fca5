import type { FieldPath } from '../telemetry/paths.ts'
import type { Site } from '../telemetry/site.ts'
import type { Compiler } from './compiler.ts'
import type { Field, Parameter } from './expression.ts'
import { type MapTarget, mapTarget } from './map-target.ts'
import { describe, Encoded, type Ottl, StatementError } from './ottl-value.ts'
import type { Node } from './tree.ts'

/** A function that changes something. */
export interface Editor {
  readonly parameters: readonly Parameter[]
  /** What it does, for the table in the README. */
  readonly summary: string
  /** Whether it changes a metric as a whole; then its edit runs on a `MetricSite`. */
  readonly rewrites?: boolean
  make(compiler: Compiler, args: readonly (Node | undefined)[]): Edit
}

/** What an editor does to the record the site stands on. Throws StatementError. */
export interface Edit {
  run(site: Site): void
  /** What it writes to. */
  readonly writes: FieldPath
}

export const target: Parameter = { name: 'target', takes: 'field' }
export const map: Parameter = { name: 'target', takes: 'map' }
export const pattern: Parameter = { name: 'pattern', takes: 'pattern' }

/** The field that an editor is to change. Throws ConditionError. */
export function fieldOf(compiler: Compiler, node: Node): Field {
  if (node.kind !== 'path')
    throw compiler.error(node.at, 'expected a field that can be written, such as attributes["key"]')
  const path = compiler.pathOf(node)
  if (!path.write && !path.map) throw compiler.error(node.at, `${path.text} can be read but not written`)
  return path
}

/** The map that an editor was given. Throws StatementError. */
export function mapOf(name: string, given: Ottl): Encoded {
  if (given instanceof Encoded && given.kind === 'map') return given
  throw new StatementError(`${name} takes a map, got ${describe(given)}`)
}

/** Changes the entries of an open map. */
type OnMap = (site: Site, opened: MapTarget, draft: ReturnType<MapTarget['open']>) => void

/** An editor of the map that `node` names. */
export function onMap(compiler: Compiler, node: Node, edit: OnMap): Edit {
  const writes = fieldOf(compiler, node)
  const opened = mapTarget(writes)
  if (!opened) throw compiler.error(node.at, `${writes.text} is no map`)
  return {
    writes,
    run(site) {
      edit(site, opened, opened.open(site))
      opened.close(site)
    },
  }
}
