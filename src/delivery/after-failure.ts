import { backoff, type Retry } from './backoff.ts'
import type { DropReason } from './reasons.ts'
import { Dropped, Retryable } from './sender.ts'
import type { Shipment } from './shipment.ts'

/** Timers of the runtime that are longer end at once. A peer may ask for any pause. */
const longestTimerMs = 2_147_483_647

/** How long to wait before the next attempt, if there is one: what the peer asks for, or longer. */
export function pauseAfter(
  { attempt }: Shipment,
  error: unknown,
  retry: Retry | undefined,
  random: () => number,
): number {
  const asked = error instanceof Retryable ? error.retryAfterMs : 0
  const own = retry ? backoff(retry, attempt - 1, random) : 0
  return Math.min(Math.max(asked, own), longestTimerMs)
}

/** What giving up depends on besides the failure. */
export interface Patience {
  readonly retry: Retry | undefined
  readonly draining: boolean
  /** Monotonic. */
  readonly now: number
}

/** The reason to give up after a failure, if there is one; `pause` would be the wait before the next attempt. */
export function endAfter(
  { attempt, since }: Shipment,
  error: unknown,
  pause: number,
  { retry, draining, now }: Patience,
): DropReason | undefined {
  if (error instanceof Dropped) return error.reason
  if (!retry) return 'connection'
  if (draining) return 'shutdown'
  if (retry.maxRetries !== undefined && attempt > retry.maxRetries) return 'retries_exhausted'
  return retry.maxElapsedMs > 0 && now - since + pause > retry.maxElapsedMs ? 'retries_exhausted' : undefined
}

/** In front of the error of what is not sent again: the Collector's words. */
const whyNotAgain: Partial<Record<DropReason, string>> = {
  rejected: 'not retryable error: ',
  retries_exhausted: 'no more retries left: ',
  shutdown: 'request will be cancelled before next retry: ',
}

/** Why it is not sent again, for people. */
export const whyGivenUp = (reason: DropReason, error: unknown) => `${whyNotAgain[reason] ?? ''}${textOf(error)}`

export const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
