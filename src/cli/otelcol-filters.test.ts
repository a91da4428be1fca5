import { expect, test } from 'vitest'
import { Ledger } from '../delivery/ledger.ts'
import { Metrics } from '../runtime/metrics.ts'
import { otelcolFamilies } from './otelcol-families.ts'
import { of, plan } from './otelcol-test-kit.ts'

const processors = ['filter/a', 'tail_sampling', 'tail_sampling/late', 'probabilistic_sampler']
const pipeline = (id: string, format: 'logs' | 'metrics' | 'traces') => {
  return { id, format, receivers: ['otlp'], processors, exporters: ['debug'] }
}

function shown(): string[] {
  const ledger = new Ledger()
  const metrics = new Metrics()
  const count = (name: string, n: number, labels: Record<string, string>) =>
    metrics.counter(`tailrace_${name}`, '', labels).add(n)
  for (const [name, lost] of [
    ['logs', 1],
    ['logs/2', 2],
    ['metrics', 4],
    ['traces', 8],
  ] as const)
    ledger.open('processor', 'filter/a', { pipeline: name }).drop('rule', lost)
  const tail = { id: 'tail_sampling', pipeline: 'traces' }
  const late = { id: 'tail_sampling/late', pipeline: 'traces' }
  count('tail_sampling_policy_traces_total', 3, { ...tail, policy: 'slow', decision: 'sampled' })
  count('tail_sampling_policy_traces_total', 1, { ...tail, policy: 'slow', decision: 'invert_sampled' })
  count('tail_sampling_policy_traces_total', 5, { ...late, policy: 'slow', decision: 'dropped' })
  count('tail_sampling_traces_total', 3, { ...tail, decision: 'not_sampled' })
  count('tail_sampling_traces_total', 4, { ...late, decision: 'not_sampled' })
  metrics.observe('tailrace_tail_sampling_held_traces', '', tail, () => 6)
  count('tail_sampling_early_traces_total', 7, tail)
  count('tail_sampling_failed_conditions_total', 8, tail)
  count('tail_sampling_late_spans_total', 9, { ...tail, sampled: 'true' })
  const sampler = { id: 'probabilistic_sampler', policy: 'trace_id_hash', sampled: 'false' }
  count('probabilistic_sampler_records_total', 10, { ...sampler, pipeline: 'logs' })
  count('probabilistic_sampler_records_total', 11, { ...sampler, pipeline: 'traces' })
  // A reload took them away.
  count('tail_sampling_traces_total', 99, { ...tail, pipeline: 'gone', decision: 'not_sampled' })
  count('probabilistic_sampler_records_total', 99, { ...sampler, id: 'gone', pipeline: 'logs' })
  const pipelines = [pipeline('logs', 'logs'), pipeline('logs/2', 'logs')]
  const here = {
    ...plan,
    instances: [of('filter/a', 'processor', 'filter')],
    pipelines: [...pipelines, pipeline('metrics', 'metrics'), pipeline('traces', 'traces')],
  }
  const flows = () => ({ receivers: [], exporters: [] })
  return otelcolFamilies({ plan: here, ledger, metrics, flows, level: 'basic' }).flatMap(({ name, type, points }) =>
    points.map(({ attributes, value }) => {
      const labels = Object.entries(attributes).map(([key, text]) => `${key}=${text}`)
      return `${type} ${name}{${labels.join(',')}} ${value}`
    }),
  )
}

test('what filters and samplers kept and dropped has the names of the Collector', () => {
  expect(shown().filter((line) => /filter_|sampl/.test(line))).toEqual([
    'counter otelcol_processor_filter_logs.filtered{filter=filter/a} 3',
    'counter otelcol_processor_filter_datapoints.filtered{filter=filter/a} 4',
    'counter otelcol_processor_filter_spans.filtered{filter=filter/a} 8',
    'counter otelcol_processor_tail_sampling_count_traces_sampled{policy=slow,sampled=true,decision=sampled} 4',
    'counter otelcol_processor_tail_sampling_count_traces_sampled{policy=late.slow,sampled=false,decision=dropped} 5',
    'counter otelcol_processor_tail_sampling_global_count_traces_sampled{sampled=false,decision=not_sampled} 7',
    'gauge otelcol_processor_tail_sampling_sampling_traces_on_memory{} 6',
    'counter otelcol_processor_tail_sampling_sampling_trace_dropped_too_early{} 7',
    'counter otelcol_processor_tail_sampling_sampling_policy_evaluation_error{} 8',
    'counter otelcol_processor_tail_sampling_early_releases_from_cache_decision{sampled=true} 9',
    'counter otelcol_processor_probabilistic_sampler_count_logs_sampled{policy=trace_id_hash,sampled=false} 10',
    'counter otelcol_processor_probabilistic_sampler_count_spans_processed{policy=trace_id_hash,sampled=false} 11',
    'counter otelcol_processor_probabilistic_sampler_count_traces_sampled{policy=trace_id_hash,sampled=false} 11',
  ])
})
