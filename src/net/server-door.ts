import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Log } from '../runtime/log.ts'
import type { Address } from './address.ts'
import { descriptorsText, isOfTheLast } from './descriptors.ts'
import type { HandshakeFailure } from './grpc-types.ts'
import { handshakeFailure } from './handshake.ts'
import { acquire, type Lease } from './listener.ts'
import type { LogSeries } from './log-series.ts'
import { connectionBytes, type Memory, newCharge } from './memory.ts'
import { parentOf, peerOf } from './peer-origin.ts'
import type { ServerTls } from './tls.ts'

/** What a door counts; plain numbers for whoever observes them. */
export interface DoorStats {
  connectionsOpen: number
  connectionsAccepted: number
  /** Closed at once: `maxConnections` or `maxPendingHandshakes` reached, or no memory left. */
  connectionsRefused: number
  handshakesPending: number
  readonly handshakesFailed: Record<HandshakeFailure, number>
}

export interface DoorLimits {
  /** Default 10,000. */
  maxConnections?: number | undefined
  /** Default 256. */
  maxPendingHandshakes?: number | undefined
}

export interface DoorOptions {
  endpoint: Address
  limits: DoorLimits
  /** Makes TLS of the connections that it is handed; without it they are let in as they are. */
  front: { on(event: 'tlsClientError', listener: (error: Error, socket: TLSSocket) => void): unknown } | undefined
  tls: ServerTls | undefined
  /** Charged with what open connections cost; one that does not fit is closed at once. */
  memory?: Memory | undefined
  /** The certificates of `tls` have changed. */
  onNewCertificates(): void
  /** A connection that may come in, before any handshake. */
  onSocket(socket: Socket): void
  stats: DoorStats
  series: LogSeries
  log: Log
  reusePort: boolean | undefined
  takeOver: boolean | undefined
}

/** Where connections come in: listening, limits, handshakes under way and what became of them. */
export interface Door {
  readonly address: Address | undefined
  /** Nobody comes in any more. */
  readonly isClosed: boolean
  /** Connections that are open, handshakes included. */
  readonly sockets: ReadonlySet<Socket>
  open(): Promise<Address>
  /** Gives the port free and ends the handshakes under way. */
  close(): Promise<void>
  /** The handshake on this connection is over. */
  settle(socket: Socket): void
  /** `10.0.0.7:51234`, also when the connection has closed. */
  nameOf(socket: Socket): string
}

export function newDoor(options: DoorOptions): Door {
  const { limits, tls, memory, stats, series, log } = options
  const charge = newCharge(memory, connectionBytes[tls ? 'tls' : 'plain'])
  const maxConnections = limits.maxConnections ?? 10_000
  const maxPending = limits.maxPendingHandshakes ?? 256
  const sockets = new Set<Socket>()
  const pending = new Set<Socket>()
  /** A socket forgets its peer's address when it closes, which is when a failure is reported. */
  const peers = new WeakMap<Socket, string>()
  let lease: Lease | undefined
  let unwatch: (() => void) | undefined
  let isClosed = false

  const nameOf = (socket: Socket) => peers.get(parentOf(socket)) ?? 'a client'
  const settle = (socket: Socket) => {
    pending.delete(parentOf(socket))
    stats.handshakesPending = pending.size
  }
  const onConnection = (socket: Socket) => {
    const isFull = stats.connectionsOpen >= maxConnections || pending.size >= maxPending
    if (isClosed || isFull || !charge.enter()) {
      stats.connectionsRefused++
      const why = isFull ? `${stats.connectionsOpen} are open, ${pending.size} in handshake` : 'no memory left'
      if (!isClosed) series.note('refused', `connection refused: ${why}`)
      return void socket.destroy()
    }
    if (isOfTheLast(socket)) series.note('descriptors', descriptorsText())
    stats.connectionsAccepted++
    stats.connectionsOpen++
    sockets.add(socket)
    peers.set(socket, peerOf(socket))
    if (tls) pending.add(socket)
    stats.handshakesPending = pending.size
    socket.on('close', () => {
      sockets.delete(socket)
      stats.connectionsOpen--
      charge.leave()
      settle(socket)
    })
    options.onSocket(socket)
  }
  options.front?.on('tlsClientError', (error, socket) => {
    const { reason, text } = handshakeFailure(error, socket)
    stats.handshakesFailed[reason]++
    const message = `TLS handshake with ${nameOf(socket)} failed: ${text}`
    // Port scans and health checks connect and leave: no news.
    if (reason === 'cut') log.debug(message)
    else series.note(reason, message)
    parentOf(socket).destroy()
  })
  return {
    get address() {
      return lease?.address
    },
    get isClosed() {
      return isClosed
    },
    sockets,
    settle,
    nameOf,
    async open() {
      if (lease) return lease.address
      isClosed = false
      const { endpoint, reusePort = false, takeOver = false } = options
      lease = await acquire(endpoint, { onConnection, reusePort, takeOver })
      unwatch = tls?.onChange(() => options.onNewCertificates())
      return lease.address
    },
    async close() {
      isClosed = true
      unwatch?.()
      const released = lease?.release()
      lease = undefined
      await released
      for (const socket of pending) socket.destroy()
    },
  }
}
