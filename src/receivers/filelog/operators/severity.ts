import { nearest } from '../../../config/nearest.ts'
import { type Entry, type EntryValue, nameOf, OperatorFault } from './entry.ts'
import { type EntryField, getField } from './entry-field.ts'

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
/** `trace` to `fatal4` by number; 0 is `default`. */
const aliases = ['default', ...levels.flatMap((level) => [level, `${level}2`, `${level}3`, `${level}4`])]
const moreNames: Readonly<Record<string, string>> = { warning: 'warn', err: 'error' }
const statusClass = /^([2-5])xx$/
/** A range beyond this is a mistake. */
const widest = 100_000

/** What severities are read from, and how. */
export interface SeverityOptions {
  readonly from: EntryField
  readonly table: ReadonlyMap<string, number>
  readonly overwritesText: boolean
}

/** A part of `mapping` that means nothing: where, and why. */
export interface MappingFault {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** The table of a preset with what `mapping` adds; values are compared as lower case text. */
export function severityTable(
  preset: 'default' | 'otel' | 'none',
  mapping: Readonly<Record<string, unknown>>,
): { table: Map<string, number>; faults: MappingFault[] } {
  const table = new Map<string, number>()
  const faults: MappingFault[] = []
  if (preset !== 'none') for (let i = 1; i < aliases.length; i++) table.set(aliases[i]!, i).set(String(i), i)
  if (preset === 'default') {
    for (const [name, level] of Object.entries(moreNames)) {
      for (const n of ['', '2', '3', '4']) table.set(name + n, aliases.indexOf(level + n))
    }
  }
  for (const [alias, given] of Object.entries(mapping)) {
    const severity = numberOf(alias)
    if (severity === undefined) {
      const meant = nearest(alias, aliases)
      const hint =
        meant === undefined ? `severities are ${levels.join(', ')}, each also with 2 to 4` : `did you mean "${meant}"?`
      faults.push({ path: [alias], message: `there is no severity ${JSON.stringify(alias)}: ${hint}` })
      continue
    }
    const list = Array.isArray(given) ? given : [given]
    for (const [i, each] of list.entries()) {
      const texts = textsOf(each)
      if (texts) for (const text of texts) table.set(text, severity)
      else {
        const path = Array.isArray(given) ? [alias, i] : [alias]
        faults.push({ path, message: 'expected text, a whole number, 2xx to 5xx, or a range {min: 1, max: 5}' })
      }
    }
  }
  return { table, faults }
}

function numberOf(alias: string): number | undefined {
  const name = alias.toLowerCase()
  const number = /^\d+$/.test(name) ? Number(name) : aliases.indexOf(name)
  return number >= 0 && number < aliases.length ? number : undefined
}

function textsOf(value: unknown): string[] | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? [String(value)] : undefined
  if (typeof value === 'string') {
    const hundred = statusClass.exec(value)?.[1]
    return hundred === undefined ? [value.toLowerCase()] : range(Number(hundred) * 100, Number(hundred) * 100 + 99)
  }
  const { min, max, ...rest } = (value ?? {}) as { min?: unknown; max?: unknown }
  const isRange = Number.isSafeInteger(min) && Number.isSafeInteger(max) && Object.keys(rest).length === 0
  return isRange ? range(Math.min(min as number, max as number), Math.max(min as number, max as number)) : undefined
}

const range = (min: number, max: number): string[] | undefined =>
  max - min > widest ? undefined : Array.from({ length: max - min + 1 }, (_, i) => String(min + i))

/** Reads the severity of an entry; its text stays as it was written. Throws OperatorFault. */
export function readSeverity({ from, table, overwritesText }: SeverityOptions, entry: Entry): void {
  const value = getField(entry, from)
  if (value === undefined) throw new OperatorFault(`the entry has no ${from.text}`)
  const text = textOf(value)
  const severity = table.get(text.toLowerCase()) ?? 0
  entry.severity = severity
  entry.severityText = overwritesText ? aliases[severity]!.toUpperCase() : text
}

function textOf(value: EntryValue): string {
  if (typeof value === 'string') return value
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return Number.isInteger(value) ? String(BigInt(value)) : String(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString()
  throw new OperatorFault(`${nameOf(value)} is no severity`)
}
