import { type FlowOutcome, flowOutcomes } from '../engine/flow-counts.ts'
import type { ReadSeries } from '../runtime/metrics.ts'
import type { FamilyPage } from './family-page.ts'
import { records } from './otelcol-instruments.ts'
import { isHere, type OtelcolSources } from './otelcol-sources.ts'

type Flow = ReturnType<OtelcolSources['flows']>['receivers'][number]

/** What receivers handed on, and what became of it. Those of several transports count by transport themselves. */
export function addReceivers(page: FamilyPage, sources: OtelcolSources): void {
  const { plan, ledger, metrics } = sources
  const all = sources.flows().receivers
  for (const { spec, id, config } of plan.instances) {
    if (spec.kind !== 'receiver' || !isHere(plan, { kind: 'receiver', id })) continue
    const flows = all.filter((flow) => flow.id === id)
    const own: Own = (what) =>
      (metrics.find(`tailrace_${spec.type}_${what}_total`)?.series ?? []).filter(
        ({ labels }) => labels.id === id && 'transport' in labels,
      )
    if (own('requests').length > 0) {
      addOwn(page, flows, own)
      continue
    }
    const account = ledger.accounts.find((each) => each.kind === 'receiver' && each.id === id)
    // The account does not tell its signals apart.
    const lost = flows.length === 1 ? (account?.droppedTotal ?? 0) : 0
    addFlows(page, flows, transportOf(spec.type, config), lost)
  }
}

/** The counters of a receiver whose names end so. */
type Own = (what: string) => readonly ReadSeries[]

const kinds: Readonly<Record<FlowOutcome, string>> = { success: 'accepted', refused: 'refused', failure: 'failed' }

function addOwn(page: FamilyPage, flows: readonly Flow[], own: Own): void {
  for (const { id: receiver, format } of flows)
    for (const kind of Object.values(kinds))
      for (const { labels, value } of own(`${kind}_records`))
        if (labels.signal === format)
          page.add(`receiver_${kind}_${records[format]}`, { receiver, transport: labels.transport! }, value)
  for (const { labels, value } of own('requests')) {
    const { id: receiver, transport, outcome } = labels as Record<'id' | 'transport' | 'outcome', string>
    page.add('receiver_requests', { receiver, transport, outcome }, value)
  }
}

function addFlows(page: FamilyPage, flows: readonly Flow[], transport: string, lost: number): void {
  for (const { id: receiver, format, ...flow } of flows)
    for (const outcome of flowOutcomes) {
      const { records: count, requests } = flow[outcome]
      const value = outcome === 'failure' ? lost : count
      page.add(`receiver_${kinds[outcome]}_${records[format]}`, { receiver, transport }, value)
      page.add('receiver_requests', { receiver, transport, outcome }, requests)
    }
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
