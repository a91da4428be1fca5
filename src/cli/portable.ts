import { Secret } from '../config/secret.ts'
import { GoRegex } from '../ottl/go-regex.ts'

/** A value of a class, in the place where it stood: a message between threads carries no classes. */
interface Wrapped {
  readonly [tag]: 'secret' | 'expression'
  readonly text: string
}

const tag = '\u0000class'

/** Settings as a message between threads carries them. Throws on what cannot be carried. */
export function packed(value: unknown): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') throw new Error(`a ${typeof value} cannot be carried`)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Secret) return { [tag]: 'secret', text: value.reveal() } satisfies Wrapped
  if (value instanceof GoRegex) return { [tag]: 'expression', text: value.source } satisfies Wrapped
  if (value instanceof RegExp || value instanceof Date || ArrayBuffer.isView(value)) return value
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, packed(item)]))
  if (value instanceof Set) return new Set([...value].map(packed))
  if (Array.isArray(value)) return value.map(packed)
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null)
    throw new Error(`a ${prototype.constructor?.name} cannot be carried`)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, packed(item)]))
}

/** What `packed` was given. */
export function unpacked(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof RegExp || value instanceof Date || ArrayBuffer.isView(value)) return value
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, unpacked(item)]))
  if (value instanceof Set) return new Set([...value].map(unpacked))
  if (Array.isArray(value)) return value.map(unpacked)
  if (isWrapped(value)) return value[tag] === 'secret' ? new Secret(value.text) : new GoRegex(value.text)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unpacked(item)]))
}

const isWrapped = (value: object): value is Wrapped => tag in value
