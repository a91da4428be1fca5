import { constants, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Clock, Timer } from '../runtime/clock.ts'
import { noDecompressor, readableEncodings } from './frames.ts'
import type { Handler, PeerOrigin, ServerStats } from './grpc-types.ts'
import type { LogSeries } from './log-series.ts'
import type { Charge, Memory } from './memory.ts'
import { ServerCall } from './server-call.ts'
import { limitAge, type SessionLimits } from './session-age.ts'
import { encodeGrpcMessage, GrpcCode, GrpcError } from './status.ts'
import { TinyPieces } from './tiny-pieces.ts'

/** What all sessions of one server have in common. */
export interface SessionShared {
  readonly clock: Clock
  readonly series: LogSeries
  readonly stats: ServerStats
  readonly methods: ReadonlyMap<string, Handler>
  readonly maxMessageBytes: number
  readonly memory: Memory | undefined
  /** Calls beyond those that a connection is good for. */
  readonly calls: Charge
  readonly refuses: boolean
  readonly readBytesPerTurn: number
  readonly gzip: boolean
  readonly sessionWindowBytes: number
  readonly minPingIntervalMs: number
  readonly permitPingsWithoutStream: boolean
  /** Absent: connections may last. */
  readonly age: SessionLimits | undefined
}

/** grpc-go ends a connection on the third bad ping, and expects none for two hours where they are not permitted. */
const MAX_PING_STRIKES = 2
const NO_STREAM_PING_MS = 2 * 3_600_000

/** So many calls at a time are in what a connection is charged with. */
const CALLS_INCLUDED = 16

/** A unary call whose peer does nothing is looked at this often, and ended the second time. */
const STALLED_MS = 60_000

/**
 * So many tiny pieces of data within a second come from nobody who has something to say. Who asks now and then with empty
 * messages (health checks) takes longer for as many.
 */
const LOOKED_AT_PIECES = 1024

const accepted = [...readableEncodings, 'identity'].join(',')

const MAX_STREAM_ID = 2 ** 31 - 1

/** How long the ping between the two GOAWAYs may take. */
const GOAWAY_PING_MS = 250

/** How long a client may take to speak HTTP/2: as long as ours waits for a server. */
const SETTINGS_MS = 20_000

/** More than acknowledgements and window updates between two pings: the connection carries replies. */
const REPLY_BYTES = 1024

/** One connection: its streams, its ping discipline, its share of a turn of the event loop. */
export class ServerSession {
  readonly shared: SessionShared
  readonly origin: PeerOrigin
  readonly #session: ServerHttp2Session
  readonly #calls = new Set<ServerCall>()
  #turnBytes = 0
  readonly #pieces: TinyPieces
  #held: ServerCall[] | undefined
  #lastPing = Number.NEGATIVE_INFINITY
  #strikes = 0
  #isSentAway = false
  #replied = false
  #sentBytes = 0
  #idleSince: number
  #look: Timer | undefined

