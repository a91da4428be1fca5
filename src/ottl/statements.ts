import type { Format } from '../telemetry/format.ts'
import { Level } from '../telemetry/level.ts'
import type { PathContext } from '../telemetry/paths.ts'
import type { Site } from '../telemetry/site.ts'
import { type Cache, namesCache } from './cache.ts'
import { Compiler } from './compiler.ts'
import { editors } from './editors.ts'
import type { Condition } from './expression.ts'
import { nearestNames } from './nearest-names.ts'
import { parseCondition, parseStatement } from './parse.ts'
import { type Reach, reachOf } from './reach.ts'
import { ConditionError } from './tokens.ts'
import { type Node, type StatementNode, walk } from './tree.ts'

/** A compiled statement. Both throw StatementError. */
export interface Statement {
  readonly source: string
  /** Undefined when it is run for every record. */
  readonly where: Condition | undefined
  run(site: Site): void
  /** The message that it writes to. */
  readonly writes: Level
  readonly reach: Reach
  /** Whether it changes a metric as a whole, and runs on a `MetricSite`. */
  readonly rewrites: boolean
}

/** Compiles `set(attributes["a"], 1) where name == "b"`. Without a `cache` it has none. Throws ConditionError. */
export function compileStatement(source: string, format: Format, context?: PathContext, cache?: Cache): Statement {
  const { call, where } = parseStatement(source)
  const compiler = new Compiler(source, format, context, cache)
  const editor = Object.hasOwn(editors, call.name) ? editors[call.name] : undefined
  if (!editor) throw new ConditionError(source, call.at, unknownEditor(call.name))
  if (editor.rewrites && context !== 'metric') {
    throw new ConditionError(
      source,
      call.at,
      `${call.name} changes a metric as a whole: it stands in the context metric`,
    )
  }
  const { run, writes } = editor.make(compiler, compiler.arguments(call, editor))
  const condition = where && compiler.condition(where)
  return {
    source,
    run,
    writes: writes.level,
    where: condition,
    reach: reachOf(compiler),
    rewrites: editor.rewrites === true,
  }
}

function unknownEditor(name: string): string {
  const known = Object.keys(editors)
  return `there is no editor ${name}${nearestNames(name, known)}; there are ${known.join(', ')}`
}

/** The contexts of each format, from the one around all others inwards. */
export const contextsOf: Readonly<Record<Format, readonly PathContext[]>> = {
  envelopes: [],
  dropsonde: [],
  logs: ['resource', 'scope', 'log'],
  metrics: ['resource', 'scope', 'metric', 'datapoint'],
  traces: ['resource', 'scope', 'span', 'spanevent'],
}

/** The context that a statement without one is meant for: the innermost that its fields name, else the record. */
export function contextOfStatement(source: string, format: Format): PathContext | undefined {
  return innermost(parts(parseStatement(source)), format)
}

export function contextOfCondition(source: string, format: Format): PathContext | undefined {
  return innermost([parseCondition(source)], format)
}

/** Whether a statement changes a metric as a whole. Throws ConditionError. */
export const isOfMetrics = (source: string): boolean => rewritesMetrics(parseStatement(source).call.name)

/** Whether a statement names the cache, which those beside it are to see too. */
export function usesCache(source: string): boolean {
  let uses = false
  for (const part of parts(parseStatement(source))) {
    walk(part, (node) => {
      if (node.kind === 'path' && namesCache(node.name)) uses = true
    })
  }
  return uses
}

const parts = ({ call, where }: StatementNode): Node[] => (where ? [call, where] : [call])

function innermost(nodes: readonly Node[], format: Format): PathContext | undefined {
  const contexts = contextsOf[format]
  let depth = -1
  const see = (node: Node) => {
    if (node.kind === 'call' && isOfMetric(node.name)) depth = Math.max(depth, contexts.indexOf('metric'))
    if (node.kind !== 'path') return
    const [first] = node.name.replace(/^instrumentation_scope\b/, 'scope').split('.')
    const named = contexts.indexOf(first as PathContext)
    depth = Math.max(depth, named < 0 || !node.name.includes('.') ? recordDepth(node, contexts) : named)
  }
  for (const node of nodes) walk(node, see)
  return contexts[depth < 0 ? recordDepthOf(contexts) : depth]
}

const isOfMetric = (name: string) => name.endsWith('OnDatapoint') || rewritesMetrics(name)

/** Whether an editor changes metrics as a whole. */
const rewritesMetrics = (name: string) => Object.hasOwn(editors, name) && editors[name]!.rewrites === true

/** Fields without a prefix are the record's; names in capitals are numbers, and say nothing. */
const recordDepth = (node: { name: string }, contexts: readonly PathContext[]) =>
  /^[A-Z][A-Z_\d]+$/.test(node.name) ? -1 : recordDepthOf(contexts)

const recordDepthOf = (contexts: readonly PathContext[]) =>
  contexts.findIndex((context) => context === 'log' || context === 'datapoint' || context === 'span')

/** Whether a statement of a context changes what is around it, and so what other records see. */
export function writesAround(writes: Level, context: PathContext | undefined): boolean {
  if (context === 'spanevent') return writes !== Level.event
  if (context === 'resource') return false
  if (context === 'scope') return writes === Level.resource
  if (context === 'metric') return writes >= Level.scope
  return writes >= Level.data
}
