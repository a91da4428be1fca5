import { descend, putEntry, readEntryOf, readWhole, removeEntry, type Step, withPart } from './entries.ts'
import { dropsondePaths, envelopePaths } from './envelope-paths.ts'
import type { Format } from './format.ts'
import { entryFrame } from './frames.ts'
import { Level } from './level.ts'
import { logPaths, metricPaths, spanPaths } from './otlp-paths.ts'
import type { FieldDef, MapDef, PathTable, ReadPath, WritePath } from './path-def.ts'
import type { Site } from './site.ts'
import { Value, ValueType } from './value.ts'

export { type ReadPath, Unsuitable, type WritePath } from './path-def.ts'

/** A field of records, compiled for one format. */
export interface FieldPath {
  /** As written: `resource.attributes["k"]`. */
  readonly text: string
  readonly format: Format
  /** Reads the first value. A gauge has several names and values: ask on with `again` true until it answers false. */
  readonly read: ReadPath
  /** The message that has it: conditions on the resource need not be asked for each of its records. */
  readonly level: Level
  /** How it is written; absent when it can only be read. */
  readonly write?: WritePath
  /** Set when it is a map whose entries are fields of a message: `attributes`. */
  readonly map?: MapDef
  /** Whether bytes are text here, as in the body of a v2 log. */
  readonly textual?: boolean
  /** Its value says how many there are: `events`. */
  readonly counts?: boolean
}

/** What a statement or condition looks at: names without a prefix are fields of it. */
export type PathContext = 'resource' | 'scope' | 'metric' | 'datapoint' | 'log' | 'span' | 'spanevent'

/** A path that a format does not have, or that is not written like one. */
export class PathError extends Error {
  /** The names that there are instead, when it is the name that is wrong. */
  readonly known: readonly string[]

  constructor(message: string, known: readonly string[] = []) {
    super(message)
    this.known = known
  }
}

