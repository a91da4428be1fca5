import type { ClientRequest, Agent as HttpAgent, IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { type Clock, systemClock } from '../runtime/clock.ts'
import { dialError } from './dial.ts'
import { connectHttp } from './http-client-connect.ts'
import { basicAuthorization, type HttpProxy } from './http-client-proxy.ts'
import { Agent, request } from './node-http.ts'
import type { ClientTls } from './tls.ts'

export interface HttpClientOptions {
  /** Scheme, host and port count, and user and password, which become basic authorization. */
  origin: URL
  /** Used when the URL, or that of the proxy, is an https one. */
  tls: ClientTls
  /** The name that the peer's certificate must carry; default: the host. */
  serverName?: string | undefined
  proxy?: HttpProxy | undefined
  /** Requests under way at the same time, each on a connection of its own; others wait. Default: no limit. */
  maxConnections?: number | undefined
  /** Connections kept open between requests; 0: every request opens its own. Default 100. */
  maxIdle?: number | undefined
  /** How long; default 90 s, and less where the peer says so. */
  idleMs?: number | undefined
  /** For name, connection, proxy and TLS; default 20 s. */
  connectTimeoutMs?: number | undefined
  clock?: Clock | undefined
}

export interface HttpReply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** The first 64 KiB; what stands behind is not kept. */
  readonly body: Buffer
}

/** There is no answer. */
export class HttpFailure extends Error {
  /** There was no connection: the peer has nothing of the request. */
  readonly unsent: boolean

  constructor(message: string, unsent: boolean, cause?: unknown) {
    super(message, { cause })
    this.name = 'HttpFailure'
    this.unsent = unsent
  }
}

type Headers = Readonly<Record<string, string>>

export interface HttpClient {
  /** To `/v1/logs?x=1`. Redirects are not followed, and there is no time limit but the signal's. Rejects with HttpFailure. */
  post(path: string, body: Uint8Array, headers: Headers, signal: AbortSignal): Promise<HttpReply>
  /** Connections end as soon as they are idle. */
  close(): void
}

const keptBytes = 64 * 1024
/** So much more is read for the sake of the connection; then it is given up instead. */
const skippedBytes = 64 * 1024

/** POSTs to one server over HTTP/1.1 connections that are kept open. */
export function newHttpClient(options: HttpClientOptions): HttpClient {
  const agent = newAgent(options)
  const { origin, proxy } = options
  const login = basicAuthorization(origin)
  const viaProxy = proxy && origin.protocol === 'http:' ? proxy : undefined
  const prefix = viaProxy ? `http://${origin.host}` : ''
  const common = { agent, method: 'POST', setHost: false }
  const fixed = {
    host: origin.host,
    ...(login && { authorization: login }),
    ...(viaProxy?.authorization && { 'proxy-authorization': viaProxy.authorization }),
  }
  const turns = new Turns(options.maxConnections ?? Number.POSITIVE_INFINITY)
  const exchange = (path: string, body: Uint8Array, headers: Headers, signal: AbortSignal) => {
    const all = { ...fixed, ...headers, 'content-length': body.length }
    return post(request({ ...common, path: prefix + path, headers: all }), origin.host, body, signal)
  }
  return {
    async post(path, body, headers, signal) {
      if (!turns.take()) await turns.wait(signal)
      try {
        return await exchange(path, body, headers, signal)
      } finally {
        turns.give()
      }
    },
    close: () => agent.destroy(),
  }
}

/** An agent that opens its connections our way. It sees a plain stream where TLS is spoken. */
function newAgent(options: HttpClientOptions): HttpAgent {
  const { origin, tls, serverName, proxy, connectTimeoutMs = 20_000, maxIdle = 100, idleMs = 90_000 } = options
  const clock = options.clock ?? systemClock
  const agent = new Agent({ keepAlive: maxIdle > 0, maxFreeSockets: maxIdle || 1, timeout: idleMs })
  const connection = { target: origin, tls, serverName, proxy, timeoutMs: connectTimeoutMs, clock }
  agent.createConnection = (_options, done) => {
    connectHttp(connection, (error, socket) => done?.(error ?? null, socket!))
    return undefined
  }
  return agent
}

function post(call: ClientRequest, host: string, body: Uint8Array, signal: AbortSignal): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    let isConnected = false
    let isOver = false
    const end = () => {
      isOver = true
      signal.removeEventListener('abort', abort)
    }
    const fail = (message: string, cause?: unknown) => {
      if (isOver) return
      end()
      reject(new HttpFailure(message, !isConnected, cause))
      call.destroy()
    }
    const abort = () => fail(`${host} did not answer in time`)
    call.on('socket', () => {
      isConnected = true
    })
    call.on('error', (error) => fail(isConnected ? broken(error, host) : error.message, error))
    call.on('response', (response) =>
      collect(response, (bytes) => {
        if (isOver) return
        end()
        resolve({ status: response.statusCode!, headers: response.headers, body: bytes })
        // Answered before it had read all: nobody knows whether it will.
        if (!response.complete || !call.writableFinished) call.destroy()
      }),
    )
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    else call.end(body)
  })
}

/** Why there is no answer on a connection that there was. */
function broken(error: Error, host: string): string {
  const { code } = error as NodeJS.ErrnoException
  const isCut = code === 'ECONNRESET' || code === 'EPIPE'
  return isCut ? `${host} closed the connection before it answered` : dialError(error, host).message
}

/** The head of an answer counts even where its body breaks off. */
function collect(response: IncomingMessage, done: (body: Buffer) => void): void {
  const chunks: Buffer[] = []
  let size = 0
  let kept = 0
  const finish = () => done(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, kept))
  response.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (kept < keptBytes) {
      const room = chunk.length <= keptBytes - kept ? chunk : chunk.subarray(0, keptBytes - kept)
      chunks.push(room)
      kept += room.length
    }
    if (size > keptBytes + skippedBytes) response.destroy()
  })
  response.on('error', finish)
  response.on('close', finish)
  response.on('end', finish)
}

/** So many at a time; who waits comes in the order of asking. */
class Turns {
  #free: number
  readonly #waiting = new Set<() => void>()

  constructor(most: number) {
    this.#free = most
  }

  take(): boolean {
    if (this.#free <= 0) return false
    this.#free--
    return true
  }

  /** Resolves with the turn taken, or rejects when the signal aborts. */
  wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = () => {
        this.#waiting.delete(go)
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        this.#waiting.delete(go)
        reject(new HttpFailure('no connection was free in time', true))
      }
      this.#waiting.add(go)
      signal.addEventListener('abort', leave, { once: true })
      if (signal.aborted) leave()
    })
  }

  give(): void {
    const [next] = this.#waiting
    if (next) next()
    else this.#free++
  }
}
