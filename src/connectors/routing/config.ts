import type { z } from 'zod'
import { type Field, newField, shown } from '../../config/field.ts'
import { bool, type ConfigOf, list, object, oneOf, text } from '../../config/fields.ts'
import { formatId, parseId, pipelineKinds } from '../../config/schema.ts'
import { Substituted } from '../../config/substituted.ts'
import { Fault } from '../../config/units.ts'
import { ConditionError, type Format, type NamedPipeline } from '../../plugin.ts'
import { compileRoute, routeContexts } from './route.ts'

const kindOf = (id: string) => pipelineKinds.find((kind) => kind === id.split('/')[0])

/** The id of a pipeline, in its usual spelling. */
function pipelineId(): Field<string> {
  const hint = `write one such as logs/app; pipelines are ${pipelineKinds.join(', ')}`
  const read = (value: unknown) => {
    const given = value instanceof Substituted ? value.text : value
    const id = typeof given === 'string' ? parseId(given) : undefined
    if (typeof id !== 'object') return new Fault(id ?? `expected the id of a pipeline, got ${shown(value)}`, hint)
    return kindOf(id.type) ? formatId(id) : new Fault(`unknown pipeline signal: "${id.type}"`, hint)
  }
  return newField({ label: 'pipeline', json: () => ({ type: 'string' }), read })
}

const row = object({
  context: oneOf(['resource', 'span', 'metric', 'datapoint', 'log', 'request'])
    .optional()
    .describe(
      'What fields without a prefix belong to, and what is moved: with `resource` all records of it. Left out: what the prefixes say, `log.body`, else the resource; envelopes have none.',
    ),
  condition: text().optional().describe('Records that meet it take this way: `attributes["tenant"] == "acme"`.'),
  statement: text().optional().describe('The same, written `route() where attributes["tenant"] == "acme"`.'),
  action: oneOf(['move', 'copy'])
    .default('move')
    .describe('copy: records that meet it go on to the rows below and the default as well.'),
  pipelines: list(pipelineId()).describe('Where they go.'),
})

/** Settings of the connector. */
export const config = object({
  table: list(row).describe('The ways, asked in order.'),
  default_pipelines: list(pipelineId())
    .default([])
    .describe('Where records go that no row took; none: they are dropped and counted as `no_destination`.'),
  error_mode: oneOf(['propagate', 'ignore', 'silent'])
    .default('propagate')
    .describe(
      'What happens when a condition fails on a record: it is dropped, or not met, with or without a log line.',
    ),
  match_once: bool()
    .optional()
    .describe(
      'Deprecated. false: records go every way whose condition they meet, the default is for those that meet none.',
    ),
}).superRefine(check)

export type RoutingConfig = ConfigOf<typeof config>
type Parsed = Pick<RoutingConfig, 'table' | 'default_pipelines'>

/** All pipelines that the settings name. */
export function namedPipelines({ table, default_pipelines }: Parsed): NamedPipeline[] {
  const at = (ids: readonly string[], path: readonly PropertyKey[]) => ids.map((id, i) => ({ id, path: [...path, i] }))
  return [
    ...table.flatMap(({ pipelines }, i) => at(pipelines, ['table', i, 'pipelines'])),
    ...at(default_pipelines, ['default_pipelines']),
  ]
}

/** What it takes and hands on: what its pipelines carry. */
export const formatOf = (settings: Parsed): Format => kindOf(namedPipelines(settings)[0]?.id ?? '') ?? 'logs'

function check(settings: Parsed, ctx: z.RefinementCtx): void {
  const wrong = (path: readonly PropertyKey[], message: string, hint?: string) =>
    ctx.addIssue({ code: 'custom', path: [...path], message, ...(hint !== undefined && { params: { hint } }) })
  const { table } = settings
  if (table.length === 0)
    wrong(['table'], 'invalid routing table: the routing table is empty', 'write one row at least')
  const format = formatOf(settings)
  for (const { id, path } of namedPipelines(settings)) {
    if (kindOf(id) === format) continue
    const message = `"${id}" carries other records than "${namedPipelines(settings)[0]!.id}": all pipelines of one connector are of one kind`
    wrong(path, message, 'write a second connector routing/... for it')
  }
  const contexts = routeContexts(format)
  for (const [i, each] of table.entries()) {
    const { context, condition, statement, pipelines } = each
    const path = ['table', i]
    if (pipelines.length === 0) wrong([...path, 'pipelines'], 'invalid route: no pipelines defined')
    if ((condition ?? '') === '' && (statement ?? '') === '') {
      wrong(path, 'invalid route: no condition or statement provided')
    } else if (condition !== undefined && statement !== undefined) {
      wrong(path, 'invalid route: both condition and statement provided')
    } else if (context === 'request' && statement !== undefined) {
      wrong([...path, 'statement'], `"request" context requires a 'condition'`)
    } else if (context !== undefined && !contexts.includes(context)) {
      wrong([...path, 'context'], `${format} have no context ${context}: write one of ${contexts.join(', ')}, or none`)
    } else {
      const fault = faultOf(each, format)
      if (fault !== undefined) wrong([...path, condition === undefined ? 'statement' : 'condition'], fault)
    }
  }
}

function faultOf(each: Parsed['table'][number], format: Format): string | undefined {
  try {
    compileRoute(each, format)
    return undefined
  } catch (error) {
    if (error instanceof ConditionError) return error.message
    throw error
  }
}
