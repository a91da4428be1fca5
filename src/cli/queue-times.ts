import { parseDuration } from '../config/units.ts'
import type { TimeRange } from '../storage/time-range.ts'

export interface RangeFlags {
  readonly since?: string
  readonly to?: string
}

/** `--since` and `--to` as milliseconds since 1970. Throws a sentence. */
export function rangeOf({ since, to }: RangeFlags, now: number): TimeRange {
  const range = { since: timeOf('--since', since, now), to: timeOf('--to', to, now) }
  if (range.since !== undefined && range.to !== undefined && range.since >= range.to)
    throw new Error('--since must be before --to')
  return range
}

/** `10m` (ago), `2026-11-21T09:00:00Z`, `2026-11-21 09:00` (local time). */
function timeOf(flag: string, text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined
  const ago = parseDuration(text)
  if (typeof ago === 'number') return now - ago
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at))
    throw new Error(`${flag} takes a time such as 2026-11-21T09:00:00Z, or how long ago: 10m, 2h; not "${text}"`)
  return at
}
