import type { Budget } from './budget.ts'

/**
 * What a table of series holds, charged to a budget: for every entry a stated cost, which covers its objects and numbers,
 * and the bytes of its texts.
 */
export class TableCharge {
  private readonly budget: Budget
  private readonly perEntry: number
  private held = 0

  constructor(budget: Budget, perEntry: number) {
    this.budget = budget
    this.perEntry = perEntry
  }

  /** One entry more with texts of so many bytes. False: there is no memory for it, and nothing was charged. */
  add(bytes: number): boolean {
    if (!this.budget.fits(this.perEntry + bytes)) return false
    this.force(bytes)
    return true
  }

  /** The same where an entry has to be made, come what may: a bound of the table keeps it small. */
  force(bytes: number): void {
    this.held += this.perEntry + bytes
    this.budget.take(this.perEntry + bytes)
  }

  /** That entry has left. */
  remove(bytes: number): void {
    this.held -= this.perEntry + bytes
    this.budget.give(this.perEntry + bytes)
  }

  /** The table is given up. */
  release(): void {
    const { held } = this
    this.held = 0
    this.budget.give(held)
  }
}
