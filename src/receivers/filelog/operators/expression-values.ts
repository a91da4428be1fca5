import { type EntryValue, isMap, nameOf, OperatorFault, own } from './entry.ts'

/** What stands between two values. Throws OperatorFault. */
export type Binary = (a: EntryValue, b: EntryValue) => EntryValue

export const comparisons: Readonly<Record<string, Binary>> = {
  '==': equal,
  '!=': (a, b) => !equal(a, b),
  '<': (a, b) => order(a, b) < 0,
  '<=': (a, b) => order(a, b) <= 0,
  '>': (a, b) => order(a, b) > 0,
  '>=': (a, b) => order(a, b) >= 0,
  contains: (a, b) => onTexts(a, b, (text, part) => text.includes(part)),
  startsWith: (a, b) => onTexts(a, b, (text, part) => text.startsWith(part)),
  endsWith: (a, b) => onTexts(a, b, (text, part) => text.endsWith(part)),
  in: (a, b) => {
    if (Array.isArray(b)) return b.some((each) => equal(a, each))
    if (isMap(b)) return typeof a === 'string' && Object.hasOwn(b, a)
    if (b === null) return false
    throw new OperatorFault(`there is nothing in ${nameOf(b)}`)
  },
}

/** Functions of one argument. */
export const functions: Readonly<Record<string, (args: readonly EntryValue[]) => EntryValue>> = {
  env: ([name]) => process.env[textIn('env', name)] ?? '',
  len: ([of]) => {
    if (typeof of === 'string') return BigInt([...of].length)
    if (Array.isArray(of)) return BigInt(of.length)
    if (isMap(of ?? null)) return BigInt(Object.keys(of as object).length)
    throw new OperatorFault(`${nameOf(of ?? null)} has no length`)
  },
  lower: ([text]) => textIn('lower', text).toLowerCase(),
  upper: ([text]) => textIn('upper', text).toUpperCase(),
  trim: ([text]) => textIn('trim', text).trim(),
  string: ([value]) => (typeof value === 'object' ? nameOf(value) : String(value)),
  int: ([value]) => {
    const number = typeof value === 'bigint' ? value : Number(value)
    if (typeof number === 'bigint') return number
    if (!Number.isFinite(number)) throw new OperatorFault(`${nameOf(value ?? null)} is no integer`)
    return BigInt(Math.trunc(number))
  },
}

/** What is in a map or list under a key; `isOptional`: of nothing there is nothing. */
export function member(whole: EntryValue, key: EntryValue, isOptional: boolean): EntryValue {
  if (isMap(whole)) return typeof key === 'string' ? (own(whole, key) ?? null) : null
  if (Array.isArray(whole) && (typeof key === 'bigint' || typeof key === 'number')) return whole.at(Number(key)) ?? null
  if (whole === null && isOptional) return null
  throw new OperatorFault(`${nameOf(whole)} has no key ${typeof key === 'string' ? key : nameOf(key)}`)
}

export function truth(value: EntryValue): boolean {
  if (typeof value === 'boolean') return value
  throw new OperatorFault(`${nameOf(value)} is neither true nor false`)
}

export function number(value: EntryValue): number | bigint {
  if (typeof value === 'number' || typeof value === 'bigint') return value
  throw new OperatorFault(`${nameOf(value)} is no number`)
}

type On<T> = (a: T, b: T) => T

/** Two integers make an integer. */
const calculation =
  (integers: On<bigint>, doubles: On<number>): Binary =>
  (a, b) =>
    typeof a === 'bigint' && typeof b === 'bigint'
      ? BigInt.asIntN(64, integers(a, b))
      : doubles(Number(number(a)), Number(number(b)))

const sum = calculation(
  (a, b) => a + b,
  (a, b) => a + b,
)

export const arithmetic: Readonly<Record<string, Binary>> = {
  '+': (a, b) => (typeof a === 'string' && typeof b === 'string' ? a + b : sum(a, b)),
  '-': calculation(
    (a, b) => a - b,
    (a, b) => a - b,
  ),
  '*': calculation(
    (a, b) => a * b,
    (a, b) => a * b,
  ),
  '/': (a, b) => Number(number(a)) / Number(number(b)),
  '%': (a, b) => Number(number(a)) % Number(number(b)),
}

function textIn(name: string, value: EntryValue | undefined): string {
  if (typeof value === 'string') return value
  throw new OperatorFault(`${name} takes text, got ${nameOf(value ?? null)}`)
}

function onTexts(a: EntryValue, b: EntryValue, holds: (a: string, b: string) => boolean): boolean {
  if (a === null || b === null) return false
  if (typeof a === 'string' && typeof b === 'string') return holds(a, b)
  throw new OperatorFault(`${nameOf(typeof a === 'string' ? b : a)} is no text`)
}

function equal(a: EntryValue, b: EntryValue): boolean {
  if (typeof a === 'number' || typeof a === 'bigint') {
    // biome-ignore lint/suspicious/noDoubleEquals: an integer and a double of the same value are equal
    return (typeof b === 'number' || typeof b === 'bigint') && a == b
  }
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((each, i) => equal(each, b[i]!))
  return a === b
}

function order(a: EntryValue, b: EntryValue): number {
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0
  const [x, y] = [number(a), number(b)]
  return x < y ? -1 : x > y ? 1 : x >= y ? 0 : Number.NaN
}
