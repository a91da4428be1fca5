/**
 * The whole public API: what a component may import, with the servers and clients of `tailrace/plugin/net` for those
 * that talk to others. Everything else can change any day.
 *
 * A component is one value made by one `define…` call in the `index.ts` of its folder.
 */
import type * as z from 'zod'
import type { Admission } from './delivery/admission.ts'
import type { Budget, MemoryLimits } from './delivery/budget.ts'
import type { Account, AccountOptions, Ledger } from './delivery/ledger.ts'
import type { Evidence, LostPart } from './delivery/loss-notes.ts'
import type { DropReason } from './delivery/reasons.ts'
import type { Batching } from './delivery/settings.ts'
import type { Clock } from './runtime/clock.ts'
import type { Log } from './runtime/log.ts'
import type { Counter, Labels, Metrics } from './runtime/metrics.ts'
import type { Batch } from './telemetry/batch.ts'
import type { Format } from './telemetry/format.ts'
import type { Editor } from './telemetry/pass.ts'

export {
  anything,
  block,
  bool,
  duration,
  either,
  endpoint,
  extensionId,
  int,
  list,
  map,
  number,
  object,
  oneOf,
  path,
  port,
  Secret,
  secret,
  size,
  text,
  tlsClient,
  tlsServer,
  url,
} from './config/fields.ts'
export type { Admission, Verdict } from './delivery/admission.ts'
export { Refused, Undelivered } from './delivery/admission.ts'
export { deliveryFields } from './delivery/fields.ts'
export type { Evidence, LostPart } from './delivery/loss-notes.ts'
export { deliveryBudget, type Queued, queued } from './delivery/queued.ts'
export type { DropReason } from './delivery/reasons.ts'
export { Dropped, Retryable, type Sender, type SendResult, sent } from './delivery/sender.ts'
export { formatAddress, resolveAddresses } from './net/address.ts'
export { type ClientStream, type GrpcClient, newGrpcClient } from './net/grpc-client.ts'
export { type LogSeries, newLogSeries } from './net/log-series.ts'
export type { ClientTls } from './net/tls.ts'
export { clientTlsFrom } from './net/tls-settings.ts'
export { type Condition, ConditionError, compileAny, compileCondition, without } from './ottl/conditions.ts'
export type { Clock } from './runtime/clock.ts'
export { sleep } from './runtime/clock.ts'
export type { Log } from './runtime/log.ts'
export { Batch } from './telemetry/batch.ts'
export { Cursor } from './telemetry/cursor.ts'
export { fieldText } from './telemetry/field-text.ts'
export type { Format } from './telemetry/format.ts'
export type { Origin } from './telemetry/origin.ts'
export { compilePath, type FieldPath, PathError, pathNames } from './telemetry/paths.ts'
export { Receipt } from './telemetry/receipt.ts'
export { Row } from './telemetry/record-index.ts'
export { attributeSetter, type TextOf } from './telemetry/set-attribute.ts'
export { Value, ValueType } from './telemetry/value.ts'

/** Takes every batch it is handed and never waits: whether there is room was asked before. */
export interface Consumer {
  consume(batch: Batch): void
}

/**
 * Where a receiver delivers. Throws or rejects with `Refused` when the batch is not taken: nobody got it, and the
 * peer may repeat it. A promise means: wait, send no more and answer nobody until then; aborting `signal` withdraws what
 * waits for room. What waits to be safe on a disk stays in, and may come a second time when the promise rejects. Where the
 * destination's answer is waited for it rejects with `Undelivered`: the batch was taken, is lost, and is counted as that.
 * `isKept`: who offers keeps what is refused, and offers the same batch again until `signal` aborts; it counts as waiting
 * meanwhile, and was sent back to nobody.
 */
export interface Intake {
  offer(batch: Batch, signal?: AbortSignal, isKept?: boolean): void | Promise<void>
}

/** `start` resolves when the port is bound. `stop` is legal before `start`, and twice; it gives up when `deadline` aborts. */
export interface Component {
  start(): Promise<void>
  stop(deadline: AbortSignal): Promise<void>
  /** Whether it can do its work right now; for health checks. Absent: always. */
  ready?(): boolean
  /** Called once, when everything else of the configuration has started too. */
  started?(): void
}

/** What an exporter hands the engine: where batches go in, and the queues that must be asked first. */
export interface Exporter extends Component, Consumer {
  /** Asked anew for every offer, so it may change while running. With a format: those of its queues that this one goes to. */
  admissions(format?: Format): readonly Admission[]
  /** What it takes right now, when that is less than its spec says: an exporter without a destination takes nothing. */
  takes?: readonly Format[]
}

/**
 * From batch to batch, at once. Records it keeps back it must count with `host.dropped` or `host.consumed`, or hold
 * (`host.holds`) until it hands them on.
 */
export type Process = (batch: Batch) => Batch | undefined

