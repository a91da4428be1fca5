import type { Agent as HttpAgent, IncomingMessage } from 'node:http'
import { type Clock, systemClock } from '../runtime/clock.ts'
import { dialError } from './dial.ts'
import { connectHttp } from './http-client-connect.ts'
import { newAgent } from './http-client-http1.ts'
import { request } from './node-http.ts'
import { type ClientTls, clientTls } from './tls.ts'

export interface HttpGetOptions {
  /** `https://cloud-controller-ng.service.cf.internal:9023` */
  origin: string
  tls?: ClientTls | undefined
  /** The name that the peer's certificate must carry; default: the host. */
  serverName?: string | undefined
  /** For all of one request, name and connection included. */
  timeoutMs: number
  /** Keeps one connection open between requests. */
  keepAlive: boolean
  clock?: Clock | undefined
}

export interface HttpAnswer {
  readonly status: number
  readonly body: Buffer
  readonly headers: IncomingMessage['headers']
}

/** The peer sent more than was allowed. */
export class TooLarge extends Error {}

export interface HttpGetter {
  /** One GET; redirects are not followed. Rejects with a plain sentence, or with TooLarge. */
  get(path: string, use: Get): Promise<HttpAnswer>
  close(): void
}

interface Get {
  maxBytes: number
  headers?: Record<string, string>
  signal?: AbortSignal
}

/** A small client for the platform's own HTTP servers, bounded in time and size. */
export function newHttpGetter(options: HttpGetOptions): HttpGetter {
  const { origin, serverName, timeoutMs, clock = systemClock } = options
  let { tls } = options
  const trust = () => {
    tls ??= clientTls({})
    return tls
  }
  const connection = { target: new URL(origin), tls: trust, serverName, timeoutMs, clock }
  const agent = newAgent({ maxIdle: options.keepAlive ? 1 : 0 }, (done) => connectHttp(connection, done))
  return {
    close: () => agent.destroy(),
    get: (path, use) =>
      getOnce(options, agent, path, use).catch((error: Error) =>
        // The peer closed a connection that it had kept open, just when it was used again.
        error instanceof StaleConnection ? getOnce(options, agent, path, use) : Promise.reject(error),
      ),
  }
}

function getOnce(options: HttpGetOptions, agent: HttpAgent, path: string, use: Get): Promise<HttpAnswer> {
  const { clock = systemClock, timeoutMs } = options
  const { host, pathname } = new URL(options.origin)
  const { headers, signal } = use
  return new Promise((resolve, reject) => {
    let isConnected = false
    const call = request({
      agent,
      path: `${pathname.replace(/\/$/, '')}${path}`,
      setHost: false,
      headers: { host, ...headers },
      ...(signal && { signal }),
    })
    const fail = (error: Error) => {
      timer.cancel()
      reject(error)
      call.destroy()
    }
    const timer = clock.after(timeoutMs, () => fail(new Error(`${host} did not answer within ${timeoutMs} ms`)))
    call.on('socket', () => {
      isConnected = true
    })
    call.on('error', (error: NodeJS.ErrnoException) => {
      const stale = call.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
      if (stale) fail(new StaleConnection(host))
      else fail(isConnected ? dialError(error, host) : error)
    })
    call.on('response', (response) =>
      collect(response, use.maxBytes, fail, (body) => {
        timer.cancel()
        resolve({ status: response.statusCode!, body, headers: response.headers })
      }),
    )
    call.end()
  })
}

function collect(
  response: IncomingMessage,
  maxBytes: number,
  fail: (error: Error) => void,
  done: (body: Buffer) => void,
): void {
  const chunks: Buffer[] = []
  let size = 0
  response.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= maxBytes) chunks.push(chunk)
    else fail(new TooLarge(`the answer is larger than ${maxBytes} bytes`))
  })
  response.on('end', () => done(Buffer.concat(chunks, size)))
  response.on('error', () => fail(new Error('the peer cut the connection in the middle of its answer')))
}

class StaleConnection extends Error {}
