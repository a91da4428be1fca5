import type { z } from 'zod'
import { Faults, type Field, type NestedIssue, newField } from '../../config/field.ts'
import { bool, int, list, number, object, oneOf, text } from '../../config/fields.ts'
import { ConditionError, compileOpen } from '../../ottl/conditions.ts'
import { patternFault } from '../../ottl/go-regex.ts'

/** Policies that look at a trace themselves. */
const plain = [
  'always_sample',
  'latency',
  'numeric_attribute',
  'probabilistic',
  'status_code',
  'string_attribute',
  'rate_limiting',
  'bytes_limiting',
  'span_count',
  'trace_state',
  'trace_flags',
  'boolean_attribute',
  'ottl_condition',
] as const
const needsNothing = ['always_sample', 'trace_flags']

const key = () => text().describe('The attribute, of a span or of its resource.')
const inverted = () =>
  bool()
    .default(false)
    .describe('Traces without a match are sampled, if no policy is against it; those with one never.')

/** The settings of each type, under its name. */
const settings = {
  latency: object({
    threshold_ms: int({ min: 0 }).default(0).describe('Milliseconds from the first start to the last end, at least.'),
    upper_threshold_ms: int({ min: 0 })
      .default(0)
      .describe('And at most; the first bound itself is then too little. 0: no bound.'),
  })
    .optional()
    .describe('Settings of the type latency.'),
  numeric_attribute: object({
    key: key(),
    min_value: number().optional().describe('The lowest number that matches; 0 or left out: none.'),
    max_value: number().optional().describe('The highest number that matches; 0 or left out: none.'),
    invert_match: inverted(),
  }).optional(),
  probabilistic: object({
    sampling_percentage: number({ min: 0 }).describe('How many of a hundred traces are sampled.'),
    hash_salt: text().default('').describe('Agents with the same salt pick the same traces.'),
  }).optional(),
  status_code: object({
    status_codes: list(oneOf(['OK', 'ERROR', 'UNSET'])).describe('Traces with a span of one of these are sampled.'),
  }).optional(),
  string_attribute: object({
    key: key(),
    values: list(text()).describe('Texts, or regular expressions, of which one must match.'),
    enabled_regex_matching: bool().default(false).describe('Whether the values are regular expressions.'),
    cache_max_size: int({ min: 0 }).default(0).describe('Texts of up to 1 KiB whose match is remembered; 0: 128.'),
    invert_match: inverted(),
  }).optional(),
  rate_limiting: object({
    spans_per_second: int({ min: 0 }).describe('Spans that are sampled in a second, at most.'),
  }).optional(),
  bytes_limiting: object({
    bytes_per_second: int({ min: 1 }).describe('Bytes that are sampled in a second, at most.'),
    burst_capacity: int({ min: 0 }).default(0).describe('Bytes that can be saved up; 0: those of two seconds.'),
  }).optional(),
  span_count: object({
    min_spans: int({ min: 0 }).default(0).describe('Spans of the trace, at least.'),
    max_spans: int({ min: 0 }).default(0).describe('And at most; 0: no bound.'),
  }).optional(),
  trace_state: object({
    key: text().describe('Key of the tracestate.'),
    values: list(text()).describe('Its values that match.'),
  }).optional(),
  boolean_attribute: object({
    key: key(),
    value: bool().default(false).describe('The value that matches.'),
    invert_match: inverted(),
  }).optional(),
  ottl_condition: object({
    error_mode: oneOf(['propagate', 'ignore', 'silent'])
      .default('ignore')
      .describe('Whether a condition that fails on a span is logged; it does not hold there in any case.'),
    span: list(text()).default([]).describe('Conditions on spans, of which one must hold.'),
    spanevent: list(text()).default([]).describe('Conditions on events of spans.'),
  }).optional(),
}

const name = () => text().describe('Names it in metrics.')
const type = <const T extends readonly string[]>(types: T) => oneOf(types).describe('What it looks at.')

/** Policies within another one: the table of options shows their settings once, with those of the outermost. */
function folded<Out>(schema: z.ZodType<Out>, label: string): Field<Out, unknown> {
  const read = (value: unknown) => {
    const result = schema.safeParse(value)
    return result.success ? result.data : new Faults(result.error.issues as NestedIssue[])
  }
  const json = () => ({ type: label === 'policy' ? 'object' : 'array' })
  return newField({ label, json, read })
}

const sub = object({ name: name(), type: type(plain), ...settings }).superRefine(checkPolicy)
const andOf = () =>
  object({
    and_sub_policy: folded(list(sub), 'list of policies').describe('Policies that must all want the trace.'),
  }).optional()
const notOf = () =>
  object({ not_sub_policy: folded(sub, 'policy').describe('A policy that must not want the trace.') }).optional()
