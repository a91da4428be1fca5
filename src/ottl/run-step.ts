import type { MetricSite } from '../telemetry/metric-site.ts'
import type { Site } from '../telemetry/site.ts'
import type { Condition } from './expression.ts'
import { StatementError } from './ottl-value.ts'
import type { ErrorMode, OnFailure, Step } from './program.ts'

/** Runs one step on the record the site stands on; false when the record must be given up. Throws what is no failure. */
export function runStep(step: Step, site: Site, onFailure: OnFailure): boolean {
  const begins = beginsOn(step, site, onFailure)
  if (begins !== undefined) return begins
  const { statements, errorMode } = step
  for (let i = 0; i < statements.length; i++) {
    const statement = statements[i]!
    try {
      if (statement.where === undefined || statement.where(site)) statement.run(site)
    } catch (cause) {
      if (!failed(cause, errorMode, statement.source, onFailure)) return false
    }
  }
  return true
}

/** Metrics that are made of one: more are a mistake. */
const mostAdded = 1000

/**
 * The same where statements change metrics as a whole. A metric that a statement adds goes through those behind it, if the
 * conditions hold for it too.
 */
export function runMetricStep(step: Step, site: MetricSite, onFailure: OnFailure): boolean {
  const waiting: { metric: Buffer; from: number }[] = []
  const run = (from: number): boolean => {
    const begins = beginsOn(step, site, onFailure)
    if (begins !== undefined) return begins
    const { statements, errorMode } = step
    for (let i = from; i < statements.length; i++) {
      const statement = statements[i]!
      try {
        if (statement.where === undefined || statement.where(site)) statement.run(site)
        const added = site.takeAdded()
        if (waiting.length + added.length > mostAdded) {
          throw new StatementError(`more than ${mostAdded} metrics were made of one`)
        }
        for (const metric of added) waiting.push({ metric, from: i + 1 })
      } catch (cause) {
        if (!failed(cause, errorMode, statement.source, onFailure)) return false
      }
    }
    return true
  }
  if (!run(0)) {
    site.forget()
    return false
  }
  const added: Buffer[] = []
  for (let i = 0; i < waiting.length; i++) {
    const { metric, from } = waiting[i]!
    const became = site.visit(metric, () => run(from))
    if (became) added.push(became)
  }
  site.keep(added)
  return true
}

/** Whether the record goes on without the statements of a step, or not at all; undefined when they are to be run. */
function beginsOn({ conditions, errorMode, cache }: Step, site: Site, onFailure: OnFailure): boolean | undefined {
  if (cache !== undefined) cache.clear()
  try {
    return conditions.length === 0 || holdsAny(conditions, site) ? undefined : true
  } catch (cause) {
    return failed(cause, errorMode, 'conditions', onFailure)
  }
}

function holdsAny(conditions: readonly Condition[], site: Site): boolean {
  for (let i = 0; i < conditions.length; i++) if (conditions[i]!(site)) return true
  return false
}

/** Whether to go on with the record. */
function failed(cause: unknown, mode: ErrorMode, statement: string, onFailure: OnFailure): boolean {
  if (!(cause instanceof StatementError)) throw cause
  onFailure(mode, statement, cause.message)
  return mode !== 'propagate'
}
