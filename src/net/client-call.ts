import { type ClientHttp2Stream, constants, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'
import { addAbortSignal } from 'node:stream'
import type { Clock, Timer } from '../runtime/clock.ts'
import type { ClientConnection, Link } from './client-connection.ts'
import { FrameReader, type MessageListener } from './frames.ts'
import { shortened } from './shortened.ts'
import { codeForHttp, codeForReset, decodeGrpcMessage, GrpcCode, GrpcError } from './status.ts'
import { formatTimeout } from './timeout.ts'

export interface CallOptions {
  /** The call ends with DEADLINE_EXCEEDED after this long, waiting for a connection included. */
  timeoutMs?: number | undefined
  /** Ends the call with CANCELLED. */
  signal?: AbortSignal | undefined
  metadata?: Record<string, string> | undefined
  /** True: wait for a connection while attempts fail. False (default): fail at once with the last attempt's error. */
  waitForReady?: boolean | undefined
}

/** What all calls of one client have in common. */
export interface CallShared {
  readonly connection: ClientConnection
  readonly clock: Clock
  readonly authority: string
  readonly scheme: 'http' | 'https'
  readonly maxReceiveBytes: number
}

export interface CallEvents {
  message: MessageListener
  /** The stream is open and writable. */
  opened?: (() => void) | undefined
  /** Once, last: undefined is OK. */
  closed: (error: GrpcError | undefined) => void
}

const nobody: CallEvents = { message() {}, closed() {} }

type Done = (error?: GrpcError) => void

/** One stream to the peer, from waiting for a connection to its final status. */
export class ClientCall {
  readonly #shared: CallShared
  #events: CallEvents
  readonly #headers: OutgoingHttpHeaders
  readonly #reader: FrameReader
  readonly #writes: (Done | undefined)[] = []
  #signal: AbortSignal | undefined
  readonly #onAbort = () => this.cancel()
  #early: Buffer[] | undefined = []
  #endEarly = false
  #withdraw: (() => void) | undefined
  #stream: ClientHttp2Stream | undefined
  #link: Link | undefined
  #timer: Timer | undefined
  #status: GrpcError | undefined
  #cause: Error | undefined
  #peerSaid = false
  #httpStatus = 0
  #paused = false
  #readEnd = false
  #over = false
  #timeoutMs = Number.POSITIVE_INFINITY
  #startedAt = 0
  #wrote = false
  /** Since when it waits for the peer: the stream was opened, or what is not taken yet was written. */
  #waitsSince = 0
  /** What had been read from the peer by then. */
  #heard = 0
  /** Headers with a status that did not end the stream. */
  #statusInHead: IncomingHttpHeaders | undefined

  constructor(shared: CallShared, path: string, options: CallOptions, events: CallEvents, encoding?: string) {
    this.#shared = shared
    this.#events = events
    this.#headers = requestHeaders(shared, path, options, encoding)
    this.#reader = new FrameReader({
      maxBytes: shared.maxReceiveBytes,
      onMessage: (bytes, start, end) => this.#events.message(bytes, start, end),
    })
    this.#signal = options.signal
    if (this.#signal?.aborted) {
      this.#finishSoon(cancelled())
      return
    }
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (options.timeoutMs !== undefined) {
      this.#timeoutMs = options.timeoutMs
      this.#startedAt = shared.clock.monotonic()
      this.#timer = shared.clock.after(options.timeoutMs, () => this.#stop(deadlineExceeded(this.#timeoutMs)))
    }
    const { connection } = shared
    if (connection.link) this.#open(connection.link)
    else
      this.#withdraw = connection.wait((error, link) => {
        if (this.#over) return
        if (link) this.#open(link)
        else this.#finishSoon(error!)
      }, options.waitForReady ?? false)
  }

  /** True while the peer keeps up: nothing waits in front of the next write. */
  get writable(): boolean {
    const stream = this.#stream
    return stream !== undefined && !this.#over && stream.writable && stream.writableLength === 0
  }

  /** Hands framed messages on; `done` comes when the bytes were given to the connection, or with the stream's final error. */
  write(framed: Buffer, done?: Done): void {
    if (this.#over) return void (done && process.nextTick(done, this.#status ?? streamOver()))
    if (this.#link && this.#writes.length === 0) this.#waitFrom(this.#link)
    this.#writes.push(done)
    if (this.#stream) this.#stream.write(framed, this.#written)
    else this.#early!.push(framed)
  }

  cork(): void {
    this.#stream?.cork()
  }

  uncork(): void {
    this.#stream?.uncork()
  }

  /** Half-close: we have sent everything. */
  end(): void {
    if (this.#stream) this.#stream.end()
    else this.#endEarly = true
  }

  cancel(): void {
    this.#stop(cancelled())
  }

  pause(): void {
    this.#paused = true
    this.#reader.pause()
    this.#stream?.pause()
  }

  resume(): void {
    this.#paused = false
    this.#read(() => this.#reader.resume())
    if (!this.#paused) this.#stream?.resume()
    if (this.#readEnd) this.#readEnded()
  }

  #open(link: Link): void {
    this.#withdraw = undefined
    let stream: ClientHttp2Stream
    try {
      stream = link.session.request(this.#headers, { endStream: false })
    } catch (error) {
      this.#finishSoon(new GrpcError(GrpcCode.unavailable, String(error), { cause: error, unsent: true }))
      return
    }
    this.#link = link
    this.#waitFrom(link)
    link.streams++
    this.#stream = stream
    stream.on('response', (headers, flags) => this.#response(headers, flags))
    stream.on('trailers', (headers) => this.#trailers(headers))
    stream.on('data', (chunk: Buffer) => this.#read(() => this.#reader.push(chunk)))
    stream.on('end', () => this.#readEnded())
    stream.on('error', (error) => {
      this.#cause ??= error
    })
    stream.on('close', () => this.#closed())
    if (this.#paused) stream.pause()
    const early = this.#early ?? []
    this.#early = undefined
    for (const framed of early) stream.write(framed, this.#written)
    if (this.#endEarly) stream.end()
    this.#events.opened?.()
  }

  #waitFrom(link: Link): void {
    this.#waitsSince = this.#shared.clock.monotonic()
    this.#heard = link.socket.bytesRead
  }

  /** In order, as the writes were; a failed one waits for the status that `close` brings. */
  readonly #written = (error?: Error | null): void => {
    // Node reports the write that a dying stream swallowed as done.
    if (error || this.#stream!.destroyed) return
    this.#wrote = true
    this.#writes.shift()?.()
  }

  #response(headers: IncomingHttpHeaders, flags: number): void {
    this.#httpStatus = Number(headers[':status'] ?? 0)
    this.#reader.announce(headers['grpc-encoding'] as string | undefined)
    if (headers['grpc-status'] !== undefined) {
      // A status before the end counts when the end comes without another.
      if (flags & constants.NGHTTP2_FLAG_END_STREAM) this.#trailers(headers)
      else this.#statusInHead = headers
    } else if (this.#httpStatus !== 200) this.#stop(httpError(this.#httpStatus))
    else if (!/^application\/grpc/.test(headers['content-type'] ?? 'application/grpc'))
      this.#stop(new GrpcError(GrpcCode.unknown, `unexpected content type ${headers['content-type']} of an answer`))
  }

  #trailers(headers: IncomingHttpHeaders): void {
    if (this.#peerSaid || this.#status || headers['grpc-status'] === undefined) return
    this.#peerSaid = true
    const code = /^\d{1,9}$/.test(String(headers['grpc-status'])) ? Number(headers['grpc-status']) : GrpcCode.unknown
    if (code === GrpcCode.ok) return
    const bin = headers['grpc-status-details-bin']
    this.#status = new GrpcError(code, shortened(decodeGrpcMessage(String(headers['grpc-message'] ?? ''))), {
      details: typeof bin === 'string' ? Buffer.from(bin, 'base64') : undefined,
      fromPeer: true,
    })
  }

  #read(step: () => void): void {
    if (this.#over) return
    try {
      step()
    } catch (error) {
      this.#stop(error instanceof GrpcError ? error : new GrpcError(GrpcCode.internal, String(error), { cause: error }))
    }
  }

  #readEnded(): void {
    this.#readEnd = true
    if (this.#reader.waiting || this.#over) return
    const stream = this.#stream!
    // The peer has ended the call while we could still write: free the stream now.
    if (!stream.writableFinished) setImmediate(() => stream.destroyed || stream.close(constants.NGHTTP2_CANCEL))
  }

  /** Ends the call from this side. */
  #stop(status: GrpcError): void {
    // What the peer has said stands, unless a reader that pauses would never come to it.
    if (this.#over || (this.#peerSaid && !this.#paused)) return
    const stream = this.#stream
    // What was not handed over whole was not taken.
    const unsent = !stream || !this.#wrote
    this.#status ??= unsent ? new GrpcError(status.code, status.message, { unsent }) : status
    this.#reader.close()
    this.#withdraw?.()
    if (!stream) this.#finishSoon(this.#status)
    else {
      if (this.#shared.clock.monotonic() - this.#waitsSince >= silenceMs) this.#link!.doubt(this.#heard)
      // `close` would half-close first, and the peer would take a cut stream for a complete one.
      // An aborted stream is reset with CANCEL.
      addAbortSignal(AbortSignal.abort(), stream)
    }
  }

  #closed(): void {
    if (this.#over) return
    this.#link!.streams--
    if (this.#readEnd && this.#statusInHead) this.#trailers(this.#statusInHead)
    if (!this.#peerSaid) this.#status ??= this.#cut()
    else if (!this.#status && this.#reader.partial)
      this.#status = new GrpcError(GrpcCode.internal, 'the stream ended inside a message')
    this.#finish()
  }

  /** The stream ended without a status: because of the session, or by a reset. */
  #cut(): GrpcError {
    const { rstCode, id } = this.#stream!
    const { failure = this.#link!.session.destroyed ? this.#cause : undefined, lastStream } = this.#link!
    const refused = rstCode === constants.NGHTTP2_REFUSED_STREAM || id === undefined
    const unsent = refused || (lastStream !== undefined && id > lastStream)
    const { where } = this.#shared.connection
    if (failure)
      return new GrpcError(GrpcCode.unavailable, `connection to ${where} lost: ${failure.message}`, { unsent })
    if (this.#link!.session.destroyed || unsent)
      return new GrpcError(GrpcCode.unavailable, `connection to ${where} closed`, { unsent })
    if (rstCode === constants.NGHTTP2_NO_ERROR)
      return new GrpcError(GrpcCode.unavailable, `${where} ended the stream without a status`)
    // The peer has the same deadline, and may have seen it first.
    const isLate = this.#shared.clock.monotonic() - this.#startedAt >= this.#timeoutMs - clockGrainMs
    if (rstCode === constants.NGHTTP2_CANCEL && isLate) return deadlineExceeded(this.#timeoutMs)
    return new GrpcError(codeForReset(rstCode), `${where} reset the stream (HTTP/2 code ${rstCode})`)
  }

  #finishSoon(status: GrpcError): void {
    this.#status = status
    process.nextTick(() => this.#finish())
  }

  #finish(): void {
    if (this.#over) return
    this.#over = true
    this.#timer?.cancel()
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#reader.close()
    const error = this.#status
    for (const done of this.#writes.splice(0)) done?.(error ?? streamOver())
    const { closed } = this.#events
    // Node's handle of the stream outlives it until the next whole collection, and all that it leads to: us, and from here
    // the message.
    this.#events = nobody
    this.#signal = undefined
    this.#withdraw = undefined
    closed(error)
  }
}

function requestHeaders(
  shared: CallShared,
  path: string,
  options: CallOptions,
  encoding?: string,
): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {
    ':method': 'POST',
    ':scheme': shared.scheme,
    ':authority': shared.authority,
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    'user-agent': 'tailrace',
  }
  if (options.timeoutMs !== undefined) headers['grpc-timeout'] = formatTimeout(options.timeoutMs)
  if (encoding) headers['grpc-encoding'] = encoding
  return options.metadata ? Object.assign(headers, options.metadata) : headers
}

/** A peer from which nothing comes for so long while a call waits is asked whether it is there. */
const silenceMs = 1000

const cancelled = () => new GrpcError(GrpcCode.cancelled, 'the call was cancelled')
const streamOver = () => new GrpcError(GrpcCode.cancelled, 'the stream is over')
/** Timers of two processes agree to about this. */
const clockGrainMs = 2
const deadlineExceeded = (ms: number) => new GrpcError(GrpcCode.deadlineExceeded, `no answer within ${ms} ms`)
const httpError = (status: number) =>
  new GrpcError(codeForHttp(status), `unexpected HTTP status code ${status} instead of a gRPC answer`)
