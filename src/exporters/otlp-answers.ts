import type { SendResult } from '../delivery/sender.ts'
import type { LogSeries } from '../net/log-series.ts'
import { shortened } from '../net/shortened.ts'
import { Reader, WireType } from '../wire/protobuf.ts'

/** What an Export…ServiceResponse says of records that were not taken. */
export interface PartialSuccess {
  /** Records that the peer did not take; 0 with a message is a warning. */
  rejected: number
  message: string
}

/**
 * Reads `partial_success = 1 { rejected_… = 1, error_message = 2 }`, alike for all signals. Bytes that do not parse say
 * nothing: the call itself was answered with OK.
 */
export function readPartialSuccess(reply: Uint8Array): PartialSuccess {
  const found: PartialSuccess = { rejected: 0, message: '' }
  const reader = new Reader(reply)
  while (reader.next() && reader.skip()) {
    if (reader.field === 1 && reader.wire === WireType.bytes) readBody(reply, reader.start, reader.stop, found)
  }
  return found
}

function readBody(reply: Uint8Array, start: number, end: number, into: PartialSuccess): void {
  const reader = new Reader(reply, start, end)
  while (reader.next()) {
    if (reader.field === 1 && reader.wire === WireType.varint) {
      reader.varint64()
      // Negative counts are nonsense; huge ones are cut by whoever knows how many there were.
      into.rejected = reader.hi >>> 31 ? 0 : reader.hi * 2 ** 32 + reader.lo
    } else if (!reader.skip()) return
    else if (reader.field === 2 && reader.wire === WireType.bytes) into.message = textOf(reply, reader)
  }
}

/** The same in JSON: `{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"bad"}}`. */
export function readPartialSuccessJson(reply: Uint8Array): PartialSuccess {
  const body = asMap(asMap(parsed(reply)).partialSuccess)
  const rejected = Number(body.rejectedLogRecords ?? body.rejectedDataPoints ?? body.rejectedSpans ?? 0)
  return { rejected: rejected > 0 ? Math.floor(rejected) : 0, message: asText(body.errorMessage) }
}

/** A google.rpc.Status: why a request failed. */
export interface StatusText {
  message: string
  /** Types of its details: `type.googleapis.com/google.rpc.RetryInfo`. */
  details: string[]
}

/** Reads `code = 1, message = 2, details = 3 { type_url = 1 }`; undefined when the bytes are none. */
export function readStatus(reply: Uint8Array): StatusText | undefined {
  const reader = new Reader(reply)
  const found: StatusText = { message: '', details: [] }
  while (reader.next()) {
    if (!reader.skip()) return undefined
    if (reader.wire !== WireType.bytes) continue
    if (reader.field === 2) found.message = textOf(reply, reader)
    else if (reader.field === 3) found.details.push(typeOf(reply, reader.start, reader.stop))
  }
  return reader.ok ? found : undefined
}

function typeOf(reply: Uint8Array, start: number, end: number): string {
  const reader = new Reader(reply, start, end)
  let type = ''
  while (reader.next() && reader.skip()) if (reader.field === 1) type = textOf(reply, reader)
  return type
}

/** The same in JSON: `{"code":8,"message":"busy","details":[{"@type":"…"}]}`. */
export function readStatusJson(reply: Uint8Array): StatusText | undefined {
  const { message, details } = asMap(parsed(reply))
  if (typeof message !== 'string') return undefined
  return {
    message: shortened(message),
    details: Array.isArray(details) ? details.map((each) => asText(asMap(each)['@type'])) : [],
  }
}

/** What became of `count` records that were answered with OK; what the peer had to say about them goes to the log. */
export function resultOf({ rejected, message }: PartialSuccess, count: number, series: LogSeries): SendResult {
  if (rejected === 0 && message === '') return { sent: count }
  const lost = Math.min(rejected, count)
  series.note('partial', `Partial success response: ${message} (dropped: ${lost})`)
  return lost === 0 ? { sent: count } : { sent: count - lost, rejected: lost, detail: message }
}

const textOf = (bytes: Uint8Array, { start, stop }: Reader) =>
  shortened(Buffer.from(bytes.buffer, bytes.byteOffset + start, stop - start).toString())

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return undefined
  }
}

const asMap = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}

const asText = (value: unknown) => (typeof value === 'string' ? shortened(value) : '')
