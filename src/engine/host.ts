import type { Budget } from '../delivery/budget.ts'
import type { Account, Ledger } from '../delivery/ledger.ts'
import type { Batching } from '../delivery/settings.ts'
import type { ComponentKind, Consumer, Host, ServiceStatus } from '../plugin.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { Labels, Metrics } from '../runtime/metrics.ts'
import { type Format, formats } from '../telemetry/format.ts'
import type { BatchSampler } from './batch-sampler.ts'
import type { FlowMeter } from './flow-meter.ts'
import type { Taps } from './taps.ts'

/** What all components of one process share. */
export interface Shared {
  readonly log: Log
  readonly clock: Clock
  readonly metrics: Metrics
  readonly ledger: Ledger
  readonly budget: Budget
  /** Where somebody may look on; absent: nobody ever does. */
  readonly taps?: Taps
  /** Which batches are traced; absent: none. */
  readonly sampler?: BatchSampler | undefined
  /** Where bytes and times are measured; absent: nobody wants to know. */
  readonly meter?: FlowMeter | undefined
}

export interface HostOptions {
  kind: ComponentKind
  type: string
  id: string
  pipeline?: string
  /** The books of a receiver or processor; an exporter opens one per queue. */
  account?: Account
  readsOrigins: boolean
  /** Told when the component looks at `readsOrigins`: then it must be made anew when that changes. */
  onOriginsRead?: () => void
  extension: (id: string) => unknown
  /** Where a processor's records go. Default: nowhere, which is a fault. */
  next?: Consumer
  /** Told of every account that an exporter opens. */
  opened?: (account: Account) => void
  /** What `batch` processors ask of an exporter's queues. Default: nothing. */
  batching?: (format?: Format) => Batching | undefined
  /** In which formats records come to an exporter. Default: in all. */
  formats?: readonly Format[]
  /** Default: a service of nothing that has not started. */
  status?: () => ServiceStatus
}

const nothingRuns: ServiceStatus = { ready: false, readySince: undefined, components: [], pipelines: [] }

/** The host of one component. Its own metrics are named `tailrace_<type>_<name>`, told apart by the label `id`. */
export function newHost(shared: Shared, options: HostOptions): Host {
  const { kind, type, id, pipeline, account } = options
  const own = (labels: Labels = {}): Labels => ({ id, ...(pipeline && { pipeline }), ...labels })
  const books = () => {
    if (!account) throw new Error(`${kind} ${id} has no books of its own: an exporter counts in host.account()`)
    return account
  }
  return {
    kind,
    id,
    pipeline,
    log: shared.log.named(id),
    clock: shared.clock,
    metrics: shared.metrics,
    ledger: shared.ledger,
    budget: shared.budget,
    get readsOrigins() {
      options.onOriginsRead?.()
      return options.readsOrigins
    },
    dropped(reason, records, evidence, part) {
      // A receiver drops before it offers: the law counts these records as offered too.
      if (kind === 'receiver') books().offered += records
      books().drop(reason, records, evidence, part)
    },
    consumed(records) {
      books().consumed += records
    },
    made(records) {
      books().made += records
    },
    holds(read) {
      books().held = read
    },
    handOn(batch) {
      books().passed += batch.count
      if (!options.next) throw new Error(`${kind} ${id} has nobody to hand records on to`)
      options.next.consume(batch)
    },
    counter: (name, help, labels) => shared.metrics.counter(`tailrace_${type}_${name}_total`, help, own(labels)),
    total: (name, help, read, labels) =>
      shared.metrics.observe(`tailrace_${type}_${name}_total`, help, own(labels), read, 'counter'),
    gauge: (name, help, read, labels) => shared.metrics.observe(`tailrace_${type}_${name}`, help, own(labels), read),
    account(labels, how) {
      const opened = shared.ledger.open('queue', id, labels, how)
      options.opened?.(opened)
      return opened
    },
    formats: options.formats ?? formats,
    batching: (format) => options.batching?.(format),
    status: () => options.status?.() ?? nothingRuns,
    extension: <T>(wanted: string) => options.extension(wanted) as T | undefined,
  }
}
