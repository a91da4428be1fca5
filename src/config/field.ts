import { z } from 'zod'
import { quoted } from './quoted.ts'
import { Substituted } from './substituted.ts'
import { Fault } from './units.ts'

/** A fault inside a list, map or block: where it is below the field, and what it says. */
export interface NestedIssue {
  path: PropertyKey[]
  message: string
  params?: Record<string, unknown>
}

/** What a field's reader answers when the value is not acceptable. */
export class Faults {
  readonly issues: NestedIssue[]

  constructor(issues: NestedIssue[]) {
    this.issues = issues
  }
}

export interface FieldDef<Out> extends z.core.$ZodTypeDef {
  type: 'custom'
  /** The type as people read it in option tables: `duration`, `list of text`. */
  label: string
  json: () => Record<string, unknown>
  read: (value: unknown) => Out | Fault | Faults
  /** An empty variable is the empty text here; elsewhere it keeps the default. */
  keepsEmpty?: boolean
  /** Never shown: not in messages, not in excerpts. */
  secret?: boolean
  /** The value is the id of an extension. */
  namesExtension?: boolean
  /** The schema of the items of a list or of the values of a map. */
  item?: z.ZodType
  /** The alternatives of a field that may be written in several shapes. */
  options?: readonly z.ZodType[]
}

/**
 * One setting: `In` is what people write, `Out` what the component gets. `.default()` takes what people write
 * (`duration().default('15s')`); `.describe()` and `.meta({ unit })` stand after it.
 */
export type Field<Out, In = Out> = z.ZodType<Out, In> & {
  default(value: In): z.ZodPrefault<z.ZodType<Out, In>>
}

type Run = { value: unknown; issues: unknown[] }

const FieldType = z.core.$constructor<z.ZodType, FieldDef<unknown>>('TailraceField', (inst, def) => {
  z.ZodType.init(inst as never, def)
  inst._zod.parse = ((payload: Run) => {
    const { value: input } = payload
    const result = input === undefined ? new Fault('is required') : def.read(input)
    if (result instanceof Fault) payload.issues.push(custom(inst, input, { path: [], ...issueOf(result) }))
    else if (result instanceof Faults)
      for (const issue of result.issues) payload.issues.push(custom(inst, input, issue))
    else payload.value = result
    return payload
  }) as never
  inst._zod.processJSONSchema = (_ctx, json) => void Object.assign(json, def.json())
  defaultsAreInput(inst)
})

/** Makes `.default(x)` parse `x` as if it had been written in the file; a default that does not parse throws at once. */
export function defaultsAreInput(inst: z.ZodType): void {
  const value = (input: unknown) => {
    const wrong = inst.safeParse(input).error
    if (wrong) throw new Error(`the default ${JSON.stringify(input)} is not valid: ${wrong.issues[0]?.message}`)
    return inst.prefault(input)
  }
  Object.defineProperty(inst, 'default', { value, configurable: true })
}

function issueOf({ message, hint }: Fault) {
  return hint === undefined ? { message } : { message, params: { hint } }
}

function custom(inst: z.ZodType, input: unknown, issue: NestedIssue) {
  return { code: 'custom', input, inst, continue: false, ...issue }
}

/** Makes a field from its reader. The reader gets whatever stands in the tree, except an absent value. */
export function newField<Out, In = Out>(def: Omit<FieldDef<Out>, 'type'>): Field<Out, In> {
  return new FieldType({ type: 'custom', ...def } as FieldDef<unknown>) as unknown as Field<Out, In>
}

/** Runs a schema below a field and moves what it finds to the given key; `undefined` when there were issues. */
export function readNested<Out>(schema: z.ZodType<Out>, value: unknown, key: PropertyKey, issues: NestedIssue[]) {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  for (const issue of result.error.issues) issues.push({ ...issue, path: [key, ...issue.path] } as NestedIssue)
  return undefined
}

/** The field or block below `.default()`, `.optional()`, `.describe()`. */
export function innermost(schema: z.ZodType): z.ZodType {
  let inner = schema
  while (true) {
    const next = (inner.def as { innerType?: z.ZodType }).innerType
    if (!next) return inner
    inner = next
  }
}

/** The definition of a field, or undefined for a block or a plain zod schema. */
export function fieldDef(schema: z.ZodType): FieldDef<unknown> | undefined {
  const inner = innermost(schema)
  return inner._zod.traits.has('TailraceField') ? (inner.def as unknown as FieldDef<unknown>) : undefined
}

/** How a message names a value that is not what was expected: `the number 8125`, `the text "abc"`. */
export function shown(value: unknown): string {
  if (value instanceof Substituted) return `${quoted(value.text)} from ${value.source}`
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a map'
  if (typeof value === 'string') return `the text ${quoted(value)}`
  return typeof value === 'number' ? `the number ${value}` : String(value)
}
