import { Drain } from './drain.ts'
import type { DrainWorld } from './drain-world.ts'
import { type DrainSpec, sameDrain, samePlace } from './merge.ts'
import { SourceTable } from './source-table.ts'

/**
 * The drains there are, and for whom. New lists replace old ones; a drain that is in both does not notice, one that looks or is
 * trusted otherwise goes on with what waits for it.
 */
export class Registry {
  /** Drains by source id. */
  table: SourceTable<readonly Drain[]> = new SourceTable([])
  aggregates: readonly Drain[] = []
  private apps = new Map<string, readonly Drain[]>()
  /** Monotonic times of the first lists. */
  private appsSince = Number.POSITIVE_INFINITY
  private aggregatesSince = Number.POSITIVE_INFINITY
  private readonly world: DrainWorld

  constructor(world: DrainWorld) {
    this.world = world
  }

  /** Since when it is certain which drains there are; before the first lists of both kinds it never is. */
  get knownSince(): number {
    return Math.max(this.appsSince, this.aggregatesSince)
  }

  /** Others will say from now on which drains there are. */
  awaitLists(): void {
    this.appsSince = this.aggregatesSince = Number.POSITIVE_INFINITY
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
    let isSame = before.size === wanted.size
    for (const [app, specs] of wanted) {
      const had = before.get(app) ?? []
      const drains = this.matched(had, specs)
      next.set(app, drains)
      if (drains !== had) isSame = false
    }
    // Most lists bring nothing new.
    if (!isSame) {
      for (const [app, drains] of before) if (!wanted.has(app)) for (const drain of drains) drain.remove()
      this.apps = next
      this.table = new SourceTable(next)
    }
    this.appsSince = Math.min(this.appsSince, this.world.clock.monotonic())
  }

  setAggregates(specs: readonly DrainSpec[]): void {
    this.aggregates = this.matched(this.aggregates, specs)
    // Unlike those of applications they are there before the first message.
    for (const drain of this.aggregates) if (!drain.ring) drain.open()
    this.aggregatesSince = Math.min(this.aggregatesSince, this.world.clock.monotonic())
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

  /** The drains for `specs`: those of `before` that stand for the same, and new ones. The others of `before` are removed. */
  private matched(before: readonly Drain[], specs: readonly DrainSpec[]): readonly Drain[] {
    if (before.length === specs.length && before.every(({ spec }, i) => sameDrain(spec, specs[i]!))) return before
    const left = new Set(before)
    const find = (spec: DrainSpec, same: typeof sameDrain) => {
      const found = before.find((drain) => left.has(drain) && same(drain.spec, spec))
      if (found) left.delete(found)
      return found
    }
    const kept = specs.map((spec) => find(spec, sameDrain))
    const drains = specs.map((spec, i) => kept[i] ?? find(spec, samePlace)?.goOnAs(spec) ?? this.newDrain(spec))
    for (const drain of left) drain.remove()
    return drains
  }
}