const share = object({
  policy: text().describe('Name of the policy.'),
  percent: int({ min: 0, max: 100 }).default(0).describe('Its part of all spans in a second; 0: an equal part.'),
})

const compositeSub = object({
  name: name(),
  type: type([...plain, 'and', 'not']),
  ...settings,
  and: andOf(),
  not: notOf(),
}).superRefine(checkPolicy)

/** One policy. */
const policy = object({
  name: name(),
  type: type([...plain, 'and', 'not', 'drop', 'composite']),
  ...settings,
  and: andOf(),
  not: notOf(),
  drop: object({
    drop_sub_policy: folded(list(sub), 'list of policies').describe(
      'Policies that must all sample a trace to drop it.',
    ),
  }).optional(),
  composite: object({
    max_total_spans_per_second: int({ min: 0 }).describe(
      'Spans that all its policies together may sample in a second.',
    ),
    policy_order: list(text()).default([]).describe('Names of its policies in the order in which they are asked.'),
    composite_sub_policy: folded(list(compositeSub), 'list of policies').describe('Its policies.'),
    rate_allocation: list(share).default([]).describe('What part of all each of them may sample.'),
  }).optional(),
}).superRefine(checkPolicy)

type Context = { addIssue(issue: { code: 'custom'; path: PropertyKey[]; message: string }): void }

/** The policies, each with a name of its own. */
export const policyList = () =>
  list(policy).superRefine((policies, ctx) => {
    if (policies.length === 0) ctx.addIssue({ code: 'custom', message: 'needs a policy at least' })
    const names = policies.map((each) => each.name)
    for (const [i, each] of names.entries()) {
      if (names.indexOf(each) < i)
        issue(ctx as Context, [i, 'name'], `there already is a policy ${JSON.stringify(each)}`)
    }
  })

export type PolicyConfig = (typeof policy)['_zod']['output']
export type SubConfig = (typeof sub)['_zod']['output']
export type CompositeSubConfig = (typeof compositeSub)['_zod']['output']

const issue = (ctx: Context, path: PropertyKey[], message: string) => ctx.addIssue({ code: 'custom', path, message })

/** What schemas of single fields cannot say. */
function checkPolicy(config: Partial<PolicyConfig> & { name: string; type: string }, context: unknown): void {
  const ctx = context as Context
  if (config.name === '') issue(ctx, ['name'], 'must not be empty')
  if (!needsNothing.includes(config.type) && config[config.type as keyof PolicyConfig] === undefined) {
    issue(ctx, [config.type], `is required for a policy of the type ${config.type}`)
  }
  checkValues(config, ctx)
  checkConditions(config, ctx)
  if (config.status_code?.status_codes.length === 0) issue(ctx, ['status_code', 'status_codes'], 'needs a status code')
  for (const [type, subs] of [
    ['and', config.and?.and_sub_policy],
    ['drop', config.drop?.drop_sub_policy],
    ['composite', config.composite?.composite_sub_policy],
  ] as const) {
    if (subs?.length === 0) issue(ctx, [type, `${type}_sub_policy`], 'needs a policy at least')
  }
  const names = config.composite?.composite_sub_policy.map((each) => each.name) ?? []
  const unknown = (each: string) => config.composite !== undefined && !names.includes(each)
  for (const [i, each] of (config.composite?.policy_order ?? []).entries()) {
    if (unknown(each)) issue(ctx, ['composite', 'policy_order', i], `there is no policy ${JSON.stringify(each)} in it`)
  }
  for (const [i, { policy: each }] of (config.composite?.rate_allocation ?? []).entries()) {
    if (unknown(each)) {
      issue(ctx, ['composite', 'rate_allocation', i, 'policy'], `there is no policy ${JSON.stringify(each)} in it`)
    }
  }
}

function checkValues({ string_attribute: config }: Partial<PolicyConfig>, ctx: Context): void {
  if (!config?.enabled_regex_matching) return
  for (const [i, value] of config.values.entries()) {
    const fault = patternFault(value)
    if (fault) issue(ctx, ['string_attribute', 'values', i], fault)
  }
}

function checkConditions({ ottl_condition: config }: Partial<PolicyConfig>, ctx: Context): void {
  if (!config) return
  if (config.span.length + config.spanevent.length === 0) issue(ctx, ['ottl_condition'], 'needs a condition')
  for (const [context, sources] of [
    ['span', config.span],
    ['spanevent', config.spanevent],
  ] as const) {
    for (const [i, source] of sources.entries()) {
      try {
        compileOpen(source, 'traces', context === 'span' ? undefined : context)
      } catch (error) {
        if (!(error instanceof ConditionError)) throw error
        issue(ctx, ['ottl_condition', context, i], error.message)
      }
    }
  }
}
