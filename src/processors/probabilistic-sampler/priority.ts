import type { Cursor } from '../../plugin.ts'
import { found, readAnyValue } from '../../telemetry/find-field.ts'
import { Level } from '../../telemetry/level.ts'
import { Value, ValueType } from '../../telemetry/value.ts'
import { always, type Bits56, never, thresholdOf } from './bits56.ts'

const value = new Value()

/** The attribute of a record, in `value` when there is one. */
function findAttribute(cursor: Cursor, field: number, key: Uint8Array): boolean {
  if (!cursor.findEntry(Level.record, field, key)) return false
  readAnyValue(found.buf, found.start, found.end, value)
  return true
}

/** A number in an attribute that is an integer, a double or (when allowed) text of a number; NaN for others. */
function numberOf(takesText: boolean): number {
  if (value.type === ValueType.double) return value.double
  if (value.type === ValueType.int) return (value.hi | 0) * 4294967296 + value.lo
  if (takesText && value.type === ValueType.text && value.end > value.start) {
    const text = value.toString()
    return text.trim() === text ? Number(text) : Number.NaN
  }
  return Number.NaN
}

/** What a record itself asks for. Undefined: nothing. */
export type Priority = (cursor: Cursor) => Readonly<Bits56> | undefined

const spanAttributes = 9
const logAttributes = 6
const spanKey = Buffer.from('sampling.priority')

/** Spans: the attribute `sampling.priority` (OpenTracing): 0 is never sampled, what is above always. */
export const spanPriority: Priority = (cursor) => {
  if (!findAttribute(cursor, spanAttributes, spanKey)) return undefined
  const number = numberOf(true)
  if (number === 0) return never
  return number > 0 ? always : undefined
}

/** Log records: an attribute that says the percentage. */
export function logPriority(name: string, precision: number): Priority {
  if (name === '') return () => undefined
  const key = Buffer.from(name)
  return (cursor) => {
    if (!findAttribute(cursor, logAttributes, key)) return undefined
    const percentage = numberOf(false)
    if (percentage === 0) return never
    return percentage >= 100 ? always : thresholdOf(percentage / 100, precision)
  }
}
