import { list, object, oneOf } from '../../config/fields.ts'
import { holdFailures, newFailures } from '../../ottl/failures.ts'
import { type Batch, defineProcessor, type Format, newLogSeries } from '../../plugin.ts'
import type { PassBooks } from '../../telemetry/pass.ts'
import type { PathContext } from '../../telemetry/paths.ts'
import { condition, flatConditions } from './condition-field.ts'
import { newDropper } from './dropper.ts'
import { droppedBy, logMatch, metricMatch, spanMatch } from './match.ts'
import { groupsFor } from './sources.ts'

const all = ['envelopes', 'logs', 'metrics', 'traces'] as const
const conditions = (what: string, formats: readonly Format[] = all, context?: PathContext) =>
  list(condition(formats, context)).default([]).describe(what)

/** Drops the records that meet a condition. The kept ones are an index over the same bytes: nothing is copied. */
export default defineProcessor({
  type: 'filter',
  stability: 'beta',
  summary: 'Drops records by conditions on kind, name, source id, attributes and other fields.',
  takes: all,
  config: object({
    error_mode: oneOf(['propagate', 'ignore', 'silent'])
      .default('propagate')
      .describe('What happens when a condition fails on a record: it is dropped, or kept, with or without a log line.'),
    drop: conditions('Conditions for whatever format the pipeline carries: a record that meets any is dropped.'),
    envelopes: object({ envelope: conditions('Conditions on v2 envelopes.', ['envelopes']) }).default({}),
    logs: object({
      resource: conditions('Conditions on resources of logs: drops all their records.', ['logs'], 'resource'),
      log_record: conditions('Conditions on OTLP log records.', ['logs']),
      include: logMatch().optional().describe('What does not match is dropped. An older form of conditions.'),
      exclude: logMatch().optional().describe('What matches is dropped. An older form of conditions.'),
    }).default({}),
    metrics: object({
      resource: conditions('Conditions on resources of metrics: drops all their points.', ['metrics'], 'resource'),
      metric: conditions('Conditions on OTLP metrics: drops all points of a metric.', ['metrics'], 'metric'),
      datapoint: conditions('Conditions on OTLP data points.', ['metrics']),
      include: metricMatch().optional().describe('What does not match is dropped. An older form of conditions.'),
      exclude: metricMatch().optional().describe('What matches is dropped. An older form of conditions.'),
    }).default({}),
    spans: object({
      include: spanMatch().optional().describe('What does not match is dropped. An older form of conditions.'),
      exclude: spanMatch().optional().describe('What matches is dropped. An older form of conditions.'),
    }).default({}),
    traces: object({
      resource: conditions('Conditions on resources of traces: drops all their spans.', ['traces'], 'resource'),
      span: conditions('Conditions on OTLP spans.', ['traces']),
      spanevent: conditions('Conditions on events of spans: drops the event, keeps the span.', ['traces'], 'spanevent'),
    }).default({}),
    log_conditions: flatConditions('logs')
      .default([])
      .describe('Conditions on logs whose fields say what they look at: `log.body`, `resource.attributes["k"]`.'),
    metric_conditions: flatConditions('metrics')
      .default([])
      .describe('The same on metrics: `metric.name`, `datapoint.flags`.'),
    trace_conditions: flatConditions('traces')
      .default([])
      .describe('The same on traces: `span.name`, `spanevent.name`.'),
  }),
  create({ config, host, format }) {
    const groups = groupsFor(config, format)
    const failures = newFailures(host, newLogSeries(host.log, host.clock))
    const held = holdFailures(failures.note)
    const others = droppedBy(config, format)
    const dropper = newDropper(groups, format, config.error_mode, held.note, others)
    const events = host.counter('dropped_span_events', 'Events taken out of spans, which are no records of their own.')
    const tellEvents = () => {
      const taken = dropper.takeEvents()
      if (taken > 0) events.add(taken)
    }
    const forget = () => {
      held.forget()
      dropper.takeEvents()
    }
    const process = (batch: Batch) => {
      try {
        const kept = dropper.keep(batch)
        if (kept.count < batch.count) host.dropped('rule', batch.count - kept.count, batch, kept)
        if (kept.count === 0) return undefined
        const left = dropper.dropEvents(kept)
        tellEvents()
        return left
      } finally {
        held.tell()
      }
    }
    const settle: PassBooks['settle'] = (dropped, lost) => {
      held.tell()
      tellEvents()
      if (dropped > 0) host.dropped('rule', dropped, lost)
    }
    return { process, editor: { pass: dropper.pass, settle, forget }, stop: failures.stop }
  },
})
