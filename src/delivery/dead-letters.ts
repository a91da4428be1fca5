import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { Spool, SpoolRecord } from '../storage/contract.ts'
import { OpenFolders } from '../storage/open-folders.ts'
import type { Taken } from '../storage/take-batches.ts'
import type { TimeRange } from '../storage/time-range.ts'
import { Batch } from '../telemetry/batch.ts'
import type { DeliveryConfig } from './fields.ts'
import { ownCopy } from './own-memory.ts'
import type { QueueStorage, StorageUse } from './queue-storage.ts'
import type { DropReason } from './reasons.ts'

export interface DeadLetterOptions {
  config: NonNullable<DeliveryConfig['dead_letter']>
  storage: (id: string) => QueueStorage
  exporter: string
  part: string
  log: Log
  clock: Clock
  /** Puts a batch back into the queue it came from. */
  again: (batch: Batch) => Promise<void>
}

interface Letter {
  readonly batch: Batch
  readonly records: number
  readonly reason: DropReason
  readonly detail: string
}

const open = new OpenFolders<DeadLetters>()

/** Why a replay ended with some left: its time was over. */
export class Paused extends Error {}

/** The dead letters of a folder that this process has open. */
export const deadLettersAt = (folder: string): DeadLetters | undefined => open.at(folder)

/** Batches that wait for the folder. */
const mostEarly = 64

const notOpen = 'the folder for dead letters did not open'

/** Reasons that are a backend's last word; others are troubles on the way. */
const lastWords: ReadonlySet<DropReason> = new Set(['rejected', 'too_large'])
const mostDetail = 500

/**
 * What a backend refused for good, on disk, with what it said. A backend that refuses a part does not say which: all of
 * the batch is kept then. Kept or not, its records are counted as dropped: the agent itself never sends them again.
 */
export class DeadLetters {
  /** Records put aside by this process. */
  records = 0
  /** Records that should have been, and that the disk did not take. */
  failed = 0
  private readonly options: DeadLetterOptions
  private spool: Spool | undefined
  private forgetMe = () => {}
  private isTaking = false
  private troubled = false
  private closed = false
  /** The folder never opens. */
  private isLost = false
  /** What was refused before the folder was open. */
  private readonly early: Letter[] = []

  constructor(options: DeadLetterOptions) {
    this.options = options
  }

  /** A predecessor in this process that still has the folder is not waited for. */
  async open(): Promise<void> {
    const { log } = this.options
    const { storage, use } = this.place()
    const isTaken = storage.isTaken?.(use) ?? false
    const opening = storage.open(use).then(
      (spool) => this.opened(spool),
      (error) => this.unopened(error),
    )
    if (!isTaken) return opening
    opening.catch((error) => log.error(notOpen, { error: String(error) }))
  }

  /** Keeps a batch of which `records` were refused. */
  put(batch: Batch, records: number, reason: DropReason, detail: string): void {
    if (!lastWords.has(reason)) return
    if (this.spool) this.write({ batch, records, reason, detail }, this.spool)
    else if (!this.isLost && this.early.length < mostEarly)
      this.early.push({ batch: ownCopy(batch), records, reason, detail })
    else this.failed += records
  }

  private place(): { storage: QueueStorage; use: StorageUse } {
    const { config, storage: find, exporter, part } = this.options
    const { max_bytes: maxBytes, max_age: maxAgeMs } = config
    const use = { exporter, part, deadLetters: true, maxBytes, maxAgeMs, onLost: () => {} }
    return { storage: find(config.storage), use }
  }

  /** Puts the letters of a time back into the queue they came from, until `mostMs` are over. What has no room there stays. */
  replay(range: TimeRange, mostMs: number): Promise<Taken> {
    const { clock } = this.options
    const since = clock.monotonic()
    return this.take(range, async ({ format, payload, count, note }) => {
      if (clock.monotonic() - since >= mostMs) throw new Paused()
      const origin = note?.origin
      await this.options.again(Batch.copyOf(format, payload, { count, ...(origin && { origin }) }))
    })
  }

  /** Takes the letters of a time out of the folder, as `takeBatches` does. */
  async take(range: TimeRange, take: (record: SpoolRecord) => Promise<void>): Promise<Taken> {
    const { spool } = this
    if (!spool) throw new Error('the folder for dead letters is not open')
    if (this.isTaking) throw new Error('dead letters are being taken out already: try again when that is over')
    this.isTaking = true
    // Most processes never need it.
    const { takeBatches } = await import('../storage/take-batches.ts')
    try {
      return await takeBatches(spool, range, take)
    } finally {
      await this.rewind(spool)
      this.isTaking = false
    }
  }

  /** Opens the folder anew: what was read and stays is read again the next time. */
  private async rewind(spool: Spool): Promise<void> {
    this.forgetMe()
    this.spool = undefined
    await spool.close()
    if (this.closed) return
    const { storage, use } = this.place()
    await storage.open(use).then(
      (again) => this.opened(again),
      (error) => this.unopened(error),
    )
  }

  private unopened(error: unknown): never {
    this.isLost = true
    for (const { records } of this.early.splice(0)) this.failed += records
    throw error
  }

  private opened(spool: Spool): Promise<void> | undefined {
    for (const letter of this.early.splice(0)) this.write(letter, spool)
    if (this.closed) return spool.close()
    this.spool = spool
    this.forgetMe = open.enter(spool.status().folder, this)
  }

  private write({ batch, records, reason, detail }: Letter, spool: Spool): void {
    try {
      this.append(batch, reason, detail, spool)
      this.records += records
      this.troubled = false
    } catch (error) {
      this.failed += records
      if (this.troubled) return
      this.troubled = true
      this.options.log.error('what the backend refused cannot be put aside and is lost', { error: String(error) })
    }
  }

  async close(): Promise<void> {
    this.closed = true
    this.forgetMe()
    await this.spool?.close()
    this.spool = undefined
  }

  private append(batch: Batch, reason: DropReason, detail: string, spool: Spool): void {
    const bytes = batch.bytes()
    while (!spool.fits(bytes.length) && spool.dropOldest() !== undefined);
    const { exporter } = this.options
    const refusal = { reason, exporter, ...(detail !== '' && { detail: detail.slice(0, mostDetail) }) }
    spool.append(bytes, batch.count, batch.format, { refusal, ...(batch.origin && { origin: batch.origin }) })
  }
}
