import type { Clock } from '../runtime/clock.ts'
import type { Batch } from '../telemetry/batch.ts'
import type { Origin } from '../telemetry/origin.ts'
import { type Admission, Refused, type Verdict } from './admission.ts'
import { Backlog, type Entry, forkAll, type Part, settleAll, type TakeLimits } from './backlog.ts'
import { type Budget, entryCost } from './budget.ts'
import { FairGate } from './fair-gate.ts'
import type { Shares } from './fairness.ts'
import type { LostPart } from './loss-notes.ts'
import type { DropReason } from './reasons.ts'
import { queueFull, Room, type RoomOptions } from './room.ts'
import { oversized, rowsToFree, withoutOversized } from './rows.ts'
import { Shelter } from './shelter.ts'
import type { Legacy } from './succession.ts'

/** What a full queue does. */
export type WhenFull = 'drop_oldest' | 'drop_newest' | 'refuse' | 'wait'

export interface QueueOptions extends RoomOptions {
  whenFull: WhenFull
  clock: Clock
  /** The budget above it: losses because that one is used up are called `memory`. */
  memory: Budget
  /** Largest record the peer takes: larger ones are dropped on arrival. */
  maxRecordBytes?: number
  /** Age of the head, in milliseconds, from which on the queue keeps its bytes in memory of its own. Default 100. */
  stallAfterMs?: number
  /** Whether batches of different origin must stay apart. */
  keepOrigins?: boolean
  /** Metadata whose values must stay apart; records that agree in them may be joined whatever else their origins are. */
  metadataKeys?: readonly string[]
  /** Told of records that were not let in because there was no room: their sender may repeat them. */
  onSentBack?: (records: number, why: string) => void
  /** Told of every record that ends here unsent; `batch` is the one it stands in, when it had got in. */
  onDrop: (reason: DropReason, records: number, detail: undefined, batch: Batch, part: LostPart) => void
}

/** One entry as it is. */
const whole: TakeLimits = {
  records: 0,
  bytes: Number.POSITIVE_INFINITY,
  enoughRecords: 0,
  enoughBytes: 0,
  fill: false,
}

const stopping = new Refused('shutting down')

/** Batches waiting for one destination: bounded in records and bytes, exact to the record in what it drops. */
export class Queue implements Admission {
  private readonly options: QueueOptions
  private readonly budget: Budget
  private readonly drops: boolean
  private readonly backlog: Backlog
  private readonly room: Room
  private admitted = false
  /** Somebody asked while a run was under way. */
  private askedMeanwhile = false
  private closed = false
  private readonly waiting: (() => void)[] = []
  private readonly gate: FairGate
  private readonly shelter: Shelter

  constructor(options: QueueOptions) {
    const { whenFull } = options
    this.options = options
    this.budget = options.budget
    this.drops = whenFull === 'drop_oldest' || whenFull === 'drop_newest'
    this.backlog = new Backlog(apart(options))
    this.room = new Room(this.backlog, options)
    this.gate = new FairGate(this.backlog)
    this.shelter = new Shelter(this.backlog, options.clock, options.stallAfterMs ?? 100)
  }

  /** Records queued, without those on the wire. */
  get records(): number {
    return this.backlog.records
  }

  /** Bytes queued. */
  get bytes(): number {
    return this.backlog.bytes
  }

  /** Records queued and on the wire. */
  get held(): number {
    return this.room.held
  }

  /** Whether the head is so old that the queue keeps its bytes to itself. */
  get stalled(): boolean {
    return this.shelter.stalled
  }

  /** When the oldest batch came, monotonic milliseconds; undefined when nothing is queued. */
  get oldest(): number | undefined {
    return this.backlog.head()?.at
  }

  admit(): Verdict {
    if (this.drops) return undefined
    if (this.admitted) {
      // A run is on its way here: what room there is may be its own.
      this.askedMeanwhile = true
      return 'wait'
    }
    const obstacle = this.closed ? stopping : this.room.obstacle()
    if (!obstacle) this.admitted = true
    else if (!this.closed && this.options.whenFull === 'wait') return 'wait'
    return obstacle
  }

