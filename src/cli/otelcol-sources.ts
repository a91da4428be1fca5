import type { DeliveryConfig } from '../delivery/fields.ts'
import type { Account, Ledger } from '../delivery/ledger.ts'
import type { DropReason } from '../delivery/reasons.ts'
import type { FlowMeter, Place } from '../engine/flow-meter.ts'
import type { Plan } from '../engine/plan.ts'
import type { Flows } from '../pipeline.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { type Format, formats } from '../telemetry/format.ts'
import type { MetricsLevel } from './otelcol-instruments.ts'
import type { View } from './otelcol-views.ts'

/** What the families are read from. */
export interface OtelcolSources {
  readonly plan: Plan
  readonly ledger: Ledger
  readonly metrics: Metrics
  flows(): Flows
  /** `service.telemetry.metrics.level`. */
  readonly level: MetricsLevel
  /** Where bytes and times were measured; absent: nowhere. */
  readonly meter?: FlowMeter | undefined
  /** `service.telemetry.metrics.views`. */
  readonly views?: readonly View[] | undefined
}

/** Whether pipelines lead through a component: what a reload took away is not shown any more. */
export function isHere({ pipelines }: Plan, { kind, id, pipeline }: Place): boolean {
  if (kind === 'receiver') return pipelines.some(({ receivers }) => receivers.includes(id))
  if (kind !== 'processor') return pipelines.some(({ exporters }) => exporters.includes(id))
  return pipelines.some((each) => each.id === pipeline && each.processors.includes(id))
}

/** Losses before a record got into the sending queue; all others happen while it is sent. */
const notEnqueued = new Set<DropReason>(['queue_full', 'displaced', 'unfair_share', 'memory', 'too_large'])

/** Records that never got into a sending queue. */
export const lostEarly = (account: Account): number =>
  sum(account.losses().filter(([reason]) => notEnqueued.has(reason)))

/** Losses while records were sent. */
export const lostLate = (account: Account): [DropReason, number][] =>
  account.losses().filter(([reason]) => !notEnqueued.has(reason))

export const sum = (losses: readonly [DropReason, number][]): number => losses.reduce((total, [, n]) => total + n, 0)

/**
 * The signals whose records an account counts, each with its part of them. A queue of its own for each signal says so in
 * its labels; where one queue takes several, what it counts is split as what came in.
 */
export function formatsOf(account: Account, plan: Plan, { exporters }: Flows): { format: Format; share: number }[] {
  const fed = plan.pipelines.filter(({ exporters: ids }) => ids.includes(account.id)).map(({ format }) => format)
  if (fed.length === 0) return []
  const labelled = account.labels.signal as Format | undefined
  if (labelled && formats.includes(labelled)) {
    // A queue that no pipeline leads to is no exporter of that signal.
    return fed.includes(labelled) || account.received > 0 ? [{ format: labelled, share: 1 }] : []
  }
  const came = exporters.filter(({ id }) => id === account.id)
  const all = came.reduce((total, { received }) => total + received, 0)
  if (all > 0) return came.map(({ format, received }) => ({ format, share: received / all }))
  return [...new Set(fed)].map((format) => ({ format, share: 1 }))
}

/** Whether an account is a sending queue as the Collector knows it: one that is switched off only bounds what is on the way. */
export function isSendingQueue({ kind, id, fill }: Account, plan: Plan): boolean {
  if (kind !== 'queue' || !fill) return false
  const exporter = plan.instances.find(({ spec, id: other }) => spec.kind === 'exporter' && other === id)
  return (exporter?.config as Partial<DeliveryConfig> | undefined)?.sending_queue?.enabled !== false
}
