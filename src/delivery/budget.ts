/** Bytes of the whole process: receivers that can push back refuse above `soft`, queues lose above `limit`. */
export interface MemoryLimits {
  readonly limit: number
  readonly soft: number
}

/**
 * Memory in a tree: a claim counts against its own budget and every one above it (queue, group, service). An entry of
 * a queue costs its bytes + 48 per record + 512.
 */
export class Budget {
  readonly name: string
  /** A reload may change it. */
  maxBytes: number
  used = 0
  /** From here on nothing more is let in, though what is in may still move. */
  softBytes: number
  private readonly parent: Budget | undefined
  private readonly waiting: (() => void)[] = []

  constructor(name: string, maxBytes: number = Number.POSITIVE_INFINITY, parent?: Budget) {
    this.name = name
    this.maxBytes = maxBytes
    this.softBytes = maxBytes
    this.parent = parent
  }

  /** Whether `bytes` more would fit here and everywhere above. */
  fits(bytes: number): boolean {
    return this.used + bytes <= this.maxBytes && (this.parent?.fits(bytes) ?? true)
  }

  /** Whether a receiver may let in `bytes` more: they fit below the soft bound. */
  admits(bytes: number): boolean {
    return this.used + bytes <= this.softBytes && (this.parent?.admits(bytes) ?? true)
  }

  /** Bytes that receivers may still let in. */
  room(): number {
    const own = Math.max(0, this.softBytes - this.used)
    return this.parent ? Math.min(own, this.parent.room()) : own
  }

  /** Whether nothing at all may be let in any more: it is above a soft bound of its own. */
  get short(): boolean {
    return this.softBytes < this.maxBytes && this.used > this.softBytes
  }

  /** Takes the bytes whether they fit or not: ask `fits` first. */
  take(bytes: number): void {
    this.used += bytes
    this.parent?.take(bytes)
  }

  give(bytes: number): void {
    this.used -= bytes
    this.parent?.give(bytes)
    if (this.waiting.length > 0) for (const fn of this.waiting.splice(0)) fn()
  }

  /** Bytes by which this budget, or the one above it that is worst off, is overdrawn; 0 when none is. */
  excess(): number {
    return Math.max(0, this.used - this.maxBytes, this.parent?.excess() ?? 0)
  }

  /** Calls `fn` once when bytes were given back where they are missing: in the outermost budget without room, else here. */
  onRoom(fn: () => void): void {
    let tightest: Budget = this
    for (let budget: Budget | undefined = this; budget; budget = budget.parent) {
      if (budget.used >= budget.maxBytes) tightest = budget
    }
    if (!tightest.waiting.includes(fn)) tightest.waiting.push(fn)
  }

  child(name: string, maxBytes?: number): Budget {
    return new Budget(name, maxBytes, this)
  }
}

/** What holding a batch costs: its bytes, the numbers kept per record, and the objects around it. */
export const entryCost = (bytes: number, records: number): number => bytes + 48 * records + 512