export interface Processor extends Partial<Component> {
  process: Process
  /**
   * The same work record by record: neighbours that have this share one walk over a batch. Of the processors that come
   * with tailrace; its shape may change any day.
   */
  readonly editor?: Editor
}

/** What the engine lends to a component. */
export interface Host {
  readonly kind: ComponentKind
  /** As written in the configuration: `statsd` or `statsd/second`. */
  readonly id: string
  /** The pipeline of a processor: `logs/app`. */
  readonly pipeline: string | undefined
  readonly log: Log
  readonly clock: Clock
  /**
   * Counts records that end here, with the reason: part of the ledger's law. `evidence` is what they were in (a batch,
   * bytes, words), `part` which of the batch they were: from a number on (0), or all that another batch has not kept.
   * Now and then a record of it is shown to people, secrets masked (`tailrace why`).
   */
  dropped(reason: DropReason, records: number, evidence?: Evidence, part?: LostPart): void
  /** Processors: counts records that were turned into state or into other records, which `made` counts. */
  consumed(records: number): void
  made(records: number): void
  /** Processors: says how many records it holds, asked whenever somebody looks: part of the ledger's law. */
  holds(read: () => number): void
  /**
   * Processors: hands on records that it held. They count as passed on. Nobody asked the queues behind it for room: one
   * that is full and may not drop its oldest loses these.
   */
  handOn(batch: Batch): void
  /** A counter of the component's own: `tailrace_<type>_<name>_total{id="…"}`. */
  counter(name: string, help: string, labels?: Labels): Counter
  /** The same for a count that is kept elsewhere, asked for when somebody looks. */
  total(name: string, help: string, read: () => number, labels?: Labels): void
  /** A gauge of the component's own, asked for when somebody looks. */
  gauge(name: string, help: string, read: () => number, labels?: Labels): void
  /** Whether some component reads where records came from: then receivers must not join records of different peers. */
  readonly readsOrigins: boolean
  /** The memory that this component's queues and assembly buffers are charged to. */
  readonly budget: Budget
  /**
   * Exporters: in which formats records come, as pipelines and converters stood when it was made. One that keeps something on
   * disk is made anew when they change.
   */
  readonly formats: readonly Format[]
  /** Exporters: what `batch` processors in front of it ask of its queues, of one format or of any. `queued` obeys. */
  batching(format?: Format): Batching | undefined
  /**
   * The account of one queue of this exporter. Destinations that come and go while it runs are opened with
   * `{ folded: true }` and a label `destination`, and closed (`Account.close`) when they are gone.
   */
  account(labels?: Labels, how?: AccountOptions): Account
  /** A running extension by the id it has in the configuration. */
  extension<T>(id: string): T | undefined
  /** Everything the process counts: for extensions that show it. */
  readonly metrics: Metrics
  readonly ledger: Ledger
  /** What runs, and how it is: for extensions that show it. */
  status(): ServiceStatus
}

/** What runs right now. */
export interface ServiceStatus {
  /** Whether everything has started, nothing stops, and every required component says it can do its work. */
  readonly ready: boolean
  /** Wall time in milliseconds; undefined before everything has started. */
  readonly readySince: number | undefined
  readonly components: readonly ComponentStatus[]
  readonly pipelines: readonly {
    readonly id: string
    readonly format: Format
    readonly receivers: readonly string[]
    readonly processors: readonly string[]
    readonly exporters: readonly string[]
  }[]
}

export interface ComponentStatus {
  readonly kind: ComponentKind
  readonly id: string
  readonly required: boolean
  /**
   * With an error that is recoverable it tries again by itself: it did not start, or does not deliver. A permanent one takes
   * somebody to mend it, here or on the other side.
   */
  readonly state: 'starting' | 'ok' | 'recoverable error' | 'permanent error' | 'stopping' | 'stopped'
  /** Wall time in milliseconds. */
  readonly since: number
  /** What is wrong. */
  readonly error?: string
}

export type ComponentKind = 'receiver' | 'processor' | 'exporter' | 'connector' | 'extension'
export type Stability = 'experimental' | 'beta' | 'stable' | 'deprecated'
/** A zod object made with the constructors of `tailrace/plugin`. */
export type Schema = z.ZodType
export type ConfigOf<S extends Schema> = z.output<S>

export interface Spec<S extends Schema> {
  /** The name in the configuration, `lower_snake_case`. */
  type: string
  /** Other names the same component is known by. */
  aliases?: readonly string[]
  stability: Stability
  /** One sentence for the catalogue. */
  summary: string
  config: S
  /** Addresses it will listen on, `tcp 127.0.0.1:3458`: two of the same are found before anything starts. */
  resources?(config: ConfigOf<S>): readonly string[]
}

