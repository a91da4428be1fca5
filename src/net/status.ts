import { BackwardWriter, Reader, WireType } from '../wire/protobuf.ts'

/** gRPC status codes (grpc.io, "Status codes and their use in gRPC"). */
export const GrpcCode = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const
export type GrpcCode = (typeof GrpcCode)[keyof typeof GrpcCode]

const codeNames = Object.entries(GrpcCode).map(([name]) => name.replace(/[A-Z]/g, '_$&').toUpperCase())

/** `8` is `RESOURCE_EXHAUSTED`; a number outside the list is `CODE(42)`. */
export const codeName = (code: number): string => codeNames[code] ?? `CODE(${code})`

/** The code for an answer that is HTTP but not gRPC ("HTTP to gRPC Status Code Mapping"). */
export function codeForHttp(status: number): GrpcCode {
  if (status === 400) return GrpcCode.internal
  if (status === 401) return GrpcCode.unauthenticated
  if (status === 403) return GrpcCode.permissionDenied
  if (status === 404) return GrpcCode.unimplemented
  return [429, 502, 503, 504].includes(status) ? GrpcCode.unavailable : GrpcCode.unknown
}

/** The code that says in a google.rpc.Status what an HTTP status says (OTLP/HTTP; the Collector's table). */
export function codeOfHttp(status: number): GrpcCode {
  if (status === 400) return GrpcCode.invalidArgument
  if (status === 429) return GrpcCode.resourceExhausted
  return codeForHttp(status)
}

/** The code for a stream reset with this HTTP/2 error code ("Errors" in gRPC over HTTP/2). */
export function codeForReset(rstCode: number): GrpcCode {
  if (rstCode === 7) return GrpcCode.unavailable
  if (rstCode === 8) return GrpcCode.cancelled
  if (rstCode === 11) return GrpcCode.resourceExhausted
  return rstCode === 12 ? GrpcCode.permissionDenied : GrpcCode.internal
}

export interface GrpcErrorOptions {
  /** Bytes of google.rpc.Status, as in `grpc-status-details-bin`. */
  details?: Buffer | undefined
  /** The peer asks to wait this long before the next attempt (google.rpc.RetryInfo). */
  retryDelayMs?: number | undefined
  /** The call certainly reached no handler, so that repeating it makes no duplicate. */
  unsent?: boolean | undefined
  /** The peer said so (in its trailers); otherwise the connection, the clock or we did. */
  fromPeer?: boolean | undefined
  cause?: unknown
}

/** A call that did not end with OK. Thrown by a handler it becomes the status that the peer sees. */
export class GrpcError extends Error {
  override readonly name = 'GrpcError'
  readonly code: number
  readonly details: Buffer | undefined
  readonly retryDelayMs: number | undefined
  readonly unsent: boolean
  readonly fromPeer: boolean

  constructor(code: number, message: string, options: GrpcErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryDelayMs = options.retryDelayMs ?? readRetryDelay(options.details)
    this.details = options.details ?? detailsFor(code, message, options.retryDelayMs)
    this.unsent = options.unsent ?? false
    this.fromPeer = options.fromPeer ?? false
  }
}

const detailsFor = (code: number, message: string, retryDelayMs: number | undefined) =>
  retryDelayMs === undefined ? undefined : writeRetryInfo(code, message, retryDelayMs)

/**
 * Percent-encodes bytes outside 0x20..0x7e and `%`, nothing else: `a: 50%` is `a: 50%25`.
 * (gRPC over HTTP/2, "Responses"; encodeURIComponent would show `%3A` to people.)
 */
export function encodeGrpcMessage(text: string): string {
  if (!/[^\x20-\x24\x26-\x7e]/.test(text)) return text
  let encoded = ''
  for (const byte of Buffer.from(text)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}

/** The reverse; a `%` that two hex digits do not follow stands for itself. */
export function decodeGrpcMessage(text: string): string {
  if (!text.includes('%')) return text
  const bytes: number[] = []
  for (let at = 0; at < text.length; at++) {
    const hex = text[at] === '%' ? text.slice(at + 1, at + 3) : ''
    if (/^[0-9a-f]{2}$/i.test(hex)) {
      bytes.push(Number.parseInt(hex, 16))
      at += 2
    } else bytes.push(...Buffer.from(text[at]!))
  }
  return Buffer.from(bytes).toString()
}

const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo'

/** google.rpc.Status { code = 1, message = 2, details = 3: Any { type_url = 1, value = 2 } } with one RetryInfo. */
export function writeRetryInfo(code: number, message: string, retryDelayMs: number): Buffer {
  const writer = new BackwardWriter(128 + message.length * 3)
  const seconds = Math.floor(retryDelayMs / 1000)
  const nanos = Math.round((retryDelayMs - seconds * 1000) * 1e6)
  if (nanos) writeInt(writer, 2, nanos)
  if (seconds) writeInt(writer, 1, seconds)
  // Duration, RetryInfo, and the Any that holds it all end where the status ends: mark 0.
  writer.message(1, 0)
  writer.message(2, 0)
  writer.textField(1, RETRY_INFO)
  writer.message(3, 0)
  if (message) writer.textField(2, message)
  writeInt(writer, 1, code)
  return writer.take()
}

function writeInt(writer: BackwardWriter, field: number, value: number): void {
  writer.varint(value)
  writer.tag(field, WireType.varint)
}

/** Milliseconds of the first RetryInfo in a google.rpc.Status; undefined when there is none or the bytes are malformed. */
export function readRetryDelay(status: Uint8Array | undefined): number | undefined {
  if (!status) return undefined
  const reader = new Reader(status)
  while (reader.next()) {
    if (reader.field !== 3 || reader.wire !== WireType.bytes) {
      if (!reader.skip()) return undefined
    } else {
      if (!reader.span()) return undefined
      const delay = readAny(status, reader.start, reader.stop)
      if (delay !== undefined) return delay
    }
  }
  return undefined
}

function readAny(bytes: Uint8Array, start: number, end: number): number | undefined {
  const reader = new Reader(bytes, start, end)
  let type = ''
  let value: [number, number] = [0, 0]
  while (reader.next()) {
    if (reader.wire !== WireType.bytes) reader.skip()
    else if (reader.span()) {
      if (reader.field === 1) type = Buffer.from(bytes.subarray(reader.start, reader.stop)).toString()
      if (reader.field === 2) value = [reader.start, reader.stop]
    }
  }
  return reader.ok && type === RETRY_INFO ? readDelay(bytes, ...value) : undefined
}

function readDelay(bytes: Uint8Array, start: number, end: number): number | undefined {
  const reader = new Reader(bytes, start, end)
  while (reader.next()) {
    if (reader.field === 1 && reader.wire === WireType.bytes && reader.span())
      return readDuration(bytes, reader.start, reader.stop)
    if (!reader.skip()) return undefined
  }
  return reader.ok ? 0 : undefined
}

function readDuration(bytes: Uint8Array, start: number, end: number): number | undefined {
  const reader = new Reader(bytes, start, end)
  let ms = 0
  while (reader.next()) {
    if (reader.wire !== WireType.varint || reader.field > 2) reader.skip()
    else {
      reader.varint64()
      // Both are signed: a time in the past is no delay.
      const value = (reader.hi | 0) * 2 ** 32 + reader.lo
      ms += reader.field === 1 ? value * 1000 : value / 1e6
    }
  }
  return reader.ok ? Math.max(0, ms) : undefined
}
