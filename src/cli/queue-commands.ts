import type { AdminCommand } from '../admin/api.ts'
import { type DeadLetters, deadLettersAt, Paused } from '../delivery/dead-letters.ts'
import { type Withdrawal, withdrawalAt } from '../delivery/withdrawal.ts'
import { openSpoolOf } from '../storage/open-spools.ts'
import type { Taken } from '../storage/take-batches.ts'
import type { TimeRange } from '../storage/time-range.ts'

/** What came of one `queue.replay`, or of `queue.drop` on dead letters. */
export interface Replayed {
  readonly batches: number
  readonly records: number
  /** Why it ended before the end. */
  readonly stopped?: string
  /** It took long enough: ask again. */
  readonly more?: boolean
}

type Input = Parameters<AdminCommand>[0]

/** So that an answer comes before whoever asked has given up. */
const mostMs = 20_000

/** `tailrace queue drop`: `{folder, since, to, upTo, by}`. Empty: the folder is not ours. */
export const dropOpenQueue: AdminCommand = async (input) => {
  const range = rangeOf(input)
  const letters = lettersOf(input)
  if (letters) return said(await letters.take(range, async () => {}))
  const withdrawal = withdrawalOf(input)
  if (withdrawal) return withdrawal.take(range, 'removed', { by: byOf(input), last: true })
  const spool = typeof input.folder === 'string' ? openSpoolOf(input.folder) : undefined
  if (!spool) return {}
  if (Object.values(range).some((bound) => bound !== undefined))
    throw new Error('a running agent drops all that a drain has on disk, or nothing: leave --since and --to out')
  return { records: spool.clear(), underWay: spool.records }
}

/** `tailrace queue replay` of what waits to be sent: `{folder, since, to, upTo, by, last}`. Empty: the folder is not ours. */
export const takeFromQueue: AdminCommand = async (input) => {
  const withdrawal = withdrawalOf(input)
  return withdrawal ? withdrawal.take(rangeOf(input), 'kept', { by: byOf(input), last: input.last === true }) : {}
}

/** `tailrace queue replay` of dead letters: `{folder, since, to}`. Empty: the folder is not ours. */
export const replayDeadLetters: AdminCommand = async (input) => {
  const letters = lettersOf(input)
  return letters ? said(await letters.replay(rangeOf(input), mostMs)) : {}
}

function lettersOf({ folder }: Input): DeadLetters | undefined {
  return typeof folder === 'string' ? deadLettersAt(folder) : undefined
}

function withdrawalOf({ folder }: Input): Withdrawal | undefined {
  return typeof folder === 'string' ? withdrawalAt(folder) : undefined
}

/** Tells one who takes batches out from others. */
const byOf = ({ by }: Input) => (typeof by === 'string' ? by : '')

function rangeOf({ since, to, upTo }: Input): TimeRange {
  const number = (value: unknown) => (typeof value === 'number' ? value : undefined)
  return { since: number(since), to: number(to), upTo: number(upTo) }
}

function said({ batches, records, stopped }: Taken): Replayed {
  if (stopped instanceof Paused) return { batches, records, more: true }
  return { batches, records, ...(stopped && { stopped: stopped.message }) }
}
