import type { Clock, Timer } from '../runtime/clock.ts'
import type { Backlog, Entry, Part } from './backlog.ts'
import { OwnMemory } from './own-memory.ts'

/** What is copied in one go: a third of a millisecond. */
const stepBytes = 1 << 20

/**
 * Keeps a queue from pinning the slabs that records arrive in: once its oldest batch is too old the queue is stalled,
 * moves what it holds into memory of its own, and copies what comes from then on, until it runs empty. One timer.
 */
export class Shelter {
  private readonly backlog: Backlog
  private readonly clock: Clock
  private readonly stallAfterMs: number
  private timer: Timer | undefined
  private memory: OwnMemory | undefined

  constructor(backlog: Backlog, clock: Clock, stallAfterMs: number) {
    this.backlog = backlog
    this.clock = clock
    this.stallAfterMs = stallAfterMs
  }

  get stalled(): boolean {
    return this.memory !== undefined
  }

  /** A batch came and was not sent at once. */
  stay(entry: Entry): void {
    if (this.memory) this.keep(entry, this.memory)
    else this.timer ??= this.clock.after(this.stallAfterMs, this.watch)
  }

  /** What was joined to be sent lies in a shared slab; a peer that stalls again would pin that. */
  leave(part: Part): void {
    const joined = part.requests > 1 && part.bytes < stepBytes >> 2
    if (this.memory && joined) part.batch = this.memory.copy(part.batch, 0, part.batch.count)
  }

  /** The queue ran empty: it moves on. */
  reset(): void {
    this.memory = undefined
    this.backlog.compacted = 0
  }

  close(): void {
    this.timer?.cancel()
  }

  /** Looks at the age of the head, later copies step by step. */
  private watch = (): void => {
    this.timer = undefined
    const head = this.backlog.head()
    if (!head) return
    const left = head.at + this.stallAfterMs - this.clock.monotonic()
    // A system timer may be a fraction of a millisecond early.
    if (!this.memory && left >= 1) this.timer = this.clock.after(left, this.watch)
    else {
      this.memory ??= new OwnMemory()
      if (!this.compact(this.memory)) this.timer = this.clock.after(1, this.watch)
    }
  }

  /** Moves some of what is queued; true when nothing is left to move. */
  private compact(memory: OwnMemory): boolean {
    const { backlog } = this
    for (let copied = 0; backlog.compacted < backlog.entries; backlog.compacted++) {
      if (copied >= stepBytes) return false
      copied += this.keep(backlog.entry(backlog.compacted)!, memory)
    }
    return true
  }

  /** Moves one entry; answers how many bytes that took. */
  private keep(entry: Entry, memory: OwnMemory): number {
    if (entry.own || entry.count === 0) return 0
    const end = entry.first + entry.count
    entry.batch = memory.copy(entry.batch, entry.first, end)
    entry.shares = entry.shares?.subarray(entry.first, end)
    entry.first = 0
    entry.own = true
    return entry.bytes
  }
}
