import type { Account } from '../delivery/ledger.ts'
import type {
  Component,
  ConnectorSpec,
  Consumer,
  Exporter,
  ExporterSpec,
  ExtensionSpec,
  Host,
  ProcessorSpec,
  ReceiverSpec,
  ServiceStatus,
} from '../plugin.ts'
import type { Metrics } from '../runtime/metrics.ts'
import type { Batch } from '../telemetry/batch.ts'
import type { Format } from '../telemetry/format.ts'
import type { ExporterBatching } from './batching.ts'
import { Life } from './component-state.ts'
import type { Standing } from './difference.ts'
import { newFaultLog } from './faults.ts'
import type { Flow } from './flow-counts.ts'
import { GuardedQueues, guardExporter } from './guard.ts'
import { type HostOptions, newHost, type Shared } from './host.ts'
import { type IntakeOptions, ReceiverIntake } from './intake.ts'
import { Port, ProcessorNode, withBooks } from './nodes.ts'
import type { Instance } from './plan.ts'
import { type Stage, stagedMetrics } from './stage.ts'
import type { Wanted } from './wanted.ts'

/** A component that was made, what the graph knows of it, and where it is plugged in. */
export interface Part extends Standing {
  /** Replaced when a reload keeps the part: its pipelines and `required` may be others. */
  wanted: Wanted
  /** A processor that is a plain function has no life of its own. */
  readonly component: Component | undefined
  readonly uses: Set<string>
  readonly plug: Plug
  /** The books that it shares with whoever was here before it and comes after it. */
  readonly accounts: readonly Account[]
  /** Takes back what it shows of itself. */
  conceal(): void
  started: boolean
  /** It was told to stop: how that goes. */
  stopping: Promise<void> | undefined
  stopped: boolean
  readonly life: Life
  /** Why it did not start. */
  error: string | undefined
}

/** The ends of a part. */
export type Plug =
  | { readonly kind: 'extension' }
  | { readonly kind: 'exporter'; readonly made: Exporter; readonly consumer: Consumer }
  | { readonly kind: 'connector'; readonly entrance: Port; readonly outlets: readonly Outlet[] }
  | { readonly kind: 'processor'; readonly entrance: Port; readonly out: Port }
  | { readonly kind: 'receiver'; readonly sources: ReadonlyMap<Format, Source> }

/** A place where batches leave a connector: for all pipelines behind it, or for those named. */
export interface Outlet {
  readonly port: Port
  readonly pipelines: readonly string[] | undefined
}

/** Where batches of one format leave a receiver. */
export interface Source {
  readonly port: Port
  readonly intake: ReceiverIntake
  /** Those of the intake, which asks them anew each time. */
  readonly options: IntakeOptions
}

/** What parts are made with. */
export interface Workshop {
  readonly shared: Shared
  readonly stage: Stage
  /** A running extension. */
  extension(id: string): unknown
  status(): ServiceStatus
  batching(exporter: string): ExporterBatching
  /** Told of every batch that comes to an exporter. */
  came(exporter: string, batch: Batch): void
  /** Told of every account that a part opens. */
  opened(account: Account): void
  /** What a receiver counts of one format, whoever was or will be the receiver. */
  flow(receiver: string, format: Format): Flow
}

/** Makes the component; throws what its `create` throws, with its name. */
export function makePart(wanted: Wanted, shop: Workshop): Part {
  const uses = new Set<string>()
  const concealed: (() => void)[] = []
  const accounts: Account[] = []
  const note = { knowsOrigins: false }
  const open = (account: Account) => {
    if (accounts.includes(account)) return
    accounts.push(account)
    shop.opened(account)
  }
  const { shared, stage } = shop
  const metrics = stagedMetrics(shared.metrics, stage, (fn) => void concealed.push(fn))
  const hostOf = (more: Pick<HostOptions, 'account' | 'next' | 'opened' | 'batching'> = {}): Host =>
    newHost(
      { ...shared, metrics },
      {
        kind: wanted.kind,
        type: wanted.instance.spec.type,
        id: wanted.id,
        ...(wanted.pipeline !== undefined && { pipeline: wanted.pipeline }),
        ...(wanted.formats && { formats: wanted.formats }),
        readsOrigins: wanted.readsOrigins,
        onOriginsRead: () => {
          note.knowsOrigins = true
        },
        extension: (id) => {
          uses.add(`extension ${id}`)
          return shop.extension(id)
        },
        status: shop.status,
        ...more,
      },
    )
  const making: Making = { wanted, shop, hostOf, open }
  const { component, plug } = created(wanted.instance, () => makers[wanted.kind](making))
  const part: Part = {
    wanted,
    component,
    uses,
    get knowsOrigins() {
      return note.knowsOrigins
    },
    plug,
    accounts,
    conceal: () => {
      for (const fn of concealed.splice(0)) fn()
    },
    started: false,
    stopping: undefined,
    stopped: false,
    life: new Life(shared.clock),
    error: undefined,
    get failed() {
      // An extension is tried again as it is: others have it in their hands.
      return this.error !== undefined && wanted.kind !== 'extension'
    },
  }
  if (component?.ready) showReady(part, metrics)
  return part
}

