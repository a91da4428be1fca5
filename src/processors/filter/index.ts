import { list, object, oneOf } from '../../config/fields.ts'
import { compileAny, without } from '../../ottl/conditions.ts'
import { type Batch, defineProcessor, type Format } from '../../plugin.ts'
import { condition } from './condition-field.ts'
import { type FilterConfig, sourcesFor } from './sources.ts'

const all = ['envelopes', 'logs', 'metrics', 'traces'] as const
const conditions = (what: string, formats: readonly Format[] = all) =>
  list(condition(formats)).default([]).describe(what)

/** Drops the records that meet a condition. The kept ones are an index over the same bytes: nothing is copied. */
export default defineProcessor({
  type: 'filter',
  stability: 'beta',
  summary: 'Drops records by conditions on kind, name, source id, attributes and other fields.',
  takes: all,
  config: object({
    error_mode: oneOf(['propagate', 'ignore', 'silent'])
      .default('propagate')
      .describe('Accepted as in the Collector. Conditions cannot fail while running, so it changes nothing.'),
    drop: conditions('Conditions for whatever format the pipeline carries: a record that meets any is dropped.'),
    envelopes: object({ envelope: conditions('Conditions on v2 envelopes.', ['envelopes']) }).default({}),
    logs: object({ log_record: conditions('Conditions on OTLP log records.', ['logs']) }).default({}),
    metrics: object({
      metric: conditions('Conditions on OTLP metrics: drops all points of a metric.', ['metrics']),
      datapoint: conditions('Conditions on OTLP data points.', ['metrics']),
    }).default({}),
    traces: object({ span: conditions('Conditions on OTLP spans.', ['traces']) }).default({}),
  }),
  create({ config, host, format }) {
    const drops = compileAll(config, format)
    if (!drops) return (batch) => batch
    return (batch: Batch) => {
      const kept = without(batch, drops)
      if (kept.count < batch.count) host.dropped('rule', batch.count - kept.count)
      return kept.count > 0 ? kept : undefined
    }
  },
})

function compileAll(config: FilterConfig, format: Format) {
  const sources = sourcesFor(config, format)
  return sources.length > 0 ? compileAny(sources, format) : undefined
}
