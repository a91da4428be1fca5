import type { Log } from '../runtime/log.ts'
import type { Spool } from '../storage/contract.ts'
import type { Batch } from '../telemetry/batch.ts'
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
}

interface Letter {
  readonly batch: Batch
  readonly records: number
  readonly reason: DropReason
  readonly detail: string
}

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
    const { config, storage: find, exporter, part, log } = this.options
    const use: StorageUse = {
      exporter,
      part,
      deadLetters: true,
      maxBytes: config.max_bytes,
      maxAgeMs: config.max_age,
      onLost: () => {},
    }
    const storage = find(config.storage)
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

  private unopened(error: unknown): never {
    this.isLost = true
    for (const { records } of this.early.splice(0)) this.failed += records
    throw error
  }

  private opened(spool: Spool): Promise<void> | undefined {
    for (const letter of this.early.splice(0)) this.write(letter, spool)
    if (this.closed) return spool.close()
    this.spool = spool
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
