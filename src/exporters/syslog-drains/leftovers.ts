import type { Budget } from '../../delivery/budget.ts'
import type { Account } from '../../delivery/ledger.ts'
import type { QueueStorage, StorageUse } from '../../delivery/queue-storage.ts'
import { type Remnant, readRemnant, remnantsPart, writeRemnant } from '../../drains/remnant.ts'
import type { DropReason } from '../../plugin.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Log } from '../../runtime/log.ts'
import type { Spool, SpoolRecord } from '../../storage/contract.ts'
import type { DiskRefusals } from './disk-refusals.ts'
import type { TakeLimits } from './flight.ts'
import { closeFolder, removeFolder } from './folder-end.ts'
import type { FrameRing } from './frame-ring.ts'

const readBytes = 1 << 20
/** Written together; so much fits the smallest ring. */
const together: TakeLimits = { bytes: 16_000, messages: Number.POSITIVE_INFINITY, overshoot: false }

export interface LeftoversOptions {
  storage: QueueStorage
  exporter: string
  /** Whether the process before left some. */
  isThere: boolean
  clock: Clock
  log: Log
  budget: Budget
  account: Account
  notTaken: DiskRefusals
}

/** Frames that were read back, and their record on disk. */
interface Read extends Remnant {
  readonly record: SpoolRecord
}

/**
 * What stood in the memory of drains when a process ended: on disk until the next one has put it back. It is older than what else
 * a drain has on disk.
 */
export class Leftovers {
  /** Messages on disk for the drains of this process. */
  messages = 0
  private readonly options: LeftoversOptions
  private spool: Spool | undefined
  private opening: Promise<Spool | undefined> | undefined
  private isClosed = false
  /** All that was there has been read: before, a drain would get its newer frames without the older ones. */
  private isRead = false
  private readonly byDrain = new Map<string, Read[]>()

  constructor(options: LeftoversOptions) {
    this.options = options
  }

  get isEmpty(): boolean {
    return this.byDrain.size === 0
  }

  /** Reads what is there: then it waits for its drains. */
  async recover(): Promise<void> {
    const { isThere, account, log } = this.options
    const spool = isThere ? await this.open() : undefined
    if (!spool || this.isClosed) return
    account.recovered += spool.recovered.records
    this.messages += spool.recovered.records
    try {
      while (!this.isClosed && spool.unread > 0)
        for (const record of await spool.read(readBytes)) if (!this.isClosed) this.sort(record)
    } catch (error) {
      if (!this.isClosed) log.error('cannot read what drains had in memory; it stays on disk', { error: String(error) })
    }
    this.isRead = true
    this.tidy()
  }

  /** Takes the frames of a drain, in order: from now on they are in memory alone. */
  claim(key: string): readonly Remnant[] {
    const found = this.isRead && this.byDrain.get(key)
    if (!found) return []
    this.byDrain.delete(key)
    for (const { record } of found) {
      this.options.budget.give(record.payload.length)
      this.done(record)
    }
    this.tidy()
    return found
  }

  /** Books what no drain has come for; answers how many messages that are. */
  giveUp(reason: DropReason): number {
    let messages = 0
    for (const key of [...this.byDrain.keys()]) for (const { count } of this.claim(key)) messages += count
    if (messages > 0) this.options.account.drop(reason, messages)
    return messages
  }

  /** Makes ready for `keep`; undefined when the disk does not take anything. */
  open(): Promise<Spool | undefined> {
    this.opening ??= this.opened()
    return this.opening
  }

  private async opened(): Promise<Spool | undefined> {
    const { storage, log } = this.options
    try {
      const spool = await storage.open(this.use)
      if (this.isClosed) await closeFolder(spool, this.options)
      else this.spool = spool
    } catch (error) {
      this.opening = undefined
      log.error('the disk does not take what drains have in memory', { error: String(error) })
    }
    return this.spool
  }

  /** Empties the ring of a drain, as far as the disk takes it. */
  keep(drain: string, app: string, ring: FrameRing): void {
    const { account, notTaken } = this.options
    for (let flight = this.spool && ring.take(together); flight; flight = ring.take(together)) {
      try {
        this.spool!.append(writeRemnant(drain, app, flight), flight.messages, 'envelopes')
      } catch (error) {
        ring.undo()
        notTaken.note(drain, ring.waiting, error)
        return
      }
      account.kept += flight.messages
      ring.done()
    }
  }

  /** What is on disk stays there. */
  async close(): Promise<void> {
    const { spool, byDrain } = this
    const { account, budget } = this.options
    this.isClosed = true
    account.kept += this.messages
    this.messages = 0
    for (const { record } of [...byDrain.values()].flat()) budget.give(record.payload.length)
    byDrain.clear()
    this.spool = undefined
    await closeFolder(spool, this.options)
    await this.opening
  }

  private get use(): StorageUse {
    const { exporter, account } = this.options
    const onLost = (reason: DropReason, messages: number) => {
      if (this.isClosed) return
      this.messages -= messages
      account.drop(reason, messages)
    }
    return { exporter, part: remnantsPart, onLost }
  }

  private sort(record: SpoolRecord): void {
    const remnant = readRemnant(record.payload, record.count)
    if (!remnant) {
      this.done(record)
      this.options.account.drop('corrupt', record.count)
      return
    }
    this.options.budget.take(record.payload.length)
    const read = { ...remnant, record }
    const found = this.byDrain.get(remnant.drain)
    if (found) found.push(read)
    else this.byDrain.set(remnant.drain, [read])
  }

  private done({ sequence, count }: SpoolRecord): void {
    this.messages -= count
    this.spool?.finish(sequence)
  }

  /** Removes a folder in which nothing is left. */
  private tidy(): void {
    const { spool, options } = this
    if (!spool || !this.isEmpty || spool.batches > 0) return
    this.spool = this.opening = undefined
    void closeFolder(spool, options).then(() => removeFolder(remnantsPart, options))
  }
}
