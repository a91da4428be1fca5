import type { z } from 'zod'
import { bool, either, int, list, number, object, oneOf, text } from './fields.ts'

const instrumentTypes = [
  'counter',
  'gauge',
  'histogram',
  'up_down_counter',
  'observable_counter',
  'observable_gauge',
  'observable_up_down_counter',
] as const

/** Each bound is larger than the one before it. */
function rising(bounds: number[] | undefined, report: z.RefinementCtx): void {
  const at = bounds?.findIndex((bound, i) => i > 0 && !(bound > bounds[i - 1]!)) ?? -1
  if (at < 0) return
  const message = `bounds rise: ${bounds![at]} cannot stand behind ${bounds![at - 1]}`
  report.addIssue({ code: 'custom', path: [at], message })
}

const aggregation = () =>
  object({
    default: object({}).optional().describe('As it is.'),
    drop: object({}).optional().describe('It is not shown.'),
    sum: object({}).optional().describe('Of a histogram only the sum.'),
    last_value: object({}).optional().describe('Of a sum what it is now: a gauge.'),
    explicit_bucket_histogram: object({
      boundaries: list(number()).optional().superRefine(rising).describe('Upper bounds of a histogram, rising.'),
      record_min_max: bool().default(true).describe('Accepted for the sake of Collector files.'),
    })
      .optional()
      .describe('Other bounds: exact where they are among its own.'),
  })

/** One entry of `service.telemetry.metrics.views`: which of the Collector's instruments, and what becomes of them. */
export const view = () =>
  object({
    selector: object({
      instrument_name: text()
        .optional()
        .describe('Name as in OTLP, without suffixes; `*` stands for any text, `?` for one character.'),
      instrument_type: oneOf(instrumentTypes).optional().describe('Type; with and without `observable_` the same.'),
      unit: text().optional().describe('Unit, as `By`.'),
      meter_name: text().optional().describe('Name of the scope.'),
      meter_version: text().optional().describe('Version of the scope: none has one, so nothing fits.'),
      meter_schema_url: text().optional().describe('Schema of the scope: none has one, so nothing fits.'),
    })
      .describe('Those that all of these fit.')
      .superRefine((selector, report) => {
        if (Object.values(selector).some(Boolean)) return
        const message = "a view needs something to pick by, such as `instrument_name: 'otelcol_exporter_*'`"
        report.addIssue({ code: 'custom', path: [], message })
      }),
    stream: object({
      name: text().optional().describe('Another name.'),
      description: text().optional().describe('Another help text.'),
      aggregation: aggregation().optional().describe('What is made of the values.'),
      aggregation_cardinality_limit: int({ min: 0 }).optional().describe('Accepted for the sake of Collector files.'),
      attribute_keys: either(
        list(),
        object({
          included: list().optional().describe('Only these.'),
          excluded: list().default([]).describe('All but these.'),
        }).superRefine(({ included, excluded }, report) => {
          for (const [i, name] of excluded.entries()) {
            if (!included?.includes(name)) continue
            const message = `${JSON.stringify(name)} is in \`included\` too: an attribute stays or goes`
            report.addIssue({ code: 'custom', path: ['excluded', i], message })
          }
        }),
      )
        .optional()
        .describe('Attributes that are kept; series that then are the same are added up.'),
    })
      .default({})
      .describe('What is shown of them.'),
  }).superRefine(({ selector, stream }, report) => {
    if (stream.name === undefined || (selector.instrument_name && !/[*?]/.test(selector.instrument_name))) return
    const message = 'a view that may pick several instruments cannot give them one name'
    report.addIssue({ code: 'custom', path: ['stream', 'name'], message })
  })

export type View = z.output<ReturnType<typeof view>>
