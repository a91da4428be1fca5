import { Budget } from '../../delivery/budget.ts'
import { Ledger } from '../../delivery/ledger.ts'
import { newHost } from '../../engine/host.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { Metrics } from '../../runtime/metrics.ts'
import type { Batch } from '../batch.ts'

/**
 * A host for one processor, with its books; `metric('name')` reads its counter or gauge `tailrace_<type>_<name>`. What
 * it hands on later is in `handed`.
 */
export function processorHost(type: string, memory?: number) {
  const metrics = new Metrics()
  const ledger = new Ledger()
  const clock = new ManualClock()
  const budget = new Budget('service', memory)
  const account = ledger.open('processor', type)
  const shared = { log: silentLog, clock, metrics, ledger, budget }
  const handed: Batch[] = []
  const options = {
    kind: 'processor',
    type,
    id: type,
    account,
    readsOrigins: false,
    extension: () => undefined,
    next: { consume: (batch: Batch) => void handed.push(batch) },
  } as const
  const metric = (name: string, labels: Record<string, string> = {}) =>
    metrics
      .find(`tailrace_${type}_${name}`)
      ?.series.find((series) => Object.entries(labels).every(([key, value]) => series.labels[key] === value))?.value
  return { host: newHost(shared, options), account, metric, handed, clock, budget }
}
