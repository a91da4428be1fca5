import type { Socket } from 'node:net'
import type { Clock } from '../runtime/clock.ts'
import { formatAddress } from './address.ts'
import { dial } from './dial.ts'
import { type HttpProxy, hostOf, portOf } from './http-client-proxy.ts'
import { request } from './node-http.ts'
import type { ClientTls } from './tls.ts'

export interface ConnectOptions {
  /** Whom to talk to; the scheme says whether by TLS. */
  target: URL
  /** Made when it is needed. */
  tls: () => ClientTls
  /** The name that the peer's certificate must carry; default: the host. */
  serverName?: string | undefined
  proxy?: HttpProxy | undefined
  /** Protocols to offer to the target by TLS; it may choose none. */
  alpn?: readonly string[] | undefined
  /** For everything: name, connection, proxy, TLS. */
  timeoutMs: number
  clock: Clock
}

type Done = (error: Error | undefined, socket?: Socket) => void

/** Opens a connection for HTTP requests to `target`: directly, to its proxy, or through the proxy where it speaks TLS. */
export function connectHttp(options: ConnectOptions, done: Done): void {
  const { target, proxy, tls, serverName } = options
  const isSecure = target.protocol === 'https:'
  if (!proxy) {
    open(options, target, isSecure ? tls() : undefined, serverName, undefined, done)
    return
  }
  const proxyTls = proxy.url.protocol === 'https:' ? tls() : undefined
  open(options, proxy.url, proxyTls, undefined, undefined, (error, socket) => {
    if (error) return done(new Error(`proxy ${error.message}`, { cause: error.cause }))
    if (!isSecure) return done(undefined, socket)
    tunnel(options, proxy, socket!, (failure) => {
      if (failure) done(failure)
      else open(options, target, tls(), serverName, socket, done)
    })
  })
}

function open(
  { target, timeoutMs, clock, alpn }: ConnectOptions,
  to: URL,
  tls: ClientTls | undefined,
  serverName: string | undefined,
  over: Socket | undefined,
  done: Done,
): void {
  const address = { host: hostOf(to), port: portOf(to) }
  const offers = to === target ? alpn : undefined
  dial({ address, tls, serverName, offers, over, timeoutMs, clock }, (socket) => done(undefined, socket), done)
}

/** Asks the proxy at the other end of `socket` for a connection to the target. */
function tunnel(options: ConnectOptions, proxy: HttpProxy, socket: Socket, done: (error?: Error) => void): void {
  const { target, timeoutMs, clock } = options
  const where = formatAddress({ host: hostOf(target), port: portOf(target) })
  const name = `proxy ${proxy.url.host}`
  const call = request({
    method: 'CONNECT',
    path: where,
    setHost: false,
    headers: { host: where, ...(proxy.authorization && { 'proxy-authorization': proxy.authorization }) },
    createConnection: () => socket,
  })
  let over = false
  const once = (error?: Error) => {
    if (over) return
    over = true
    timer.cancel()
    if (error) socket.destroy()
    done(error)
  }
  const timer = clock.after(timeoutMs, () => once(new Error(`${name} did not answer within ${timeoutMs} ms`)))
  call.on('connect', (response, _socket, head: Buffer) => {
    const { statusCode = 0, statusMessage = '' } = response
    if (statusCode < 200 || statusCode > 299)
      return once(new Error(`${name} does not connect to ${where}: ${`${statusCode} ${statusMessage}`.trim()}`))
    if (head.length > 0) socket.unshift(head)
    once()
  })
  call.on('error', (error) => once(new Error(`${name} closed the connection: ${error.message}`, { cause: error })))
  call.end()
}
