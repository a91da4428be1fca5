import { object, oneOf } from '../../config/fields.ts'
import { Cache } from '../../ottl/cache.ts'
import { compileOpen } from '../../ottl/conditions.ts'
import { holdFailures, newFailures } from '../../ottl/failures.ts'
import { compileProgram, type ErrorMode, type Step } from '../../ottl/program.ts'
import { compileStatement } from '../../ottl/statements.ts'
import { defineProcessor, type Format, newLogSeries } from '../../plugin.ts'
import { editor } from '../../telemetry/pass.ts'
import { type StatementGroup, statements } from './statements-field.ts'

/** Changes records by statements of the Collector's transformation language (a subset: see the README). */
export default defineProcessor({
  type: 'transform',
  stability: 'beta',
  summary: 'Changes records by statements such as set(attributes["env"], "prod") where name == "x" (OTTL).',
  takes: ['envelopes', 'logs', 'metrics', 'traces'],
  config: object({
    error_mode: oneOf(['propagate', 'ignore', 'silent'])
      .default('propagate')
      .describe(
        'What happens when a statement fails on a record: it is dropped, or the next statement is tried, logged or not.',
      ),
    log_statements: statements('logs').default([]).describe('Statements on OTLP logs: contexts resource, scope, log.'),
    metric_statements: statements('metrics')
      .default([])
      .describe('Statements on OTLP metrics: contexts resource, scope, metric, datapoint.'),
    trace_statements: statements('traces')
      .default([])
      .describe('Statements on OTLP traces: contexts resource, scope, span, spanevent.'),
    envelope_statements: statements('envelopes').default([]).describe('Statements on v2 envelopes.'),
  }),
  create({ config, host, format }) {
    const groups = groupsFor(config, format)
    if (groups.length === 0) return { process: (batch) => batch }
    const failures = newFailures(host, newLogSeries(host.log, host.clock))
    const held = holdFailures(failures.note)
    const { passes, rewrites, run } = compileProgram(
      groups.map((group) => stepOf(group, format, config.error_mode)),
      format,
      held.note,
    )
    const { stop } = failures
    if (passes.length === 1 && !rewrites) return { ...editor(passes[0]!, failures.booked(held)), stop }
    return { process: failures.counted(run, held), stop }
  },
})

interface Config {
  log_statements: StatementGroup[]
  metric_statements: StatementGroup[]
  trace_statements: StatementGroup[]
  envelope_statements: StatementGroup[]
}

function groupsFor(config: Config, format: Format): StatementGroup[] {
  if (format === 'logs') return config.log_statements
  if (format === 'metrics') return config.metric_statements
  if (format === 'traces') return config.trace_statements
  return format === 'envelopes' ? config.envelope_statements : []
}

function stepOf({ context, errorMode, conditions, statements }: StatementGroup, format: Format, mode: ErrorMode): Step {
  const cache = new Cache()
  const tests = conditions.map((each) => compileOpen(each, format, context, cache))
  const compiled = statements.map((each) => compileStatement(each, format, context, cache))
  const reaches = [...tests, ...compiled].map(({ reach }) => reach)
  return {
    context,
    errorMode: errorMode ?? mode,
    conditions: tests.map(({ condition }) => condition),
    statements: compiled,
    reads: reaches.reduce((levels, reach) => levels | reach.levels, 0),
    looksAside: reaches.some(({ aside }) => aside),
    rewrites: compiled.some(({ rewrites }) => rewrites),
    cache: cache.isUsed ? cache : undefined,
  }
}
