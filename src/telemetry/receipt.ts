import type { DropReason } from '../delivery/reasons.ts'

/** What became of the records a receipt stands for, in one branch. */
export type Outcome = 'delivered' | 'durable' | Loss

export interface Loss {
  readonly dropped: DropReason
  /** What was said about it, for people. */
  readonly detail?: string | undefined
  /** What it was said by. */
  readonly cause?: unknown
  /** Some of what was sent together was taken. */
  readonly isPartial?: boolean
}

/** Where a traced batch is in its trace: for those who make spans. */
export interface TraceMark {
  settled(outcome: Outcome): void
}

/**
 * A promise to whoever made a batch: told once, when every branch that got the records has settled them. Fan-out and
 * split call `fork` for the branches they add; each branch calls `settle` exactly once.
 */
export class Receipt {
  /** Of a batch that is being traced. */
  readonly trace: TraceMark | undefined
  private open = 1
  private lost: Loss | undefined
  private durable = true
  private readonly done: (outcome: Outcome) => void

  constructor(done: (outcome: Outcome) => void, trace?: TraceMark) {
    this.done = done
    this.trace = trace
  }

  /** Adds `branches` more that must settle. */
  fork(branches: number): void {
    this.open += branches
  }

  settle(outcome: Outcome): void {
    if (this.open === 0) throw new Error('a receipt was settled more often than it was forked')
    // What is there again for the next process stands above what is gone: else a part of it would be forgotten.
    if (typeof outcome === 'object') {
      if (!this.lost || this.lost.isPartial || outcome.dropped === 'shutdown') this.lost = outcome
    } else if (outcome === 'delivered') this.durable = false
    if (--this.open > 0) return
    this.done(this.lost ?? (this.durable ? 'durable' : 'delivered'))
  }
}
