import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { Labels } from '../runtime/metrics.ts'
import type { Batch } from '../telemetry/batch.ts'
import { type Format, formats } from '../telemetry/format.ts'
import type { Admission } from './admission.ts'
import { Awaited } from './awaited.ts'
import { settleAll } from './backlog.ts'
import { BatchStats } from './batch-stats.ts'
import type { Budget } from './budget.ts'
import { DeadLetters } from './dead-letters.ts'
import { DurableFront, type DurableOptions } from './durable-front.ts'
import type { DeliveryConfig } from './fields.ts'
import type { Account, DiskState } from './ledger.ts'
import { LossLog } from './loss-log.ts'
import { type OnDrop, Outbox } from './outbox.ts'
import { Queue, type QueueOptions } from './queue.ts'
import { storageOf } from './queue-storage.ts'
import { newRequeue } from './requeue.ts'
import type { Sender } from './sender.ts'
import { type Batching, type DeliverySettings, deliverySettings } from './settings.ts'
import { isStored } from './stored-receipt.ts'
import { enter, type Heir } from './succession.ts'
import { queueTraced, withSpans } from './traced.ts'
import type { Recall } from './withdrawal.ts'

/** What a queue needs of its component's `Host`. */
export interface DeliveryHost {
  readonly id: string
  readonly log: Log
  readonly clock: Clock
  readonly budget: Budget
  readonly readsOrigins: boolean
  /** In which formats records come. Absent: in any. */
  readonly formats?: readonly Format[]
  account(labels?: Labels): Account
  /** What `batch` processors before this exporter ask. What its own `sending_queue.batch` says stands above it. */
  batching?(format?: Format): Batching | undefined
  /** A running extension: the storage that a queue names. */
  extension?<T>(id: string): T | undefined
}

export interface QueuedOptions {
  /** Tells the queues of one exporter apart: `{ destination: '10.0.0.1:443' }`. */
  labels?: Labels
  /** The one format that this queue gets, by default the label `signal`: `batch` of other pipelines does not concern it. */
  format?: Format
  /**
   * Tells its folder on disk apart from those of the exporter's other queues. It must be the same after a restart, and when
   * the destination was moved. Default: the label `signal`; for the only queue of an exporter nothing.
   */
  part?: string
  /** Shared by several queues; default: the host's, bounded by `max_memory`. */
  budget?: Budget
  /** Largest record the peer takes, in bytes. */
  maxRecordBytes?: number
  /** Age of the oldest queued batch from which on the queue copies into memory of its own. Default 100. */
  stallAfterMs?: number
  /** From [0, 1), for the jitter of retries. */
  random?: () => number
}

/** An exporter for one destination: `Exporter` of the plugin API. */
export interface Queued {
  /** `now`, monotonic, when the caller knows it: destinations that are handed the same time keep in step. */
  consume(batch: Batch, now?: number): void
  admissions(): readonly Admission[]
  /** Connects, then sends what has gathered. Nothing is sent before. */
  start(): Promise<void>
  /** Sends what is queued, one attempt each; what is left when `deadline` aborts is lost and counted as `shutdown`. */
  stop(deadline: AbortSignal): Promise<void>
  /** False while it does not deliver, though there is something to deliver. */
  ready(): boolean
  /** Resolves when nothing is queued or on its way. */
  idle(): Promise<void>
  /** Batches by size and age from now on: how a `batch` processor before this exporter is carried out. */
  obey(batching: Batching): void
  readonly account: Account
  readonly queue: Queue
  readonly clock: Clock
}

