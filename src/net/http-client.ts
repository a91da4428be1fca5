import { type Clock, systemClock } from '../runtime/clock.ts'
import { connectHttp } from './http-client-connect.ts'
import { newHttp1Client, type OpenSocket } from './http-client-http1.ts'
import { type Http2Requests, newHttp2Requests } from './http-client-http2.ts'
import type { HttpProxy } from './http-client-proxy.ts'
import { HttpFailure, type HttpReply, type RequestHeaders } from './http-client-reply.ts'
import type { ClientTls } from './tls.ts'

export { HttpFailure, type HttpReply } from './http-client-reply.ts'

export interface HttpClientOptions {
  /** Scheme, host and port count, and user and password, which become basic authorization. */
  origin: URL
  /** Used when the URL, or that of the proxy, is an https one. */
  tls: ClientTls
  /** The name that the peer's certificate must carry; default: the host. */
  serverName?: string | undefined
  proxy?: HttpProxy | undefined
  /** HTTP/1.1: requests under way at the same time, each on a connection of its own; others wait. Default: no limit. */
  maxConnections?: number | undefined
  /** Connections kept open between requests; 0: every request opens its own. Default 100. */
  maxIdle?: number | undefined
  /** How long; default 90 s, and less where the peer says so. */
  idleMs?: number | undefined
  /** For name, connection, proxy and TLS; default 20 s. */
  connectTimeoutMs?: number | undefined
  /** Offer HTTP/2 to TLS peers, which choose (ALPN). Default: HTTP/1.1 is spoken. */
  http2?: boolean | undefined
  clock?: Clock | undefined
}

export interface HttpClient {
  /** To `/v1/logs?x=1`. Redirects are not followed, and there is no time limit but the signal's. Rejects with HttpFailure. */
  post(path: string, body: Uint8Array, headers: RequestHeaders, signal: AbortSignal): Promise<HttpReply>
  /** Connections end as soon as they are idle. */
  close(): void
}

/** POSTs to one server over connections that are kept open: HTTP/1.1, or HTTP/2 where a TLS peer prefers it. */
export function newHttpClient(options: HttpClientOptions): HttpClient {
  const { origin, tls, serverName, proxy, connectTimeoutMs = 20_000, maxIdle, clock = systemClock } = options
  const connection = { target: origin, tls: () => tls, serverName, proxy, timeoutMs: connectTimeoutMs, clock }
  // A connection for each request is what HTTP/2 is not made for.
  if (!options.http2 || origin.protocol !== 'https:' || maxIdle === 0) {
    return newHttp1Client(options, (done) => connectHttp(connection, done))
  }
  return newChoosingClient(options, clock, (alpn, done) => connectHttp({ ...connection, alpn }, done))
}

type OpenWith = (alpn: readonly string[], done: Parameters<OpenSocket>[0]) => void

/** The first connection shows what the peer speaks; when an HTTP/2 connection has ended it is asked again. */
function newChoosingClient(options: HttpClientOptions, clock: Clock, open: OpenWith): HttpClient {
  const { origin, idleMs = 90_000 } = options
  let http2: Http2Requests | undefined
  let choosing: Promise<void> | undefined
  let speaksHttp1 = false
  /** The connection that showed it. */
  let spare: Parameters<Parameters<OpenSocket>[0]>[1]
  let closed = false

  const http1 = newHttp1Client(options, (done) => {
    const socket = spare
    spare = undefined
    if (socket && !socket.destroyed) done(undefined, socket)
    else open(['http/1.1'], done)
  })
  const choose = () =>
    new Promise<void>((resolve, reject) => {
      open(['h2', 'http/1.1'], (error, socket) => {
        choosing = undefined
        if (!socket) return reject(new HttpFailure(error!.message, true, error))
        const isHttp2 = 'alpnProtocol' in socket && socket.alpnProtocol === 'h2'
        if (closed) socket.destroy()
        else if (isHttp2) http2 = newHttp2Requests({ socket, origin, idleMs, clock })
        else spare = socket.on('error', () => {})
        speaksHttp1 = !isHttp2
        resolve()
      })
    })
  return {
    async post(path, body, headers, signal) {
      if (!http2?.isOpen && !speaksHttp1) {
        choosing ??= choose()
        await unlessAborted(choosing, origin.host, signal)
      }
      const by = speaksHttp1 ? http1 : http2!
      return by.post(path, body, headers, signal)
    },
    close() {
      closed = true
      http2?.close()
      http1.close()
      spare?.destroy()
    },
  }
}

/** Others may wait for the same. */
function unlessAborted(promise: Promise<void>, host: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new HttpFailure(`${host} did not answer in time`, true))
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
