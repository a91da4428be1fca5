import type { Budget } from '../../delivery/budget.ts'
import { numberPoint, type Times } from '../../wire/otlp/points.ts'
import type { BackwardWriter } from '../../wire/protobuf.ts'
import type { Distribution } from './distribution.ts'

/** What a member costs beside its text. */
const bytesPerMember = 64

/** A StatsD set: how many different members an interval brought, as a gauge. Bounded by the memory budget. */
export class Members implements Distribution {
  readonly points = 1
  /** Occurrences of members that had no room and so are not counted. */
  lost = 0
  private readonly members = new Set<string>()
  private readonly budget: Budget
  private charged = 0

  constructor(budget: Budget) {
    this.budget = budget
  }

  addMember(member: string): void {
    if (this.members.has(member)) return
    const cost = member.length + bytesPerMember
    if (!this.budget.fits(cost)) {
      this.lost++
      return
    }
    this.budget.take(cost)
    this.charged += cost
    this.members.add(member)
  }

  add(): void {}

  write(out: BackwardWriter, attributes: Uint8Array, times: Times): void {
    numberPoint(out, attributes, times, this.members.size, true)
  }

  clear(): void {
    this.members.clear()
    this.lost = 0
    this.budget.give(this.charged)
    this.charged = 0
  }

  release(): void {
    this.clear()
  }
}
