import { Faults, type Field, type NestedIssue, newField, shown } from '../../config/field.ts'
import { Substituted } from '../../config/substituted.ts'
import { Fault } from '../../config/units.ts'
import { ConditionError, compileCondition } from '../../ottl/conditions.ts'
import type { ErrorMode } from '../../ottl/program.ts'
import { contextsOf } from '../../ottl/statements.ts'
import type { Format } from '../../plugin.ts'
import type { PathContext } from '../../telemetry/paths.ts'
import { type ConditionGroup, inferred } from './sources.ts'

const hint = `write one such as 'kind == "log"', in quotes`
const textOf = (value: unknown) => (value instanceof Substituted ? value.text : value)

/** A condition in the configuration: one that compiles for at least one of the formats, `kind == "log"`. */
export function condition(formats: readonly Format[], context?: PathContext): Field<string> {
  const read = (value: unknown) => {
    const source = textOf(value)
    if (typeof source !== 'string') return new Fault(`expected a condition, got ${shown(value)}`, hint)
    return faultOf(source, formats, context) ?? source
  }
  return newField({ label: 'condition', json: () => ({ type: 'string' }), read })
}

/** The fault that comes latest in the text: in the formats before it, less of the condition was understood. */
function faultOf(source: string, formats: readonly Format[], context?: PathContext): Fault | undefined {
  let latest: ConditionError | undefined
  for (const format of formats) {
    try {
      compileCondition(source, format, context)
      return undefined
    } catch (error) {
      if (!(error instanceof ConditionError)) throw error
      if (!latest || error.position > latest.position) latest = error
    }
  }
  return latest && new Fault(latest.message)
}

const modes = ['propagate', 'ignore', 'silent']

/** A list of conditions in the Collector's flat form: texts, or groups `{context, error_mode, conditions}`. */
export function flatConditions(format: Format): Field<ConditionGroup[], readonly unknown[]> {
  const read = (value: unknown) => {
    const items = value instanceof Substituted ? value.value : value
    if (!Array.isArray(items)) return new Fault(`expected a list of conditions, got ${shown(value)}`, hint)
    const issues: NestedIssue[] = []
    const groups = items.flatMap((item, i) => groupsOf(item, [i], format, issues))
    return issues.length > 0 ? new Faults(issues) : groups
  }
  const json = () => ({ type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'object' }] } })
  return newField({ label: 'list of conditions', json, read })
}

function groupsOf(item: unknown, path: PropertyKey[], format: Format, issues: NestedIssue[]): ConditionGroup[] {
  const source = textOf(item)
  if (typeof source === 'string') return one(source, undefined, undefined, path, format, issues)
  const { context, error_mode: mode, conditions, ...rest } = (item ?? {}) as Record<string, unknown>
  const problem = (key: string, message: string) => void issues.push({ path: [...path, key], message })
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) problem(unknown, `unknown key ${unknown}: a group has context, error_mode and conditions`)
  if (!Array.isArray(conditions)) {
    problem('conditions', `expected a list of conditions, got ${shown(conditions)}`)
    return []
  }
  const contexts = contextsOf[format]
  if (context !== undefined && !contexts.includes(context as PathContext)) {
    problem('context', `${format} have no context ${shown(context)}: write one of ${contexts.join(', ')}`)
  }
  if (mode !== undefined && !modes.includes(mode as string)) {
    problem('error_mode', `expected one of ${modes.join(', ')}, got ${shown(mode)}`)
  }
  return conditions.flatMap((each, i) => {
    const text = textOf(each)
    const at = [...path, 'conditions', i]
    if (typeof text === 'string') return one(text, context as PathContext, mode as ErrorMode, at, format, issues)
    issues.push({ path: at, message: `expected a condition, got ${shown(each)}`, params: { hint } })
    return []
  })
}

function one(
  source: string,
  context: PathContext | undefined,
  errorMode: ErrorMode | undefined,
  path: PropertyKey[],
  format: Format,
  issues: NestedIssue[],
): ConditionGroup[] {
  try {
    const known = context ?? inferred(source, format)
    compileCondition(source, format, known)
    return [{ context: known, errorMode, conditions: [source] }]
  } catch (error) {
    if (!(error instanceof ConditionError)) throw error
    issues.push({ path, message: error.message })
    return []
  }
}
