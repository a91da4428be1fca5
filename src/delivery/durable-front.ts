import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { Spool, SpoolLoss } from '../storage/contract.ts'
import type { Batch } from '../telemetry/batch.ts'
import { Receipt } from '../telemetry/receipt.ts'
import { type Admission, Refused, type Verdict } from './admission.ts'
import { settleAll } from './backlog.ts'
import type { TracePoint } from './batch-trace.ts'
import { DiskAnswers } from './disk-answers.ts'
import { DiskFeed } from './disk-feed.ts'
import { DiskGap, diskRetryMs } from './disk-gap.ts'
import { DiskWriter } from './disk-writer.ts'
import type { Account, DiskState } from './ledger.ts'
import type { OnDrop } from './outbox.ts'
import { Parked } from './parked.ts'
import type { Trouble } from './progress.ts'
import type { Queue, WhenFull } from './queue.ts'
import type { QueueStorage, StorageUse } from './queue-storage.ts'
import type { DropReason } from './reasons.ts'
import { queueFull } from './room.ts'
import { StoredReceipt } from './stored-receipt.ts'
import type { Heir } from './succession.ts'
import { type Recall, Withdrawal } from './withdrawal.ts'

export interface DurableOptions {
  /** What is held in memory of what stands on disk: it waits when it is full. */
  queue: Queue
  /** Sends what can be sent. */
  pump: (now: number) => void
  /** Asked when the queue is opened: extensions run by then. */
  storage: () => QueueStorage
  use: Omit<StorageUse, 'onLost'>
  account: Account
  /** Whether pipelines lead to it. Else it is opened only for what an earlier configuration left. */
  isFed: boolean
  whenFull: WhenFull
  /** Bounds over everything that is not delivered yet, in memory or not. Absent: those of the storage alone. */
  maxRequests?: number | undefined
  maxRecords?: number | undefined
  /** Whether the origins of batches are kept with them. */
  keepOrigins: boolean
  clock: Clock
  log: Log
  recall: Recall
  onDrop: OnDrop
  onSentBack: (records: number, why: string) => void
}

const orphaned = 'undelivered records stay in a queue on disk that nothing sends any more'
const stopping = new Refused('shutting down')
const notOpen = new Refused('the queue on disk is not open yet', diskRetryMs)

/**
 * A queue on disk in front of the one in memory. What comes is written first: then it counts as taken, and goes on at once
 * while memory has room and nothing older waits on disk. What has left the memory queue, whatever became of it, is
 * finished on disk; what is given up at the end of the process is there for the next one.
 */
export class DurableFront implements Admission {
  private readonly options: DurableOptions
  private readonly drops: boolean
  private readonly feed: DiskFeed
  private readonly gap: DiskGap
  private readonly parked = new Parked()
  private spool: Spool | undefined
  private writer: DiskWriter | undefined
  private answers: DiskAnswers | undefined
  private withdrawal: Withdrawal | undefined
  private heir: Heir | undefined
  private maxBytes = Number.POSITIVE_INFINITY
  private admitted = false
  private askedMeanwhile = false
  private closed = false
  private keptNow = 0
  private waiting: (() => void)[] = []
  private whenIdle: (() => void)[] = []

  constructor(options: DurableOptions) {
    const { queue, pump, clock, log, whenFull } = options
    this.options = options
    this.drops = whenFull === 'drop_oldest' || whenFull === 'drop_newest'
    this.gap = new DiskGap(clock, log, () => this.again())
    const receipt = (sequence: number, trace?: TracePoint) => new StoredReceipt(() => this.finished(sequence), trace)
    const unreadable = (records: number) => this.lost('corrupt', records, 'nothing more can be read of them')
    this.feed = new DiskFeed({ queue, pump, clock, log, receipt, unreadable })
  }

  /** Records that are not delivered: on disk alone, in memory, on the wire, or waiting to be written. */
  get held(): number {
    const { held: taken = 0 } = this.withdrawal ?? {}
    return this.feed.unread + taken + this.parked.records + this.options.queue.held
  }

  /** The same as what keeps the queue from its work. */
  fault(): Trouble | undefined {
    return this.gap.fault()
  }

  /** What status and metrics show of the disk. */
  state(): Omit<DiskState, 'deadLetters' | 'deadLettersFailed'> {
    const status = this.spool?.status()
    const { held: records } = this
    const { trouble = status?.trouble } = this.gap
    return { records, bytes: status?.bytes ?? 0, trouble }
  }

