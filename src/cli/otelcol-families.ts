import type { DropReason } from '../delivery/reasons.ts'
import type { Plan } from '../engine/plan.ts'
import type { ProcessorSpec } from '../plugin.ts'
import type { Attributes, OwnMetric } from '../runtime/own-metric.ts'
import { FamilyPage } from './family-page.ts'
import { addFilters } from './otelcol-filters.ts'
import { records } from './otelcol-instruments.ts'
import { addItems } from './otelcol-items.ts'
import { addProcess } from './otelcol-process.ts'
import { addReceivers } from './otelcol-receivers.ts'
import { addScrapers } from './otelcol-scrapers.ts'
import { addSizes } from './otelcol-sizes.ts'
import { formatsOf, isSendingQueue, lostEarly, lostLate, type OtelcolSources, sum } from './otelcol-sources.ts'
import { viewed } from './otelcol-views.ts'

/** Losses that another attempt would not have prevented. */
const permanent = new Set<DropReason>(['rejected', 'malformed', 'not_representable', 'fault'])

/** The families of the Collector's own telemetry, so that its dashboards keep working, read from the books as they stand now. */
export function otelcolFamilies(sources: OtelcolSources): OwnMetric[] {
  const page = new FamilyPage(sources.level)
  addReceivers(page, sources)
  addScrapers(page, sources)
  addProcessors(page, sources)
  addFilters(page, sources)
  addExporters(page, sources)
  addItems(page, sources)
  addBatches(page, sources)
  addSizes(page, sources)
  addProcess(page)
  return viewed(page.all(), sources.views)
}

function addProcessors(page: FamilyPage, { plan, ledger, metrics }: OtelcolSources): void {
  const refused = metrics.find('tailrace_memory_limiter_refused_records_total')?.series ?? []
  for (const { id: pipeline, format, processors } of plan.pipelines) {
    for (const id of processors) {
      const account = ledger.accounts.find(
        (each) => each.kind === 'processor' && each.id === id && each.labels.pipeline === pipeline,
      )
      if (!account) continue
      const attributes = { processor: id, 'otel.signal': format }
      const { received, passed, made } = account
      page.add('processor_incoming_items', attributes, received)
      page.add('processor_outgoing_items', attributes, passed + made)
      if (!specOf(plan, id)?.memory) continue
      page.add(`processor_memory_limiter_accepted_${records[format]}`, { processor: id }, received)
      for (const { labels, value } of refused)
        if (labels.id === id && labels.pipeline === pipeline)
          page.add(`processor_memory_limiter_refused_${records[format]}`, { processor: id }, value)
    }
  }
}

const instanceOf = (plan: Plan, id: string) =>
  plan.instances.find(({ spec, id: other }) => spec.kind === 'processor' && other === id)

const specOf = (plan: Plan, id: string) => instanceOf(plan, id)?.spec as ProcessorSpec | undefined

function addExporters(page: FamilyPage, { plan, ledger, flows, level }: OtelcolSources): void {
  for (const account of ledger.summary()) {
    if (account.kind !== 'queue') continue
    const exporter = account.id
    for (const { format, share } of formatsOf(account, plan, flows())) {
      const count = (kind: string, value: number, more: Attributes = {}) =>
        page.add(`exporter_${kind}_${records[format]}`, { exporter, ...more }, Math.round(value * share))
      const late = lostLate(account)
      count('sent', account.sent)
      if (level !== 'detailed') count('send_failed', sum(late))
      for (const [reason, n] of level === 'detailed' ? late : [])
        count('send_failed', n, { 'error.type': reason, 'error.permanent': String(permanent.has(reason)) })
      count('enqueue_failed', lostEarly(account) + account.turned_away)
      const attributes = { exporter, data_type: format }
      if (account.inFlight) page.add('exporter_in_flight_requests', attributes, Math.round(account.inFlight() * share))
      if (!account.fill || !isSendingQueue(account, plan)) continue
      page.add('exporter_queue_size', attributes, Math.round(account.fill.size() * share))
      page.add('exporter_queue_capacity', attributes, account.fill.capacity)
    }
  }
}

/** Batches of the queues right behind a `batch` processor: there the queues make them. */
function addBatches(page: FamilyPage, { plan, ledger }: OtelcolSources): void {
  const queues = ledger.summary().filter((account) => account.batches)
  for (const { id, batches } of queues) {
    page.add('exporter_queue_batch_send_size', { exporter: id }, batches!.records)
    page.add('exporter_queue_batch_send_size_bytes', { exporter: id }, batches!.bytes)
  }
  for (const { format, processors, exporters } of plan.pipelines) {
    const id = processors.findLast((each) => specOf(plan, each)?.batching)
    if (id === undefined) continue
    // With keys nobody counts what they are: nothing is kept for each combination.
    const { metadataKeys = [] } = specOf(plan, id)!.batching!(instanceOf(plan, id)!.config as never)
    if (metadataKeys.length === 0) page.add('processor_batch_metadata_cardinality', { processor: id }, 1)
    for (const { batches, ...account } of queues) {
      if (!exporters.includes(account.id) || (account.labels.signal ?? format) !== format || !batches) continue
      page.add('processor_batch_batch_size_trigger_send', { processor: id }, batches.bySize)
      page.add('processor_batch_timeout_trigger_send', { processor: id }, batches.byAge)
      const attributes = { processor: id, exporter: account.id }
      page.add('processor_batch_batch_send_size', attributes, batches.records)
      page.add('processor_batch_batch_send_size_bytes', attributes, batches.bytes)
    }
  }
}
