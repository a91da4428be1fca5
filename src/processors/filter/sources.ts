import type { Format } from '../../plugin.ts'

/** The conditions of a filter, by what they look at. */
export interface FilterConfig {
  drop: readonly string[]
  envelopes: { envelope: readonly string[] }
  logs: { log_record: readonly string[] }
  metrics: { metric: readonly string[]; datapoint: readonly string[] }
  traces: { span: readonly string[] }
}

/** The conditions that apply to records of a format. */
export function sourcesFor(
  { drop, envelopes, logs, metrics, traces }: FilterConfig,
  format: Format,
): readonly string[] {
  if (format === 'envelopes') return [...drop, ...envelopes.envelope]
  if (format === 'logs') return [...drop, ...logs.log_record]
  if (format === 'metrics') return [...drop, ...metrics.metric, ...metrics.datapoint]
  return format === 'traces' ? [...drop, ...traces.span] : drop
}
