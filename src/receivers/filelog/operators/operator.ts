import type { GoRegex } from '../../../ottl/go-regex.ts'
import { copyOf, type Entry, type EntryMap, type EntryValue, isMap, nameOf, OperatorFault, put } from './entry.ts'
import { deleteField, type EntryField, getField, setField } from './entry-field.ts'
import type { EntryCondition, Expression } from './expression.ts'
import { readSeverity, type SeverityOptions } from './severity.ts'
import { readTimestamp, type TimestampOptions } from './timestamp.ts'

/** What becomes of an entry that an operator failed on. */
export type OnError = 'send' | 'send_quiet' | 'drop' | 'drop_quiet'

/** One step. */
export interface Operator {
  readonly type: string
  readonly id: string
  readonly onError: OnError
  readonly condition: EntryCondition | undefined
  /** False: the entry is left out. Throws OperatorFault. */
  run(entry: Entry): boolean
}

/** What all parsers have in common. */
export interface ParserOptions {
  readonly from: EntryField
  readonly to: EntryField
  /** What becomes the body afterwards. */
  readonly body: EntryField | undefined
  readonly timestamp: TimestampOptions | undefined
  readonly severity: SeverityOptions | undefined
}

/** Parses a field and sets what `parse` makes of it, then time and severity; of these both are tried. */
export function parser(options: ParserOptions, parse: (value: EntryValue) => EntryMap): Operator['run'] {
  const { from, to, body, timestamp, severity } = options
  return (entry) => {
    const value = getField(entry, from)
    if (value === undefined) throw new OperatorFault(`the entry has no ${from.text}`)
    setField(entry, to, parse(value))
    const newBody = body && getField(entry, body)
    if (newBody !== undefined) entry.body = newBody
    const early = timestamp && faultOf(() => readTimestamp(timestamp, entry))
    const late = severity && faultOf(() => readSeverity(severity, entry))
    if (early ?? late) throw early ?? late
    return true
  }
}

function faultOf(read: () => void): unknown {
  try {
    read()
    return undefined
  } catch (error) {
    return error
  }
}

/** The named groups of a regular expression; those that matched nothing are empty. */
export function regexParser(regex: GoRegex): (value: EntryValue) => EntryMap {
  return (value) => {
    if (typeof value !== 'string')
      throw new OperatorFault(`${nameOf(value)} cannot be parsed with a regular expression`)
    const match = regex.exec(value)
    if (!match) throw new OperatorFault('the regular expression does not match')
    const found: EntryMap = {}
    for (let i = 1; i < regex.groups.length; i++) {
      const name = regex.groups[i]!
      if (name !== '') put(found, name, match[i] ?? '')
    }
    return found
  }
}

const mostDeep = 100

/** The keys of a JSON map. Numbers are doubles, as in the Collector; with `parsesInts` those without a fraction are integers. */
export function jsonParser(parsesInts: boolean): (value: EntryValue) => EntryMap {
  const revive = parsesInts ? integers : undefined
  return (value) => {
    if (typeof value !== 'string') throw new OperatorFault(`${nameOf(value)} cannot be parsed as JSON`)
    let parsed: EntryValue
    try {
      parsed = JSON.parse(value, revive as never) as EntryValue
    } catch {
      throw new OperatorFault('it is no JSON')
    }
    if (!isMap(parsed)) throw new OperatorFault(`it is ${nameOf(parsed)} of JSON, not a map`)
    if (isDeeper(parsed, mostDeep)) throw new OperatorFault(`it is nested more than ${mostDeep} deep`)
    return parsed
  }
}

function integers(_key: string, value: unknown, { source }: { source?: string }): unknown {
  if (typeof value !== 'number' || source === undefined || !/^-?\d{1,19}$/.test(source)) return value
  const exact = BigInt(source)
  return BigInt.asIntN(64, exact) === exact ? exact : value
}

function isDeeper(value: EntryValue, most: number): boolean {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return false
  if (most === 0) return true
  for (const each of Array.isArray(value) ? value : Object.values(value)) if (isDeeper(each, most - 1)) return true
  return false
}

export const timeParser =
  (options: TimestampOptions): Operator['run'] =>
  (entry) => {
    readTimestamp(options, entry)
    return true
  }

export const severityParser =
  (options: SeverityOptions): Operator['run'] =>
  (entry) => {
    readSeverity(options, entry)
    return true
  }

export const move =
  (from: EntryField, to: EntryField): Operator['run'] =>
  (entry) => {
    const value = getField(entry, from)
    if (value === undefined) throw new OperatorFault(`the entry has no ${from.text} to move`)
    deleteField(entry, from)
    setField(entry, to, value)
    return true
  }

export const copy =
  (from: EntryField, to: EntryField): Operator['run'] =>
  (entry) => {
    const value = getField(entry, from)
    if (value === undefined) throw new OperatorFault(`the entry has no ${from.text} to copy`)
    setField(entry, to, copyOf(value))
    return true
  }

export const add =
  (field: EntryField, value: EntryValue | Expression): Operator['run'] =>
  (entry) => {
    setField(entry, field, copyOf(typeof value === 'function' ? value(entry) : value))
    return true
  }

export const remove =
  (field: EntryField): Operator['run'] =>
  (entry) => {
    if (deleteField(entry, field)) return true
    throw new OperatorFault(`the entry has no ${field.text} to remove`)
  }

export const filter =
  (drops: EntryCondition): Operator['run'] =>
  (entry) =>
    !drops(entry)
