import type { Clock, Timer } from '../runtime/clock.ts'
import type { Spool, SpoolRecord } from '../storage/contract.ts'
import { OpenFolders } from '../storage/open-folders.ts'
import { isMeant, type TimeRange } from '../storage/time-range.ts'
import { settleAll } from './backlog.ts'
import type { DiskFeed } from './disk-feed.ts'
import type { Account } from './ledger.ts'
import type { Queue } from './queue.ts'
import type { DropReason } from './reasons.ts'
import { isStored } from './stored-receipt.ts'
import type { Legacy } from './succession.ts'

export interface WithdrawalOptions {
  readonly spool: Spool
  readonly feed: DiskFeed
  readonly queue: Queue
  /** Sends what can be sent. */
  readonly pump: (now: number) => void
  readonly account: Account
  readonly clock: Clock
  /** Has the sender give back everything that is in memory. What is on the wire when `deadline` aborts is broken off. */
  readonly recall: Recall
  readonly lose: (reason: DropReason, records: number, detail: string) => void
  /** Something has left. */
  readonly left: () => void
}

/** `first`: before all that came back so far. */
export type Recall = (inherit: (legacy: Legacy, first: boolean) => void, deadline: AbortSignal) => Promise<void>

/** What was taken out, and where the rest stands. */
export interface Withdrawn {
  readonly batches: number
  readonly records: number
  /** Lowest sequence that is in the queue, and the one that comes next. */
  readonly from: number
  readonly next: number
  /** Why not all that was meant was taken out. */
  readonly stopped?: string
}

/** Requests on the wire may take so long to come back. */
const recallMs = 10_000
/** Nothing is sent for so long after the last time somebody took something out. */
const holdMs = 30_000
const readBytes = 1 << 20
/** Below what a queue remembers of batches that were finished before a lower one. */
const mostOutOfTurn = 60_000

const open = new OpenFolders<Withdrawal>()

/** For the queue on disk of a folder that this process sends from. */
export const withdrawalAt = (folder: string): Withdrawal | undefined => open.at(folder)

/**
 * Lets batches be taken out of a queue on disk that is being sent. Nothing is sent meanwhile: what is in memory is let go of,
 * since it stands on disk, so that every batch is either here or was delivered.
 */
export class Withdrawal {
  private readonly options: WithdrawalOptions
  private readonly forgetMe: () => void
  private isHeld = false
  private isTaking = false
  private isOver = false
  private timer: Timer | undefined
  /** Came back from the sender, and is not let go of yet. */
  private back: Legacy[] = []

  constructor(options: WithdrawalOptions) {
    this.options = options
    this.forgetMe = open.enter(options.spool.status().folder, this)
  }

  /**
   * Takes out the batches of a time up to a sequence, -1: none, and keeps the rest from being sent until `release`, half a minute at
   * most. `kept`: somebody else has them. Rejects with a sentence.
   */
  async take(range: TimeRange, fate: 'kept' | 'removed'): Promise<Withdrawn> {
    if (this.isTaking) throw new Error('batches are being taken out of this queue already: try again when that is over')
    this.isTaking = true
    try {
      if (!this.isHeld) await this.hold()
      const taken = await this.takeOut(range, fate)
      const { position, next } = this.options.spool.status()
      return { ...taken, from: position, next }
    } finally {
      this.isTaking = false
      this.timer?.cancel()
      if (this.isHeld) this.timer = this.options.clock.after(holdMs, () => this.release())
    }
  }

  /** Sending goes on. */
  release(): void {
    if (this.isTaking || this.isOver) return
    this.timer?.cancel()
    this.isHeld = false
    this.options.feed.goOn()
  }

  /** The end of the queue begins: what came back from the sender is in memory again. */
  end(): void {
    this.isOver = true
    this.isHeld = false
    this.timer?.cancel()
    this.forgetMe()
    this.putBack()
  }

  private async hold(): Promise<void> {
    const { feed, pump, clock, recall } = this.options
    const late = new AbortController()
    const timer = clock.after(recallMs, () => late.abort())
    try {
      await feed.hold()
      await recall((legacy, first) => this.came(legacy, first), late.signal)
    } finally {
      timer.cancel()
    }
    if (this.isOver) throw new Error('the exporter has ended')
    if (this.letGo()) return
    this.putBack()
    pump(clock.monotonic())
    feed.goOn()
    throw new Error(
      'some of what waits stands in memory alone, since the disk did not take it or had no room: try again',
    )
  }

  private came(legacy: Legacy, first: boolean): void {
    this.options.feed.unread += legacy.batch.count
    if (first) this.back.unshift(legacy)
    else this.back.push(legacy)
  }

  /** False: not all of it is on disk. What was delivered of batches that were sent in part comes again. */
  private letGo(): boolean {
    const { spool, feed, account } = this.options
    if (!this.back.every(({ batch }) => isStored(batch)) || !spool.rewind()) return false
    for (const { batch } of this.back.splice(0)) settleAll(batch.receipts, { dropped: 'shutdown' })
    const again = spool.records - feed.unread
    account.recovered += again
    account.maybe_duplicate += again
    feed.rewound(spool.records)
    this.isHeld = true
    return true
  }

  private putBack(): void {
    const { feed, queue } = this.options
    for (const legacy of this.back.splice(0)) {
      feed.unread -= legacy.batch.count
      queue.inherit(legacy, false)
    }
  }

  private async takeOut(range: TimeRange, fate: 'kept' | 'removed'): Promise<Omit<Withdrawn, 'from' | 'next'>> {
    const { spool } = this.options
    const { upTo = Number.POSITIVE_INFINITY } = range
    const taken = { batches: 0, records: 0 }
    const staying: SpoolRecord[] = []
    try {
      for (let isMore = upTo >= 0; isMore; ) {
        const found = await spool.read(readBytes)
        if (this.isOver) throw new Error('the exporter has ended')
        const meant = found.filter((record) => isMeant(record, range))
        for (const record of found) if (!isMeant(record, range)) staying.push({ ...record, payload: nothing })
        taken.batches += meant.length
        taken.records += this.finish(meant, fate)
        isMore = found.length > 0 && found.at(-1)!.sequence < upTo
        if (isMore && spool.status().outOfTurn > mostOutOfTurn) return { ...taken, stopped: tooMany }
      }
      return taken
    } finally {
      if (!this.isOver) this.goBack(staying)
    }
  }

  private finish(batches: readonly SpoolRecord[], fate: 'kept' | 'removed'): number {
    const { spool, feed, account, lose, left } = this.options
    let records = 0
    for (const { sequence, count } of batches) {
      spool.finish(sequence)
      records += count
    }
    if (records === 0) return 0
    feed.unread -= records
    if (fate === 'kept') account.kept += records
    else lose('removed', records, 'an operator removed them')
    left()
    return records
  }

  /** To the first that stays; but for what was displaced since it was read. */
  private goBack(staying: readonly SpoolRecord[]): void {
    const { spool, feed, lose } = this.options
    for (const { sequence, count } of staying) {
      if (spool.rewind()) return
      spool.finish(sequence)
      feed.unread -= count
      lose('displaced', count, 'the queue on disk was full')
    }
    spool.rewind()
  }
}

const nothing = Buffer.alloc(0)
const tooMany = `${mostOutOfTurn} batches were taken out from behind one that stays: more can be when that was sent`
