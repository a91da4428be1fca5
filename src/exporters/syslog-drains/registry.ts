import { Drain, type DrainWorld } from './drain.ts'
import { type DrainSpec, sameDrain } from './merge.ts'
import { SourceTable } from './source-table.ts'

/** The drains there are, and for whom. New lists replace old ones; a drain that is in both does not notice. */
export class Registry {
  /** Drains by source id. */
  table: SourceTable<readonly Drain[]> = new SourceTable([])
  aggregates: readonly Drain[] = []
  private apps = new Map<string, readonly Drain[]>()
  private readonly world: DrainWorld

  constructor(world: DrainWorld) {
    this.world = world
  }

  /** Drains of applications. */
  get count(): number {
    let count = 0
    for (const drains of this.apps.values()) count += drains.length
    return count
  }

  setApps(wanted: ReadonlyMap<string, readonly DrainSpec[]>): void {
    const before = this.apps
    const next = new Map<string, readonly Drain[]>()
    for (const [app, specs] of wanted) next.set(app, this.matched(before.get(app) ?? [], specs))
    for (const [app, drains] of before) if (!wanted.has(app)) for (const drain of drains) drain.remove()
    this.apps = next
    this.table = new SourceTable(next)
  }

  setAggregates(specs: readonly DrainSpec[]): void {
    this.aggregates = this.matched(this.aggregates, specs)
    // Unlike those of applications they are there before the first message.
    for (const drain of this.aggregates) if (!drain.ring) drain.open()
  }

  *all(): Iterable<Drain> {
    for (const drains of this.apps.values()) yield* drains
    yield* this.aggregates
  }

  private newDrain(spec: DrainSpec): Drain {
    const drain = new Drain(spec, this.world)
    drain.resume()
    return drain
  }

  /** The drains for `specs`: those of `before` that are the same, and new ones. The others of `before` are removed. */
  private matched(before: readonly Drain[], specs: readonly DrainSpec[]): readonly Drain[] {
    const left = new Set(before)
    const drains = specs.map((spec) => {
      const kept = before.find((drain) => left.has(drain) && sameDrain(drain.spec, spec))
      if (!kept) return this.newDrain(spec)
      left.delete(kept)
      return kept
    })
    for (const drain of left) drain.remove()
    return drains
  }
}
