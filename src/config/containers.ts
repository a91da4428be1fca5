import { z } from 'zod'
import {
  defaultsAreInput,
  Faults,
  type Field,
  fieldDef,
  innermost,
  type NestedIssue,
  newField,
  readNested,
  shown,
} from './field.ts'
import { text } from './scalars.ts'
import { Substituted, unwrapped } from './substituted.ts'
import { Fault } from './units.ts'

/** A YAML list, or text cut at its commas (`a, b`). Items are text unless a schema says otherwise. */
export function list(): Field<string[], readonly string[] | string>
export function list<S extends z.ZodType>(item: S): Field<z.output<S>[], readonly z.input<S>[] | string>
export function list(item: z.ZodType = text()): Field<unknown[], readonly unknown[] | string> {
  const read = (value: unknown) => {
    const items = listItems(value)
    if (!items)
      return new Fault(`expected a list, got ${shapeName(value)}`, 'write [a, b] or one item per line, each after "- "')
    const issues: NestedIssue[] = []
    const result = items.map((each, index) => readNested(item, each, index, issues))
    return issues.length > 0 ? new Faults(issues) : result
  }
  return newField<unknown[], readonly unknown[] | string>({
    label: `list of ${labelOf(item)}`,
    json: () => listJson(item),
    item,
    read,
  })
}

function listItems(value: unknown): unknown[] | undefined {
  const given = unwrapped(value)
  if (Array.isArray(given)) return given
  if (value instanceof Substituted)
    return pieces(value.text).map((piece) => new Substituted(piece, plainScalar(piece), value.source))
  return typeof value === 'string' ? pieces(value) : undefined
}

const pieces = (joined: string) => (joined.trim() === '' ? [] : joined.split(',').map((piece) => piece.trim()))

/** A YAML map, or text such as `k:v,k2:v2` (cut at commas, then at the first colon). Values are text unless a schema says otherwise. */
export function map(): Field<Record<string, string>, Readonly<Record<string, string>> | string>
export function map<S extends z.ZodType>(
  value: S,
): Field<Record<string, z.output<S>>, Readonly<Record<string, z.input<S>>> | string>
export function map(
  item: z.ZodType = text(),
): Field<Record<string, unknown>, Readonly<Record<string, unknown>> | string> {
  const read = (value: unknown) => {
    const entries = mapEntries(value, item)
    if (!Array.isArray(entries)) return entries
    const issues: NestedIssue[] = []
    const result = entries.map(([key, each]) => [key, readNested(item, each, key, issues)] as const)
    return issues.length > 0 ? new Faults(issues) : Object.fromEntries(result)
  }
  return newField<Record<string, unknown>, Readonly<Record<string, unknown>> | string>({
    label: `map of ${labelOf(item)}`,
    json: () => mapJson(item),
    item,
    read,
  })
}

function mapEntries(value: unknown, item: z.ZodType): [string, unknown][] | Fault {
  // `deployment: cf` in a variable is a YAML map by accident; only a flow or block map in full is meant as one.
  const isText = value instanceof Substituted && !/^\s*\{|\n/.test(value.text)
  const given = unwrapped(value)
  if (!isText && isMap(given)) return Object.entries(given)
  const joined = value instanceof Substituted ? value.text : value
  if (typeof joined !== 'string')
    return new Fault(`expected a map, got ${shapeName(value)}`, 'write one "key: value" per line')
  const entries: [string, unknown][] = []
  for (const piece of pieces(joined)) {
    const colon = piece.indexOf(':')
    if (colon < 0) return missingValue(fieldDef(item)?.secret ? '...' : piece)
    const rest = piece.slice(colon + 1)
    const each = value instanceof Substituted ? new Substituted(rest, plainScalar(rest), value.source) : rest
    entries.push([piece.slice(0, colon), each])
  }
  return entries
}

const missingValue = (key: string) =>
  new Fault(`map[string]string key '${key}' is missing a value`, `write "${key}:value", elements apart by commas`)

// A piece of a variable's text for a numeric item: decimal only, as the originals read it.
const plainScalar = (piece: string): unknown => (/^[-+]?\d+(\.\d+)?$/.test(piece) ? Number(piece) : piece)

/** What `object({...})` is: a zod object that refuses unknown keys and takes null for "all defaults". */
export type ObjectField<S extends z.ZodRawShape> = z.ZodObject<S, z.core.$strict> & {
  default(value: z.input<z.ZodObject<S, z.core.$strict>>): z.ZodPrefault<z.ZodObject<S, z.core.$strict>>
}

type Run = { value: unknown; issues: unknown[] }

const ObjectType = z.core.$constructor<z.ZodObject, z.core.$ZodObjectDef>('TailraceObject', (inst, def) => {
  z.ZodObject.init(inst as never, def)
  const parse = inst._zod.parse
  inst._zod.parse = ((payload: Run, ctx: never) => {
    const given = unwrapped(payload.value) ?? (payload.value === undefined ? undefined : {})
    if (!isMap(given)) {
      const message = given === undefined ? 'is required' : `expected a map, got ${shapeName(payload.value)}`
      const params = typeof given === 'string' && /^[\w.]+:\S/.test(given) && { hint: 'write a blank behind the colon' }
      payload.issues.push({
        code: 'custom',
        message,
        input: payload.value,
        inst,
        continue: false,
        ...(params && { params }),
      })
      return payload
    }
    payload.value = withoutNulls(given, inst.shape)
    return parse(payload as never, ctx)
  }) as never
  defaultsAreInput(inst)
})

/** A block of settings. Unknown keys are errors; `key:` with nothing behind it means all defaults. */
export function object<S extends z.ZodRawShape>(shape: S): ObjectField<S> {
  return new ObjectType({ type: 'object', shape, catchall: z.never() }) as unknown as ObjectField<S>
}

/** Null keeps a setting's default, turns a block on, and is the empty text where that is meant. */
function withoutNulls(given: Record<string, unknown>, shape: z.core.$ZodLooseShape): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(given)) {
    const schema = Object.hasOwn(shape, key) ? (shape[key] as z.ZodType) : undefined
    if (
      schema &&
      unwrapped(value) === null &&
      !isBlock(schema) &&
      !(value instanceof Substituted && fieldDef(schema)?.keepsEmpty)
    )
      continue
    Object.defineProperty(result, key, { value, enumerable: true, configurable: true, writable: true })
  }
  return result
}

