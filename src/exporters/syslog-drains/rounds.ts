import type { Clock, Timer } from '../../runtime/clock.ts'

/** What is sent in rounds. */
export interface Sends {
  /** Stands in the list of the next round; the rounds' own. */
  marked: boolean
  pump(): void
}

/** Up to so many writes in a round cost nothing worth saving. */
const few = 4
/** A write costs about 10 µs: so much time between rounds for each keeps all of them below a twentieth of a core. */
const msPerWrite = 0.2

/**
 * When drains write: at once as long as there are few, else together in rounds whose distance grows with their number, so
 * that what comes for many drains leaves in few, larger writes.
 */
export class Rounds {
  private readonly clock: Clock
  /** Longest time between two rounds. */
  maxMs: number
  private list: Sends[] = []
  private next = Number.NEGATIVE_INFINITY
  private timer: Timer | undefined = undefined

  constructor(clock: Clock, maxMs: number) {
    this.clock = clock
    this.maxMs = maxMs
  }

  /** Lets `one` send in the next round. */
  mark(one: Sends): void {
    if (one.marked) return
    one.marked = true
    this.list.push(one)
  }

  /** Ends a turn in which some were marked: a round, if it is time for one. */
  turn(): void {
    if (this.list.length === 0 || this.timer) return
    const wait = this.next - this.clock.monotonic()
    if (wait <= 0) this.run()
    else this.timer = this.clock.after(wait, this.run)
  }

  close(): void {
    this.timer?.cancel()
    this.timer = undefined
  }

  private run = (): void => {
    const { list } = this
    this.list = []
    this.timer = undefined
    for (const one of list) {
      one.marked = false
      one.pump()
    }
    const pause = list.length <= few ? 0 : Math.min(this.maxMs, list.length * msPerWrite)
    this.next = Math.max(this.next, this.clock.monotonic() + pause)
  }
}
