import type { Station } from '../engine/flow-meter.ts'
import type { Attributes } from '../runtime/own-metric.ts'
import type { FamilyPage } from './family-page.ts'
import { isHere, isSendingQueue, type OtelcolSources } from './otelcol-sources.ts'

/** What is measured at level `detailed` alone: bytes at both ends of every component, and times of processors. */
export function addSizes(page: FamilyPage, { meter, ledger, plan }: OtelcolSources): void {
  for (const station of meter?.stations ?? []) {
    const { kind, id } = station.place
    if (!isHere(plan, station.place)) continue
    for (const way of ['consumed', 'produced'] as const) {
      // A receiver takes nothing in, an exporter gives nothing out.
      for (const [format, { bytes }] of station[way])
        page.add(`${kind}.${way}.size`, { ...attributesOf(station, way, format), outcome: 'success' }, bytes.sum)
    }
    if (kind === 'processor')
      for (const format of station.consumed.keys())
        page.add('processor_internal_duration', { processor: id, 'otel.signal': format }, station.took)
    const hasQueue = ledger.accounts.some((each) => each.id === id && isSendingQueue(each, plan))
    if (kind !== 'exporter' || !hasQueue) continue
    for (const { records, bytes } of station.consumed.values()) {
      page.add('exporter_enqueue_size', { exporter: id }, records)
      page.add('exporter_enqueue_size_bytes', { exporter: id }, bytes)
    }
  }
}

/** A connector tells the signal that it made from the one it got, when that is only one. */
function attributesOf({ place, consumed }: Station, way: 'consumed' | 'produced', format: string): Attributes {
  const { kind, id, pipeline = '' } = place
  const common = { 'otelcol.component.kind': kind, 'otelcol.component.id': id, 'otelcol.pipeline.id': pipeline }
  if (kind !== 'connector' || way === 'consumed') return { ...common, 'otelcol.signal': format }
  const input = consumed.size === 1 ? [...consumed.keys()][0]! : ''
  return { ...common, 'otelcol.signal': input, 'otelcol.signal.output': format }
}
