import type { Clock, Timer } from '../runtime/clock.ts'
import type { Spool, SpoolRecord } from '../storage/contract.ts'
import { OpenFolders } from '../storage/open-folders.ts'
import { mostDone } from '../storage/outstanding.ts'
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
  /** It took long enough: the rest is taken out when it is asked for again. */
  readonly more?: boolean
}

/** Who takes batches out, and whether that is all: then sending goes on. */
export interface Taker {
  readonly by?: string
  readonly last?: boolean
}

type Taken = Pick<Withdrawn, 'stopped' | 'more'> & { batches: number; records: number }

/** Was read, and is not taken out. */
type Staying = Pick<SpoolRecord, 'sequence' | 'count' | 'at'>

/** Requests on the wire may take so long to come back. */
const recallMs = 10_000
/** Nothing is sent for so long after the last time somebody took something out. */
const holdMs = 30_000
/** So that an answer comes before whoever asked has given up. */
const mostMs = 20_000
const readBytes = 1 << 20

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
  /** For whom nothing is sent. */
  private holder: string | undefined
  private isTaking = false
  private isOver = false
  private timer: Timer | undefined
  /** Came back from the sender, and is not let go of yet. */
  private back: Legacy[] = []
  /** Oldest first. Everything up to `readTo` that is not among them is finished. */
  private staying: Staying[] = []
  private readTo = 0

  constructor(options: WithdrawalOptions) {
    this.options = options
    this.forgetMe = open.enter(options.spool.status().folder, this)
  }

  /** Records that came back from the sender and are not let go of yet. */
  get held(): number {
    return this.back.reduce((sum, { batch }) => sum + batch.count, 0)
  }

  /**
   * Takes out the batches of a time up to a sequence, -1: none, and keeps the rest from being sent until the same taker's `last`,
   * half a minute at most. `kept`: somebody else has them. Rejects with a sentence.
   */
  async take(range: TimeRange, fate: 'kept' | 'removed', { by = '', last = false }: Taker = {}): Promise<Withdrawn> {
    if (this.isTaking || (this.holder ?? by) !== by) throw new Error(busy)
    this.isTaking = true
    const { spool, clock } = this.options
    let isLast = last
    try {
      if (this.holder === undefined) await this.hold(by)
      const taken = await this.takeOut(range, fate)
      if (spool.status().outOfTurn > 0) await spool.saveFinished()
      if (taken.more) isLast = false
      const { position, next } = spool.status()
      return { ...taken, from: position, next }
    } finally {
      this.isTaking = false
      this.timer?.cancel()
      if (isLast) this.release()
      else if (this.holder !== undefined) this.timer = clock.after(holdMs, () => this.release())
    }
  }

  /** Sending goes on. */
  private release(): void {
    if (this.holder === undefined) return
    this.holder = undefined
    this.goBack()
    this.options.feed.goOn()
  }

  /** The end of the queue begins: what came back from the sender is in memory again. */
  end(): void {
    this.isOver = true
    this.holder = undefined
    this.timer?.cancel()
    this.forgetMe()
    this.putBack()
  }

  private async hold(by: string): Promise<void> {
    const { feed, pump, clock, recall } = this.options
    const late = new AbortController()
    const timer = clock.after(recallMs, () => late.abort())
    try {
      await feed.hold()
      this.checkLife()
      await recall((legacy, first) => this.came(legacy, first), late.signal)
    } finally {
      timer.cancel()
    }
    this.checkLife()
    if (this.letGo()) {
      this.holder = by
      return
    }
    this.putBack()
    pump(clock.monotonic())
    feed.goOn()
    throw new Error(
      'some of what waits stands in memory alone, since the disk did not take it or had no room: try again',
    )
  }

  private checkLife(): void {
    if (this.isOver) throw new Error('the exporter has ended')
  }

  private came(legacy: Legacy, first: boolean): void {
    if (first) this.back.unshift(legacy)
    else this.back.push(legacy)
  }

  /** False: not all of it is on disk, or something is in memory again that the disk did not take meanwhile. */
  private letGo(): boolean {
    const { held } = this
    if (this.options.queue.held > 0 || !this.back.every(({ batch }) => isStored(batch)) || !this.rewind(held))
      return false
    for (const { batch } of this.back.splice(0)) settleAll(batch.receipts, { dropped: 'shutdown' })
    return true
  }

  /**
   * Everything unfinished is unread again. What was delivered of batches that were sent in part comes again, and so do batches that
   * are not remembered to be finished.
   */
  private rewind(held = 0): boolean {
    const { spool, feed, account } = this.options
    if (!spool.rewind()) return false
    const again = spool.records - feed.unread - held
    account.recovered += again
    account.maybe_duplicate += again
    feed.rewound(spool.records)
    return true
  }

  /** Before what came meanwhile. */
  private putBack(): void {
    for (const legacy of this.back.splice(0).reverse()) this.options.queue.inherit(legacy, true)
  }

  private async takeOut(range: TimeRange, fate: 'kept' | 'removed'): Promise<Taken> {
    const { spool, clock } = this.options
    const { since, to, upTo = Number.POSITIVE_INFINITY } = range
    if (fate === 'removed' && since === undefined && to === undefined && upTo === Number.POSITIVE_INFINITY)
      return this.clear()
    const [lowest] = this.staying
    if (lowest && !spool.stands(lowest.sequence)) this.goBack()
    const begun = clock.monotonic()
    const all: Taken = { batches: 0, records: 0 }
    let found: readonly Staying[] = this.staying.splice(0)
    for (;;) {
      if (!this.sift(found, range, fate, all)) return { ...all, stopped: tooMany }
      if (this.readTo >= upTo) return all
      if (clock.monotonic() - begun >= mostMs) return { ...all, more: true }
      found = await spool.read(readBytes)
      this.checkLife()
      if (found.length === 0) return all
      this.readTo = found.at(-1)!.sequence
    }
  }

  /** Removes everything, unread. */
  private clear(): Taken {
    const { spool } = this.options
    this.goBack()
    const { batches } = spool
    return { batches, records: spool.clear() }
  }

  /** Finishes what is meant. False: some of that stays, since no more can be remembered behind one that stays. */
  private sift(found: readonly Staying[], range: TimeRange, fate: 'kept' | 'removed', all: Taken): boolean {
    const { spool, feed, account, lose, left } = this.options
    let room = mostDone - spool.status().outOfTurn
    let isAll = true
    let records = 0
    for (const { sequence, count, at } of found) {
      const meant = isMeant({ sequence, at }, range)
      if (meant && (this.staying.length === 0 || room-- > 0)) {
        spool.finish(sequence)
        all.batches++
        records += count
      } else {
        this.staying.push({ sequence, count, at })
        isAll &&= !meant
      }
    }
    if (records === 0) return isAll
    all.records += records
    feed.unread -= records
    if (fate === 'kept') account.kept += records
    else lose('removed', records, 'an operator removed them')
    left()
    return isAll
  }

  /** To the first that stays; but for what was displaced since it was read. */
  private goBack(): void {
    const { spool, feed, lose } = this.options
    this.readTo = 0
    for (const { sequence, count } of this.staying.splice(0)) {
      if (this.rewind()) return
      spool.finish(sequence)
      feed.unread -= count
      lose('displaced', count, 'the queue on disk was full')
    }
    this.rewind()
  }
}

const busy =
  'batches are being taken out of this queue already: try again when that is over, half a minute after it was heard of last at most'
const tooMany = `${mostDone} batches were finished behind one that stays: more can be taken out when that was sent`