/** Of those who say so themselves. */
function showReady(part: Part, metrics: Pick<Metrics, 'observe'>): void {
  const { kind, id, pipeline } = part.wanted
  const help = 'Whether a component can do its work; of exporters: whether they deliver.'
  const labels = { kind, id, ...(pipeline !== undefined && { pipeline }) }
  metrics.observe('tailrace_component_ready', help, labels, () => (part.started && part.component!.ready!() ? 1 : 0))
}

interface Making {
  readonly wanted: Wanted
  readonly shop: Workshop
  hostOf(more?: Pick<HostOptions, 'account' | 'next' | 'opened' | 'batching'>): Host
  open(account: Account): void
}

type Made = Pick<Part, 'component' | 'plug'>

const makers: Record<Wanted['kind'], (making: Making) => Made> = {
  extension({ wanted: { instance }, hostOf }) {
    const component = specOf<ExtensionSpec>(instance).create({ config: instance.config, host: hostOf() })
    return { component, plug: { kind: 'extension' } }
  },

  exporter({ wanted: { id, instance }, shop, hostOf, open }) {
    const queues = new GuardedQueues()
    const opened = (account: Account) => {
      open(account)
      queues.add(account)
    }
    const host = hostOf({ opened, batching: shop.batching(id) })
    const made = specOf<ExporterSpec>(instance).create({ config: instance.config, host })
    const own = () => shop.shared.ledger.open('queue', id)
    const fault = faultLog(shop.shared, id)
    const guarded = guardExporter(made, { queues, own, fault, came: (batch) => shop.came(id, batch) })
    const consumer = shop.shared.meter?.station({ kind: 'exporter', id }).before(guarded) ?? guarded
    return { component: made, plug: { kind: 'exporter', made, consumer } }
  },

  connector({ wanted: { id, instance }, shop: { shared }, hostOf, open }) {
    const account = shared.ledger.open('processor', id)
    open(account)
    const books = withBooks(account, faultLog(shared, id))
    const station = shared.meter?.station({ kind: 'connector', id })
    const outlets: Outlet[] = []
    const into = (pipelines?: readonly string[]) => {
      const port = new Port()
      outlets.push({ port, pipelines })
      return books.out(station?.behind(port) ?? port)
    }
    const use = { config: instance.config, host: hostOf({ account }), next: into(), into }
    const made = specOf<ConnectorSpec>(instance).create(use)
    const around = books.around(made)
    const entrance = new Port(station?.before(around) ?? around)
    return { component: whole(made), plug: { kind: 'connector', entrance, outlets } }
  },

  processor({ wanted: { id, instance, pipeline, around }, shop: { shared }, hostOf, open }) {
    const account = shared.ledger.open('processor', id, { pipeline: pipeline! })
    open(account)
    const out = new Port()
    const station = shared.meter?.station({ kind: 'processor', id, pipeline: pipeline! })
    const next = station?.behind(out) ?? out
    const format = JSON.parse(around) as Format
    const host = hostOf({ account, next })
    const made = specOf<ProcessorSpec>(instance).create({ config: instance.config, host, format })
    const process = typeof made === 'function' ? made : made.process
    const editor = typeof made === 'function' ? undefined : made.editor
    const node = new ProcessorNode(process, account, next, faultLog(shared, id), editor)
    const component = typeof made === 'function' ? undefined : whole(made)
    return { component, plug: { kind: 'processor', entrance: new Port(station?.before(node) ?? node), out } }
  },

  receiver({ wanted: { id, instance, around }, shop, hostOf, open }) {
    const { ledger, budget, sampler, meter } = shop.shared
    const station = meter?.station({ kind: 'receiver', id })
    const spec = specOf<ReceiverSpec>(instance)
    const account = ledger.open('receiver', id)
    open(account)
    const sources = new Map<Format, Source>()
    for (const format of JSON.parse(around) as Format[]) {
      const port = new Port()
      const { pushesBack } = spec
      const flow = shop.flow(id, format)
      const options: IntakeOptions = {
        next: station?.behind(port) ?? port,
        account,
        budget,
        pushesBack,
        flow,
        sampler,
        onHold: true,
        admissions: () => [],
      }
      sources.set(format, { port, options, intake: new ReceiverIntake(options) })
    }
    const intakes = Object.fromEntries([...sources].map(([format, { intake }]) => [format, intake]))
    account.held = () => {
      let held = 0
      for (const { intake } of sources.values()) held += intake.held
      return held
    }
    const component = spec.create({ config: instance.config, host: hostOf({ account }), intakes })
    return { component, plug: { kind: 'receiver', sources } }
  },
}

const specOf = <S>(instance: Instance): S => instance.spec as S

const faultLog = ({ clock, log }: Shared, id: string) => newFaultLog(clock, log.named(id))

const whole = (made: Partial<Component>): Component => ({
  start: async () => made.start?.(),
  stop: async (deadline) => made.stop?.(deadline),
  ...(made.ready && { ready: () => made.ready!() }),
  ...(made.started && { started: () => made.started!() }),
})

/** What `create` makes; a failure names the component. */
function created<T>({ id, spec }: Instance, create: () => T): T {
  try {
    return create()
  } catch (error) {
    const { message } = error as Error
    // In the Collector's words, which people search for.
    const what = spec.kind === 'extension' ? 'failed to create' : 'failed to build pipelines: failed to create'
    throw new Error(`${what} "${id}" ${spec.kind}: ${message}`, { cause: error })
  }
}