/** Puts a bounded queue, batching, retries and the books around a sender. */
export function queued(
  config: DeliveryConfig,
  host: DeliveryHost,
  sender: Sender,
  options: QueuedOptions = {},
): Queued {
  const written = deliverySettings(config)
  const asked = config.sending_queue.enabled ? host.batching?.(formatOf(options)) : undefined
  const settings = { ...written, batching: written.batching ?? asked }
  const account = host.account(options.labels)
  const { clock, log } = host
  const losses = new LossLog(clock, log)
  const onDrop: OnDrop = (reason, records, detail, batch, part) => {
    if (reason === 'shutdown' && front && batch && isStored(batch)) return front.keep(records)
    account.drop(reason, records, batch, part, detail)
    losses.add(reason, records, detail)
  }
  const onSentBack = (records: number, why: string) => {
    account.turned_away += records
    losses.refused(records, why)
  }
  const queue = newQueue(settings, host, options, { onDrop, onSentBack })
  if (settings.batching) account.batches ??= new BatchStats()
  const letters = newDeadLetters(config, host, options, (batch) => requeue(batch))
  const outbox = new Outbox({
    queue,
    sender: withSpans(sender, account),
    settings: settings.disk ? settings : withRoomToDisplace(settings),
    account,
    clock,
    log,
    onDrop,
    onRefused: letters && ((...refused) => letters.put(...refused)),
    random: options.random ?? Math.random,
  })
  const pump = (now: number) => outbox.pump(now)
  const recall: Recall = (inherit, deadline) => outbox.recall(inherit, deadline)
  const front = newFront(settings, host, options, { queue, pump, recall, account, onDrop, onSentBack })
  account.held = front ? () => front.held : () => queue.held
  account.fill = front ? front.fillOf() : queue.fillOf()
  account.inFlight = () => outbox.inFlight
  const trouble = () => outbox.trouble() ?? front?.fault()
  account.trouble = trouble
  if (front || letters) account.disk = () => diskState(front, letters)
  // Asked for twice for every batch.
  const awaited = settings.awaited && !front ? new Awaited(queue) : undefined
  const admissions = [front ?? awaited ?? queue]
  let stopped: Promise<void> | undefined
  let closed = false
  const stop = async (deadline: AbortSignal) => {
    front?.stopFeeding()
    await outbox.drain(deadline)
    closed = true
    // What came between the last send and now.
    queue.drain('shutdown')
    await front?.close()
    queue.close()
    losses.close()
    await letters?.close()
    await closing(sender, deadline, log)
    leave()
  }
  const inMemory = (batch: Batch, now: number) => {
    const entry = queue.push(awaited?.follow(batch) ?? batch, now)
    if (!entry) return
    outbox.pump(now)
    queue.stay(entry)
  }
  const onDisk = front && ((batch: Batch, now: number) => front.consume(batch, now))
  const take = onDisk ?? inMemory
  const again = (batch: Batch) => take(batch, clock.monotonic())
  const requeue = newRequeue({ admission: admissions[0]!, account, clock, isClosed: () => closed, consume: again })
  const onLate = (batch: Batch) => turnAway(batch, account)
  const heir: Heir = {
    account,
    inherit(legacy, first) {
      if (closed) return onLate(legacy.batch)
      if (onDisk) return onDisk(legacy.batch, clock.monotonic())
      queue.inherit(legacy, first)
      pump(clock.monotonic())
    },
    sendsFrom: (folder) => front?.sendsFrom(folder) ?? false,
    waitFor: (ready) => outbox.waitFor(ready),
  }
  const bequeath = (to: Heir) => {
    front?.bequeath(to)
    return outbox.bequeath((legacy, first) => {
      // What is on disk stays there: who opens it next finds it.
      if (front && isStored(legacy.batch)) front.leave(legacy.batch)
      else to.inherit(legacy, first)
    })
  }
  const leave = enter(account, { bequeath, heir })
  return {
    account,
    queue,
    clock,
    consume(batch, now = clock.monotonic()) {
      account.received += batch.count
      if (closed || batch.count === 0) onLate(batch)
      else take(batch.receipts.length > 0 ? queueTraced(batch, account, now) : batch, now)
    },
    admissions: () => admissions,
    async start() {
      const isNeeded = (await front?.open()) ?? isFed(host, options)
      if (isNeeded) await letters?.open()
      await sender.connect?.()
      if (stopped) return
      outbox.run()
      front?.run()
    },
    stop: (deadline) => (stopped ??= stop(deadline)),
    ready: () => trouble() === undefined,
    idle: () => front?.idle() ?? outbox.idle(),
    obey: (batching) => outbox.obey(batching),
  }
}

type FrontParts = Pick<DurableOptions, 'queue' | 'pump' | 'recall' | 'account' | 'onDrop' | 'onSentBack'>

/** The queue on disk, where `sending_queue.storage` names one. */
function newFront(
  settings: DeliverySettings,
  host: DeliveryHost,
  options: QueuedOptions,
  parts: FrontParts,
): DurableFront | undefined {
  const { disk, whenFull } = settings
  if (!disk) return undefined
  const { maxRequests, maxRecords, maxBytes } = disk
  return new DurableFront({
    ...parts,
    storage: () => storageOf(host, disk.storage),
    use: { exporter: host.id, part: partOf(options), maxBytes },
    isFed: isFed(host, options),
    whenFull,
    maxRequests,
    maxRecords,
    keepOrigins: host.readsOrigins,
    clock: host.clock,
    log: host.log,
  })
}

