import type { Plan } from '../engine/plan.ts'
import type { Attributes } from '../runtime/own-metric.ts'
import type { Format } from '../telemetry/format.ts'
import type { FamilyPage } from './family-page.ts'
import { formatsOf, isHere, lostEarly, type OtelcolSources } from './otelcol-sources.ts'

type Outcome = 'success' | 'failure' | 'refused'

/** Records that went in and came out of every component, whatever it is: `otelcol.receiver.produced.items` and its like. */
export function addItems(page: FamilyPage, sources: OtelcolSources): void {
  const add: Add = (kind, what, more, outcome, value) =>
    page.add(`${kind}.${what}.items`, { 'otelcol.component.kind': kind, ...more, outcome }, Math.round(value))
  addReceiverItems(sources, add)
  addProcessorItems(sources, add)
  addConnectorItems(sources, add)
  addExporterItems(sources, add)
}

type Add = (kind: string, what: 'consumed' | 'produced', more: Attributes, outcome: Outcome, value: number) => void

const of = (id: string, signal: Format | undefined, pipeline?: string): Attributes => ({
  'otelcol.component.id': id,
  ...(pipeline !== undefined && { 'otelcol.pipeline.id': pipeline }),
  ...(signal !== undefined && { 'otelcol.signal': signal }),
})

function addReceiverItems({ plan, flows }: OtelcolSources, add: Add): void {
  for (const { id, format, success, refused } of flows().receivers) {
    if (!isHere(plan, { kind: 'receiver', id })) continue
    add('receiver', 'produced', of(id, format), 'success', success.records)
    if (refused.records > 0) add('receiver', 'produced', of(id, format), 'refused', refused.records)
  }
}

function addProcessorItems({ plan, ledger }: OtelcolSources, add: Add): void {
  for (const { id: pipeline, format, processors } of plan.pipelines) {
    for (const id of processors) {
      const account = ledger.accounts.find(
        (each) => each.kind === 'processor' && each.id === id && each.labels.pipeline === pipeline,
      )
      if (!account) continue
      const labels = of(id, format, pipeline)
      const failed = account.dropped('fault')
      add('processor', 'consumed', labels, 'success', account.received - failed)
      if (failed > 0) add('processor', 'consumed', labels, 'failure', failed)
      add('processor', 'produced', labels, 'success', account.passed + account.made)
    }
  }
}

/** The books of a connector do not tell its signals apart: where it takes or makes several, the label is left out. */
function addConnectorItems({ plan, ledger }: OtelcolSources, add: Add): void {
  for (const { spec, id } of plan.instances) {
    if (spec.kind !== 'connector') continue
    const account = ledger.accounts.find(
      (each) => each.kind === 'processor' && each.id === id && each.labels.pipeline === undefined,
    )
    if (!account) continue
    const input = onlyFormat(plan, 'exporters', id)
    const output = onlyFormat(plan, 'receivers', id)
    const failed = account.dropped('fault')
    add('connector', 'consumed', of(id, input), 'success', account.received - failed)
    if (failed > 0) add('connector', 'consumed', of(id, input), 'failure', failed)
    const produced = { ...of(id, input), ...(output !== undefined && { 'otelcol.signal.output': output }) }
    add('connector', 'produced', produced, 'success', account.passed + account.made)
  }
}

function onlyFormat(plan: Plan, side: 'receivers' | 'exporters', id: string): Format | undefined {
  const formats = new Set(plan.pipelines.filter((each) => each[side].includes(id)).map(({ format }) => format))
  return formats.size === 1 ? [...formats][0] : undefined
}

/** An exporter has taken what got into its queue; what the queue lost or turned away on the way in, it has not. */
function addExporterItems({ plan, ledger, flows }: OtelcolSources, add: Add): void {
  for (const account of ledger.summary()) {
    if (account.kind !== 'queue') continue
    for (const { format, share } of formatsOf(account, plan, flows())) {
      const early = lostEarly(account)
      const labels = of(account.id, format)
      add('exporter', 'consumed', labels, 'success', (account.received - early) * share)
      if (early > 0) add('exporter', 'consumed', labels, 'failure', early * share)
      if (account.turned_away > 0) add('exporter', 'consumed', labels, 'refused', account.turned_away * share)
    }
  }
}
