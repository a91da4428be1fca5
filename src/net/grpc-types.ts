import type { IncomingHttpHeaders } from 'node:http2'
import type { DoorStats } from './server-door.ts'
import type { GrpcError } from './status.ts'

/** Who is at the other end. Made once per connection and shared by all its calls. */
export interface PeerOrigin {
  /** `10.0.0.7`, without the port. */
  readonly address: string
  readonly port: number
  /** The common name (or the first alternative name) of the verified client certificate. */
  readonly subject: string | undefined
}

/** One running call, as a handler sees it. */
export interface Call {
  readonly path: string
  readonly origin: PeerOrigin
  /** Metadata: every request header, names in lower case. */
  readonly headers: IncomingHttpHeaders
  /** The clock's monotonic milliseconds at which the call is ended with DEADLINE_EXCEEDED; undefined: never. */
  readonly deadline: number | undefined
  /** Aborted when the call ends early: cancelled, cut, over its deadline, or the server stops. */
  readonly signal: AbortSignal
  /** Stop reading: nothing more is delivered, not even what has arrived; the peer meets a full window (1 MB). */
  pause(): void
  resume(): void
}

/** What a client-stream handler makes for each stream. */
export interface ClientStreamSink {
  /** One message, `bytes[start, end)`, on loan for the time of the call. Throwing ends the stream with that status. */
  message(bytes: Buffer, start: number, end: number): void
  /** The client has sent everything: the reply (default: the empty message), then OK. */
  end?(): Buffer | Promise<Buffer>
  /** Exactly once, last. `error` is set when the stream did not end with OK. */
  close?(error: GrpcError | undefined): void
}

/** The writing end of a server stream. Further writes after its end are dropped. */
export interface ServerStream extends Call {
  /**
   * Sends a framed message (`frameMessage`); the buffer may be shared by many streams and must not change.
   * False: the peer is behind, wait for `onDrain`. `done` is called when the bytes were handed to the connection, or lost (error).
   */
  write(framed: Buffer, done?: (error?: Error | null) => void): boolean
  /** Called each time there is room again after `write` returned false. */
  onDrain(listener: () => void): void
  /** Ends the stream: OK, or the status given. */
  end(status?: GrpcError): void
  /** Called once when the stream is over, whoever ended it; `error` unless it ended with OK. */
  onClose(listener: (error: GrpcError | undefined) => void): void
}

/** The message is on loan until the handler returns (a promise does not prolong it). */
export interface UnaryHandler {
  readonly kind: 'unary'
  handle(message: Buffer, call: Call): Buffer | Promise<Buffer>
}

export interface ClientStreamHandler {
  readonly kind: 'clientStream'
  open(call: Call): ClientStreamSink
}

export interface ServerStreamHandler {
  readonly kind: 'serverStream'
  open(message: Buffer, stream: ServerStream): void
}

/** A handler that throws (or rejects with) GrpcError sets the status; anything else becomes INTERNAL and is logged. */
export type Handler = UnaryHandler | ClientStreamHandler | ServerStreamHandler

export const unary = (handle: UnaryHandler['handle']): UnaryHandler => ({ kind: 'unary', handle })
export const clientStream = (open: ClientStreamHandler['open']): ClientStreamHandler => ({ kind: 'clientStream', open })
export const serverStream = (open: ServerStreamHandler['open']): ServerStreamHandler => ({ kind: 'serverStream', open })

/** Why a TLS handshake came to nothing. */
export type HandshakeFailure =
  | 'expired'
  | 'not_yet_valid'
  | 'unknown_ca'
  | 'no_certificate'
  | 'weak_key'
  | 'not_tls'
  | 'no_alpn'
  | 'timeout'
  | 'cut'
  | 'other'

/** Plain numbers for whoever observes them. */
export interface ServerStats extends DoorStats {
  streamsOpen: number
  streams: number
  messagesIn: number
  bytesIn: number
  messagesOut: number
  bytesOut: number
  /** Bytes of buffers in which messages are being assembled right now. */
  heldBytes: number
  /** Messages and calls refused because there was no memory for them. */
  messagesRefused: number
  /** Connections ended with GOAWAY `too_many_pings`. */
  pingAbuse: number
  /** Connections ended with GOAWAY `too_many_frames`. */
  floods: number
}

export const newServerStats = (): ServerStats => ({
  connectionsOpen: 0,
  connectionsAccepted: 0,
  connectionsRefused: 0,
  handshakesPending: 0,
  handshakesFailed: {
    expired: 0,
    not_yet_valid: 0,
    unknown_ca: 0,
    no_certificate: 0,
    weak_key: 0,
    not_tls: 0,
    no_alpn: 0,
    timeout: 0,
    cut: 0,
    other: 0,
  },
  streamsOpen: 0,
  streams: 0,
  messagesIn: 0,
  bytesIn: 0,
  messagesOut: 0,
  bytesOut: 0,
  heldBytes: 0,
  messagesRefused: 0,
  pingAbuse: 0,
  floods: 0,
})
