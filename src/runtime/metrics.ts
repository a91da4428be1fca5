/** Labels of one series, in the order in which they print. */
export type Labels = Readonly<Record<string, string>>

/** One counted thing. `add` is an addition in a typed array: cheap enough for hot paths. */
export class Counter {
  readonly family: Family
  readonly labels: Labels
  private readonly slots: Float64Array
  private readonly slot: number

  constructor(family: Family, labels: Labels) {
    this.family = family
    this.labels = labels
    if (used === slots.length) {
      slots = new Float64Array(256)
      used = 0
    }
    this.slots = slots
    this.slot = used++
  }

  add(n: number): void {
    this.slots[this.slot]! += n
  }

  get value(): number {
    return this.slots[this.slot]!
  }
}

let slots = new Float64Array(256)
let used = 0

/** All series of one name. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  readonly series: (Counter | ReadSeries)[]
}

/** A counter or gauge that somebody else keeps: read when observed. */
export interface ReadSeries {
  readonly labels: Labels
  readonly value: number
}

/** Every self-metric of the process. Families keep the order in which they were declared. */
export class Metrics {
  private readonly byName = new Map<string, Family>()

  /** The counter `name{labels}`: made on first use, the same one ever after. */
  counter(name: string, help: string, labels: Labels = {}): Counter {
    const family = this.family(name, help, 'counter')
    const found = family.series.find((series) => sameLabels(series.labels, labels))
    if (found) return found as Counter
    const counter = new Counter(family, labels)
    family.series.push(counter)
    return counter
  }

  /**
   * Observes `read` as a gauge; with `type` as a counter that is kept elsewhere. A later reader of the same series replaces
   * it; the answer takes it away, unless it was replaced.
   */
  observe(
    name: string,
    help: string,
    labels: Labels,
    read: () => number,
    type: 'counter' | 'gauge' = 'gauge',
  ): () => void {
    const family = this.family(name, help, type)
    const series = {
      labels,
      get value() {
        return read()
      },
    }
    const at = family.series.findIndex((other) => sameLabels(other.labels, labels))
    if (at < 0) family.series.push(series)
    else family.series[at] = series
    return () => {
      const own = family.series.indexOf(series)
      if (own >= 0) family.series.splice(own, 1)
    }
  }

  /** What a series says right now; undefined when there is none. */
  value(name: string, labels: Labels): number | undefined {
    return this.byName.get(name)?.series.find((series) => sameLabels(series.labels, labels))?.value
  }

  /** Shows a family whose series somebody else keeps, because they come and go. A later one of the same name replaces it. */
  adopt(family: Family): void {
    this.byName.set(family.name, family)
  }

  families(): Iterable<Family> {
    return this.byName.values()
  }

  find(name: string): Family | undefined {
    return this.byName.get(name)
  }

  private family(name: string, help: string, type: 'counter' | 'gauge'): Family {
    const family = this.byName.get(name) ?? { name, help, type, series: [] }
    this.byName.set(name, family)
    return family
  }
}

function sameLabels(a: Labels, b: Labels): boolean {
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key])
}