  /** How full it is, in the unit of `sending_queue.queue_size`, else in bytes of the storage. */
  fillOf(): { size: () => number; readonly capacity: number } {
    const { maxRequests, maxRecords } = this.options
    if (maxRequests !== undefined) return { size: () => this.spool?.batches ?? 0, capacity: maxRequests }
    if (maxRecords !== undefined) return { size: () => this.held, capacity: maxRecords }
    const most = () => this.maxBytes
    return {
      size: () => this.spool?.bytes ?? 0,
      // Known when the storage runs.
      get capacity() {
        return most()
      },
    }
  }

  /**
   * Opens the folder; what the process before left there is counted as recovered. A predecessor in this process that still
   * has it is not waited for: until it is gone senders are asked to come again. False: nobody needs it.
   */
  async open(): Promise<boolean> {
    const { storage: find, isFed, log } = this.options
    const storage = find()
    const use: StorageUse = { ...this.options.use, onLost: (...lost) => this.lost(...lost) }
    if (!isFed && (await storage.holds?.(use)) === false) return false
    const isTaken = storage.isTaken?.(use) ?? false
    const opening = storage.open(use).then((spool) => this.opened(spool, storage))
    if (!isTaken) await opening
    else opening.catch((error) => log.error('the queue on disk did not open', { error: String(error) }))
    return true
  }

  private opened(spool: Spool, { maxLossMs, maxBytes }: QueueStorage): Promise<void> | undefined {
    if (this.closed) return spool.close()
    const { use, isFed, account, log, queue, pump, clock, recall, onDrop } = this.options
    this.maxBytes = Math.min(use.maxBytes || Number.POSITIVE_INFINITY, maxBytes || Number.POSITIVE_INFINITY)
    this.spool = spool
    this.answers = new DiskAnswers(spool, maxLossMs === 0)
    this.writer = this.newWriter(spool)
    const { feed } = this
    const left = () => this.roomMade()
    this.withdrawal = new Withdrawal({ spool, feed, queue, pump, account, clock, recall, lose: onDrop, left })
    const { records } = spool.recovered
    account.recovered += records
    feed.opened(spool, records)
    const { folder } = spool.status()
    const why = isFed ? '' : ', to which no pipeline leads any more: they are sent all the same'
    if (records > 0) log.info(`found undelivered records in the queue on disk${why}`, { records, folder })
    else log.debug('queue on disk', { folder })
    this.roomMade()
  }

  private newWriter(spool: Spool): DiskWriter {
    const { whenFull, maxRequests, maxRecords, keepOrigins } = this.options
    const displaces = whenFull === 'drop_oldest'
    const records = () => this.held - this.parked.records
    return new DiskWriter({ spool, gap: this.gap, displaces, maxRequests, maxRecords, records, keepOrigins })
  }

  /** Sending may begin. */
  run(): void {
    this.feed.run()
  }

  consume(batch: Batch, now: number): void {
    if (batch.size > this.maxBytes) {
      this.lose(batch, 'too_large')
      return
    }
    // The rest of a run that began when the disk still took things waits behind its beginning.
    const isBehind = this.parked.records > 0 && this.admitted
    const sequence = this.writer && !isBehind ? this.writer.write(batch, this.admitted) : -1
    if (sequence < 0) this.unwritten(batch, now)
    else this.accept(batch, sequence, now)
  }

  admit(): Verdict {
    if (this.drops) return undefined
    if (this.admitted) {
      this.askedMeanwhile = true
      return 'wait'
    }
    const obstacle = this.obstacle()
    if (!obstacle) this.admitted = true
    else if (!this.closed && this.options.whenFull === 'wait') return 'wait'
    return obstacle
  }

  settle(): void | Promise<void> {
    this.admitted = false
    const late = this.untilSafe()
    if (this.askedMeanwhile) {
      this.askedMeanwhile = false
      this.roomMade()
    }
    return late
  }

  sentBack(records: number): void {
    const why = this.obstacle() ?? queueFull
    this.options.onSentBack(records, why.message)
  }

  onRoom(fn: () => void): void {
    if (!this.waiting.includes(fn)) this.waiting.push(fn)
  }

  /** Resolves when nothing is left. */
  idle(): Promise<void> {
    return this.held === 0 ? Promise.resolve() : new Promise((resolve) => this.whenIdle.push(resolve))
  }

  /** Nothing more is taken from the disk: the end begins. */
  stopFeeding(): void {
    this.feed.stop()
    this.withdrawal?.end()
  }

  /** From now on another one sends. */
  bequeath(heir: Heir): void {
    this.heir = heir
    this.stopFeeding()
  }

