import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { type Clock, systemClock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { Address } from './address.ts'
import { descriptorsText, isOfTheLast } from './descriptors.ts'
import { handshakeFailure } from './handshake.ts'
import { acquire, type Lease } from './listener.ts'
import { type LogSeries, newLogSeries } from './log-series.ts'
import { connectionBytes, type Memory, newCharge } from './memory.ts'
import { createServer } from './node-http.ts'
import { peerOf } from './peer-origin.ts'
import type { ServerTls } from './tls.ts'

export type Route = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

export interface HttpServerOptions {
  endpoint: Address
  tls?: ServerTls | undefined
  /** By exact path, query left out: `/metrics`; a path that ends with `/` also answers for what is below it. */
  routes: Record<string, Route>
  /** A request must have arrived within this time; default 5 s. */
  readTimeoutMs?: number | undefined
  /** Connections without a request are closed after this; default 5 s. */
  idleTimeoutMs?: number | undefined
  /** Default 1000. */
  maxConnections?: number | undefined
  /** Charged with connections; one that does not fit is closed at once. */
  memory?: Memory | undefined
  log: Log
  clock?: Clock | undefined
  takeOver?: boolean | undefined
}

/** Plain numbers for whoever observes them. */
export interface HttpServerStats {
  connectionsOpen: number
  /** Closed at once: `maxConnections` reached, or no memory left. */
  connectionsRefused: number
  /** Connections that were cut off because they sent ever more requests without waiting for answers. */
  floods: number
}

export interface HttpServer {
  readonly stats: Readonly<HttpServerStats>
  readonly address: Address | undefined
  start(): Promise<Address>
  /** Idle connections close at once; answers under way may finish until `signal` aborts. */
  stop(signal?: AbortSignal): Promise<void>
}

/** A small HTTP or HTTPS server for metrics, profiles and health. Unknown paths get 404. */
export function newHttpServer(options: HttpServerOptions): HttpServer {
  const { routes, tls, memory, log } = options
  const charge = newCharge(memory, connectionBytes[tls ? 'tls' : 'plain'])
  const series = newLogSeries(log, options.clock ?? systemClock)
  const stats: HttpServerStats = { connectionsOpen: 0, connectionsRefused: 0, floods: 0 }
  const inTurn = limitPipelines((peer) => {
    stats.floods++
    series.note('pipelined', `${peer} does not wait for answers: cut off`)
  })
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    if (inTurn(request, response)) void answer(routes, request, response, series)
  }
  const timeout = options.readTimeoutMs ?? 5000
  const limits = {
    requestTimeout: timeout,
    headersTimeout: timeout,
    connectionsCheckingInterval: Math.min(timeout, 1000),
    ...(options.idleTimeoutMs !== undefined && { keepAliveTimeout: options.idleTimeoutMs }),
  }
  const server: Server | TlsServer = tls
    ? createTlsServer({ ...limits, ...tls.options(), handshakeTimeout: timeout }, handle)
    : createServer(limits, handle)
  const sockets = new Set<Socket>()
  let lease: Lease | undefined
  let unwatch: (() => void) | undefined
  server.on('clientError', (_error, socket) => socket.destroy())
  server.on('secureConnection', (socket: TLSSocket) => tls?.notePeer(socket, 'a client'))
  server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
    const { reason, text } = handshakeFailure(error, socket)
    if (reason === 'cut') log.debug(`TLS handshake failed: ${text}`)
    else series.note(reason, `TLS handshake failed: ${text}`)
  })

  const onConnection = (socket: Socket) => {
    const isFull = sockets.size >= (options.maxConnections ?? 1000)
    if (isFull || !charge.enter()) {
      stats.connectionsRefused++
      series.note('refused', `connection refused: ${isFull ? `${sockets.size} are open` : 'no memory left'}`)
      return void socket.destroy()
    }
    if (isOfTheLast(socket)) series.note('descriptors', descriptorsText())
    sockets.add(socket)
    stats.connectionsOpen = sockets.size
    socket.on('close', () => {
      charge.leave()
      sockets.delete(socket)
      stats.connectionsOpen = sockets.size
    })
    server.emit('connection', socket)
  }
  return {
    stats,
    get address() {
      return lease?.address
    },
    async start() {
      if (lease) return lease.address
      lease = await acquire(options.endpoint, { onConnection, takeOver: options.takeOver ?? false })
      // Node starts to enforce its timeouts with this event; connections are handed to it, it listens to nothing itself.
      server.emit('listening')
      unwatch = tls?.onChange(() => (server as TlsServer).setSecureContext(tls.options()))
      return lease.address
    },
    async stop(signal) {
      unwatch?.()
      const released = lease?.release()
      lease = undefined
      await released
      // Also ends what 'listening' started.
      server.close()
      await emptied(sockets, signal)
      series.close()
    },
  }
}

/** Requests of a connection that were not answered yet: whoever sends more of them ahead reads no answers. */
const mostAhead = 100

/** Cuts off connections that send ever more requests without waiting for answers; false for what comes from such a one. */
function limitPipelines(onCut: (peer: string) => void) {
  const ahead = new WeakMap<Socket, number>()
  return ({ socket }: IncomingMessage, response: ServerResponse): boolean => {
    if (socket.destroyed) return false
    const count = ahead.get(socket) ?? 0
    if (count >= mostAhead) {
      onCut(peerOf(socket))
      socket.destroy()
      return false
    }
    ahead.set(socket, count + 1)
    response.on('close', () => ahead.set(socket, ahead.get(socket)! - 1))
    return true
  }
}

/** Resolves when the last connection has closed; destroys them when the signal aborts. */
function emptied(sockets: Set<Socket>, signal: AbortSignal | undefined): Promise<void> {
  if (sockets.size === 0) return Promise.resolve()
  return new Promise((resolve) => {
    // In the next turn: what somebody answers at the last moment is written by then.
    const cut = () =>
      setImmediate(() => {
        for (const socket of sockets) socket.destroy()
      })
    const closed = () => {
      if (sockets.size > 0) return
      signal?.removeEventListener('abort', cut)
      resolve()
    }
    for (const socket of sockets) socket.on('close', closed)
    if (!signal || signal.aborted) cut()
    else signal.addEventListener('abort', cut, { once: true })
  })
}

async function answer(
  routes: Record<string, Route>,
  request: IncomingMessage,
  response: ServerResponse,
  series: LogSeries,
): Promise<void> {
  const path = (request.url ?? '/').split('?', 1)[0]!
  const route = find(routes, path)
  try {
    if (route) return await route(request, response)
    response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' })
    response.end('404 page not found\n')
  } catch (error) {
    series.note('fault', `answering ${path} failed: ${(error as Error).message}`)
    if (response.headersSent) response.destroy()
    else response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' }).end('internal error\n')
  }
}

function find(routes: Record<string, Route>, path: string): Route | undefined {
  if (Object.hasOwn(routes, path)) return routes[path]
  for (let cut = path.lastIndexOf('/'); cut >= 0; cut = path.lastIndexOf('/', cut - 1)) {
    const folder = path.slice(0, cut + 1)
    if (Object.hasOwn(routes, folder) && folder !== '/') return routes[folder]
    if (cut === 0) break
  }
  return undefined
}
