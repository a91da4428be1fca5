import type { ReadSeries } from '../runtime/metrics.ts'
import type { Attributes } from '../runtime/own-metric.ts'
import type { Format } from '../telemetry/format.ts'
import type { FamilyPage } from './family-page.ts'
import { isHere, type OtelcolSources } from './otelcol-sources.ts'

/** What `filter`, `tail_sampling` and `probabilistic_sampler` kept and dropped, in the words of the Collector's. */
export function addFilters(page: FamilyPage, sources: OtelcolSources): void {
  addFiltered(page, sources)
  addTail(page, sources)
  addSampled(page, sources)
}

const filtered: Partial<Record<Format, string>> = { logs: 'logs', metrics: 'datapoints', traces: 'spans' }

function addFiltered(page: FamilyPage, { plan, ledger }: OtelcolSources): void {
  const filters = new Set(plan.instances.filter(({ spec }) => spec.type === 'filter').map(({ id }) => id))
  for (const { id: pipeline, format, processors } of plan.pipelines) {
    const what = filtered[format]
    for (const id of what ? processors.filter((each) => filters.has(each)) : []) {
      const account = ledger.accounts.find(
        (each) => each.kind === 'processor' && each.id === id && each.labels.pipeline === pipeline,
      )
      if (account) page.add(`processor_filter_${what}.filtered`, { filter: id }, account.dropped('rule'))
    }
  }
}

function addTail(page: FamilyPage, sources: OtelcolSources): void {
  const add = (
    ours: string,
    theirs: string,
    attributesOf: (labels: ReadSeries['labels']) => Attributes = () => ({}),
  ) => {
    for (const { labels, value } of seriesOf(sources, `tail_sampling_${ours}`))
      page.add(`processor_tail_sampling_${theirs}`, attributesOf(labels), value)
  }
  add('policy_traces_total', 'count_traces_sampled', ({ id, policy, decision }) => {
    const [, name] = id!.split('/')
    return { policy: name === undefined ? policy! : `${name}.${policy}`, ...decided(decision!) }
  })
  add('traces_total', 'global_count_traces_sampled', ({ decision }) => decided(decision!))
  add('held_traces', 'sampling_traces_on_memory')
  add('early_traces_total', 'sampling_trace_dropped_too_early')
  add('failed_conditions_total', 'sampling_policy_evaluation_error')
  add('late_spans_total', 'early_releases_from_cache_decision', ({ sampled }) => ({ sampled: sampled! }))
}

/** What inverted policies decide is a decision like the others'. */
function decided(text: string): Attributes {
  const decision = text.replace('invert_', '')
  return { sampled: String(decision === 'sampled'), decision }
}

function addSampled(page: FamilyPage, sources: OtelcolSources): void {
  for (const { labels, value } of seriesOf(sources, 'probabilistic_sampler_records_total')) {
    const format = sources.plan.pipelines.find(({ id }) => id === labels.pipeline)?.format
    const keys = format === 'logs' ? ['logs_sampled'] : format === 'traces' ? ['spans_processed', 'traces_sampled'] : []
    const { policy, sampled } = labels as Record<'policy' | 'sampled', string>
    for (const key of keys) page.add(`processor_probabilistic_sampler_count_${key}`, { policy, sampled }, value)
  }
}

const seriesOf = ({ plan, metrics }: OtelcolSources, name: string): readonly ReadSeries[] =>
  (metrics.find(`tailrace_${name}`)?.series ?? []).filter(({ labels: { id, pipeline } }) =>
    isHere(plan, { kind: 'processor', id: id!, pipeline: pipeline! }),
  )
