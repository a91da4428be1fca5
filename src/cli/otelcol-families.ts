import { batchSizeBounds } from '../delivery/batch-stats.ts'
import type { Account, Ledger } from '../delivery/ledger.ts'
import type { DropReason } from '../delivery/reasons.ts'
import type { Plan } from '../engine/plan.ts'
import type { Flows } from '../pipeline.ts'
import type { ProcessorSpec } from '../plugin.ts'
import type { Metrics } from '../runtime/metrics.ts'
import type { Format } from '../telemetry/format.ts'
import type { Family } from '../wire/prometheus/write.ts'
import { processFamilies } from './otelcol-process.ts'

/** What the families are read from. */
export interface OtelcolSources {
  readonly plan: Plan
  readonly ledger: Ledger
  readonly metrics: Metrics
  flows(): Flows
  /** `service.telemetry.metrics.level`. */
  readonly level: 'basic' | 'normal' | 'detailed'
}

/** How the Collector calls the records of a signal in names of metrics. */
const records: Readonly<Record<Format, string>> = {
  logs: 'log_records',
  metrics: 'metric_points',
  traces: 'spans',
  envelopes: 'envelopes',
  dropsonde: 'v1_envelopes',
}

/** Losses before a record got into the sending queue; all others happen while it is sent. */
const notEnqueued = new Set<DropReason>(['queue_full', 'displaced', 'unfair_share', 'memory', 'too_large'])

/** Losses that another attempt would not have prevented. */
const permanent = new Set<DropReason>(['rejected', 'malformed', 'not_representable', 'fault'])

type Labels = Readonly<Record<string, string>>

/** Families under construction, in the order of their first sample. */
class Page {
  private readonly families = new Map<string, Family & { samples: Family['samples'][number][] }>()

  add(name: string, help: string, type: Family['type'], labels: Labels, value: number, suffix?: string): void {
    const full = `otelcol_${name}`
    const family = this.families.get(full) ?? { name: full, help, type, samples: [] }
    this.families.set(full, family)
    const pairs = Object.entries(labels).filter(([, text]) => text !== '')
    const key = JSON.stringify(pairs)
    const same = family.samples.find((sample) => sample.suffix === suffix && JSON.stringify(sample.labels) === key)
    // Queues of several destinations are one exporter there.
    if (same) same.value += value
    else family.samples.push({ labels: pairs, value, ...(suffix && { suffix }) })
  }

  all(): Family[] {
    return [...this.families.values()]
  }
}

/** The families of the Collector's own telemetry, so that its dashboards keep working, read from the books as they stand now. */
export function otelcolFamilies(sources: OtelcolSources): Family[] {
  const page = new Page()
  addReceivers(page, sources)
  addProcessors(page, sources)
  addExporters(page, sources)
  if (sources.level !== 'basic') addBatches(page, sources)
  return [...page.all(), ...processFamilies()]
}

function addReceivers(page: Page, { plan, metrics, ledger, flows }: OtelcolSources): void {
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

function addProcessors(page: Page, { plan, ledger, metrics }: OtelcolSources): void {
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

function addExporters(page: Page, { plan, ledger, flows, level }: OtelcolSources): void {
  for (const account of ledger.summary()) {
    if (account.kind !== 'queue') continue
    const exporter = account.id
    for (const { format, share } of formatsOf(account, plan, flows())) {
      const count = (kind: string, help: string, value: number) =>
        page.add(`exporter_${kind}_${records[format]}`, help, 'counter', { exporter }, Math.round(value * share))
      const lost = account.losses()
      const early = sum(lost.filter(([reason]) => notEnqueued.has(reason)))
      count('sent', 'Number of records successfully sent to destination.', account.sent)
      const failed = 'Number of records in failed attempts to send to destination.'
      if (level !== 'detailed') count('send_failed', failed, sum(lost) - early)
      else
        for (const [reason, n] of lost.filter(([reason]) => !notEnqueued.has(reason))) {
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

const sum = (losses: readonly [DropReason, number][]): number => losses.reduce((total, [, n]) => total + n, 0)

/**
 * The signals whose records an account counts, each with its part of them. A queue of its own for each signal says so in
 * its labels; where one queue takes several, what it counts is split as what came in.
 */
function formatsOf(account: Account, plan: Plan, { exporters }: Flows): { format: Format; share: number }[] {
  const fed = plan.pipelines.filter(({ exporters: ids }) => ids.includes(account.id)).map(({ format }) => format)
  const labelled = account.labels.signal as Format | undefined
  if (labelled && labelled in records) {
    // A queue that no pipeline leads to is no exporter of that signal.
    return fed.includes(labelled) || account.received > 0 ? [{ format: labelled, share: 1 }] : []
  }
  const came = exporters.filter(({ id }) => id === account.id)
  const all = came.reduce((total, { received }) => total + received, 0)
  if (all > 0) return came.map(({ format, received }) => ({ format, share: received / all }))
  return [...new Set(fed)].map((format) => ({ format, share: 1 }))
}

/** Batches of the queues right behind a `batch` processor: there the queues make them. */
function addBatches(page: Page, { plan, ledger, level }: OtelcolSources): void {
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
  page: Page,
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
