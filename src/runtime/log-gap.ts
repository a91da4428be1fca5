import type { Clock } from './clock.ts'

/** Keeps a line that foreign data can cause from filling the log: at most one per `ms`. */
export interface LogGap {
  /** How many lines were held back since the last one that may stand in the log; -1 when this one is held back too. */
  pass(): number
}

export function newLogGap(clock: Clock, ms: number): LogGap {
  let next = Number.NEGATIVE_INFINITY
  let held = 0
  return {
    pass() {
      const now = clock.monotonic()
      if (now < next) {
        held++
        return -1
      }
      next = now + ms
      const before = held
      held = 0
      return before
    },
  }
}

/** ` (and 12 like it since the last such line)`, or nothing for 0. */
export const heldBack = (lines: number): string => (lines > 0 ? ` (and ${lines} like it since the last such line)` : '')
