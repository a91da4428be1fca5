import type { Cursor } from './cursor.ts'
import type { EntryKind } from './frames.ts'
import type { Level } from './level.ts'
import type { Site } from './site.ts'
import type { Value } from './value.ts'

/**
 * Reads one value of the record under the cursor; false when there is none left. The first call has `again` false and
 * always answers true: what is absent is a value of type none.
 */
export type ReadPath = (cursor: Cursor, into: Value, again: boolean) => boolean

/** A value that a field cannot hold; the message says which it can. */
export class Unsuitable extends Error {}

/** How a field is written. */
export interface WritePath {
  /** Throws Unsuitable when the field cannot hold such a value. */
  set(site: Site, value: Value): void
  remove(site: Site): void
  /** A writer of one value, which is encoded once. Throws Unsuitable. */
  constant(value: Value): (site: Site) => void
}

/** One field of a message. */
export interface FieldDef {
  readonly level: Level
  readonly read: ReadPath
  readonly write?: WritePath
  /** Whether it may be a map or list, of which keys in brackets name a part. */
  readonly nests?: boolean
  /** Whether bytes are text here. */
  readonly textual?: boolean
  /** Its value is a number of things: `Len` answers it. */
  readonly counts?: boolean
}

/** A map: its entries are fields of the message at `level`. */
export interface MapDef {
  readonly level: Level
  readonly entries: EntryKind
  field(cursor: Cursor): number
  /** Envelopes: the deprecated tags, read after the others. */
  readonly deprecated?: number
}

export type PathTable = Readonly<Record<string, FieldDef | MapDef>>
