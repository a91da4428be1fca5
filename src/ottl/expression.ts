import type { Cursor } from '../telemetry/cursor.ts'
import type { FieldPath } from '../telemetry/paths.ts'
import type { Ottl } from './ottl-value.ts'

/** Whether the record under the cursor meets a condition. */
export type Condition = (cursor: Cursor) => boolean

/** A field; `isTime`: what it holds are nanoseconds since 1970, and times for statements. */
export interface Field extends FieldPath {
  readonly isTime?: boolean
}

/** A compiled value. */
export interface Expression {
  readonly at: number
  /** Throws StatementError where the record's values will not do. */
  get(cursor: Cursor): Ottl
  /** Set when it is a field. */
  readonly path?: FieldPath
  /** Whether `get` answers the same for every record. */
  readonly constant: boolean
}

/** What the parameters of a function take. */
export interface Parameter {
  readonly name: string
  /** `value`: anything. `pattern`, `text`, `integer`, `list`: written as such. `map`: a field that is a map. `field`: one that can be written. */
  readonly takes: 'value' | 'pattern' | 'text' | 'integer' | 'list' | 'map' | 'field'
  readonly optional?: boolean
}

export interface Signature {
  readonly parameters: readonly Parameter[]
}

/** A value that is the same for every record. */
export const constant = (at: number, value: Ottl): Expression => ({ at, get: () => value, constant: true })

/** A value made of others: once, when those are constants. */
export function computed(at: number, parts: readonly Expression[], get: (cursor: Cursor) => Ottl): Expression {
  if (!parts.every((part) => part.constant)) return { at, get, constant: false }
  try {
    return constant(at, get(undefined as never))
  } catch {
    return { at, get, constant: false }
  }
}
