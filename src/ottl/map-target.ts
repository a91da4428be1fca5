import { Draft } from '../telemetry/draft.ts'
import { putEntry, readEntryAt } from '../telemetry/entries.ts'
import { type EntryKind, entryFrame } from '../telemetry/frames.ts'
import type { MapDef } from '../telemetry/path-def.ts'
import { type FieldPath, Unsuitable } from '../telemetry/paths.ts'
import type { Site } from '../telemetry/site.ts'
import { typeName, Value, ValueType } from '../telemetry/value.ts'
import { StatementError } from './ottl-value.ts'

/** A map that is changed where it stands: `open`, look at and change its entries, `close`. */
export interface MapTarget {
  readonly kind: EntryKind
  /** The fields whose entries are the map's. Throws StatementError when what stands there is no map. */
  open(site: Site): Draft
  /** Field number of new entries, once it is open. */
  readonly field: number
  /** Envelopes: field of the deprecated tags, which are entries too. */
  readonly deprecated: number | undefined
  close(site: Site): void
}

/** The map that a path names; undefined when the field can never be one. */
export function mapTarget(path: FieldPath): MapTarget | undefined {
  if (path.map) return attributesTarget(path.map)
  return path.write && path.map === undefined ? valueTarget(path) : undefined
}

export function attributesTarget(map: MapDef): MapTarget {
  const target = {
    kind: map.entries,
    deprecated: map.deprecated,
    field: 0,
    open(site: Site) {
      target.field = map.field(site)
      return site.draft(map.level)
    },
    close() {},
  }
  return target
}

/** A map that is one value: the body of a log, `attributes["a"]`. */
function valueTarget(path: FieldPath): MapTarget {
  const { text, read } = path
  const draft = new Draft()
  const value = new Value()
  return {
    kind: 'any',
    deprecated: undefined,
    field: 1,
    open(site) {
      read(site, value, false)
      if (value.type !== ValueType.map) throw new StatementError(`${text} is no map but ${typeName(value)}`)
      draft.load(value.buf, value.start, value.end, 1 << 1)
      return draft
    },
    close(site) {
      if (!draft.changed) return
      const body = draft.bytes()
      value.span(ValueType.map, body, 0, body.length)
      setOn(path, site, value)
    },
  }
}

/** Writes a field; what it cannot hold fails the statement. */
export function setOn({ text, write }: FieldPath, site: Site, value: Value): void {
  try {
    write!.set(site, value)
  } catch (cause) {
    fail(text, cause)
  }
}

/** Makes of what a field cannot hold a failed statement. */
export function fail(text: string, cause: unknown): never {
  throw cause instanceof Unsuitable ? new StatementError(`${text} ${cause.message}`) : cause
}

/** Whether field `i` of an open map is an entry that can be read. */
export function isEntry(target: MapTarget, draft: Draft, i: number): boolean {
  const tag = draft.tagOf(i)
  if ((tag & 7) !== 2) return false
  const field = tag >>> 3
  return (field === target.field || field === target.deprecated) && draft.keyEnd(i) >= draft.keyStart(i)
}

export const keyBytes = (draft: Draft, i: number): Buffer =>
  Buffer.from(draft.bufOf(i).subarray(draft.keyStart(i), draft.keyEnd(i)))

export const keyText = (draft: Draft, i: number): string => keyBytes(draft, i).toString()

export function readEntry(target: MapTarget, draft: Draft, i: number, into: Value): void {
  readEntryAt(draft, i, { entries: target.kind, ...deprecatedOf(target) }, into)
}

const deprecatedOf = ({ deprecated }: MapTarget) => (deprecated === undefined ? {} : { deprecated })

/** Sets entry `i` to another value, under the same key. */
export function writeEntry(target: MapTarget, draft: Draft, i: number, value: Value): void {
  const key = keyBytes(draft, i)
  const frame = entryFrame(target.field, key, value, target.kind)
  if (draft.fieldOf(i) === target.field) draft.replace(i, frame)
  else setEntry(target, draft, key, value)
}

/** Sets the entry `key`. */
export function setEntry(target: MapTarget, draft: Draft, key: Uint8Array, value: Value): void {
  putEntry(draft, target.field, key, entryFrame(target.field, key, value, target.kind), target.deprecated)
}