  settle(): void {
    this.admitted = false
    if (!this.askedMeanwhile) return
    this.askedMeanwhile = false
    this.roomMade()
  }

  sentBack(records: number): void {
    const why = this.closed ? stopping : (this.room.obstacle() ?? queueFull)
    this.options.onSentBack?.(records, why.message)
  }

  /** How full it is, in the unit of its first bound: requests, records, bytes of payload or of memory. */
  fillOf(): { size: () => number; capacity: number } {
    return this.room.fillOf()
  }

  onRoom(fn: () => void): void {
    if (!this.waiting.includes(fn)) this.waiting.push(fn)
    if (!this.budget.fits(1)) this.budget.onRoom(this.roomMade)
  }

  /** Appends a batch and brings the queue back within its bounds. Try to send, then call `stay` with the answer. */
  push(given: Batch, now: number): Entry | undefined {
    let batch = this.withoutOversized(given)
    let shares: Shares | undefined
    if (this.drops) {
      const fair = this.gate.enter(batch, this.room.fill())
      shares = this.gate.shares
      batch = this.turnAway(batch, fair, 'unfair_share')
    }
    if (batch.count === 0) return undefined
    const bytes = batch.size
    const cost = entryCost(bytes, batch.count)
    const entry: Entry = { batch, first: 0, count: batch.count, bytes, cost, at: now, own: false, shares }
    this.backlog.push(entry)
    this.budget.take(cost)
    if (this.options.whenFull === 'drop_oldest') this.trimOldest(entry)
    else if (!this.admitted) this.trimNewest(entry)
    return entry.count > 0 ? entry : undefined
  }

  /** Sees to it that what stays in the queue does not pin shared memory for long. */
  stay(entry: Entry): void {
    if (this.backlog.records > 0) this.shelter.stay(entry)
  }

  /** The next records to send. They count against the bounds until `done`. */
  take(limits: TakeLimits): Part | undefined {
    const part = this.backlog.take(limits)
    if (!part) return undefined
    this.room.leaves(part)
    this.shelter.leave(part)
    if (this.backlog.records === 0) this.shelter.reset()
    return part
  }

  /** Ends the part's time on the wire. Its receipts are the caller's. */
  done(part: Part): void {
    this.room.gone(part)
    this.budget.give(part.cost)
    this.roomMade()
  }

  /** Takes records over from the queue that was here before this one; `first`: before all others. */
  inherit({ batch: given, at }: Legacy, first: boolean): void {
    const batch = this.withoutOversized(given)
    if (batch.count === 0) return
    const { size: bytes, count } = batch
    const cost = entryCost(bytes, count)
    const entry: Entry = { batch, first: 0, count, bytes, cost, at, own: false, shares: undefined }
    if (first) this.backlog.unshift(entry)
    else this.backlog.push(entry)
    this.budget.take(cost)
    if (this.options.whenFull === 'drop_oldest') this.trimOldest(entry)
    else if (this.drops) this.trimNewest(entry)
    if (entry.count > 0) this.stay(entry)
  }

  /** Lets go of all that is queued, oldest first: it goes on elsewhere. */
  release(): Legacy[] {
    const released: Legacy[] = []
    for (let head = this.backlog.head(); head; head = this.backlog.head()) {
      const { at, count } = head
      const { batch, cost } = this.backlog.take({ ...whole, records: count })!
      this.budget.give(cost)
      released.push({ batch, at })
    }
    this.shelter.reset()
    this.roomMade()
    return released
  }

  /** Drops all that is queued. */
  drain(reason: DropReason): void {
    for (let head = this.backlog.head(); head; head = this.backlog.head()) this.drop(head, head.count, false, reason)
  }