const isBlock = (schema: z.ZodType) => {
  const inner = innermost(schema)
  return inner._zod.traits.has('TailraceObject') || fieldDef(inner)?.label === 'block'
}

/**
 * A block that can be switched: absent means off (or on with `{ on: true }`), `key:` alone means on with its defaults,
 * `enabled: false` inside means off. Off reaches the component as `undefined`.
 */
export function block<S extends z.ZodRawShape>(shape: S, options: { on?: boolean } = {}) {
  type Out = z.output<z.ZodObject<S, z.core.$strict>> | undefined
  type In = z.input<z.ZodObject<S, z.core.$strict>> & { enabled?: boolean }
  const inner = object(shape)
  const own = Object.hasOwn(shape, 'enabled')
  const field = newField<Out, In>({
    label: 'block',
    json: () => blockJson(inner, own),
    item: inner,
    read: (value) => readBlock(inner, value, own) as Out | Fault | Faults,
  })
  return (options.on ? field.prefault({} as In) : field.optional()) as unknown as z.ZodOptional<z.ZodType<Out, In>>
}

function readBlock(inner: z.ZodType, value: unknown, own: boolean): unknown {
  let given = unwrapped(value) ?? {}
  if (!own && isMap(given) && 'enabled' in given) {
    const { enabled, ...rest } = given
    const state = enabled instanceof Substituted ? enabled.text === 'true' || enabled.text === '1' : enabled
    if (typeof state !== 'boolean') return new Faults([{ path: ['enabled'], message: notSwitch(enabled) }])
    if (!state) return undefined
    given = rest
  }
  const result = inner.safeParse(given)
  return result.success ? result.data : new Faults(result.error.issues as unknown as NestedIssue[])
}

const notSwitch = (value: unknown) =>
  `unexpected value for 'enabled': got ${shown(value)}, value expected 'true' or 'false'`

/** A setting that may be written in several shapes; the first schema that accepts it wins. */
export function either<A extends z.ZodType, B extends z.ZodType>(first: A, second: B) {
  const read = (value: unknown) => {
    const one = first.safeParse(value)
    if (one.success) return one.data
    const other = second.safeParse(value)
    if (other.success) return other.data
    const deepest = [one.error, other.error].sort((a, b) => depth(b) - depth(a))[0]!
    return new Faults(deepest.issues as unknown as NestedIssue[])
  }
  return newField<z.output<A> | z.output<B>, z.input<A> | z.input<B>>({
    label: `${labelOf(first)} or ${labelOf(second)}`,
    json: () => ({ anyOf: [inputJson(first), inputJson(second)] }),
    options: [first, second],
    read,
  })
}

const depth = (error: z.ZodError) => Math.max(...error.issues.map((issue) => issue.path.length))

/** The type of a schema as option tables print it. */
export function labelOf(schema: z.ZodType): string {
  return (
    fieldDef(schema)?.label ?? (innermost(schema)._zod.traits.has('TailraceObject') ? 'block' : innermost(schema).type)
  )
}

/** Names a value without showing it: below a list, map or block there may be secrets. */
function shapeName(value: unknown): string {
  const given = unwrapped(value)
  if (given === null || typeof given === 'object') return shown(given)
  return typeof given === 'string' ? 'text' : typeof given === 'number' ? 'a number' : String(given)
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Substituted)
}

/** The JSON Schema of what people write for it. */
export function inputJson(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'input' }) as Record<string, unknown>
  return json
}

const listJson = (item: z.ZodType) => ({ anyOf: [{ type: 'array', items: inputJson(item) }, { type: 'string' }] })

const mapJson = (item: z.ZodType) => ({
  anyOf: [{ type: 'object', additionalProperties: inputJson(item) }, { type: 'string' }],
})

function blockJson(inner: z.ZodType, own: boolean): Record<string, unknown> {
  const json = inputJson(inner)
  const enabled = own ? {} : { enabled: { type: 'boolean', description: 'false switches the block off.' } }
  return { ...json, type: ['object', 'null'], properties: { ...(json.properties as object), ...enabled } }
}
