import type { Batch } from '../telemetry/batch.ts'
import type { DropReason } from './reasons.ts'

/** How a send ended. What is neither sent nor rejected counts as rejected: every record has one fate. */
export interface SendResult {
  /** Records that the peer has, as far as the protocol can tell. */
  readonly sent: number
  /** Records that the peer answered it will not take. */
  readonly rejected?: number
  /** True when they would outlive a power cut over there: receipts are settled as `durable`. */
  readonly durable?: boolean
}

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

/** These records will never go through. `detail` is for the log: what the peer said. */
export class Dropped extends Error {
  readonly reason: DropReason

  constructor(reason: DropReason, detail: string = reason) {
    super(detail)
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
