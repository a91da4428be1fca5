import type { z } from 'zod'
import { anything, type ConfigOf, list, map, object, text } from '../../config/fields.ts'
import { ConditionError, compileCondition } from '../../ottl/conditions.ts'
import type { Format } from '../../plugin.ts'
import type { PathContext } from '../../telemetry/paths.ts'
import type { CountSettings } from './counter.ts'

const metric = object({
  description: text().default('').describe('Description of the metric.'),
  conditions: list().default([]).describe('What meets any of them is counted; none: everything.'),
  attributes: list(
    object({
      key: text({ notEmpty: true }).describe(
        'An attribute of what is counted, else of its scope, else of its resource.',
      ),
      default_value: anything()
        .optional()
        .refine(
          (value) => value === undefined || ['string', 'number'].includes(typeof value),
          'expected text or a number',
        )
        .describe('Its value where it is absent; none: what lacks it is not counted.'),
    }),
  )
    .default([])
    .describe('Each set of their values is counted by itself, as a data point with these attributes.'),
})

const metrics = (name: string, what: string) =>
  map(metric)
    .default({ [name]: { description: `The number of ${what} observed.` } })
    .describe(`Metrics that count ${what}, by name.`)

/** What is counted, in which format and context its conditions are. */
export const sections = {
  spans: { format: 'traces', context: 'span' },
  spanevents: { format: 'traces', context: 'spanevent' },
  metrics: { format: 'metrics', context: 'metric' },
  datapoints: { format: 'metrics', context: 'datapoint' },
  logs: { format: 'logs', context: 'log' },
} as const satisfies Record<string, { format: Format; context: PathContext }>
export type Section = keyof typeof sections

/** Settings of the connector. */
export const config = object({
  spans: metrics('trace.span.count', 'spans'),
  spanevents: metrics('trace.span.event.count', 'span events'),
  metrics: metrics('metric.count', 'metrics'),
  datapoints: metrics('metric.datapoint.count', 'data points'),
  logs: metrics('log.record.count', 'log records'),
}).superRefine(check)

export type CountConfig = ConfigOf<typeof config>

/** The metrics of a section as the counters want them. */
export const settingsOf = (config: CountConfig, section: Section): [string, CountSettings][] =>
  Object.entries(config[section]) as [string, CountSettings][]

function check(settings: Record<Section, Record<string, z.output<typeof metric>>>, ctx: z.RefinementCtx): void {
  const wrong = (path: PropertyKey[], message: string) => ctx.addIssue({ code: 'custom', path, message })
  for (const [section, { format, context }] of Object.entries(sections)) {
    for (const [name, { conditions, attributes }] of Object.entries(settings[section as Section])) {
      if (name === '') wrong([section], `${section}: metric name missing`)
      if (section === 'metrics' && attributes.length > 0)
        wrong([section, name, 'attributes'], 'metrics have no attributes: count them by datapoints, or by conditions')
      for (const [i, condition] of conditions.entries()) {
        const fault = faultOf(condition, format, context)
        if (fault !== undefined) wrong([section, name, 'conditions', i], fault)
      }
    }
  }
}

function faultOf(condition: string, format: Format, context: PathContext): string | undefined {
  try {
    compileCondition(condition, format, context)
    return undefined
  } catch (error) {
    if (error instanceof ConditionError) return error.message
    throw error
  }
}
