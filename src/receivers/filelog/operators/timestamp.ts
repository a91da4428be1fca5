import type { Piece } from '../../../wire/times/layout.ts'
import { readTime, type TimeContext } from '../../../wire/times/read-time.ts'
import { type Entry, type EntryValue, nameOf, OperatorFault } from './entry.ts'
import { type EntryField, getField } from './entry-field.ts'

/** What times are read from, and how. */
export interface TimestampOptions {
  readonly from: EntryField
  readonly layout: readonly Piece[] | EpochLayout
  readonly context: TimeContext
}

/** Units since 1970; those with a dot have a fraction. */
export const epochLayouts = ['s', 'ms', 'us', 'ns', 's.ms', 's.us', 's.ns'] as const
export type EpochLayout = (typeof epochLayouts)[number]

const nanosPer: Readonly<Record<EpochLayout, bigint>> = {
  s: 1_000_000_000n,
  ms: 1_000_000n,
  us: 1000n,
  ns: 1n,
  's.ms': 1_000_000n,
  's.us': 1000n,
  's.ns': 1n,
}
const digitsOf: Readonly<Record<string, number>> = { 's.ms': 3, 's.us': 6, 's.ns': 9 }
const latest = 1n << 63n

/** Reads the time of an entry. Throws OperatorFault. */
export function readTimestamp({ from, layout, context }: TimestampOptions, entry: Entry): void {
  const value = getField(entry, from)
  if (value === undefined) throw new OperatorFault(`the entry has no ${from.text}`)
  if (typeof layout === 'string') {
    entry.time = epoch(value, layout)
    return
  }
  const text = value instanceof Uint8Array ? Buffer.from(value).toString() : value
  if (typeof text !== 'string') throw new OperatorFault(`${nameOf(value)} is no time`)
  const nanos = readTime(layout, text, context)
  if (typeof nanos === 'string') throw new OperatorFault(`${from.text} is no time of this layout: ${nanos}`)
  entry.time = nanos
}

function epoch(value: EntryValue, layout: EpochLayout): bigint {
  const text = stampOf(value, layout)
  const parts = digitsOf[layout] === undefined ? /^[+-]?(\d+)$/.exec(text) : /^\+?(\d+)\.(\d+)$/.exec(text)
  if (!parts || text.startsWith('-') || text.length > 40)
    throw new OperatorFault(`it is no time of the layout ${layout}`)
  const [, whole, fraction] = parts
  const per = nanosPer[layout]
  const nanos = fraction === undefined ? BigInt(whole!) * per : BigInt(whole!) * 1_000_000_000n + BigInt(fraction) * per
  if (nanos >= latest) throw new OperatorFault('it is too far in the future')
  return nanos
}

/** The number as it would be written in this layout. */
function stampOf(value: EntryValue, layout: EpochLayout): string {
  if (typeof value === 'string') return value.trim()
  if (value instanceof Uint8Array) return Buffer.from(value).toString()
  const digits = digitsOf[layout]
  if (typeof value === 'bigint') return digits === undefined ? String(value) : `${value}.0`
  if (typeof value !== 'number' || !Number.isFinite(value) || Math.abs(value) >= 1e20) {
    throw new OperatorFault(`${nameOf(value)} is no time`)
  }
  return digits === undefined ? String(BigInt(Math.trunc(value))) : value.toFixed(digits)
}