  /** Or is going to: a folder that has not changed opens when its predecessor is gone. */
  sendsFrom(folder: string): boolean {
    return this.spool === undefined || this.spool.status().folder === folder
  }

  /** Counts what is given up now and is there for the next process. */
  keep(records: number): void {
    this.options.account.kept += records
    this.keptNow += records
  }

  /** Lets go of a batch: it is on disk. */
  leave(batch: Batch): void {
    this.keep(batch.count)
    settleAll(batch.receipts, { dropped: 'shutdown' })
  }

  /** The end, when the queue in memory is empty. What is on disk stays there. */
  async close(): Promise<void> {
    this.closed = true
    this.withdrawal?.end()
    this.gap.close()
    this.writeParked()
    this.parked.giveUp((batch) => {
      this.options.onDrop('shutdown', batch.count, undefined, batch)
      settleAll(batch.receipts, { dropped: 'shutdown' })
    }, stopping)
    this.keep(this.feed.close())
    // Batches that were sent in part are there as a whole.
    const again = (this.spool?.records ?? 0) - this.keptNow
    if (again > 0) this.options.account.maybe_duplicate += again
    this.roomMade()
    if (this.keptNow > 0) {
      const { folder } = this.spool!.status()
      const { log } = this.options
      const left = { records: this.keptNow, folder }
      if (this.heir?.sendsFrom?.(folder) ?? true) log.info('undelivered records stay in the queue on disk', left)
      else log.warn(`${orphaned}: tailrace queue replay --endpoint does`, left)
    }
    await this.spool?.close()
  }

  /** A batch stands on disk. */
  private accept(batch: Batch, sequence: number, now: number): void {
    this.answers!.wrote(batch, sequence)
    this.feed.offer(batch, sequence, now)
  }

  /** What the disk did not take waits with its sender where that can be, goes on in memory alone where it is in order, or is lost. */
  private unwritten(batch: Batch, now: number): void {
    if (this.admitted) this.parked.add(batch)
    else if (this.feed.pass(this.unsaved(batch), now)) this.gap.addUnsaved(batch.count)
    else this.lose(batch, this.gap.trouble === undefined ? 'queue_full' : 'storage')
  }

  /** Its end makes room, which nobody would hear of otherwise. */
  private unsaved(batch: Batch): Batch {
    return batch.withReceipts([...batch.receipts, new Receipt(() => this.roomMade())])
  }

  private lose(batch: Batch, reason: DropReason): void {
    this.options.onDrop(reason, batch.count, this.gap.trouble)
    this.gap.addLost(batch.count)
    settleAll(batch.receipts, { dropped: reason })
  }

  private obstacle(): Refused | undefined {
    if (this.closed) return stopping
    if (!this.writer) return notOpen
    const { trouble, isPausing } = this.gap
    if (trouble !== undefined && (isPausing || this.parked.records > 0)) return new Refused(trouble, diskRetryMs)
    return this.parked.records > 0 || !this.writer.fits(1) ? queueFull : undefined
  }

  /** When the sender of this run may be answered; undefined: now. */
  private untilSafe(): Promise<void> | undefined {
    return this.parked.records > 0 ? this.parked.answer() : this.answers?.whenSafe()
  }

  private lost(loss: SpoolLoss, records: number, detail: string): void {
    this.feed.unread -= records
    this.options.onDrop(loss, records, detail)
    this.roomMade()
  }

  private finished(sequence: number): void {
    this.spool!.finish(sequence)
    if (this.parked.records > 0 && !this.gap.isPausing) this.again()
    else this.roomMade()
  }

  /** The disk is asked again, with what waits for it. */
  private again(): void {
    if (this.closed) return
    this.writeParked()
    this.roomMade()
  }

  private writeParked(): void {
    const { spool, writer } = this
    if (this.parked.records === 0 || !spool || !writer) return
    const now = this.options.clock.monotonic()
    for (let batch = this.parked.first; batch; batch = this.parked.first) {
      const sequence = writer.write(batch, true)
      if (sequence < 0) {
        // Nothing is left that could make room for it.
        if (this.gap.trouble !== undefined || spool.batches > 0) return
        this.lose(batch, 'too_large')
      }
      this.parked.shift()
      if (sequence >= 0) this.accept(batch, sequence, now)
    }
    this.parked.done(this.answers!.whenSafe())
  }

  /** Something has left. */
  private roomMade(): void {
    if (this.whenIdle.length > 0 && this.held === 0) for (const fn of this.whenIdle.splice(0)) fn()
    if (this.waiting.length === 0 || (!this.closed && this.obstacle())) return
    for (const fn of this.waiting.splice(0)) fn()
  }
}