  constructor(shared: SessionShared, session: ServerHttp2Session, origin: PeerOrigin) {
    this.shared = shared
    this.origin = origin
    this.#session = session
    session.setLocalWindowSize(shared.sessionWindowBytes)
    session.on('error', ignored)
    session.on('ping', () => this.#ping())
    const silent = shared.clock.after(SETTINGS_MS, () => {
      shared.stats.handshakesFailed.timeout++
      session.destroy()
    })
    for (const event of ['remoteSettings', 'close']) session.once(event, () => silent.cancel())
    this.#pieces = new TinyPieces(shared.clock, LOOKED_AT_PIECES)
    this.#idleSince = shared.clock.monotonic()
    session.once('close', () => this.#look?.cancel())
    if (shared.age) session.once('close', limitAge(this, shared.age, shared.clock))
    session.on('stream', (stream, headers) => this.#open(stream, headers))
  }

  get destroyed(): boolean {
    return this.#session.destroyed
  }

  get idleSince(): number | undefined {
    return this.#calls.size === 0 ? this.#idleSince : undefined
  }

  destroy(): void {
    this.#session.destroy()
  }

  /**
   * GOAWAY; what runs may finish. Twice, as grpc-go does it (RFC 9113, section 6.8): first without naming a last stream, so
   * that a stream under way to us is not refused, then, when a ping has come back, with the last one. A Node client without
   * streams has left at the first already: it answers no ping, and Node tells us nothing of its half-closed socket.
   */
  close(): void {
    const session = this.#session
    if (session.destroyed || session.closed) return
    const close = () => {
      timer.cancel()
      if (!session.destroyed) session.close()
    }
    const timer = this.shared.clock.after(GOAWAY_PING_MS, close)
    session.goaway(constants.NGHTTP2_NO_ERROR, MAX_STREAM_ID)
    if (!session.ping(close)) close()
  }

  /** Ends every call with this status. */
  failAll(status: GrpcError): void {
    for (const call of this.#calls) call.fail(status)
  }

  /** A call wrote something: the next ping is not held against the peer. */
  answered(): void {
    this.#replied = true
  }

  closed(call: ServerCall): void {
    if (this.#calls.delete(call)) {
      this.shared.stats.streamsOpen--
      if (this.#calls.size >= CALLS_INCLUDED) this.shared.calls.leave()
    }
    if (this.shared.age && this.#calls.size === 0) this.#idleSince = this.shared.clock.monotonic()
  }

  /**
   * True when this connection has had its share: the call must hold until the next turn. Counted since the last such
   * pause, so that a quiet connection needs no timer.
   */
  overTurn(bytes: number, call: ServerCall): boolean {
    this.#turnBytes += bytes
    if (this.#pieces.isFlood(bytes)) this.#endFlood()
    if (this.#turnBytes <= this.shared.readBytesPerTurn) return false
    if (!this.#held) {
      this.#held = []
      setImmediate(() => this.#nextTurn())
    }
    this.#held.push(call)
    return true
  }

  /** What the peer is told about an error of a handler: never its text, unless it was made for the peer. */
  statusOf(error: unknown, path: string): GrpcError {
    if (error instanceof GrpcError) return error
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.shared.series.note('handler', `handler of ${path} failed: ${text}`)
    return new GrpcError(GrpcCode.internal, 'internal error')
  }

  #nextTurn(): void {
    const held = this.#held ?? []
    this.#held = undefined
    this.#turnBytes = 0
    for (const call of held) call.letGo()
  }

  #endStalled(): void {
    for (const call of this.#calls) call.endIfStalled()
    const goesOn = this.#calls.size > 0 && !this.#session.destroyed
    this.#look = goesOn ? this.shared.clock.after(STALLED_MS, () => this.#endStalled()) : undefined
  }

  #endFlood(): void {
    if (this.#isSentAway) return
    this.shared.stats.floods++
    this.#sendAway('pieces', 'sends its data in tiny pieces', 'too_many_frames')
    // Megabytes of the like may wait to be read in this very turn.
    process.nextTick(() => this.#session.destroy())
  }

  #sendAway(key: string, what: string, reason: string): void {
    this.#isSentAway = true
    this.shared.series.note(key, `${this.origin.address} ${what}: its connection is ended (${reason})`)
    this.#session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from(reason))
    setImmediate(() => this.#session.destroy())
  }

  #ping(): void {
    if (this.#isSentAway) return
    const now = this.shared.clock.monotonic()
    const allowed = this.#calls.size > 0 || this.shared.permitPingsWithoutStream
    const least = allowed ? this.shared.minPingIntervalMs : NO_STREAM_PING_MS
    // Go clients ping while they receive, to measure the way: during a long reply that is no offence.
    const sent = this.#session.destroyed ? 0 : (this.#session.socket.bytesWritten ?? 0)
    const replied = this.#replied || sent - this.#sentBytes > REPLY_BYTES
    if (replied) this.#strikes = 0
    else if (now - this.#lastPing < least) this.#strikes++
    this.#replied = false
    this.#sentBytes = sent
    this.#lastPing = now
    if (this.#strikes <= MAX_PING_STRIKES || this.#session.destroyed) return
    this.shared.stats.pingAbuse++
    this.#sendAway('pings', 'pings too often', 'too_many_pings')
  }

  #open(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on('error', ignored)
    // Reset in the same packet: it is over before it is announced, and writing would throw.
    if (stream.destroyed || stream.closed) return
    const handler = this.#route(stream, headers)
    if (!handler) return
    if (this.#calls.size >= CALLS_INCLUDED && !this.shared.calls.enter()) {
      this.#refuse(stream)
      return
    }
    const call = new ServerCall(this, stream, headers, handler)
    this.#calls.add(call)
    this.shared.stats.streams++
    this.shared.stats.streamsOpen++
    this.#look ??= this.shared.clock.after(STALLED_MS, () => this.#endStalled())
    call.start()
  }

  /** REFUSED_STREAM: surely not taken, so that clients come again. */
  #refuse(stream: ServerHttp2Stream): void {
    this.shared.stats.messagesRefused++
    this.shared.series.note('calls', `calls of ${this.origin.address} are refused: no memory left for more of them`)
    stream.close(constants.NGHTTP2_REFUSED_STREAM)
  }

  #route(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Handler | undefined {
    const type = String(headers['content-type'] ?? '')
    if (headers[':method'] !== 'POST')
      return refuse(stream, 405, new GrpcError(GrpcCode.internal, `the method must be POST, not ${headers[':method']}`))
    if (!/^application\/grpc(?:$|[+;])/.test(type)) {
      const text = `invalid gRPC request content-type ${JSON.stringify(type)}`
      return refuse(stream, 415, new GrpcError(GrpcCode.invalidArgument, text))
    }
    const encoding = String(headers['grpc-encoding'] ?? 'identity')
    if (encoding !== 'identity' && !(this.shared.gzip && readableEncodings.includes(encoding)))
      return refuse(stream, 200, noDecompressor(encoding), this.shared.gzip ? accepted : 'identity')
    const path = headers[':path'] ?? ''
    return this.shared.methods.get(path) ?? refuse(stream, 200, unknownMethod(path))
  }
}

/** `/loggregator.v2.Ingress/Nope`: worded as grpc-go does. */
function unknownMethod(path: string): GrpcError {
  const cut = path.lastIndexOf('/')
  return new GrpcError(
    GrpcCode.unimplemented,
    `unknown method ${path.slice(cut + 1)} for service ${path.slice(1, Math.max(1, cut))}`,
  )
}

function refuse(stream: ServerHttp2Stream, status: number, error: GrpcError, accept?: string): undefined {
  stream.respond(
    {
      ':status': status,
      'content-type': 'application/grpc',
      ...(status === 405 && { allow: 'POST' }),
      ...(accept && { 'grpc-accept-encoding': accept }),
      'grpc-status': String(error.code),
      'grpc-message': encodeGrpcMessage(error.message),
    },
    { endStream: true },
  )
  stream.resume()
  setImmediate(() => stream.destroyed || stream.close(constants.NGHTTP2_NO_ERROR))
  return undefined
}

function ignored(): void {}
