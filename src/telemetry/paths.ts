import type { Cursor } from './cursor.ts'
import { envelopePaths } from './envelope-paths.ts'
import type { Format } from './format.ts'
import { logPaths, metricPaths, spanPaths } from './otlp-paths.ts'
import type { Value } from './value.ts'

/**
 * Reads one value of the record under the cursor; false when there is none left. The first call has `again` false and
 * always answers true: what is absent is a value of type none.
 */
export type ReadPath = (cursor: Cursor, into: Value, again: boolean) => boolean

/** Makes the reader of a path; `key` is what stands in brackets. */
export type PathTable = Readonly<Record<string, (key?: Buffer) => ReadPath>>

/** A field of records, compiled for one format. */
export interface FieldPath {
  /** As written: `resource.attributes["k"]`. */
  readonly text: string
  readonly format: Format
  /** Reads the first value. A gauge has several names and values: ask on with `again` true until it answers false. */
  readonly read: ReadPath
}

/** A path that a format does not have, or that is not written like one. */
export class PathError extends Error {}

const tables: Readonly<Record<Format, PathTable>> = {
  envelopes: envelopePaths,
  dropsonde: {},
  logs: logPaths,
  metrics: metricPaths,
  traces: spanPaths,
}
/** What a record may be called in front of its fields, as in the Collector's filter: `log.body`. */
const recordNames: Readonly<Record<Format, string>> = {
  envelopes: 'envelope.',
  dropsonde: 'envelope.',
  logs: 'log.',
  metrics: 'datapoint.',
  traces: 'span.',
}
const keyed = new Set(['attributes', 'resource.attributes'])

/** The paths of a format as people write them. */
export function pathNames(format: Format): string[] {
  return Object.keys(tables[format]).map((name) => (keyed.has(name) ? `${name}["..."]` : name))
}

/** Compiles `name` or `name["key"]`. Throws PathError. */
export function compilePath(text: string, format: Format): FieldPath {
  const match = /^([A-Za-z_][\w.]*)\s*(?:\[\s*("(?:[^"\\]|\\.)*")\s*\])?$/.exec(text.trim())
  if (!match) throw new PathError(`${JSON.stringify(text)} is not a path; write one like attributes["k"] or name`)
  return pathOf(match[1]!, match[2] === undefined ? undefined : (JSON.parse(match[2]) as string), format)
}

/** The path `name`, with what stands in its brackets. Throws PathError. */
export function pathOf(name: string, key: string | undefined, format: Format): FieldPath {
  const table = tables[format]
  const prefix = recordNames[format]
  const known = !Object.hasOwn(table, name) && name.startsWith(prefix) ? name.slice(prefix.length) : name
  if (!Object.hasOwn(table, known)) {
    const names = pathNames(format)
    const hint = names.length > 0 ? `these have ${names.join(', ')}` : 'these have no paths'
    throw new PathError(`${format} have no field ${JSON.stringify(name)}; ${hint}`)
  }
  if (keyed.has(known) && key === undefined) throw new PathError(`${name} needs a key, such as ${name}["k"]`)
  if (!keyed.has(known) && key !== undefined) throw new PathError(`${name} takes no key in brackets`)
  const read = table[known]!(key === undefined ? undefined : Buffer.from(key))
  return { text: key === undefined ? name : `${name}[${JSON.stringify(key)}]`, format, read }
}
