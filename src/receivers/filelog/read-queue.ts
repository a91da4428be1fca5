import type { Tail } from './tail.ts'

/** A file of which so much is on its way is not read on: what a dead peer costs, whatever queues allow. */
const mostUnsettled = 4 << 20

/** The files that have something to read, in turns; those of which too much is on its way wait until it was settled. */
export class ReadQueue {
  private readonly tails = new Set<Tail>()
  private readonly held = new Set<Tail>()

  /** Files that may be read now. */
  get size(): number {
    return this.tails.size
  }

  /** It has something to read; false when that was known. */
  add(tail: Tail): boolean {
    if (tail.isReady || tail.isOver) return false
    tail.isReady = true
    if (tail.settlement.unsettled < mostUnsettled) this.tails.add(tail)
    else this.hold(tail)
    return true
  }

  /** The next one; there is one. */
  take(): Tail {
    const [tail] = this.tails as Set<Tail> & [Tail]
    this.tails.delete(tail)
    tail.isReady = false
    return tail
  }

  /** Less of it is on its way. */
  free(tail: Tail): void {
    if (this.held.delete(tail)) this.tails.add(tail)
  }

  private hold(tail: Tail): void {
    // A copy answers for what is on its way of a file that was truncated: that one is not freed any more.
    for (const other of this.held) if (other.isOver) this.held.delete(other)
    this.held.add(tail)
  }
}
