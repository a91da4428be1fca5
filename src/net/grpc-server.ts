import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerOptions,
} from 'node:http2'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { type Clock, systemClock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { Address } from './address.ts'
import { DEFAULT_MAX_MESSAGE_BYTES } from './frames.ts'
import { type Handler, newServerStats, type ServerStats } from './grpc-types.ts'
import { newLogSeries } from './log-series.ts'
import { callBytes, type Memory, newCharge } from './memory.ts'
import { originOf, peerOf } from './peer-origin.ts'
import { type DoorLimits, newDoor } from './server-door.ts'
import { ServerSession, type SessionShared } from './server-session.ts'
import type { SessionLimits } from './session-age.ts'
import { GrpcCode, GrpcError } from './status.ts'
import type { ServerTls } from './tls.ts'

export interface GrpcServerOptions {
  endpoint: Address
  /** Without it: plaintext HTTP/2 (h2c, prior knowledge). */
  tls?: ServerTls | undefined
  /** Longest received message; default 4 MiB. */
  maxMessageBytes?: number | undefined
  /** Charged with connections, with calls where one has many, and with messages that are being assembled. */
  memory?: Memory | undefined
  /** Clients may repeat what is refused: messages without room in `memory` are, before they are read. Default false. */
  refuses?: boolean | undefined
  /** Pings faster than this end the connection, as in grpc-go: default 5 min, not without streams. */
  keepalive?: { minPingIntervalMs?: number | undefined; permitWithoutStream?: boolean | undefined } | undefined
  /** Default: they may last. */
  age?: SessionLimits | undefined
  limits?:
    | (DoorLimits & {
        /** Per connection; default 1,000. */
        maxConcurrentStreams?: number | undefined
        /** Default 10 s. */
        handshakeTimeoutMs?: number | undefined
      })
    | undefined
  /** A connection that has delivered this much waits for the next turn of the event loop; default 256 KiB. */
  readBytesPerTurn?: number | undefined
  /** How much a peer may send that nobody has read: default 1 MB a stream, 8 MB a connection. */
  windows?: { streamBytes?: number | undefined; sessionBytes?: number | undefined } | undefined
  /** False: compressed messages (gzip, zstd, deflate) are answered with UNIMPLEMENTED, as Loggregator's agents do. Default true. */
  gzip?: boolean | undefined
  /** By path: `/loggregator.v2.Ingress/BatchSender`. */
  methods: Record<string, Handler>
  log: Log
  clock?: Clock | undefined
  /** Share the port with other processes (more than one worker). */
  reusePort?: boolean | undefined
  /** Take the listening socket from the previous owner in this process, unclosed. */
  takeOver?: boolean | undefined
}

export interface GrpcServer {
  readonly stats: Readonly<ServerStats>
  /** Bound address; undefined before `start` and after `stop`. */
  readonly address: Address | undefined
  /** Resolves with the bound address; rejects with a sentence when the port is taken. */
  start(): Promise<Address>
  /** GOAWAY to everyone; open streams may finish until `signal` aborts (without one: as long as they take), then they end with UNAVAILABLE. */
  stop(signal?: AbortSignal): Promise<void>
}

export function newGrpcServer(options: GrpcServerOptions): GrpcServer {
  const clock = options.clock ?? systemClock
  const { log, tls } = options
  const stats = newServerStats()
  const series = newLogSeries(log, clock)
  const shared = sharedBySessions(options, clock, series, stats)
  const sessions = new Map<ServerHttp2Session, ServerSession>()
  const front = newFront(options)
  let allClosed: (() => void) | undefined
  const door = newDoor({
    ...options,
    limits: options.limits ?? {},
    tls,
    front: tls && front,
    stats,
    series,
    onNewCertificates: () => (front as Http2SecureServer).setSecureContext(tls!.options()),
    onSocket: (socket) => void front.emit('connection', socket),
    reusePort: options.reusePort,
    takeOver: options.takeOver,
  })

  front.on('session', (session) => {
    const socket = session.socket as TLSSocket
    door.settle(socket)
    sessions.set(session, new ServerSession(shared, session, originOf(socket)))
    tls?.notePeer(socket, door.nameOf(socket))
    session.on('close', () => {
      sessions.delete(session)
      if (sessions.size === 0) allClosed?.()
    })
    if (door.isClosed) session.close()
  })
  // A stray line of HTTP/1 or noise: that connection ends, nothing else happens.
  front.on('sessionError', () => {})
  front.on('unknownProtocol', (socket: Socket) => {
    stats.handshakesFailed.no_alpn++
    series.note('no_alpn', `${peerOf(socket)} did not offer HTTP/2 (ALPN h2): not a gRPC client`)
    socket.destroy()
  })

  const destroyAll = () => {
    for (const session of sessions.keys()) session.destroy()
    for (const socket of door.sockets) socket.destroy()
  }
  const closeSessions = (signal: AbortSignal | undefined) =>
    new Promise<void>((resolve) => {
      const abort = () => {
        const status = new GrpcError(GrpcCode.unavailable, 'the server is stopping')
        for (const session of sessions.values()) session.failAll(status)
        // Two turns: one for the trailers to be asked for, one for them to be written. Then the sockets: a session that was
        // closed before would only half-close its own and wait for the peer.
        setImmediate(() => setImmediate(destroyAll))
      }
      allClosed = () => {
        signal?.removeEventListener('abort', abort)
        resolve()
      }
      for (const session of sessions.values()) session.close()
      if (signal?.aborted) abort()
      else signal?.addEventListener('abort', abort, { once: true })
      if (sessions.size === 0) allClosed()
    })

  return {
    stats,
    get address() {
      return door.address
    },
    start: () => door.open(),
    async stop(signal) {
      await door.close()
      await closeSessions(signal)
      series.close()
    },
  }
}

function sharedBySessions(
  options: GrpcServerOptions,
  clock: Clock,
  series: SessionShared['series'],
  stats: ServerStats,
): SessionShared {
  return {
    clock,
    series,
    stats,
    methods: new Map(Object.entries(options.methods)),
    maxMessageBytes: options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
    memory: options.memory,
    calls: newCharge(options.memory, callBytes, true),
    refuses: options.refuses ?? false,
    readBytesPerTurn: options.readBytesPerTurn ?? 256 * 1024,
    gzip: options.gzip ?? true,
    sessionWindowBytes: options.windows?.sessionBytes ?? 8_000_000,
    minPingIntervalMs: options.keepalive?.minPingIntervalMs ?? 300_000,
    permitPingsWithoutStream: options.keepalive?.permitWithoutStream ?? false,
    age: options.age,
  }
}

/** The protocol engine without a socket of its own: connections are handed to it. */
function newFront(options: GrpcServerOptions): Http2Server | Http2SecureServer {
  const settings: ServerOptions = {
    settings: {
      initialWindowSize: options.windows?.streamBytes ?? 1_000_000,
      maxConcurrentStreams: options.limits?.maxConcurrentStreams ?? 1000,
      // As much as Node's HTTP/1 takes; a call with more is reset.
      maxHeaderListSize: 16 << 10,
    },
    // MB; the windows are the bound. The default of 10 would end sessions with large replies under way.
    maxSessionMemory: 100,
    // Short calls that clients cancel are ordinary: 1000 of them at once end a session by default.
    streamResetBurst: 10_000,
    streamResetRate: 1000,
    unknownProtocolTimeout: 1000,
  }
  if (!options.tls) return createServer(settings)
  return createSecureServer({
    ...settings,
    ...options.tls.options(),
    ALPNProtocols: ['h2'],
    allowHTTP1: false,
    handshakeTimeout: options.limits?.handshakeTimeoutMs ?? 10_000,
  })
}
