import type { Batch } from '../telemetry/batch.ts'
import { Cursor } from '../telemetry/cursor.ts'
import type { Format } from '../telemetry/format.ts'
import type { Level } from '../telemetry/level.ts'
import type { PathContext } from '../telemetry/paths.ts'
import type { Cache } from './cache.ts'
import { Compiler } from './compiler.ts'
import type { Condition } from './expression.ts'
import { StatementError } from './ottl-value.ts'
import { parseCondition } from './parse.ts'
import { deepest, type Reach, reachOf } from './reach.ts'
import type { Node } from './tree.ts'

export type { Condition } from './expression.ts'
export { ConditionError } from './tokens.ts'

/**
 * Compiles a condition for one format: `kind == "log" and not (attributes["k"] == nil or IsMatch(name, "^a"))`.
 * Fields, literals, functions and arithmetic compared with `==`, `!=`, `<`, `<=`, `>`, `>=`; functions that answer true
 * or false; `not` before `and` before `or`; parentheses. A record whose values a function cannot take does not meet it.
 * Throws ConditionError.
 */
export function compileCondition(source: string, format: Format, context?: PathContext): Condition {
  const { condition } = compileOpen(source, format, context)
  return (cursor) => {
    try {
      return condition(cursor)
    } catch (cause) {
      if (cause instanceof StatementError) return false
      throw cause
    }
  }
}

/** The same for those that want to know what failed: the condition may throw StatementError. */
export function compileOpen(
  source: string,
  format: Format,
  context?: PathContext,
  cache?: Cache,
): { condition: Condition; level: Level; reach: Reach } {
  return compileNode(parseCondition(source), source, format, context, cache)
}

/** The same for a condition that was parsed as part of `source`, such as what stands behind `where`. */
export function compileNode(
  node: Node,
  source: string,
  format: Format,
  context?: PathContext,
  cache?: Cache,
): { condition: Condition; level: Level; reach: Reach } {
  const compiler = new Compiler(source, format, context, cache)
  const condition = compiler.condition(node)
  return { condition, level: deepest(compiler.paths), reach: reachOf(compiler) }
}

/** Compiles a list: a record meets it when it meets any of the conditions. Throws ConditionError. */
export function compileAny(sources: readonly string[], format: Format, context?: PathContext): Condition {
  const conditions = sources.map((source) => compileCondition(source, format, context))
  return (cursor) => {
    for (let i = 0; i < conditions.length; i++) if (conditions[i]!(cursor)) return true
    return false
  }
}

const cursor = new Cursor()

/** The records of `batch` that do not meet the condition, over the same bytes. */
export function without(batch: Batch, condition: Condition): Batch {
  cursor.over(batch)
  return batch.where((row) => !condition(cursor.at(row)))
}
