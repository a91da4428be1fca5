import type { Budget } from '../../delivery/budget.ts'
import { TableCharge } from '../../delivery/table-charge.ts'

/** Measured: 53 to 75, as full as the table happens to be. */
const bytesPerId = 80

/** Ids of traces that were decided, as many as there is room for; the one not asked for the longest leaves. */
export class DecidedIds {
  private readonly ids = new Set<string>()
  private most: number
  private readonly charge: TableCharge

  constructor(most: number, budget: Budget) {
    this.most = most
    this.charge = new TableCharge(budget, bytesPerId)
  }

  get size(): number {
    return this.ids.size
  }

  has(id: string): boolean {
    if (!this.ids.delete(id)) return false
    this.ids.add(id)
    return true
  }

  add(id: string): void {
    const { ids } = this
    if (!ids.delete(id) && !this.makeRoom()) return
    ids.add(id)
  }

  /** Forgets all of them, and remembers none any more. */
  release(): void {
    this.most = 0
    this.ids.clear()
    this.charge.release()
  }

  /** For one more: the oldest leaves where there is no room or no memory. False: there is none to leave. */
  private makeRoom(): boolean {
    const { ids, charge } = this
    if (ids.size < this.most && charge.add(0)) return true
    const [oldest] = ids
    return oldest !== undefined && ids.delete(oldest)
  }
}
