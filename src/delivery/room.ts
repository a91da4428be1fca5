import { Refused } from './admission.ts'
import type { Backlog, Part } from './backlog.ts'
import type { Budget } from './budget.ts'

export interface RoomOptions {
  /** The queue's own bound in bytes, with costs as in `entryCost`. */
  budget: Budget
  /** Bounds over what is queued and what is on the wire. Absent: none. */
  maxRecords?: number
  maxRequests?: number
  /** Bound over the batches' bytes alone (the Collector's `sizer: bytes`). */
  maxPayload?: number
}

export const queueFull = new Refused('sending queue is full')
const memoryFull = new Refused('data refused due to high memory usage', 1000)

/** What a queue holds, queued and on the wire, against its bounds. */
export class Room {
  private readonly backlog: Backlog
  private readonly budget: Budget
  private readonly maxRecords: number
  private readonly maxRequests: number
  private readonly maxPayload: number
  private wireRecords = 0
  private wireRequests = 0
  private wireBytes = 0

  constructor(backlog: Backlog, { budget, maxRecords, maxRequests, maxPayload }: RoomOptions) {
    this.backlog = backlog
    this.budget = budget
    this.maxRecords = maxRecords ?? Number.POSITIVE_INFINITY
    this.maxRequests = maxRequests ?? Number.POSITIVE_INFINITY
    this.maxPayload = maxPayload ?? Number.POSITIVE_INFINITY
  }

  /** Records queued and on the wire. */
  get held(): number {
    return this.backlog.records + this.wireRecords
  }

  /** A part that was queued is on the wire. */
  leaves({ batch, requests, bytes }: Part): void {
    this.wireRecords += batch.count
    this.wireRequests += requests
    this.wireBytes += bytes
  }

  /** The end of its time on the wire. */
  gone({ batch, requests, bytes }: Part): void {
    this.wireRecords -= batch.count
    this.wireRequests -= requests
    this.wireBytes -= bytes
  }

  /** Why there is none: the bound of this queue, or the memory of all. */
  obstacle(): Refused | undefined {
    const { backlog, budget } = this
    if (backlog.records + this.wireRecords >= this.maxRecords) return queueFull
    if (backlog.entries + this.wireRequests >= this.maxRequests) return queueFull
    if (backlog.bytes + this.wireBytes >= this.maxPayload) return queueFull
    if (budget.used >= budget.maxBytes) return queueFull
    return budget.fits(1) ? undefined : memoryFull
  }

  /** Records above the bounds; whole requests count as all of their records. */
  excessRecords(): number {
    if (this.backlog.entries + this.wireRequests > this.maxRequests) return Number.POSITIVE_INFINITY
    return this.held - this.maxRecords
  }

  excessBytes(): number {
    const { budget } = this
    return Math.max(this.backlog.bytes + this.wireBytes - this.maxPayload, budget.used - budget.maxBytes)
  }

  /** How full it is with what is queued, by whichever bound is nearest: from 0 to 1. */
  fill(): number {
    const { backlog, budget } = this
    return Math.max(backlog.records / this.maxRecords, backlog.bytes / this.maxPayload, backlog.cost / budget.maxBytes)
  }

  /** How full it is, in the unit of its first bound: requests, records, bytes of payload or of memory. */
  fillOf(): { size: () => number; capacity: number } {
    const { maxRequests, maxRecords, maxPayload, budget, backlog } = this
    if (Number.isFinite(maxRequests)) return { size: () => backlog.entries + this.wireRequests, capacity: maxRequests }
    if (Number.isFinite(maxRecords)) return { size: () => this.held, capacity: maxRecords }
    if (Number.isFinite(maxPayload)) return { size: () => backlog.bytes + this.wireBytes, capacity: maxPayload }
    return { size: () => budget.used, capacity: budget.maxBytes }
  }
}
