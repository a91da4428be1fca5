import type { z } from 'zod'
import { isMap } from './containers.ts'
import { fieldDef, innermost } from './field.ts'
import { nearest } from './nearest.ts'
import { Substituted, unwrapped } from './substituted.ts'

type Shape = Record<string, z.ZodType>

/** The keys of a block and their schemas; undefined for anything that is not a block. */
export function shapeOf(schema: z.ZodType): Shape | undefined {
  const def = fieldDef(schema)
  if (def?.label === 'block' && def.item) return shapeOf(def.item)
  return (innermost(schema) as { shape?: Shape }).shape
}

/** The block at a path below a schema, whichever alternative it belongs to. */
export function shapeAt(schema: z.ZodType, path: readonly PropertyKey[]): Shape | undefined {
  const [head, ...rest] = path
  if (head === undefined)
    return shapeOf(schema) ?? firstOf(fieldDef(schema)?.options, (option) => shapeAt(option, path))
  const shape = shapeOf(schema)
  if (shape) return Object.hasOwn(shape, head) ? shapeAt(shape[String(head)]!, rest) : undefined
  const def = fieldDef(schema)
  if (def?.item) return shapeAt(def.item, rest)
  return firstOf(def?.options, (option) => shapeAt(option, path))
}

function firstOf<T>(
  schemas: readonly z.ZodType[] | undefined,
  pick: (schema: z.ZodType) => T | undefined,
): T | undefined {
  for (const schema of schemas ?? []) {
    const found = pick(schema)
    if (found !== undefined) return found
  }
  return undefined
}

/** Calls back with the path of every value that a schema calls secret, or that was probably meant as one. */
export function eachSecret(
  schema: z.ZodType,
  value: unknown,
  path: PropertyKey[],
  found: (path: PropertyKey[]) => void,
): void {
  const def = fieldDef(schema)
  const given = unwrapped(value)
  if (def?.options) {
    for (const option of def.options) eachSecret(option, value, path, found)
    return
  }
  const children = def?.secret ? undefined : childrenOf(schema, given)
  for (const [key, child, inner] of children ?? []) eachSecret(child, inner, [...path, key], found)
  if (!children && given !== undefined && given !== null && holdsSecret(schema)) found(path)
}

const plainlyFalse = new Set(['', '0', 'f', 'n', 'no', 'off', 'false'])

/** Calls back with every bool that is false though the text of its variable does not look like it: `TRUE`, `yes`, `on`. */
export function eachDoubtfulBool(
  schema: z.ZodType,
  value: unknown,
  path: PropertyKey[],
  found: (path: PropertyKey[], from: Substituted) => void,
): void {
  if (fieldDef(schema)?.label === 'bool' && value instanceof Substituted) {
    const { text } = value
    if (text !== 'true' && text !== '1' && !plainlyFalse.has(text.toLowerCase())) found(path, value)
    return
  }
  for (const [key, child, inner] of childrenOf(schema, unwrapped(value)) ?? [])
    eachDoubtfulBool(child, inner, [...path, key], found)
}

/** Calls back with every id of an extension that settings name. */
export function eachExtensionId(
  schema: z.ZodType,
  value: unknown,
  path: PropertyKey[],
  found: (path: PropertyKey[], id: string) => void,
): void {
  const given = unwrapped(value)
  if (fieldDef(schema)?.namesExtension) {
    if (typeof given === 'string' && given !== '') found(path, given)
    return
  }
  for (const [key, child, inner] of childrenOf(schema, given) ?? [])
    eachExtensionId(child, inner, [...path, key], found)
}

/** The values below a block, list or map with their schemas; undefined when the value is none of these. */
function childrenOf(schema: z.ZodType, given: unknown): [PropertyKey, z.ZodType, unknown][] | undefined {
  const shape = shapeOf(schema)
  if (shape && isMap(given)) {
    return Object.entries(given).flatMap(([key, value]): [PropertyKey, z.ZodType, unknown][] => {
      const meant = Object.hasOwn(shape, key) ? key : nearest(key, Object.keys(shape))
      return meant === undefined ? [] : [[key, shape[meant]!, value]]
    })
  }
  const item = shape ? undefined : fieldDef(schema)?.item
  if (!item || typeof given !== 'object' || given === null) return undefined
  return (Array.isArray(given) ? [...given.entries()] : Object.entries(given)).map(([key, value]) => [key, item, value])
}

/** Whether something below a schema is a secret. */
export function holdsSecret(schema: z.ZodType): boolean {
  const def = fieldDef(schema)
  if (def?.secret) return true
  if (def?.options?.some(holdsSecret) || (def?.item && holdsSecret(def.item))) return true
  return Object.values(shapeOf(schema) ?? {}).some(holdsSecret)
}
