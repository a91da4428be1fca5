import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { Timer } from '../runtime/clock.ts'
import { emptyFrame, FrameReader, frameMessage } from './frames.ts'
import type { Call, ClientStreamSink, Handler, PeerOrigin, ServerStream } from './grpc-types.ts'
import type { ServerSession } from './server-session.ts'
import { encodeGrpcMessage, GrpcCode, GrpcError } from './status.ts'
import { parseTimeout } from './timeout.ts'

const { NGHTTP2_NO_ERROR } = constants

const HOLD_HANDLER = 1
const HOLD_TURN = 2

/** One stream of one session: reads messages, runs the handler, writes the reply and the status. */
export class ServerCall implements Call, ServerStream {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly deadline: number | undefined
  readonly #stream: ServerHttp2Stream
  readonly #session: ServerSession
  readonly #handler: Handler
  readonly #reader: FrameReader
  #sink: ClientStreamSink | undefined
  #timer: Timer | undefined
  #abort: AbortController | undefined
  #holds = 0
  #taken = false
  #clientEnded = false
  #answered = false
  #status: GrpcError | undefined
  #finished = false
  #isStalled = false
  #over = false
  #onDrain: (() => void) | undefined
  #onClose: ((error: GrpcError | undefined) => void) | undefined

  constructor(session: ServerSession, stream: ServerHttp2Stream, headers: IncomingHttpHeaders, handler: Handler) {
    this.path = headers[':path'] ?? ''
    this.headers = headers
    this.#session = session
    this.#stream = stream
    this.#handler = handler
    const { clock, stats, maxMessageBytes, memory, refuses } = session.shared
    this.#reader = new FrameReader({
      maxBytes: maxMessageBytes,
      memory,
      refuses,
      onRefused: () => {
        stats.messagesRefused++
      },
      encoding: headers['grpc-encoding'] as string | undefined,
      onMessage: (bytes, start, end) => this.#message(bytes, start, end),
      onHeld: (change) => {
        stats.heldBytes += change
      },
    })
    const timeoutMs = parseTimeout(headers['grpc-timeout'] as string | undefined)
    if (timeoutMs !== undefined) {
      this.deadline = clock.monotonic() + timeoutMs
      this.#timer = clock.after(timeoutMs, () => this.fail(deadlineExceeded()))
    }
    stream.on('wantTrailers', () => this.#sendTrailers())
    stream.on('error', ignored)
    stream.on('close', () => this.#closed())
  }

  get origin(): PeerOrigin {
    return this.#session.origin
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    if (this.#status) this.#abort.abort(this.#status)
    return this.#abort.signal
  }

  /** Opens the handler and begins to read. */
  start(): void {
    if (this.#handler.kind === 'clientStream') {
      try {
        this.#sink = this.#handler.open(this)
      } catch (error) {
        this.fail(this.#session.statusOf(error, this.path))
        return
      }
    }
    this.#stream.on('data', (chunk: Buffer) => this.#data(chunk))
    this.#stream.on('end', () => this.#readEnded())
  }

  pause(): void {
    this.#reader.pause()
    this.#hold(HOLD_HANDLER)
  }

  resume(): void {
    if ((this.#holds & HOLD_HANDLER) === 0) return
    this.#read(() => this.#reader.resume())
    // The last message that was held back may have paused again.
    if (!this.#reader.paused) this.letGo(HOLD_HANDLER)
    if (this.#clientEnded) this.#readEnded()
  }

  /** Resumes the stream when nobody else holds it. */
  letGo(hold: number = HOLD_TURN): void {
    if (this.#holds === 0) return
    this.#holds &= ~hold
    if (this.#holds === 0) this.#stream.resume()
  }

  write(framed: Buffer, done?: (error?: Error | null) => void): boolean {
    if (this.#finished || this.#gone) {
      if (done) process.nextTick(done, this.#status ?? new GrpcError(GrpcCode.cancelled, 'the stream is over'))
      return true
    }
    this.#sendHeaders()
    this.#countOut(framed)
    return done ? this.#stream.write(framed, done) : this.#stream.write(framed)
  }

  onDrain(listener: () => void): void {
    if (!this.#onDrain) this.#stream.on('drain', () => this.#onDrain?.())
    this.#onDrain = listener
  }

  onClose(listener: (error: GrpcError | undefined) => void): void {
    this.#onClose = listener
  }

  end(status?: GrpcError): void {
    if (status) this.fail(status)
    else this.#finish()
  }

  /** Ends the call with this status; only the first end counts. */
  fail(status: GrpcError): void {
    if (this.#finished || this.#over) return
    this.#status = status
    this.#abort?.abort(status)
    this.#finish()
  }

  /** To be called now and then: a unary call that waits for its peer twice, for the message or to read the answer, is over. */
  endIfStalled(): void {
    if (this.#handler.kind !== 'unary' || (this.#taken && !this.#finished)) return
    if (!this.#isStalled) this.#isStalled = true
    else if (this.#finished) this.#stream.close(constants.NGHTTP2_CANCEL)
    else this.fail(new GrpcError(GrpcCode.deadlineExceeded, 'the message did not arrive in time'))
  }

  /** Nothing can be written any more; trying would throw. */
  get #gone(): boolean {
    return this.#over || this.#stream.destroyed || this.#stream.closed
  }

  #hold(reason: number): void {
    if (this.#holds === 0) this.#stream.pause()
    this.#holds |= reason
  }

  #data(chunk: Buffer): void {
    if (this.#finished) return
    if (this.#session.overTurn(chunk.length, this)) this.#hold(HOLD_TURN)
    this.#read(() => this.#reader.push(chunk))
  }

  #read(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.fail(this.#session.statusOf(error, this.path))
    }
  }

  #message(bytes: Buffer, start: number, end: number): void {
    const { stats } = this.#session.shared
    stats.messagesIn++
    stats.bytesIn += end - start
    if (this.#sink) {
      this.#sink.message(bytes, start, end)
      return
    }
    if (this.#taken) throw new GrpcError(GrpcCode.internal, 'expected one request message, received more')
    this.#taken = true
    const message = bytes.subarray(start, end)
    if (this.#handler.kind === 'unary') this.#answer(this.#handler.handle(message, this))
    else if (this.#handler.kind === 'serverStream') {
      this.#handler.open(message, this)
      // Headers at once: the client learns that its subscription stands before the first message.
      if (!this.#finished) this.#sendHeaders()
    }
  }

  #readEnded(): void {
    // A reset or a lost connection ends the readable side too; `close` says what it was.
    if (this.#stream.aborted || this.#stream.destroyed) return
    this.#clientEnded = true
    if (this.#finished || this.#over || this.#reader.waiting || this.#holds & HOLD_HANDLER) return
    if (this.#reader.partial) this.fail(new GrpcError(GrpcCode.internal, 'the stream ended inside a message'))
    else if (this.#sink) {
      if (this.#taken) return
      this.#taken = true
      const sink = this.#sink
      this.#read(() => (sink.end ? this.#answer(sink.end()) : this.#reply(undefined)))
    } else if (!this.#taken) this.fail(new GrpcError(GrpcCode.internal, 'expected one request message, received none'))
  }

  #answer(reply: Buffer | Promise<Buffer>): void {
    if (reply instanceof Uint8Array) this.#reply(reply)
    else
      reply.then(
        (bytes) => this.#reply(bytes),
        (error) => this.fail(this.#session.statusOf(error, this.path)),
      )
  }

  #reply(message: Buffer | undefined): void {
    if (this.#finished || this.#gone) return
    const framed = message && message.length > 0 ? frameMessage(message) : emptyFrame
    this.#sendHeaders()
    this.#countOut(framed)
    this.#finished = true
    this.#isStalled = false
    this.#timer?.cancel()
    this.#stream.end(framed)
  }

  #countOut(framed: Buffer): void {
    const { stats } = this.#session.shared
    stats.messagesOut++
    stats.bytesOut += framed.length
    this.#session.answered()
  }

  #sendHeaders(): void {
    if (this.#answered || this.#gone) return
    this.#answered = true
    this.#stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  }

  #finish(): void {
    if (this.#finished || this.#over) return
    this.#finished = true
    this.#isStalled = false
    this.#timer?.cancel()
    this.#reader.close()
    const stream = this.#stream
    if (this.#gone) return
    this.#session.answered()
    if (this.#answered) stream.end()
    else {
      this.#answered = true
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...this.#trailers() }, { endStream: true })
      this.#letClientGo()
    }
  }

  #sendTrailers(): void {
    if (this.#gone) return
    this.#stream.sendTrailers(this.#trailers())
    this.#letClientGo()
  }

  /** A client that has not ended its half learns that nobody listens any more: RST_STREAM(NO_ERROR), after the status. */
  #letClientGo(): void {
    this.#holds = 0
    this.#stream.resume()
    if (!this.#clientEnded) setImmediate(() => this.#stream.destroyed || this.#stream.close(NGHTTP2_NO_ERROR))
  }

  #trailers(): OutgoingHttpHeaders {
    const status = this.#status
    if (!status) return { 'grpc-status': '0' }
    const trailers: OutgoingHttpHeaders = { 'grpc-status': String(status.code) }
    if (status.message) trailers['grpc-message'] = encodeGrpcMessage(status.message)
    if (status.details) trailers['grpc-status-details-bin'] = status.details.toString('base64').replace(/=+$/, '')
    return trailers
  }

  #closed(): void {
    if (this.#over) return
    const error = this.#status ?? (this.#finished && this.#stream.rstCode === 0 ? undefined : this.#cutError())
    this.#over = true
    this.#status = error
    this.#timer?.cancel()
    this.#reader.close()
    this.#session.closed(this)
    if (error) this.#abort?.abort(error)
    this.#read(() => {
      this.#sink?.close?.(error)
      this.#onClose?.(error)
    })
  }

  #cutError(): GrpcError {
    // A lost connection also shows as CANCEL on its streams.
    const cancelled = this.#stream.rstCode === constants.NGHTTP2_CANCEL && !this.#session.destroyed
    const text = cancelled ? 'cancelled by the client' : 'the connection or the stream was cut by the client'
    return new GrpcError(cancelled ? GrpcCode.cancelled : GrpcCode.unavailable, text)
  }
}

function ignored(): void {}

const deadlineExceeded = () => new GrpcError(GrpcCode.deadlineExceeded, 'context deadline exceeded')
