import { constants } from 'node:crypto'
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls'
import { type Clock, systemClock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { Address } from './address.ts'
import { newServerStats } from './grpc-types.ts'
import { newLogSeries } from './log-series.ts'
import type { Memory } from './memory.ts'
import { originOf } from './peer-origin.ts'
import { type DoorLimits, type DoorStats, newDoor } from './server-door.ts'
import { type ConnectionOwner, TcpConnection } from './tcp-connection.ts'
import type { ServerTls } from './tls.ts'

/** What is made of one connection's bytes. */
export interface ConnectionSink {
  /** The next bytes, on loan. */
  data(chunk: Buffer): void
  /** Called once: no more bytes will come. */
  end(): void
}

export interface TcpServerOptions {
  endpoint: Address
  /** Without it: plain TCP. */
  tls?: ServerTls | undefined
  /** Charged with connections. */
  memory?: Memory | undefined
  /** Asked once per connection, after the handshake. */
  open: (connection: TcpConnection) => ConnectionSink
  limits?:
    | (DoorLimits & {
        /** Default 10 s. */
        handshakeTimeoutMs?: number | undefined
        /** A connection that was not `touch`ed for so long is closed. Default 0: never. */
        idleTimeoutMs?: number | undefined
      })
    | undefined
  /** A connection that has delivered this much waits for the next turn of the event loop; default 256 KiB. */
  readBytesPerTurn?: number | undefined
  /** `stop` reads on for so long at most, so that what has arrived already is not lost; default 500 ms. */
  drainMs?: number | undefined
  log: Log
  clock?: Clock | undefined
  reusePort?: boolean | undefined
  takeOver?: boolean | undefined
}

/** Plain numbers for whoever observes them. */
export interface TcpStats extends DoorStats {
  /** Closed because they were idle. */
  connectionsIdle: number
  bytesIn: number
}

export interface TcpServer {
  readonly stats: Readonly<TcpStats>
  /** Bound address; undefined before `start` and after `stop`. */
  readonly address: Address | undefined
  /** Resolves with the bound address; rejects with a sentence when the port is taken. */
  start(): Promise<Address>
  /** Stops reading from everyone, until `resume`: peers then wait in their writes. */
  pause(): void
  resume(): void
  /** Accepts no more, says so to all peers (FIN), reads what has arrived until it is quiet, then closes. */
  stop(signal?: AbortSignal): Promise<void>
}

/** A server for protocols that are a stream of bytes: TCP or TLS, one `ConnectionSink` per connection. */
export function newTcpServer(options: TcpServerOptions): TcpServer {
  const clock = options.clock ?? systemClock
  const { log, tls, limits = {} } = options
  const idleMs = limits.idleTimeoutMs ?? 0
  const stats: TcpStats = {
    connectionsOpen: 0,
    connectionsAccepted: 0,
    connectionsRefused: 0,
    connectionsIdle: 0,
    handshakesPending: 0,
    handshakesFailed: newServerStats().handshakesFailed,
    bytesIn: 0,
  }
  const series = newLogSeries(log, clock)
  const connections = new Set<TcpConnection>()
  const front = tls && newFront(tls, limits.handshakeTimeoutMs ?? 10_000)
  let sweep: { cancel(): void } | undefined
  let paused = false
  let emptied: (() => void) | undefined

  const owner: ConnectionOwner = {
    clock,
    readBytesPerTurn: options.readBytesPerTurn ?? 256 << 10,
    get paused() {
      return paused
    },
    read(bytes) {
      stats.bytesIn += bytes
    },
    broken(error, origin) {
      const text = `reading from ${origin.address} failed: ${(error as Error).stack ?? error}`
      series.note('sink', text)
    },
    closed(connection) {
      connections.delete(connection)
      if (connections.size === 0) emptied?.()
    },
  }
  const adopt = (socket: TLSSocket) => {
    if (door.isClosed) return void socket.destroy()
    connections.add(new TcpConnection(owner, socket, originOf(socket), options.open))
  }
  const door = newDoor({
    ...options,
    limits,
    tls,
    front,
    stats,
    series,
    onNewCertificates: () => front?.setSecureContext(contextOf(tls!)),
    onSocket: (socket) => {
      if (front) front.emit('connection', socket)
      else adopt(socket as TLSSocket)
    },
    reusePort: options.reusePort,
    takeOver: options.takeOver,
  })
  front?.on('secureConnection', (socket) => {
    door.settle(socket)
    adopt(socket)
  })
  const sweepIdle = () => {
    if (idleMs <= 0) return
    sweep = clock.after(Math.max(10, idleMs / 8), () => {
      const since = clock.monotonic() - idleMs
      for (const connection of connections) {
        if (connection.lastTouched > since || connection.isOver || connection.isHeld) continue
        stats.connectionsIdle++
        connection.close()
      }
      sweepIdle()
    })
  }
  return {
    stats,
    get address() {
      return door.address
    },
    async start() {
      const isRunning = door.address !== undefined
      const address = await door.open()
      if (!isRunning) sweepIdle()
      return address
    },
    pause() {
      paused = true
      for (const connection of connections) connection.hold()
    },
    resume() {
      paused = false
      for (const connection of connections) {
        connection.letGo()
      }
    },
    async stop(signal) {
      sweep?.cancel()
      await door.close()
      await drained(connections, signal, options.drainMs ?? 500, clock, (then) => {
        emptied = then
      })
      for (const connection of connections) connection.close()
      series.close()
    },
  }
}

/** TLS 1.3 has no renegotiation; under 1.2 it only makes us work (`disableRenegotiation` of a socket does not refuse it). */
const contextOf = (tls: ServerTls) => ({ ...tls.options(), secureOptions: constants.SSL_OP_NO_RENEGOTIATION })

/** The protocol engine without a socket of its own: connections are handed to it. */
function newFront(tls: ServerTls, handshakeTimeout: number): TlsServer {
  return createTlsServer({ ...contextOf(tls), handshakeTimeout })
}

/** Half-closes all and lets them read on until a few turns brought nothing, or the time is over. */
async function drained(
  connections: Set<TcpConnection>,
  signal: AbortSignal | undefined,
  drainMs: number,
  clock: Clock,
  whenEmpty: (then: () => void) => void,
): Promise<void> {
  if (connections.size === 0 || signal?.aborted) return
  for (const connection of connections) connection.finish()
  let isOver = false
  const over = () => {
    isOver = true
  }
  const timer = clock.after(drainMs, over)
  signal?.addEventListener('abort', over, { once: true })
  whenEmpty(over)
  const read = () => [...connections].reduce((sum, connection) => sum + connection.bytesIn, 0)
  let last = -1
  for (let quiet = 0; !isOver && quiet < quietTurns; quiet++) {
    await new Promise((resolve) => setImmediate(resolve))
    const now = read()
    if (now !== last) quiet = 0
    last = now
  }
  timer.cancel()
  signal?.removeEventListener('abort', over)
}

/** Turns of the event loop without a byte from anybody: what had arrived has been read. */
const quietTurns = 3
