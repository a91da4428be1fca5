import { bool, int, number, object, oneOf, text } from '../../config/fields.ts'
import { type Batch, Cursor, defineProcessor, type Format, newLogSeries } from '../../plugin.ts'
import { Site } from '../../telemetry/site.ts'
import { mostDigits } from './bits56.ts'
import { Judge, policies } from './judge.ts'
import { LogCarrier } from './log-carrier.ts'
import { newDecide } from './modes.ts'
import { logPriority, spanPriority } from './priority.ts'
import { SpanCarrier } from './span-carrier.ts'

const traceIdField: Partial<Record<Format, number>> = { logs: 9, traces: 1 }

/** Passes on a percentage of traces: every agent with the same settings picks the same ones. */
export default defineProcessor({
  type: 'probabilistic_sampler',
  stability: 'beta',
  summary: 'Passes on a percentage of spans and log records, the same traces in every agent.',
  takes: ['logs', 'traces'],
  config: object({
    sampling_percentage: number({ min: 0 }).describe('How many of a hundred pass; 100 and more: all, 0: none.'),
    mode: oneOf(['hash_seed', 'equalizing', 'proportional'])
      .default('hash_seed')
      .describe(
        'What decides: a hash of the trace id, or the randomness that OpenTelemetry has in it; with `equalizing` the percentage is of what there was at first, with `proportional` of what arrives.',
      ),
    hash_seed: int({ min: 0, max: 0xffffffff })
      .default(0)
      .describe('Agents with the same seed pick the same; give each tier its own.'),
    fail_closed: bool()
      .default(true)
      .describe('Whether records without usable randomness are dropped; otherwise they pass.'),
    sampling_precision: int({ min: 1, max: mostDigits })
      .default(4)
      .describe('Hexadecimal digits of the thresholds that are written.'),
    attribute_source: oneOf(['traceID', 'record'])
      .default('traceID')
      .describe('Logs: whether the trace id is hashed where there is one, or only from_attribute.'),
    from_attribute: text().default('').describe('Logs: the attribute that is hashed otherwise (mode hash_seed).'),
    sampling_priority: text()
      .default('')
      .describe('Logs: an attribute that says the percentage for its record. Spans have `sampling.priority`.'),
  }),
  create({ config, host, format }) {
    const isTraces = format === 'traces'
    const { mode, sampling_percentage: percentage, sampling_precision: precision, from_attribute: attribute } = config
    const usesTraceId = isTraces || mode !== 'hash_seed' || config.attribute_source === 'traceID'
    const failures = newLogSeries(host.log, host.clock)
    const faults = host.counter('unusable_randomness', 'Records whose sampling could not be worked out.')
    const carrier = isTraces ? new SpanCarrier() : new LogCarrier()
    const judge = new Judge({
      mode,
      decide: newDecide(mode, percentage, precision),
      seed: config.hash_seed,
      failClosed: config.fail_closed,
      traceIdField: usesTraceId ? traceIdField[format] : undefined,
      attribute: isTraces ? '' : attribute,
      priority: isTraces ? spanPriority : logPriority(config.sampling_priority, precision),
      carrier,
      onFault(fault) {
        faults.add(1)
        failures.note(fault, `a record has ${fault}; it ${config.fail_closed ? 'was dropped' : 'passes'}`)
      },
    })
    for (const [i, policy] of policies.entries()) {
      for (const sampled of [0, 1]) {
        const labels = { policy, sampled: String(sampled === 1) }
        host.total('records', 'Decisions, by what they rested on.', () => judge.decisions[i * 2 + sampled]!, labels)
      }
    }
    const cursor = new Cursor()
    const site = new Site()
    const isSampled = (row: number) => judge.sampled(cursor.at(row))
    const process = (batch: Batch): Batch | undefined => {
      cursor.over(batch)
      carrier.begin()
      const kept = batch.where(isSampled)
      if (kept.count < batch.count) host.dropped('rule', batch.count - kept.count, batch, kept)
      if (kept.count === 0) return undefined
      if (!carrier.changed) return kept
      site.begin(kept)
      for (let i = 0; i < kept.count; i++) carrier.apply(site.at(kept.rowAt(i)), i)
      return site.finish(kept)
    }
    return {
      process,
      stop: async () => failures.close(),
    }
  },
})
