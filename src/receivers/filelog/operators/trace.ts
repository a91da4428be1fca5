import { type Entry, OperatorFault } from './entry.ts'
import { type EntryField, getField } from './entry-field.ts'

/** What the ids of an entry's trace are read from. */
export interface TraceOptions {
  readonly traceId: EntryField
  readonly spanId: EntryField
  readonly flags: EntryField
}

/** Reads ids and flags in hexadecimal digits, as far as the entry has them. Throws OperatorFault. */
export function readTrace({ traceId, spanId, flags }: TraceOptions, entry: Entry): void {
  const ids = [idAt(entry, traceId, 16), idAt(entry, spanId, 8), idAt(entry, flags, 1)] as const
  if (ids[0]) entry.traceId = ids[0]
  if (ids[1]) entry.spanId = ids[1]
  if (ids[2]) entry.flags = ids[2][0]!
}

function idAt(entry: Entry, field: EntryField, size: number): Buffer | undefined {
  const value = getField(entry, field)
  if (value === undefined || value === '') return undefined
  const isHex = typeof value === 'string' && value.length === size * 2 && /^[0-9a-fA-F]+$/.test(value)
  if (!isHex) throw new OperatorFault(`${field.text} is not ${size * 2} hexadecimal digits`)
  return Buffer.from(value, 'hex')
}
