import { Budget } from '../../delivery/budget.ts'
import { Ledger } from '../../delivery/ledger.ts'
import { newHost } from '../../engine/host.ts'
import { ManualClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { Metrics } from '../../runtime/metrics.ts'

/** A host for one processor, with its books; `metric('name')` reads its counter or gauge `tailrace_<type>_<name>`. */
export function processorHost(type: string) {
  const metrics = new Metrics()
  const ledger = new Ledger()
  const account = ledger.open('processor', type)
  const shared = { log: silentLog, clock: new ManualClock(), metrics, ledger, budget: new Budget('service') }
  const options = {
    kind: 'processor',
    type,
    id: type,
    account,
    readsOrigins: false,
    extension: () => undefined,
  } as const
  const metric = (name: string) => metrics.find(`tailrace_${type}_${name}`)?.series[0]?.value
  return { host: newHost(shared, options), account, metric }
}
