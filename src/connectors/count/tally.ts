import type { Cursor } from '../../plugin.ts'
import type { BackwardWriter } from '../../wire/protobuf.ts'
import type { Counter } from './counter.ts'

/** The counters of one kind of things, over one resource, and the time from the first of them to the last. */
export class Tally {
  private readonly counters: readonly Counter[]
  private startLo = 0
  private startHi = 0
  private endLo = 0
  private endHi = 0

  constructor(counters: readonly Counter[]) {
    this.counters = counters
  }

  get counts(): boolean {
    return this.counters.length > 0
  }

  /** Whether what is counted matters, and not only how much of it there is. */
  get asks(): boolean {
    return this.counters.some((counter) => counter.asks)
  }

  get isEmpty(): boolean {
    return this.counters.every((counter) => counter.isEmpty)
  }

  see(cursor: Cursor): void {
    for (let i = 0; i < this.counters.length; i++) this.counters[i]!.see(cursor)
  }

  /** Halves of nanoseconds; 0 says nothing. */
  time(lo: number, hi: number): void {
    if (lo === 0 && hi === 0) return
    const none = this.startLo === 0 && this.startHi === 0
    if (none || hi < this.startHi || (hi === this.startHi && lo < this.startLo)) {
      this.startLo = lo
      this.startHi = hi
    }
    if (none || hi > this.endHi || (hi === this.endHi && lo > this.endLo)) {
      this.endLo = lo
      this.endHi = hi
    }
  }

  /** Writes its metrics and begins anew; answers how many data points there are. */
  flush(out: BackwardWriter, now: readonly [number, number]): number {
    const isTimed = this.startLo !== 0 || this.startHi !== 0
    const start = isTimed ? ([this.startLo, this.startHi] as const) : now
    const end = isTimed ? ([this.endLo, this.endHi] as const) : now
    let points = 0
    for (const counter of this.counters.toReversed()) {
      if (!counter.isEmpty) points += counter.write(out, start, end)
    }
    this.clear()
    return points
  }

  /** Forgets what was counted. */
  clear(): void {
    for (const counter of this.counters) counter.clear()
    this.startLo = this.startHi = this.endLo = this.endHi = 0
  }
}