const tables: Readonly<Record<Format, PathTable>> = {
  envelopes: envelopePaths,
  dropsonde: dropsondePaths,
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
const levelOfContext: Readonly<Record<PathContext, Level>> = {
  resource: Level.resource,
  scope: Level.scope,
  metric: Level.data,
  datapoint: Level.record,
  log: Level.record,
  span: Level.record,
  spanevent: Level.event,
}

const isMap = (def: FieldDef | MapDef): def is MapDef => 'entries' in def

/** The paths of a format as people write them. */
export function pathNames(format: Format): string[] {
  const names = Object.entries(tables[format]).filter(([, { level }]) => level !== Level.event)
  return names.map(([name, def]) => (isMap(def) ? `${name}["..."]` : name))
}

/** Compiles `name` or `name["key"]`. Throws PathError. */
export function compilePath(text: string, format: Format): FieldPath {
  const match = /^([A-Za-z_][\w.]*)\s*(?:\[\s*("(?:[^"\\]|\\.)*")\s*\])?$/.exec(text.trim())
  if (!match) throw new PathError(`${JSON.stringify(text)} is not a path; write one like attributes["k"] or name`)
  const path = pathOf(match[1]!, match[2] === undefined ? [] : [JSON.parse(match[2]) as string], format)
  if (path.map) throw new PathError(`${path.text} needs a key, such as ${path.text}["k"]`)
  return path
}

/**
 * The path `name`, with what stands in its brackets: keys of maps, positions in lists. Without a context it is one of
 * the record. Throws PathError.
 */
export function pathOf(
  name: string,
  keys: readonly (string | number)[],
  format: Format,
  context?: PathContext,
): FieldPath {
  const def = defOf(name, format, context)
  const steps = stepsOf(keys)
  const text = name + keys.map((key) => `[${JSON.stringify(key)}]`).join('')
  const { level } = def
  if (isMap(def)) {
    if (steps.length === 0) return { text, format, level, read: wholeReader(def), map: def }
    const [first] = steps
    if (typeof first === 'number') throw new PathError(`${name} is a map: its keys stand in quotes, as in ${name}["k"]`)
    return { text, format, level, read: entryReader(def, steps), write: entryWriter(def, steps) }
  }
  return pathInto(def, text, steps, format)
}

/** What stands in the brackets of a path. */
export const stepsOf = (keys: readonly (string | number)[]): Step[] =>
  keys.map((key) => (typeof key === 'number' ? key : Buffer.from(key)))

/** A field as a path, or the part of it that `steps` name. Throws PathError. */
export function pathInto(def: FieldDef, text: string, steps: readonly Step[], format: Format): FieldPath {
  const { level, read, write, textual = false, counts = false } = def
  if (steps.length === 0) return { text, format, level, read, ...(write && { write }), textual, counts }
  if (!def.nests) throw new PathError(`${text.slice(0, text.indexOf('['))} takes no key in brackets`)
  return { text, format, level, read: partReader(read, steps), write: partWriter(def, steps) }
}

function defOf(name: string, format: Format, context: PathContext | undefined): FieldDef | MapDef {
  const table = tables[format]
  const prefix = recordNames[format]
  const full = name.startsWith('instrumentation_scope.') ? name.slice('instrumentation_'.length) : name
  const known = [context && `${context}.${full}`, full, full.startsWith(prefix) && full.slice(prefix.length)]
    .filter((each) => typeof each === 'string')
    .find((each) => Object.hasOwn(table, each))
  const around = context === 'resource' || context === 'scope' || context === 'metric' || context === 'spanevent'
  const def = known === undefined ? undefined : table[known]!
  if (def && isSeenFrom(context, def.level)) return def
  const seen = Object.entries(table).filter(([, { level }]) => isSeenFrom(context, level))
  const names = seen.map(([each, one]) => (isMap(one) ? `${each}["..."]` : each))
  const hint = names.length > 0 ? `these have ${names.join(', ')}` : 'these have no paths'
  const where = context && around ? ` in the context ${context}` : ''
  throw new PathError(
    `${format} have no field ${JSON.stringify(name)}${where}; ${hint}`,
    seen.map(([each]) => each),
  )
}

function isSeenFrom(context: PathContext | undefined, level: Level): boolean {
  if (level === Level.event) return context === 'spanevent'
  if (context === 'spanevent' || context === undefined) return true
  return level >= levelOfContext[context]
}

function wholeReader(map: MapDef): ReadPath {
  return (cursor, into, again) => {
    if (!again) readWhole(cursor, map, into)
    return !again
  }
}

function entryReader(map: MapDef, steps: readonly Step[]): ReadPath {
  const key = steps[0] as Buffer
  if (steps.length === 1) {
    return (cursor, into, again) => {
      if (!again) readEntryOf(cursor, map, key, into)
      return !again
    }
  }
  return partReader((cursor, into, again) => {
    if (!again) readEntryOf(cursor, map, key, into)
    return !again
  }, steps.slice(1))
}

function partReader(read: ReadPath, steps: readonly Step[]): ReadPath {
  return (cursor, into, again) => {
    if (!read(cursor, into, again)) return false
    for (const step of steps) descend(into, step)
    return true
  }
}

function entryWriter(map: MapDef, steps: readonly Step[]): WritePath {
  const key = steps[0] as Buffer
  const { level, entries, deprecated } = map
  if (steps.length > 1) return nestedWriter(entryReader(map, [key]), entryWriter(map, [key]), steps.slice(1))
  return {
    set(site, value) {
      const field = map.field(site)
      putEntry(site.draft(level), field, key, entryFrame(field, key, value, entries), deprecated)
    },
    remove: (site) => removeEntry(site, map, key),
    constant(value) {
      const frames: Buffer[] = []
      return (site) => {
        const field = map.field(site)
        frames[field] ??= entryFrame(field, key, value, entries)
        putEntry(site.draft(level), field, key, frames[field], deprecated)
      }
    },
  }
}

function partWriter({ read, write }: FieldDef, steps: readonly Step[]): WritePath {
  return nestedWriter(read, write!, steps)
}

/** Writes part of a map that is one value: the value is written anew around it. */
function nestedWriter(read: ReadPath, write: WritePath, steps: readonly Step[]): WritePath {
  const whole = new Value()
  const put = (site: Site, part: Value | undefined) => {
    read(site, whole, false)
    const body = withPart(whole, steps, part)
    whole.span(ValueType.map, body, 0, body.length)
    write.set(site, whole)
  }
  return {
    set: put,
    remove: (site) => {
      read(site, whole, false)
      if (whole.type !== ValueType.none) put(site, undefined)
    },
    constant: (value) => {
      const part = new Value()
      part.copy(value)
      return (site) => put(site, part)
    },
  }
}
