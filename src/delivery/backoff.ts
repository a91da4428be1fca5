/** How failed sends are repeated; times in milliseconds. Names and meaning: the Collector's `retry_on_failure`. */
export interface Retry {
  readonly initialMs: number
  readonly multiplier: number
  /** The pause is drawn from `[d * (1 - f), d * (1 + f)]`. */
  readonly randomization: number
  readonly maxMs: number
  /** Given up before a pause that would end later than this after the first attempt; 0: never. */
  readonly maxElapsedMs: number
  /** Given up after this many repeats. Absent: no limit. */
  readonly maxRetries?: number | undefined
}

/** The pause before repeat number `repeat` (0 is the first), drawn with `random` from [0, 1). */
export function backoff(retry: Retry, repeat: number, random: () => number): number {
  const grown = retry.initialMs * retry.multiplier ** repeat
  const pause = Math.min(grown, Math.max(retry.maxMs, 0))
  return pause * (1 - retry.randomization + 2 * retry.randomization * random())
}
