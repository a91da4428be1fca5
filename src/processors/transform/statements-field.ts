import { Faults, type Field, type NestedIssue, newField, shown } from '../../config/field.ts'
import { nearest } from '../../config/nearest.ts'
import { Substituted } from '../../config/substituted.ts'
import { Fault } from '../../config/units.ts'
import { Cache } from '../../ottl/cache.ts'
import { compileOpen } from '../../ottl/conditions.ts'
import type { ErrorMode } from '../../ottl/program.ts'
import { compileStatement, contextOfStatement, contextsOf, isOfMetrics, usesCache } from '../../ottl/statements.ts'
import { ConditionError } from '../../ottl/tokens.ts'
import type { Format } from '../../plugin.ts'
import type { PathContext } from '../../telemetry/paths.ts'

/** Statements as they are configured: one of its own, or several with what they share. */
export interface StatementGroup {
  readonly context: PathContext | undefined
  readonly errorMode: ErrorMode | undefined
  readonly conditions: readonly string[]
  readonly statements: readonly string[]
}

const modes = ['propagate', 'ignore', 'silent'] as const
const keys = ['context', 'error_mode', 'conditions', 'statements']
const wanted = 'write a statement such as \'set(attributes["a"], "b") where name == "c"\', in quotes'

/** A list of statements, each a text or a group `{context, error_mode, conditions, statements}`. */
export function statements(format: Format): Field<StatementGroup[], readonly unknown[]> {
  const read = (value: unknown) => {
    const items = value instanceof Substituted ? value.value : value
    if (!Array.isArray(items)) return new Fault(`expected a list of statements, got ${shown(value)}`, wanted)
    const issues: NestedIssue[] = []
    const groups: StatementGroup[] = []
    for (let i = 0; i < items.length; ) {
      const beside = textsFrom(items, i)
      const end = i + Math.max(1, beside.length)
      if (beside.length > 1 && beside.some((each) => says(usesCache, each))) {
        groups.push(groupOfTexts(beside, i, format, issues))
        i = end
      }
      for (; i < end; i++) groups.push(groupOf(items[i], [i], format, issues))
    }
    return issues.length > 0 ? new Faults(issues) : groups
  }
  const json = () => ({ type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'object' }] } })
  return newField({ label: 'list of statements', json, read })
}

/** The statements that follow each other from here, without a group between them: one group if any needs the cache. */
function textsFrom(items: readonly unknown[], from: number): string[] {
  const found: string[] = []
  for (let i = from; i < items.length; i++) {
    const text = textOf(items[i])
    if (text === undefined) break
    found.push(text)
  }
  return found
}

/** What a test says of a statement; false when it does not parse, which is reported where it is compiled. */
function says(test: (source: string) => boolean, source: string): boolean {
  try {
    return test(source)
  } catch {
    return false
  }
}

/** As in the Collector, these are one group. */
function groupOfTexts(list: readonly string[], first: number, format: Format, issues: NestedIssue[]): StatementGroup {
  const context = contextIn(undefined, [], list, format, issues)
  list.forEach((each, i) => {
    check([first + i], issues, () => compileStatement(each, format, context, new Cache()))
  })
  return { context, errorMode: undefined, conditions: [], statements: list }
}

function groupOf(item: unknown, path: PropertyKey[], format: Format, issues: NestedIssue[]): StatementGroup {
  const none: StatementGroup = { context: undefined, errorMode: undefined, conditions: [], statements: [] }
  const text = textOf(item)
  if (text !== undefined) {
    const context = check(path, issues, () => {
      const inferred = contextOfStatement(text, format)
      compileStatement(text, format, inferred, new Cache())
      return inferred
    })
    return { ...none, context, statements: [text] }
  }
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    issues.push({ path, message: `expected a statement, got ${shown(item)}`, params: { hint: wanted } })
    return none
  }
  const group = item as Record<string, unknown>
  for (const key of Object.keys(group)) {
    if (keys.includes(key)) continue
    const near = nearest(key, keys)
    issues.push({
      path: [...path, key],
      message: `unknown key ${key}${near ? `, did you mean ${near}?` : ''}`,
      params: { hint: `a group of statements has ${keys.join(', ')}` },
    })
  }
  const statementTexts = texts(group.statements, [...path, 'statements'], issues)
  const context = contextIn(group.context, [...path, 'context'], statementTexts, format, issues)
  statementTexts.forEach((each, i) => {
    check([...path, 'statements', i], issues, () => compileStatement(each, format, context, new Cache()))
  })
  const conditions = group.conditions === undefined ? [] : texts(group.conditions, [...path, 'conditions'], issues)
  conditions.forEach((each, i) => {
    check([...path, 'conditions', i], issues, () => compileOpen(each, format, context, new Cache()))
  })
  const errorMode = textOf(group.error_mode)
  if (group.error_mode !== undefined && !modes.includes(errorMode as ErrorMode)) {
    issues.push({
      path: [...path, 'error_mode'],
      message: `expected one of ${modes.join(', ')}, got ${shown(group.error_mode)}`,
    })
  }
  return { context, errorMode: errorMode as ErrorMode | undefined, conditions, statements: statementTexts }
}

/** The context that is written, or the innermost that the statements need. */
function contextIn(
  value: unknown,
  path: PropertyKey[],
  statementTexts: readonly string[],
  format: Format,
  issues: NestedIssue[],
): PathContext | undefined {
  const contexts = contextsOf[format]
  const written = textOf(value)
  if (value !== undefined) {
    // The Collector runs some of its functions on metrics once for each point.
    if (written === 'datapoint' && format === 'metrics' && statementTexts.some((each) => says(isOfMetrics, each))) {
      return 'metric'
    }
    if (contexts.includes(written as PathContext)) return written as PathContext
    const hint =
      contexts.length > 0 ? `write one of ${contexts.join(', ')}` : `${format} have no contexts: leave it out`
    issues.push({ path, message: `${format} have no context ${shown(value)}`, params: { hint } })
    return undefined
  }
  let innermost = -1
  for (const each of statementTexts) {
    try {
      innermost = Math.max(innermost, contexts.indexOf(contextOfStatement(each, format)!))
    } catch {
      // It is reported where it is compiled.
    }
  }
  return contexts[innermost]
}

function texts(value: unknown, path: PropertyKey[], issues: NestedIssue[]): string[] {
  const list = Array.isArray(value) ? value : undefined
  if (!list) {
    issues.push({
      path,
      message: value === undefined ? 'is required' : `expected a list, got ${shown(value)}`,
      params: { hint: wanted },
    })
    return []
  }
  return list.flatMap((each, i) => {
    const text = textOf(each)
    if (text !== undefined) return [text]
    issues.push({ path: [...path, i], message: `expected text, got ${shown(each)}`, params: { hint: wanted } })
    return []
  })
}

const textOf = (value: unknown): string | undefined =>
  value instanceof Substituted ? value.text : typeof value === 'string' ? value : undefined

function check<T>(path: PropertyKey[], issues: NestedIssue[], compile: () => T): T | undefined {
  try {
    return compile()
  } catch (error) {
    if (!(error instanceof ConditionError)) throw error
    issues.push({ path, message: error.message })
    return undefined
  }
}
