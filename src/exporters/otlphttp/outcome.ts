import { Dropped, Retryable } from '../../delivery/sender.ts'
import type { HttpFailure, HttpReply } from '../../net/http-client.ts'
import { codeOfHttp, GrpcError } from '../../net/status.ts'
import { readStatus, readStatusJson, type StatusText } from '../otlp-answers.ts'

/** Statuses after which the same request may go through (OTLP specification, "OTLP/HTTP Response"). */
const retryable: ReadonlySet<number> = new Set([429, 502, 503, 504])
/** Those that may come with a time to wait. */
const throttling: ReadonlySet<number> = new Set([429, 503])

/** There was no answer: it may have been lost on its way back. */
export const outcomeOfFailure = (failure: HttpFailure): Retryable =>
  new Retryable(`failed to make an HTTP request: ${failure.message}`, {
    maybeDelivered: !failure.unsent,
    cause: failure,
  })

/** What an answer other than 2xx means for the records: another attempt, or the end. `now` is wall time in milliseconds. */
export function outcomeOf(url: string, reply: HttpReply, now: number): Retryable | Dropped {
  const { status, headers } = reply
  const text = failureText(url, reply)
  const cause = new GrpcError(codeOfHttp(status), text)
  if (!retryable.has(status)) return new Dropped('rejected', text, cause)
  const retryAfterMs = throttling.has(status) ? readRetryAfter(headers['retry-after'], now) : 0
  // Who is full has not taken it; a gateway does not know what the server behind it did.
  return new Retryable(text, { retryAfterMs, maybeDelivered: !throttling.has(status), cause })
}

function failureText(url: string, reply: HttpReply): string {
  const said = whatItSaid(reply)
  const head = `error exporting items, request to ${url} responded with HTTP Status Code ${reply.status}`
  if (!said) return reply.headers.location ? `${head}, which points to another place: redirects are not followed` : head
  return `${head}, Message=${said.message}, Details=[${said.details.join(' ')}]`
}

/** A Status in the coding of the answer, or the beginning of a text. */
function whatItSaid({ headers, body }: HttpReply): StatusText | undefined {
  if (body.length === 0) return undefined
  const type = mediaType(headers['content-type'])
  if (type === 'application/json') return readStatusJson(body)
  if (type === 'application/x-protobuf') return readStatus(body)
  if (type !== 'text/plain') return undefined
  return { message: plainText(body.toString('utf8', 0, 256)), details: [] }
}

/** One line, whatever it was. */
const plainText = (text: string) => text.replace(/[^\P{C}\t]+/gu, ' ').trim()

/** `application/json; charset=utf-8` is `application/json`. */
export const mediaType = (type: string | undefined): string => (type ?? '').split(';', 1)[0]!.trim().toLowerCase()

const httpDate = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

/** `7` or `Wed, 21 Oct 2015 07:28:00 GMT` (RFC 9110, 10.2.3) in milliseconds from now; 0 for none, the past and nonsense. */
export function readRetryAfter(text: string | undefined, now: number): number {
  if (text === undefined) return 0
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  const at = httpDate.test(text) ? Date.parse(text) : Number.NaN
  return at > now ? at - now : 0
}
