import { batchSizeBounds } from '../delivery/batch-stats.ts'
import type { Account } from '../delivery/ledger.ts'
import type { DropReason } from '../delivery/reasons.ts'
import type { Plan } from '../engine/plan.ts'
import type { ProcessorSpec } from '../plugin.ts'
import type { Format } from '../telemetry/format.ts'
import type { Family } from '../wire/prometheus/write.ts'
import { FamilyPage, type Labels } from './family-page.ts'
import { addItems } from './otelcol-items.ts'
import { processFamilies } from './otelcol-process.ts'
import { addScrapers } from './otelcol-scrapers.ts'
import { formatsOf, lostEarly, lostLate, type OtelcolSources, records, sum } from './otelcol-sources.ts'

/** Losses that another attempt would not have prevented. */
const permanent = new Set<DropReason>(['rejected', 'malformed', 'not_representable', 'fault'])

/** The families of the Collector's own telemetry, so that its dashboards keep working, read from the books as they stand now. */
export function otelcolFamilies(sources: OtelcolSources): Family[] {
  const page = new FamilyPage()
  addReceivers(page, sources)
  addScrapers(page, sources)
  addProcessors(page, sources)
  addExporters(page, sources)
  addItems(page, sources)
  if (sources.level !== 'basic') addBatches(page, sources)
  return [...page.all(), ...processFamilies()]
}

function addReceivers(page: FamilyPage, { plan, metrics, ledger, flows }: OtelcolSources): void {
  const add = (kind: string, format: Format, labels: Labels, value: number) =>
    page.add(`receiver_${kind}_${records[format]}`, receiverHelp[kind]!, 'counter', labels, value)
  for (const { id, format, taken, refused } of flows().receivers) {
    const instance = plan.instances.find(({ spec, id: other }) => spec.kind === 'receiver' && other === id)
    // Receivers of several transports count by transport themselves.
    const own = (kind: string) => {
      const series = metrics.find(`tailrace_${instance?.spec.type}_${kind}_records_total`)?.series ?? []
      return series.filter(({ labels }) => labels.id === id && labels.signal === format && 'transport' in labels)
    }
    const split = own('accepted')
    for (const { labels, value } of split)
      add('accepted', format, { receiver: id, transport: labels.transport! }, value)
    for (const { labels, value } of own('refused'))
      add('refused', format, { receiver: id, transport: labels.transport! }, value)
    for (const { labels, value } of own('failed'))
      add('failed', format, { receiver: id, transport: labels.transport! }, value)
    if (split.length > 0) continue
    const labels = { receiver: id, transport: transportOf(instance?.spec.type ?? '', instance?.config) }
    add('accepted', format, labels, taken)
    add('refused', format, labels, refused)
    const account = ledger.accounts.find((each) => each.kind === 'receiver' && each.id === id)
    const alone = flows().receivers.filter((flow) => flow.id === id).length === 1
    add('failed', format, labels, alone ? (account?.droppedTotal ?? 0) : 0)
  }
}

const receiverHelp: Readonly<Record<string, string>> = {
  accepted: 'Number of records successfully pushed into the pipeline.',
  refused: 'Number of records that could not be pushed into the pipeline.',
  failed: 'Number of records that failed to be processed by the receiver.',
}

const transports: Readonly<Record<string, string>> = {
  dropsonde: 'udp',
  hostmetrics: '',
  loggregator: 'grpc',
  prometheus: 'http',
  statsd: 'udp',
}

/** `grpc` or `http` of an OTLP receiver with one protocol, `tcp` or `udp` of syslog. */
function transportOf(type: string, config: unknown): string {
  const known = transports[type]
  if (known !== undefined) return known
  const { protocols, ...own } = (config ?? {}) as { protocols?: Record<string, unknown>; [key: string]: unknown }
  const names = Object.entries(protocols ?? own).filter(
    ([name, value]) => value && ['grpc', 'http', 'tcp', 'udp'].includes(name),
  )
  return names.map(([name]) => name).join('/')
}

