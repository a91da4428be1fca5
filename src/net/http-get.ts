import type { ClientRequest, Agent as HttpAgent, IncomingMessage } from 'node:http'
import { request as requestTls, Agent as TlsAgent } from 'node:https'
import { isIP } from 'node:net'
import type { PeerCertificate } from 'node:tls'
import { type Clock, systemClock } from '../runtime/clock.ts'
import { dialError } from './dial.ts'
import { Agent, request } from './node-http.ts'
import type { ClientTls } from './tls.ts'
import { serverIdentityError } from './tls-identity.ts'

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

/** A small client for the platform's own HTTP servers: bounded in time and size, one request after the other. */
export function newHttpGetter(options: HttpGetOptions): HttpGetter {
  const { protocol } = new URL(options.origin)
  const settings = { keepAlive: options.keepAlive, maxSockets: 1 }
  const agent = protocol === 'https:' ? new TlsAgent({ ...settings, maxCachedSessions: 0 }) : new Agent(settings)
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
  const url = new URL(`${options.origin.replace(/\/$/, '')}${path}`)
  const { headers, signal } = use
  const common = { agent, ...(headers && { headers }), ...(signal && { signal }) }
  return new Promise((resolve, reject) => {
    const call: ClientRequest =
      url.protocol === 'https:'
        ? requestTls(url, { ...common, ...tlsOptions(options, url.hostname) })
        : request(url, common)
    const fail = (error: Error) => {
      timer.cancel()
      reject(error)
      call.destroy()
    }
    const timer = clock.after(timeoutMs, () => fail(new Error(`${url.host} did not answer within ${timeoutMs} ms`)))
    call.on('error', (error: NodeJS.ErrnoException) => {
      const stale = call.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
      fail(stale ? new StaleConnection(url.host) : dialError(error, url.host))
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

function tlsOptions({ tls, serverName }: HttpGetOptions, host: string) {
  const name = serverName || host.replace(/^\[|\]$/g, '')
  return {
    ...tls?.options(),
    ...(isIP(name) ? {} : { servername: name }),
    rejectUnauthorized: !tls?.insecureSkipVerify,
    checkServerIdentity: (_: string, certificate: PeerCertificate) => serverIdentityError(name, certificate),
  }
}