export interface ReceiverSpec<S extends Schema = Schema> extends Spec<S> {
  kind: 'receiver'
  /** Formats it can make; the pipelines it is used in say which are wanted. */
  makes: readonly Format[] | ((config: ConfigOf<S>) => readonly Format[])
  /** False when its protocol has no way to refuse: full queues then drop the newest, counted in that branch alone. */
  pushesBack: boolean
  create(use: { config: ConfigOf<S>; host: Host; intakes: Intakes }): Component
}

/** The intake for each format that some pipeline wants from this receiver. */
export type Intakes = { readonly [F in Format]?: Intake }

export interface ProcessorSpec<S extends Schema = Schema> extends Spec<S> {
  kind: 'processor'
  /** Formats it works on. */
  takes: readonly Format[]
  /** True when it looks at `batch.origin`, or wants those of different origins kept apart. */
  readsOrigins?: boolean | ((config: ConfigOf<S>) => boolean)
  /** What it asks of every sending queue behind it: only queues hold records. */
  batching?(config: ConfigOf<S>): Batching
  /** What it asks of the memory of the whole process. */
  memory?(config: ConfigOf<S>): MemoryLimits
  create(use: { config: ConfigOf<S>; host: Host; format: Format }): Process | Processor
}

export interface ExporterSpec<S extends Schema = Schema> extends Spec<S> {
  kind: 'exporter'
  takes: readonly Format[] | ((config: ConfigOf<S>) => readonly Format[])
  readsOrigins?: boolean
  delivery: DeliveryPromise
  create(use: { config: ConfigOf<S>; host: Host }): Exporter
}

/** What an exporter promises; printed in its README and by `tailrace components`, checked by the conformance suite. */
export interface DeliveryPromise {
  /** `best effort`: what is on its way when a connection breaks may be lost unseen, or come twice, and then it is counted. */
  semantics: 'at most once' | 'at least once' | 'best effort' | 'none'
  order: 'kept' | 'kept within a stream' | 'not kept'
  /** What a kill -9 loses. */
  on_kill: string
}

export interface ConnectorSpec<S extends Schema = Schema> extends Spec<S> {
  kind: 'connector'
  takes: readonly Format[] | ((config: ConfigOf<S>) => readonly Format[])
  makes: readonly Format[] | ((config: ConfigOf<S>) => readonly Format[])
  /** True when what comes in one of several formats goes on in the same: only pipelines of one kind lead to each other. */
  keepsFormat?: boolean
  /** See `ProcessorSpec`. */
  readsOrigins?: boolean | ((config: ConfigOf<S>) => boolean)
  /** Pipelines that its settings name, and where: each must be there, with this connector among its receivers. */
  pipelines?(config: ConfigOf<S>): readonly NamedPipeline[]
  /**
   * What it hands to `next` goes to all pipelines behind it, what it hands to `into(ids)` to these. Either counts as
   * passed on, but for what it says it `made` just before.
   */
  create(use: {
    config: ConfigOf<S>
    host: Host
    next: Consumer
    into: (pipelines: readonly string[]) => Consumer
  }): Consumer & Partial<Component>
}

/** A pipeline that settings name: `logs/app`, and the way to it from the top of the settings. */
export interface NamedPipeline {
  readonly path: readonly PropertyKey[]
  readonly id: string
}

/** A component as it is configured, before it is created. */
export interface Configured {
  readonly id: string
  readonly spec: AnySpec
  readonly config: unknown
}

export interface ExtensionSpec<S extends Schema = Schema> extends Spec<S> {
  kind: 'extension'
  /** Starts after everything else instead of first: what it shows is there then. */
  startsLast?: boolean
  /** Called before anything is created, with all that is configured; answers it with other settings where it wants. */
  prepare?<T extends Configured>(use: { config: ConfigOf<S>; all: readonly T[]; log: Log }): Promise<readonly T[]>
  create(use: { config: ConfigOf<S>; host: Host }): Component
}

export type AnySpec = ReceiverSpec | ProcessorSpec | ExporterSpec | ConnectorSpec | ExtensionSpec

// Identity functions: they exist so that `config` is inferred and checked where it is written.
type Unkinded<T> = Omit<T, 'kind'>
export const defineReceiver = <S extends Schema>(spec: Unkinded<ReceiverSpec<S>>): ReceiverSpec<S> => ({
  ...spec,
  kind: 'receiver',
})
export const defineProcessor = <S extends Schema>(spec: Unkinded<ProcessorSpec<S>>): ProcessorSpec<S> => ({
  ...spec,
  kind: 'processor',
})
export const defineExporter = <S extends Schema>(spec: Unkinded<ExporterSpec<S>>): ExporterSpec<S> => ({
  ...spec,
  kind: 'exporter',
})
export const defineConnector = <S extends Schema>(spec: Unkinded<ConnectorSpec<S>>): ConnectorSpec<S> => ({
  ...spec,
  kind: 'connector',
})
export const defineExtension = <S extends Schema>(spec: Unkinded<ExtensionSpec<S>>): ExtensionSpec<S> => ({
  ...spec,
  kind: 'extension',
})