function addProcessors(page: FamilyPage, { plan, ledger, metrics }: OtelcolSources): void {
  const refused = metrics.find('tailrace_memory_limiter_refused_records_total')?.series ?? []
  for (const { id: pipeline, format, processors } of plan.pipelines) {
    for (const id of processors) {
      const account = ledger.accounts.find(
        (each) => each.kind === 'processor' && each.id === id && each.labels.pipeline === pipeline,
      )
      if (!account) continue
      const labels = { processor: id, otel_signal: format }
      const { received, passed, made } = account
      page.add('processor_incoming_items', 'Number of items passed to the processor.', 'counter', labels, received)
      page.add(
        'processor_outgoing_items',
        'Number of items emitted from the processor.',
        'counter',
        labels,
        passed + made,
      )
      if (!specOf(plan, id)?.memory) continue
      const name = `processor_memory_limiter_accepted_${records[format]}`
      page.add(
        name,
        'Number of records successfully pushed into the next component.',
        'counter',
        { processor: id },
        received,
      )
      for (const { labels, value } of refused) {
        if (labels.id !== id || labels.pipeline !== pipeline) continue
        const name = `processor_memory_limiter_refused_${records[format]}`
        page.add(
          name,
          'Number of records that were rejected by the memory limiter.',
          'counter',
          { processor: id },
          value,
        )
      }
    }
  }
}

const specOf = (plan: Plan, id: string) =>
  plan.instances.find(({ spec, id: other }) => spec.kind === 'processor' && other === id)?.spec as
    | ProcessorSpec
    | undefined

function addExporters(page: FamilyPage, { plan, ledger, flows, level }: OtelcolSources): void {
  for (const account of ledger.summary()) {
    if (account.kind !== 'queue') continue
    const exporter = account.id
    for (const { format, share } of formatsOf(account, plan, flows())) {
      const count = (kind: string, help: string, value: number) =>
        page.add(`exporter_${kind}_${records[format]}`, help, 'counter', { exporter }, Math.round(value * share))
      const early = lostEarly(account)
      const late = lostLate(account)
      count('sent', 'Number of records successfully sent to destination.', account.sent)
      const failed = 'Number of records in failed attempts to send to destination.'
      if (level !== 'detailed') count('send_failed', failed, sum(late))
      else
        for (const [reason, n] of late) {
          const labels = { exporter, error_type: reason, error_permanent: String(permanent.has(reason)) }
          page.add(`exporter_send_failed_${records[format]}`, failed, 'counter', labels, Math.round(n * share))
        }
      count('enqueue_failed', 'Number of records failed to be added to the sending queue.', early + account.turned_away)
      if (!account.fill) continue
      const labels = { exporter, data_type: format }
      const { size, capacity } = account.fill
      page.add('exporter_queue_size', 'Current size of the retry queue.', 'gauge', labels, Math.round(size() * share))
      page.add('exporter_queue_capacity', 'Fixed capacity of the retry queue.', 'gauge', labels, capacity)
    }
  }
}

/** Batches of the queues right behind a `batch` processor: there the queues make them. */
function addBatches(page: FamilyPage, { plan, ledger, level }: OtelcolSources): void {
  const queues = ledger.summary().filter((account) => account.batches)
  if (level === 'detailed')
    for (const { id, batches } of queues) addSizes(page, 'exporter_queue_batch_send_size', { exporter: id }, batches!)
  for (const { format, processors, exporters } of plan.pipelines) {
    const id = processors.findLast((each) => specOf(plan, each)?.batching)
    if (id === undefined) continue
    const labels = { processor: id }
    for (const { batches, ...account } of queues) {
      if (!exporters.includes(account.id) || (account.labels.signal ?? format) !== format || !batches) continue
      const help = 'Number of times the batch was sent due to'
      page.add('processor_batch_batch_size_trigger_send', `${help} a size trigger.`, 'counter', labels, batches.bySize)
      page.add('processor_batch_timeout_trigger_send', `${help} a timeout trigger.`, 'counter', labels, batches.byAge)
      addSizes(page, 'processor_batch_batch_send_size', { ...labels, exporter: account.id }, batches)
    }
  }
}

function addSizes(
  page: FamilyPage,
  name: string,
  labels: Labels,
  { sizes, records: total }: NonNullable<Account['batches']>,
): void {
  const help = 'Number of units in the batch.'
  let count = 0
  for (const [i, bound] of [...batchSizeBounds, '+Inf'].entries()) {
    count += sizes[i]!
    page.add(name, help, 'histogram', { ...labels, le: String(bound) }, count, '_bucket')
  }
  page.add(name, help, 'histogram', labels, total, '_sum')
  page.add(name, help, 'histogram', labels, count, '_count')
}
