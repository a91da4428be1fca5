import { ConditionError, compileNode } from '../../ottl/conditions.ts'
import type { Condition } from '../../ottl/expression.ts'
import { parseCondition, parseStatement } from '../../ottl/parse.ts'
import { contextsOf } from '../../ottl/statements.ts'
import { type Node, walk } from '../../ottl/tree.ts'
import type { Format } from '../../plugin.ts'
import { Level } from '../../telemetry/level.ts'
import type { PathContext } from '../../telemetry/paths.ts'
import { type RequestCondition, requestCondition } from './request-condition.ts'

/** A row of the routing table as it is written. */
export interface RouteSettings {
  readonly context?: string | undefined
  readonly condition?: string | undefined
  readonly statement?: string | undefined
}

/** What a row of the table asks: of the request that brought a batch, or of its records. */
export type RouteTest =
  | { readonly source: string; readonly request: RequestCondition }
  | {
      readonly source: string
      readonly request?: undefined
      /** Throws StatementError. */
      readonly holds: Condition
      /** The message that all of its fields are in or around: all records in one meet it, or none. */
      readonly level: Level
    }

/** Contexts that routes can have, by what a pipeline carries. */
export const routeContexts = (format: Format): readonly string[] => [
  ...contextsOf[format].filter((context) => context !== 'scope' && context !== 'spanevent'),
  'request',
]

/** Compiles one row. Throws ConditionError. */
export function compileRoute({ context, condition, statement }: RouteSettings, format: Format): RouteTest {
  const source = condition ?? statement ?? ''
  if (context === 'request') {
    const request = requestCondition(source)
    if (request) return { source, request }
    throw new ConditionError(source, 0, 'expected request["<header>"] == "<value>", or != instead of ==')
  }
  const node = condition === undefined ? whereOf(source) : parseCondition(source)
  if (!node) return { source, holds: () => true, level: Level.resource }
  const known = (context as PathContext | undefined) ?? inferred(node, format)
  const { condition: holds, level } = compileNode(node, source, format, known)
  return { source, holds, level }
}

/** The condition of `route() where ...`; undefined when there is none. */
function whereOf(source: string): Node | undefined {
  const { call, where } = parseStatement(source)
  if (call.name !== 'route') {
    const message = `a route is written route() where ...; ${call.name} changes records, which the processor transform does in front of this connector or behind it`
    throw new ConditionError(source, call.at, message)
  }
  if (call.args.length > 0) throw new ConditionError(source, call.args[0]!.at, 'route() takes nothing')
  return where
}

/** Without a context: the innermost that all fields name, `log.body`; where one names none, the resource. */
function inferred(node: Node, format: Format): PathContext | undefined {
  const contexts = contextsOf[format]
  let depth = -1
  let isNamed = true
  walk(node, (each) => {
    if (each.kind !== 'path' || /^[A-Z][A-Z_\d]+$/.test(each.name)) return
    const [first, ...rest] = each.name.replace(/^instrumentation_scope\b/, 'scope').split('.')
    const at = rest.length > 0 ? contexts.indexOf(first as PathContext) : -1
    if (at < 0) isNamed = false
    depth = Math.max(depth, at)
  })
  if (contexts.length === 0) return undefined
  return isNamed && depth >= 0 ? contexts[depth] : 'resource'
}
