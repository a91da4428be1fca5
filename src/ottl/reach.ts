import { Level } from '../telemetry/level.ts'
import type { FieldPath } from '../telemetry/paths.ts'
import type { Compiler } from './compiler.ts'

/** The deepest message that some paths need: what holds for it holds for all records in it. */
export function deepest(paths: readonly FieldPath[]): Level {
  let level: Level = Level.resource
  for (const path of paths) if (path.level < level) level = path.level
  return level
}

/** What something compiled looks at: bits (`1 << level`) of messages, and whether other records are among them. */
export interface Reach {
  readonly levels: number
  readonly aside: boolean
}

/** Fields of records that are computed from what is around them too. */
const wandering: ReadonlySet<string> = new Set(['kind', 'source_id', 'instance_id'])
const everywhere = (1 << (Level.resource + 1)) - 1

export function reachOf({ paths, looks, format }: Compiler): Reach {
  const isFlat = format === 'envelopes' || format === 'dropsonde'
  let levels = 0
  for (const { level, text } of paths) {
    const name = text.slice(text.lastIndexOf('.') + 1)
    levels |= !isFlat && wandering.has(name) ? everywhere : 1 << level
  }
  return { levels, aside: looks.aside }
}
