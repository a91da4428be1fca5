import type { SpoolRecord } from './contract.ts'

/** Which batches are meant, by the time they came: `since <= at < to`, milliseconds since 1970, and up to a sequence. */
export interface TimeRange {
  readonly since?: number | undefined
  readonly to?: number | undefined
  readonly upTo?: number | undefined
}

export const isMeant = ({ at, sequence }: Pick<SpoolRecord, 'at' | 'sequence'>, range: TimeRange): boolean => {
  const { since = 0, to = Number.POSITIVE_INFINITY, upTo = Number.POSITIVE_INFINITY } = range
  return at >= since && at < to && sequence <= upTo
}
