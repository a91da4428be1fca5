import { Dropped, Retryable } from '../../delivery/sender.ts'
import type { HttpFailure, HttpReply } from '../../net/http-client.ts'

/** There was no answer: it may have been lost on its way back. */
export const outcomeOfFailure = (failure: HttpFailure): Retryable =>
  new Retryable(failure.message, { maybeDelivered: !failure.unsent, cause: failure })

/**
 * What an answer other than 2xx means (Prometheus, remote write 1.0: 5xx must be repeated, 429 may be, all others not).
 * `now` is wall time in milliseconds.
 */
export function outcomeOf(reply: HttpReply, now: number): Retryable | Dropped {
  const { status, headers, body } = reply
  const said = body.toString('utf8', 0, 512).replace(/\s+/g, ' ').trim()
  const text = `remote write answered ${status}${said === '' ? '' : `: ${said}`}`
  if (status !== 429 && status < 500) return new Dropped('rejected', text)
  return new Retryable(text, { retryAfterMs: retryAfter(headers['retry-after'], now), maybeDelivered: status !== 429 })
}

/** `7` or `Wed, 21 Oct 2015 07:28:00 GMT` (RFC 9110, 10.2.3) in milliseconds from now. */
function retryAfter(text: string | undefined, now: number): number {
  if (text === undefined) return 0
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  const at = Date.parse(text)
  return at > now ? at - now : 0
}
