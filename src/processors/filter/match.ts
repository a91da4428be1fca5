import type { z } from 'zod'
import { bool, list, object, oneOf, text } from '../../config/fields.ts'
import type { Condition } from '../../ottl/expression.ts'
import { checkPatterns, type MatchConfig, matchFields, properties } from '../../ottl/match-fields.ts'
import { compileMatch } from '../../ottl/matcher.ts'
import type { Format } from '../../plugin.ts'

// What the Collector's filter had before conditions, and what it still reads: `include` and `exclude`.

const matchType = () => oneOf(['strict', 'regexp']).describe('Whether values are compared, or are regular expressions.')
const names = (what: string) => list(text()).default([]).describe(what)

const severities = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'].flatMap((name) =>
  ['', '2', '3', '4'].map((nth) => name + nth),
)

const metricFields = () =>
  object({
    match_type: matchType(),
    metric_names: names('Names, one of which must match.'),
    resource_attributes: properties('Attributes of the resource that must all match; asked apart from the names.'),
  })

const logFields = () =>
  object({
    match_type: matchType(),
    resource_attributes: properties('Attributes of the resource that must all match.'),
    record_attributes: properties('Attributes of the record that must all match.'),
    severity_texts: names('Severity texts, one of which must match.'),
    severity_number: object({
      min: oneOf(severities).describe('The lowest severity that matches.'),
      match_undefined: bool().default(false).describe('Whether records without a severity match.'),
    }).optional(),
    bodies: names('Bodies that are text, one of which must match.'),
  })

/** `include` and `exclude` of metrics. */
export const metricMatch = () => metricFields().superRefine((config, ctx) => check(metricsOf(config), config, ctx))

/** `include` and `exclude` of logs. */
export const logMatch = () => logFields().superRefine((config, ctx) => check(logsOf(config), config, ctx))

/** `include` and `exclude` of spans. */
export const spanMatch = matchFields

type Of<F extends () => z.ZodType> = z.output<ReturnType<F>>

/** Both, of each signal. */
export interface Matches {
  readonly metrics: Both<typeof metricFields>
  readonly logs: Both<typeof logFields>
  readonly spans: Both<typeof spanMatch>
}

interface Both<F extends () => z.ZodType> {
  readonly include?: Of<F> | undefined
  readonly exclude?: Of<F> | undefined
}

const nothing = {
  services: [],
  span_names: [],
  span_kinds: [],
  log_bodies: [],
  log_severity_texts: [],
  metric_names: [],
  attributes: [],
  resources: [],
  libraries: [],
}

const metricsOf = ({ match_type, metric_names, resource_attributes }: Of<typeof metricFields>): MatchConfig => ({
  ...nothing,
  match_type,
  metric_names,
  resources: resource_attributes,
})

function logsOf(config: Of<typeof logFields>): MatchConfig {
  const { severity_number: severity } = config
  const least = severity && { ...severity, min: severities.indexOf(severity.min) + 1 }
  return {
    ...nothing,
    match_type: config.match_type,
    resources: config.resource_attributes,
    attributes: config.record_attributes,
    log_severity_texts: config.severity_texts,
    log_bodies: config.bodies,
    ...(least && { log_severity_number: least }),
  }
}

const writtenNames: Record<string, string> = {
  resources: 'resource_attributes',
  attributes: 'record_attributes',
  log_severity_texts: 'severity_texts',
  log_bodies: 'bodies',
}

function check(match: MatchConfig, written: object, ctx: z.RefinementCtx): void {
  checkPatterns(match, ctx, (key) => writtenNames[String(key)] ?? key)
  const isEmpty = Object.entries(written).every(
    ([key, value]) => key === 'match_type' || value === undefined || (Array.isArray(value) && value.length === 0),
  )
  const known = Object.keys(written).filter((key) => key !== 'match_type')
  if (isEmpty) ctx.addIssue({ code: 'custom', path: [], message: `needs one of ${known.join(', ')}` })
}

/** What `include` and `exclude` drop: records that the one does not match, and those that the other does. */
export function droppedBy({ metrics, logs, spans }: Matches, format: Format): Condition[] {
  const dropping = <C>({ include, exclude }: { include?: C; exclude?: C }, split: (config: C) => MatchConfig[]) => [
    ...(include ? split(include).map((each) => not(compileMatch(each, format, 'include'))) : []),
    ...(exclude ? split(exclude).map((each) => compileMatch(each, format, 'exclude')) : []),
  ]
  if (format === 'logs') return dropping(logs, (config) => [logsOf(config!)])
  if (format === 'traces') return dropping(spans, (config) => [config!])
  if (format !== 'metrics') return []
  return dropping(metrics, (config) => {
    const both = metricsOf(config!)
    const parts = [
      { ...both, metric_names: [] },
      { ...both, resources: [] },
    ]
    return parts.filter(({ metric_names, resources }) => metric_names.length > 0 || resources.length > 0)
  })
}

const not =
  (condition: Condition): Condition =>
  (cursor) =>
    !condition(cursor)
