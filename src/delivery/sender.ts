import type { Batch } from '../telemetry/batch.ts'
import type { DropReason } from './reasons.ts'

/**
 * How a send ended: every record has one fate. Records of neither count are a bug of the sender, and lost as `fault`;
 * where the counts say more than there was, what was rejected is believed first.
 */
export interface SendResult {
  /** Records that the peer has, as far as the protocol can tell. */
  readonly sent: number
  /** Records that the peer answered it will not take (partial success): lost as `rejected`. Absent: all that was not sent. */
  readonly rejected?: number
  /** What the peer said about those it rejected, for the log. */
  readonly detail?: string
  /** True when they would outlive a power cut over there: receipts are settled as `durable`. */
  readonly durable?: boolean
  /** True when the peer may not have read them at all, as others before: it is no sign that sending works again. */
  readonly unproven?: boolean
}

/** What became of `count` records according to an answer: adds up to `count`, whatever the answer says. */
export function fatesOf(result: SendResult, count: number): { sent: number; rejected: number; fault: number } {
  const sent = within(count, result.sent)
  if (result.rejected === undefined) return { sent, rejected: count - sent, fault: 0 }
  const rejected = within(count, result.rejected)
  const left = Math.min(sent, count - rejected)
  return { sent: left, rejected, fault: count - left - rejected }
}

/** A whole number from 0 to `most`; nonsense is 0. */
const within = (most: number, n: number) => (n > 0 ? Math.min(most, Math.floor(n)) : 0)

/** What an exporter writes itself: one destination. `queued()` puts the queue, batching, retries and books around it. */
export interface Sender {
  /** Called by `start()`, before anything is sent. A failure here is a failure to start: connect in the background to avoid that. */
  connect?(): void | Promise<void>
  /**
   * Sends one batch. An answer that is no promise costs no turn of the event loop. Throws or rejects with `Retryable`
   * or `Dropped`; anything else counts as trouble with the connection, outcome unknown. `signal` aborts at the timeout
   * and at the end of `stop`: what is not over by then is given up.
   */
  send(batch: Batch, signal: AbortSignal): SendResult | Promise<SendResult>
  /**
   * A batch whose attempts failed is given up. A sender that repeats only what is left of it says what became of the other
   * part: neither count has the rest. Left out: all of it is lost.
   */
  abandon?(batch: Batch): SendResult | undefined
  /** Called once, by `stop()`, when nothing is on its way any more. */
  close(): void | Promise<void>
}

/** The same bytes may go through later. */
export class Retryable extends Error {
  /** The peer asked for at least this pause. */
  readonly retryAfterMs: number
  /** The peer may have taken them: a repeat is counted as `maybe_duplicate`. */
  readonly maybeDelivered: boolean

  constructor(reason: string, options: { retryAfterMs?: number; maybeDelivered?: boolean; cause?: unknown } = {}) {
    super(reason, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'Retryable'
    this.retryAfterMs = options.retryAfterMs ?? 0
    this.maybeDelivered = options.maybeDelivered ?? false
  }
}

/** These records will never go through. `detail` is for the log: what the peer said; `cause`: in which form. */
export class Dropped extends Error {
  readonly reason: DropReason

  constructor(reason: DropReason, detail: string = reason, cause?: unknown) {
    super(detail, cause === undefined ? undefined : { cause })
    this.name = 'Dropped'
    this.reason = reason
  }
}

/** The answer of a sender whose protocol takes all or nothing. */
export const sent = (records: number): SendResult => ({ sent: records })

/** Failures that happen before the first byte leaves. */
const neverLeft = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOENT'])

/** Whether the peer may have got what this failure was about. */
export function maybeDelivered(error: unknown): boolean {
  if (error instanceof Retryable) return error.maybeDelivered
  return !neverLeft.has((error as { code?: string } | undefined)?.code ?? '')
}
