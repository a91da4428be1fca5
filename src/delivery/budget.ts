/**
 * Memory in a tree: a claim counts against its own budget and every one above it (queue, group, service). An entry of
 * a queue costs its bytes + 48 per record + 512.
 */
export class Budget {
  readonly name: string
  readonly maxBytes: number
  used = 0
  private readonly parent: Budget | undefined
  private readonly waiting: (() => void)[] = []

  constructor(name: string, maxBytes: number = Number.POSITIVE_INFINITY, parent?: Budget) {
    this.name = name
    this.maxBytes = maxBytes
    this.parent = parent
  }

  /** Whether `bytes` more would fit here and everywhere above. */
  fits(bytes: number): boolean {
    return this.used + bytes <= this.maxBytes && (this.parent?.fits(bytes) ?? true)
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
