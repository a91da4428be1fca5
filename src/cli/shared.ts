import type { ServiceSettings } from '../config/schema.ts'
import { Budget } from '../delivery/budget.ts'
import { Ledger } from '../delivery/ledger.ts'
import { ledgerFamilies } from '../delivery/ledger-families.ts'
import { BatchSampler } from '../engine/batch-sampler.ts'
import { FlowMeter } from '../engine/flow-meter.ts'
import type { Shared } from '../engine/host.ts'
import type { Plan } from '../engine/plan.ts'
import { Taps } from '../engine/taps.ts'
import { systemClock } from '../runtime/clock.ts'
import { type Fields, type Level, newLog } from '../runtime/log.ts'
import { Metrics } from '../runtime/metrics.ts'
import type { OwnMetric } from '../runtime/own-metric.ts'
import { logOutput } from './log-output.ts'

export type EveryShared = Shared & { readonly taps: Taps }

/** What all components share, and the agent's own telemetry that `service.telemetry` asks for. */
export async function newShared(plan: Plan, service: ServiceSettings, logFormat: string | undefined) {
  const { logs } = service.telemetry
  const metrics = new Metrics()
  const ledger = new Ledger()
  let own: () => Iterable<OwnMetric> = () => []
  const sources = { families: () => [...metrics.families(), ...ledgerFamilies(ledger)], own: () => own() }
  const telemetry = wantsOtlp(service)
    ? await (await import('../runtime/otel.ts')).newOtel(service, sources)
    : undefined
  const write = logOutput(logs.output_paths)
  const log = newLog({
    level: logs.level.toLowerCase() as Level,
    format: logFormat === 'json' || (logs.encoding === 'json' && logFormat !== 'text') ? 'json' : 'text',
    stamp: logs.rfc3339 ? 'rfc3339' : 'local',
    fields: initialFields(logs.initial_fields),
    ...(write && { write }),
    ...(telemetry && { tee: telemetry.log }),
  })
  const budget = new Budget('service', plan.memoryLimit)
  budget.softBytes = plan.softMemoryLimit ?? plan.memoryLimit
  const tracer = telemetry?.tracer
  const { max_per_second: maxPerSecond } = service.telemetry.traces
  const sampler = tracer && new BatchSampler({ tracer, clock: systemClock, metrics, maxPerSecond })
  const meter = service.telemetry.metrics.level === 'detailed' ? new FlowMeter(systemClock) : undefined
  const shared: EveryShared = { log, clock: systemClock, metrics, ledger, budget, taps: new Taps(), sampler, meter }
  const closeTelemetry = async () => {
    sampler?.close()
    await telemetry?.close()
  }
  /** What else is sent. */
  const show = (read: typeof own) => {
    own = read
  }
  return { shared, log, closeTelemetry, show }
}

/** What is no scalar is written as JSON. */
const initialFields = (given: Readonly<Record<string, unknown>>): Fields =>
  Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
  )

const wantsOtlp = ({ telemetry }: ServiceSettings): boolean =>
  telemetry.logs.processors !== undefined ||
  (telemetry.traces.processors !== undefined && telemetry.traces.level !== 'none') ||
  telemetry.metrics.readers?.some((reader) => reader.periodic !== undefined) === true
