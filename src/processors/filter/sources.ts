import type { ErrorMode } from '../../ottl/program.ts'
import { contextOfCondition } from '../../ottl/statements.ts'
import type { Format } from '../../plugin.ts'
import type { PathContext } from '../../telemetry/paths.ts'

/** Conditions of one context; those without one are about the record. */
export interface ConditionGroup {
  readonly context: PathContext | undefined
  /** Undefined: that of the whole filter. */
  readonly errorMode: ErrorMode | undefined
  readonly conditions: readonly string[]
}

/** The conditions of a filter, by what they look at. */
export interface FilterConfig {
  drop: readonly string[]
  envelopes: { envelope: readonly string[] }
  logs: { resource: readonly string[]; log_record: readonly string[] }
  metrics: { resource: readonly string[]; metric: readonly string[]; datapoint: readonly string[] }
  traces: { resource: readonly string[]; span: readonly string[]; spanevent: readonly string[] }
  log_conditions: readonly ConditionGroup[]
  metric_conditions: readonly ConditionGroup[]
  trace_conditions: readonly ConditionGroup[]
}

/** The conditions that apply to records of a format. */
export function groupsFor(config: FilterConfig, format: Format): ConditionGroup[] {
  const { drop, envelopes, logs, metrics, traces } = config
  const group = (conditions: readonly string[], context?: PathContext): ConditionGroup => ({
    context,
    errorMode: undefined,
    conditions,
  })
  const groups = [group(drop)]
  if (format === 'envelopes') groups.push(group(envelopes.envelope))
  if (format === 'logs') groups.push(group(logs.resource, 'resource'), group(logs.log_record), ...config.log_conditions)
  if (format === 'metrics') {
    groups.push(group(metrics.resource, 'resource'), group(metrics.metric, 'metric'), group(metrics.datapoint))
    groups.push(...config.metric_conditions)
  }
  if (format === 'traces') {
    groups.push(group(traces.resource, 'resource'), group(traces.span), group(traces.spanevent, 'spanevent'))
    groups.push(...config.trace_conditions)
  }
  return groups.filter(({ conditions }) => conditions.length > 0)
}

/** The context of a condition that names none. */
export const inferred = (condition: string, format: Format): PathContext | undefined => {
  const context = contextOfCondition(condition, format)
  return context === 'log' || context === 'datapoint' || context === 'span' ? undefined : context
}
