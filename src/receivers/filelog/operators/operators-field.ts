import type { z } from 'zod'
import { Faults, type Field, type NestedIssue, newField, shown } from '../../../config/field.ts'
import { keyHint } from '../../../config/issues.ts'
import { nearest } from '../../../config/nearest.ts'
import { shapeAt } from '../../../config/schema-walk.ts'
import { Substituted, unwrapped } from '../../../config/substituted.ts'
import { Fault } from '../../../config/units.ts'
import { buildOperator, type OperatorMaker } from './build.ts'
import { type OperatorSettings, type OperatorType, operatorSettings } from './operator-settings.ts'
import { waysOf } from './outputs.ts'

const types = Object.keys(operatorSettings) as OperatorType[]

/** Operators of the Collector that are not here, and what to write instead. */
const elsewhere: Readonly<Record<string, string>> = {
  syslog_parser: 'the receiver syslog reads syslog',
  scope_name_parser: 'the processor transform sets scope.name',
  regex_replace: 'the processor transform has replace_pattern',
  unquote: 'write a regex_parser that leaves the quotes out',
  assign_keys: 'write csv_parser, which names the columns of a text',
}

/** The list of operators, in order. */
export function operators(): Field<OperatorMaker[], readonly unknown[]> {
  const read = (value: unknown) => {
    const items = unwrapped(value)
    if (!Array.isArray(items)) return new Fault(`expected a list of operators, got ${shown(value)}`)
    const issues: NestedIssue[] = []
    const settings = items.map((item, i) => settingsOf(item, i, issues))
    const ways = waysOf(settings, issues)
    const makers = settings.flatMap((each, i) => (each ? [buildOperator(each, ways[i]!, [i], issues)] : []))
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
