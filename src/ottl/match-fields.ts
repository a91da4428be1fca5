import type { z } from 'zod'
import { anything, bool, int, list, object, oneOf, text } from '../config/fields.ts'
import type { Format } from '../telemetry/format.ts'
import { patternFault } from './go-regex.ts'

/** A list of attributes, `{key, value}`, that must all match. */
export const properties = (what: string) =>
  list(
    object({
      key: text().describe('Its name.'),
      value: anything().optional().describe('Its value; any, when left out.'),
    }),
  )
    .default([])
    .describe(what)
const names = (what: string) => list(text()).default([]).describe(what)

/** The settings of `include` and `exclude`. */
export const matchFields = () =>
  object({
    match_type: oneOf(['strict', 'regexp']).describe(
      'Whether names and values are compared, or are regular expressions.',
    ),
    regexp: object({
      cacheenabled: bool().default(false).describe('Accepted as in the Collector; nothing is cached.'),
      cachemaxnumentries: int({ min: 0 }).default(0).describe('Accepted as in the Collector.'),
    }).optional(),
    services: names('Spans: values of the resource attribute service.name.'),
    span_names: names('Spans: names.'),
    span_kinds: names('Spans: kinds, `SPAN_KIND_SERVER`.'),
    log_bodies: names('Logs: bodies that are text.'),
    log_severity_texts: names('Logs: severity texts.'),
    log_severity_number: object({
      min: int({ min: 0, max: 24 }).default(0).describe('The lowest severity number that matches.'),
      match_undefined: bool().default(false).describe('Whether records without a severity match.'),
    }).optional(),
    metric_names: names('Metrics: names.'),
    attributes: properties('Attributes that must all match.'),
    resources: properties('Attributes of the resource that must all match.'),
    libraries: list(
      object({
        name: text().describe('Name of the instrumentation scope.'),
        version: text().optional().describe('Its version; any, when left out.'),
      }),
    )
      .default([])
      .describe('Instrumentation scopes of which one must match.'),
  }).superRefine((config, ctx) => checkPatterns(config, ctx))

/** Reports what is no regular expression where they are meant. `written` is the name of a setting in the file. */
export function checkPatterns(
  config: Patterned & { match_type: 'strict' | 'regexp' },
  ctx: z.RefinementCtx,
  written: (key: PropertyKey) => PropertyKey = (key) => key,
): void {
  if (config.match_type !== 'regexp') return
  for (const [[key, ...path], source] of patternsIn(config)) {
    const message = patternFault(source)
    if (message) ctx.addIssue({ code: 'custom', path: [written(key), ...path], message })
  }
}

const named = ['services', 'span_names', 'span_kinds', 'log_bodies', 'log_severity_texts', 'metric_names'] as const
type Patterned = { readonly [K in (typeof named)[number]]: readonly string[] } & {
  readonly attributes: readonly { value?: unknown }[]
  readonly resources: readonly { value?: unknown }[]
  readonly libraries: readonly { name: string; version?: string | undefined }[]
}

/** What is a regular expression when they are meant, with its place. */
function* patternsIn(config: Patterned): Generator<[[PropertyKey, ...PropertyKey[]], string]> {
  for (const key of named) for (const [i, each] of config[key].entries()) yield [[key, i], each]
  for (const key of ['attributes', 'resources'] as const) {
    for (const [i, { value }] of config[key].entries()) if (value != null) yield [[key, i, 'value'], String(value)]
  }
  for (const [i, { name, version }] of config.libraries.entries()) {
    yield [['libraries', i, 'name'], name]
    if (version !== undefined) yield [['libraries', i, 'version'], version]
  }
}

export type MatchConfig = ReturnType<typeof matchFields>['_zod']['output']

/** The keys that say something about records of a format. */
export const keysFor: Readonly<Record<Format, readonly (keyof MatchConfig)[]>> = {
  traces: ['services', 'span_names', 'span_kinds', 'attributes', 'resources', 'libraries'],
  logs: ['log_bodies', 'log_severity_texts', 'log_severity_number', 'attributes', 'resources', 'libraries'],
  metrics: ['metric_names', 'attributes', 'resources', 'libraries'],
  envelopes: ['log_bodies', 'metric_names', 'attributes'],
  dropsonde: ['attributes'],
}
