import type { Batch } from '../telemetry/batch.ts'
import type { Origin } from '../telemetry/origin.ts'
import type { Outcome, Receipt } from '../telemetry/receipt.ts'
import type { Fairness, Shares } from './fairness.ts'
import { joinOnce } from './join.ts'
import { Ring } from './ring.ts'
import { rowBytes, rowsWithin } from './rows.ts'

/** One batch in the queue: `count` records from `first` on. */
export interface Entry {
  batch: Batch
  first: number
  count: number
  bytes: number
  cost: number
  /** When it came, monotonic milliseconds. */
  readonly at: number
  /** Its bytes lie in memory of this queue. */
  own: boolean
  /** What the records of the batch count for in the buckets of sources. */
  shares: Shares | undefined
}

/** What was taken out to be sent: it counts against the bounds until it is done. */
export interface Part {
  batch: Batch
  readonly requests: number
  readonly bytes: number
  readonly cost: number
}

/** How much one `take` may take. */
export interface TakeLimits {
  readonly records: number
  readonly bytes: number
  /** Nothing more is joined once this much is together. */
  readonly enoughRecords: number
  readonly enoughBytes: number
  /** Cut the last batch so that the limits are met exactly. */
  readonly fill: boolean
}

/** Whether records of two origins must not be joined. */
type KeptApart = (a: Origin | undefined, b: Origin | undefined) => boolean

/** The queued batches in order, and what they add up to. Knows nothing of bounds. */
export class Backlog {
  records = 0
  bytes = 0
  cost = 0
  fairness: Fairness | undefined
  /** Entries at the front that are known to lie in memory of the queue. */
  compacted = 0
  private readonly ring = new Ring<Entry>()
  private readonly apart: KeptApart | undefined
  private gathered: Batch[] = []

  /** `apart` tells which origins must not be joined; undefined: all may be. */
  constructor(apart?: KeptApart) {
    this.apart = apart
  }

  get entries(): number {
    return this.ring.length
  }

  entry(i: number): Entry | undefined {
    return this.ring.get(i)
  }

  push(entry: Entry): void {
    this.ring.push(entry)
    this.count(entry)
  }

  /** In front of all others. */
  unshift(entry: Entry): void {
    this.ring.unshift(entry)
    this.compacted = 0
    this.count(entry)
  }

  private count(entry: Entry): void {
    this.records += entry.count
    this.bytes += entry.bytes
    this.cost += entry.cost
  }

  /** The oldest entry. */
  head(): Entry | undefined {
    let head = this.ring.first
    // An entry in the middle that lost all of its records is left for this moment.
    while (head && head.count === 0) {
      this.unlink()
      head = this.ring.first
    }
    return head
  }

  /** The next records to send, in order: whole batches joined up to the limits, or the first piece of one that is larger. */
  take(limits: TakeLimits): Part | undefined {
    const head = this.head()
    if (!head) return undefined
    const { records, bytes, cost, entries } = this
    let batch: Batch
    if (head.count > limits.records || (head.bytes > limits.bytes && head.count > 1)) {
      batch = this.cut(head, Math.max(1, this.fitting(head, limits.records, limits.bytes)))
    } else {
      batch = this.cut(head, head.count)
      if (this.records > 0) batch = this.joined(batch, records, bytes, limits)
    }
    this.head()
    return { batch, requests: entries - this.entries, bytes: bytes - this.bytes, cost: cost - this.cost }
  }

  /** Removes `rows` records at the front or the end of an entry; answers what they cost. */
  remove(entry: Entry, rows: number, fromEnd: boolean): number {
    const { fairness } = this
    const end = entry.first + entry.count
    const from = fromEnd ? end - rows : entry.first
    if (fairness && entry.shares) fairness.leave(entry.shares, from, from + rows)
    const all = rows === entry.count
    const bytes = all ? entry.bytes : Math.min(entry.bytes, rowBytes(entry.batch, from, from + rows))
    const cost = all ? entry.cost : bytes + 48 * rows
    if (!fromEnd) entry.first += rows
    entry.count -= rows
    entry.bytes -= bytes
    entry.cost -= cost
    this.records -= rows
    this.bytes -= bytes
    this.cost -= cost
    if (all && entry === this.ring.first) this.unlink()
    else if (all && entry === this.ring.last) this.ring.pop()
    return cost
  }

  /** Takes `rows` records off the front of the first entry as a batch of their own, which shares the receipts. */
  private cut(entry: Entry, rows: number): Batch {
    const { batch, first } = entry
    if (rows < entry.count) forkAll(batch.receipts)
    const part = batch.slice(first, first + rows)
    this.remove(entry, rows, false)
    return part
  }

  private joined(first: Batch, records: number, bytes: number, limits: TakeLimits): Batch {
    const { gathered } = this
    for (let next = this.head(); next; next = this.head()) {
      const haveRecords = records - this.records
      const haveBytes = bytes - this.bytes
      if (haveRecords >= limits.enoughRecords || haveBytes >= limits.enoughBytes) break
      if (next.batch.format !== first.format || this.apart?.(next.batch.origin, first.origin)) break
      const roomRecords = limits.records - haveRecords
      const roomBytes = limits.bytes - haveBytes
      if (next.count <= roomRecords && next.bytes <= roomBytes) gathered.push(this.cut(next, next.count))
      else {
        const rows = limits.fill ? this.fitting(next, roomRecords, roomBytes) : 0
        if (rows > 0) gathered.push(this.cut(next, rows))
        break
      }
    }
    if (gathered.length === 0) return first
    gathered.unshift(first)
    const batch = joinOnce(gathered)
    this.gathered = []
    return batch
  }

  /** How many records of the entry's front fit. The messages around them are charged in full. */
  private fitting(entry: Entry, records: number, bytes: number): number {
    const { batch, first, count } = entry
    if (entry.bytes <= bytes) return Math.min(count, records)
    const around = Math.max(0, entry.bytes - rowBytes(batch, first, first + count))
    const end = first + Math.min(count, records)
    return Math.min(count, rowsWithin(batch, first, end, bytes, around))
  }

  private unlink(): void {
    this.ring.shift()
    if (this.compacted > 0) this.compacted--
  }
}

/** Settles one branch of every receipt. */
export function settleAll(receipts: readonly Receipt[], outcome: Outcome): void {
  for (let i = 0; i < receipts.length; i++) receipts[i]!.settle(outcome)
}

/** Adds a branch to every receipt. */
export function forkAll(receipts: readonly Receipt[]): void {
  for (let i = 0; i < receipts.length; i++) receipts[i]!.fork(1)
}
