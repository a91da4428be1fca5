import { sameSettings } from './same-settings.ts'
import type { Wanted } from './wanted.ts'

/** A part that runs. */
export interface Standing {
  readonly wanted: Wanted
  /** Keys of the parts it has asked for: extensions. What it got of them is good as long as they stay. */
  readonly uses: ReadonlySet<string>
  /** Whether it has looked at `readsOrigins` when it was made. */
  readonly knowsOrigins: boolean
  /** It did not start and the process runs without it: it is made anew. */
  readonly failed: boolean
}

/** What a reload does, by part. */
export interface Difference<P extends Standing = Standing> {
  readonly kept: readonly { readonly part: P; readonly wanted: Wanted }[]
  readonly changed: readonly { readonly part: P; readonly wanted: Wanted }[]
  readonly added: readonly Wanted[]
  readonly removed: readonly P[]
}

/**
 * Compares what runs with what is wanted, by (kind, id, pipeline). Kept is what has the same spec and settings, hears the
 * same of its neighbours, and uses only what is kept too.
 */
export function difference<P extends Standing>(standing: readonly P[], wanted: readonly Wanted[]): Difference<P> {
  const running = new Map(standing.map((part) => [part.wanted.key, part]))
  const pairs = wanted.flatMap((next) => {
    const part = running.get(next.key)
    return part ? [{ part, wanted: next }] : []
  })
  const wantedKeys = new Set(wanted.map(({ key }) => key))
  const kept = keptOf(pairs)
  return {
    kept: pairs.filter(({ wanted: { key } }) => kept.has(key)),
    changed: pairs.filter(({ wanted: { key } }) => !kept.has(key)),
    added: wanted.filter(({ key }) => !running.has(key)),
    removed: standing.filter((part) => !wantedKeys.has(part.wanted.key)),
  }
}

/** Keys of what can stay: what is the same, without those who use something that is not, and their users. */
function keptOf(pairs: readonly { part: Standing; wanted: Wanted }[]): ReadonlySet<string> {
  let left = pairs.filter(({ part, wanted }) => !part.failed && isSame(part, wanted))
  for (;;) {
    const keys = new Set(left.map(({ wanted: { key } }) => key))
    const still = left.filter(({ part }) => [...part.uses].every((used) => keys.has(used)))
    if (still.length === left.length) return keys
    left = still
  }
}

function isSame({ wanted: before, knowsOrigins }: Standing, wanted: Wanted): boolean {
  // Who keeps origins apart though nobody asks any more does no harm.
  const learnsOrigins = knowsOrigins && wanted.readsOrigins && !before.readsOrigins
  return (
    before.instance.spec === wanted.instance.spec &&
    before.around === wanted.around &&
    !learnsOrigins &&
    sameSettings(before.instance.config, wanted.instance.config)
  )
}