  /** Lets nobody wait any more: who asks is refused. */
  close(): void {
    this.closed = true
    this.shelter.close()
    this.roomMade()
  }

  /** Calls those who wait, if there is room. */
  private roomMade = (): void => {
    if (this.waiting.length === 0) return
    const obstacle = this.closed ? undefined : this.room.obstacle()
    if (!obstacle) for (const fn of this.waiting.splice(0)) fn()
    else if (!this.budget.fits(1)) this.budget.onRoom(this.roomMade)
  }

  /** Makes room at the front, batch after batch. Memory that others use up is answered by giving back what came. */
  private trimOldest({ cost }: Entry): void {
    let given = 0
    for (let head = this.backlog.head(); head; head = this.backlog.head()) {
      const records = this.room.excessRecords()
      const bytes = this.room.excessBytes()
      const memory = Math.min(this.options.memory.excess(), cost - given)
      if (records <= 0 && bytes <= 0 && memory <= 0) return
      const full = records > 0 || bytes > 0
      given += this.drop(
        head,
        rowsOver(head, records, Math.max(bytes, memory), false),
        false,
        full ? 'displaced' : 'memory',
      )
    }
  }

  /** Takes off the end of the newest batch what does not fit. */
  private trimNewest(entry: Entry): void {
    while (entry.count > 0) {
      const records = this.room.excessRecords()
      const bytes = this.room.excessBytes()
      const memory = this.options.memory.excess()
      if (records <= 0 && bytes <= 0 && memory <= 0) return
      const full = records > 0 || bytes > 0
      this.drop(entry, rowsOver(entry, records, Math.max(bytes, memory), true), true, full ? 'queue_full' : 'memory')
    }
  }

  /** Drops records at one end of an entry; answers what they cost. */
  private drop(entry: Entry, rows: number, fromEnd: boolean, reason: DropReason): number {
    const { receipts } = entry.batch
    if (rows < entry.count) forkAll(receipts)
    const { first, count } = entry
    const cost = this.backlog.remove(entry, rows, fromEnd)
    this.options.onDrop(reason, rows, undefined, entry.batch, fromEnd ? first + count - rows : first)
    this.budget.give(cost)
    if (this.backlog.records === 0) this.shelter.reset()
    // Last: whoever hears of it may put in the next batch at once.
    settleAll(receipts, { dropped: reason })
    return cost
  }

  /** Accounts for records of an arriving batch that do not get in at all. */
  private turnAway(batch: Batch, kept: Batch, reason: DropReason): Batch {
    if (kept === batch) return batch
    if (kept.count > 0) forkAll(batch.receipts)
    this.options.onDrop(reason, batch.count - kept.count, undefined, batch, kept)
    settleAll(batch.receipts, { dropped: reason })
    return kept
  }

  private withoutOversized(batch: Batch): Batch {
    const most = this.options.maxRecordBytes
    if (most === undefined || batch.size <= most || oversized(batch, most) === 0) return batch
    return this.turnAway(batch, withoutOversized(batch, most), 'too_large')
  }
}

/** Which origins must not be joined; undefined: all may be. */
function apart({ keepOrigins, metadataKeys = [] }: QueueOptions) {
  if (metadataKeys.length > 0) {
    const values = (origin: Origin | undefined, key: string) => origin?.metadata?.[key]
    return (a: Origin | undefined, b: Origin | undefined) =>
      a !== b && metadataKeys.some((key) => values(a, key) !== values(b, key))
  }
  return keepOrigins ? (a: Origin | undefined, b: Origin | undefined) => a !== b : undefined
}

/** How many records of the entry must go. */
function rowsOver(entry: Entry, records: number, bytes: number, fromEnd: boolean): number {
  if (records >= entry.count) return entry.count
  const { batch, first, count } = entry
  const forBytes = bytes > 0 ? rowsToFree(batch, first, first + count, bytes, fromEnd) : 0
  return Math.max(1, records, forBytes)
}
