import type { Clock } from '../../plugin.ts'
import { type Evaluate, isFor, sampledIf } from './decision.ts'

/** Spans in each second; a trace that does not fit is not sampled, a smaller one behind it may be. */
export function rateLimit(spansPerSecond: number, clock: Clock): Evaluate {
  const seconds = newSeconds(clock)
  let spent = 0
  return ({ spans }) => {
    if (seconds.isNew()) spent = 0
    if (spent + spans > spansPerSecond) return sampledIf(false)
    spent += spans
    return sampledIf(true)
  }
}

function newSeconds(clock: Clock): { isNew(): boolean } {
  let current = -1
  return {
    isNew() {
      const second = Math.floor(clock.monotonic() / 1000)
      if (second === current) return false
      current = second
      return true
    },
  }
}

/** Bytes in each second, of which `burst` can be saved up. */
export function bytesLimit(bytesPerSecond: number, burst: number, clock: Clock): Evaluate {
  let saved = burst
  let since = clock.monotonic()
  return ({ bytes }) => {
    const now = clock.monotonic()
    saved = Math.min(burst, saved + ((now - since) / 1000) * bytesPerSecond)
    since = now
    if (bytes > saved) return sampledIf(false)
    saved -= bytes
    return sampledIf(true)
  }
}

/** A policy within `composite`, and how many spans it may sample in a second. */
export interface Share {
  readonly evaluate: Evaluate
  readonly spansPerSecond: number
}

/** The first policy that is for the trace decides: whether it fits into its share, and into what all may sample. */
export function compositeLimit(shares: readonly Share[], mostPerSecond: number, clock: Clock): Evaluate {
  const seconds = newSeconds(clock)
  const spent = new Float64Array(shares.length)
  let total = 0
  return (trace) => {
    if (seconds.isNew()) {
      spent.fill(0)
      total = 0
    }
    const by = shares.findIndex(({ evaluate }) => isFor(evaluate(trace)))
    if (by < 0) return sampledIf(false)
    const { spans } = trace
    if (spent[by]! + spans > shares[by]!.spansPerSecond || total + spans > mostPerSecond) return sampledIf(false)
    spent[by]! += spans
    total += spans
    return sampledIf(true)
  }
}
