import type { z } from 'zod'
import { Faults, type Field, type NestedIssue, newField, shown } from '../../../config/field.ts'
import { anything, bool, int, map, object, oneOf, text } from '../../../config/fields.ts'
import { keyHint } from '../../../config/issues.ts'
import { nearest } from '../../../config/nearest.ts'
import { shapeAt } from '../../../config/schema-walk.ts'
import { Substituted, unwrapped } from '../../../config/substituted.ts'
import { Fault } from '../../../config/units.ts'
import { buildOperator, type OperatorMaker } from './build.ts'

const common = {
  type: text(),
  id: text().optional(),
  output: anything().optional(),
  on_error: oneOf(['send', 'send_quiet', 'drop', 'drop_quiet']).default('send'),
  if: text().optional(),
}
const times = {
  parse_from: text(),
  layout: text(),
  layout_type: oneOf(['strptime', 'gotime', 'epoch']).default('strptime'),
  location: text().optional(),
  time_zone_locations: map().default({}),
}
const severities = {
  parse_from: text(),
  preset: oneOf(['default', 'otel', 'none']).default('default'),
  mapping: map(anything()).default({}),
  overwrite_text: bool().default(false),
}
const parsing = {
  ...common,
  parse_from: text().default('body'),
  parse_to: text().default('attributes'),
  body: text().optional(),
  timestamp: object(times).optional(),
  severity: object(severities).optional(),
}

/** The settings of every operator there is. */
export const operatorSettings = {
  regex_parser: object({ ...parsing, regex: text(), cache: object({ size: int({ min: 0 }).default(0) }).optional() }),
  json_parser: object({ ...parsing, parse_ints: bool().default(false) }),
  time_parser: object({ ...common, ...times }),
  severity_parser: object({ ...common, ...severities }),
  move: object({ ...common, from: text(), to: text() }),
  copy: object({ ...common, from: text(), to: text() }),
  add: object({ ...common, field: text(), value: anything() }),
  remove: object({ ...common, field: text() }),
  filter: object({ ...common, expr: text() }),
  noop: object(common),
} as const
export type OperatorType = keyof typeof operatorSettings
export type OperatorSettings = {
  [T in OperatorType]: z.output<(typeof operatorSettings)[T]> & { type: T }
}[OperatorType]
export type TimeSettings = z.output<z.ZodObject<typeof times>>
export type SeveritySettings = z.output<z.ZodObject<typeof severities>>

const types = Object.keys(operatorSettings) as OperatorType[]

/** Operators of the Collector that are not here, and what to write instead. */
const elsewhere: Readonly<Record<string, string>> = {
  recombine: 'multiline joins the lines of an entry',
  router: 'write an `if` on every operator: those whose condition is not met are passed over',
  container: 'write json_parser or regex_parser with an `if` for each format',
  csv_parser: 'write a regex_parser with a named group for each column',
  key_value_parser: 'write a regex_parser, or ParseKeyValue in the processor transform',
  syslog_parser: 'the receiver syslog reads syslog',
  uri_parser: 'write a regex_parser',
  trace_parser: 'the processor transform sets trace_id and span_id',
  scope_name_parser: 'the processor transform sets scope.name',
  regex_replace: 'the processor transform has replace_pattern',
  retain: 'the processor transform has keep_keys',
  flatten: 'the processor transform has flatten',
  unquote: 'write a regex_parser that leaves the quotes out',
}

/** The list of operators, in order. */
export function operators(): Field<OperatorMaker[], readonly unknown[]> {
  const read = (value: unknown) => {
    const items = unwrapped(value)
    if (!Array.isArray(items)) return new Fault(`expected a list of operators, got ${shown(value)}`)
    const issues: NestedIssue[] = []
    const settings = items.map((item, i) => settingsOf(item, i, issues))
    checkOutputs(settings, issues)
    const makers = settings.flatMap((each, i) => (each ? [buildOperator(each, [i], issues)] : []))
    return issues.length > 0 ? new Faults(issues) : makers
  }
  const properties = { type: { type: 'string', enum: types } }
  const items = { type: 'object', required: ['type'], properties }
  return newField({ label: 'list of operators', json: () => ({ type: 'array', items }), read })
}

function settingsOf(item: unknown, i: number, issues: NestedIssue[]): OperatorSettings | undefined {
  const given = unwrapped(item)
  const isMap = typeof given === 'object' && given !== null && !Array.isArray(given)
  const written = isMap ? (given as { type?: unknown }).type : undefined
  const type = written instanceof Substituted ? written.text : written
  if (typeof type !== 'string') {
    issues.push({ path: [i], message: isMap ? 'an operator needs a type' : `expected an operator, got ${shown(item)}` })
    return undefined
  }
  if (!Object.hasOwn(operatorSettings, type)) {
    const instead = Object.hasOwn(elsewhere, type) ? elsewhere[type] : undefined
    const meant = nearest(type, types)
    const hint = instead ?? (meant === undefined ? `there are ${types.join(', ')}` : `did you mean "${meant}"?`)
    const message = instead ? `the operator ${type} is not here` : `there is no operator ${JSON.stringify(type)}`
    issues.push({ path: [i, 'type'], message, params: { hint } })
    return undefined
  }
  const schema: z.ZodType = operatorSettings[type as OperatorType]
  const result = schema.safeParse(given)
  if (result.success) return result.data as OperatorSettings
  for (const issue of result.error.issues) {
    const path = [i, ...issue.path]
    if (issue.code !== 'unrecognized_keys') issues.push({ ...issue, path } as NestedIssue)
    else
      for (const key of issue.keys) issues.push(unknownKey(key, path, Object.keys(shapeAt(schema, issue.path) ?? {})))
  }
  return undefined
}

const unknownKey = (key: string, path: readonly PropertyKey[], known: readonly string[]): NestedIssue => ({
  path: [...path, key],
  message: `unknown key ${JSON.stringify(key)}`,
  params: { hint: keyHint(key, known) },
})

/** Operators run one after the other: an output can only be the next one. */
function checkOutputs(all: readonly (OperatorSettings | undefined)[], issues: NestedIssue[]): void {
  for (const [i, each] of all.entries()) {
    const output = unwrapped(each?.output)
    if (output === undefined || output === null) continue
    const next = all[i + 1]
    const [only, ...others] = (Array.isArray(output) ? output : [output]).map(unwrapped)
    if (next && others.length === 0 && only === (next.id ?? next.type)) continue
    const message = 'operators run in the order in which they are written: output can only name the next one'
    issues.push({ path: [i, 'output'], message, params: { hint: 'leave it out, and write an `if` where it branches' } })
  }
}
