import type { Clock } from '../runtime/clock.ts'

/** Names that did not resolve, for two minutes each. */
export interface FailedNames {
  has(host: string): boolean
  add(host: string): void
}

const keepMs = 120_000

/** Holds `maxNames` at most; the oldest is forgotten first. */
export function newFailedNames(clock: Pick<Clock, 'monotonic'>, maxNames = 10_000): FailedNames {
  const until = new Map<string, number>()
  return {
    has(host) {
      const end = until.get(host)
      if (end === undefined || clock.monotonic() < end) return end !== undefined
      until.delete(host)
      return false
    },
    add(host) {
      until.delete(host)
      until.set(host, clock.monotonic() + keepMs)
      if (until.size > maxNames) until.delete(until.keys().next().value!)
    },
  }
}