function newDeadLetters(
  config: DeliveryConfig,
  host: DeliveryHost,
  options: QueuedOptions,
  again: (batch: Batch) => Promise<void>,
): DeadLetters | undefined {
  const { dead_letter } = config
  if (!dead_letter) return undefined
  const storage = (id: string) => storageOf(host, id)
  const { id: exporter, log, clock } = host
  return new DeadLetters({ config: dead_letter, storage, exporter, part: partOf(options), log, clock, again })
}

const partOf = ({ part, labels }: QueuedOptions): string => part ?? labels?.signal ?? ''

function diskState(front: DurableFront | undefined, letters: DeadLetters | undefined): DiskState {
  const nothing = { records: 0, bytes: 0, trouble: undefined }
  const { records: deadLetters = 0, failed: deadLettersFailed = 0 } = letters ?? {}
  return { ...(front?.state() ?? nothing), deadLetters, deadLettersFailed }
}

/** The one that a queue gets; exporters that keep signals apart label their queues so. */
function formatOf({ format, labels }: QueuedOptions): Format | undefined {
  return format ?? formats.find((each) => each === labels?.signal)
}

/** Whether pipelines lead to a queue. */
function isFed(host: DeliveryHost, options: QueuedOptions): boolean {
  const format = formatOf(options)
  return !format || !host.formats || host.formats.includes(format)
}

/** What comes after the end is lost; nothing at all is delivered at once. */
function turnAway(batch: Batch, account: Account): void {
  account.drop('shutdown', batch.count, batch)
  settleAll(batch.receipts, batch.count > 0 ? { dropped: 'shutdown' } : 'delivered')
}

/** The budget that all queues of an exporter share: the host's, bounded by `max_memory`. */
export function deliveryBudget(config: DeliveryConfig, host: DeliveryHost): Budget {
  return config.max_memory > 0 ? host.budget.child(host.id, config.max_memory) : host.budget
}

function newQueue(
  settings: DeliverySettings,
  host: DeliveryHost,
  options: QueuedOptions,
  told: Pick<QueueOptions, 'onDrop' | 'onSentBack'>,
): Queue {
  const { maxRecords, maxRequests, maxPayload, maxBytes, maxMemory } = settings
  // What is on disk waits there for room in memory.
  const whenFull = settings.disk ? 'wait' : settings.whenFull
  const memory = options.budget ?? (maxMemory ? host.budget.child(host.id, maxMemory) : host.budget)
  return new Queue({
    whenFull,
    clock: host.clock,
    memory,
    budget: memory.child(`${host.id} queue`, maxBytes),
    keepOrigins: host.readsOrigins,
    metadataKeys: settings.batching?.metadataKeys ?? [],
    ...told,
    ...(maxRecords !== undefined && { maxRecords }),
    ...(maxRequests !== undefined && { maxRequests }),
    ...(maxPayload !== undefined && { maxPayload }),
    ...(options.maxRecordBytes !== undefined && { maxRecordBytes: options.maxRecordBytes }),
    ...(options.stallAfterMs !== undefined && { stallAfterMs: options.stallAfterMs }),
  })
}

/** At most half of a small queue that drops its oldest goes on the wire at once: what is there cannot be displaced. */
function withRoomToDisplace(settings: DeliverySettings): DeliverySettings {
  const { whenFull, maxRecords, maxBytes, maxBatchRecords, maxBatchBytes } = settings
  if (whenFull !== 'drop_oldest') return settings
  const half = (bound: number | undefined) => Math.max(1, Math.floor((bound ?? Number.POSITIVE_INFINITY) / 2))
  return {
    ...settings,
    maxBatchRecords: Math.min(maxBatchRecords, half(maxRecords)),
    maxBatchBytes: Math.min(maxBatchBytes, half(maxBytes)),
  }
}

/** Closes the sender, but not past the deadline. */
async function closing(sender: Sender, deadline: AbortSignal, log: Log): Promise<void> {
  const failed = (error: unknown) => log.warn('closing failed', { error: String(error) })
  let over: () => void = () => {}
  const expired = new Promise<void>((resolve) => (over = resolve))
  deadline.addEventListener('abort', over, { once: true })
  try {
    const closed = Promise.resolve(sender.close()).catch(failed)
    if (!deadline.aborted) await Promise.race([closed, expired])
  } catch (error) {
    failed(error)
  }
  deadline.removeEventListener('abort', over)
}
