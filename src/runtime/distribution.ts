/** How many values fell between bounds: what a histogram shows. */
export class Distribution {
  /** Upper bounds, ascending; a value that equals one belongs below it. */
  readonly bounds: readonly number[]
  /** Values per bound, those above the last one in the last place. */
  readonly counts: number[]
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Array<number>(bounds.length + 1).fill(0)
  }

  add(value: number): void {
    const { bounds } = this
    let at = 0
    while (at < bounds.length && value > bounds[at]!) at++
    this.counts[at]!++
    this.sum += value
  }

  get count(): number {
    return this.counts.reduce((total, n) => total + n, 0)
  }

  /**
   * Both together, between the bounds of this one: exact when those of the other are the same or have these among them;
   * else a value counts below the next bound above its own.
   */
  with(other: Distribution): Distribution {
    const both = new Distribution(this.bounds)
    for (const { bounds, counts, sum } of [this, other]) {
      both.sum += sum
      for (const [i, n] of counts.entries()) {
        const at = i < bounds.length ? this.bounds.findIndex((bound) => bounds[i]! <= bound) : -1
        both.counts[at < 0 ? this.bounds.length : at]! += n
      }
    }
    return both
  }
}
