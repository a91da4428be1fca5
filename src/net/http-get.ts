import type { IncomingMessage } from 'node:http'
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
  get(
    path: string,
    use: { maxBytes: number; headers?: Record<string, string>; signal?: AbortSignal },
  ): Promise<HttpAnswer>
  close(): void
}

/** A small client for the platform's own HTTP servers: bounded in time and size, one request after the other. */
export function newHttpGetter(options: HttpGetOptions): HttpGetter {
  const { protocol, host } = new URL(options.origin)
  const secure = protocol === 'https:'
  const clock = options.clock ?? systemClock
  const shared = secure
    ? new TlsAgent({ keepAlive: options.keepAlive, maxSockets: 1, maxCachedSessions: 0 })
    : new Agent({ keepAlive: options.keepAlive, maxSockets: 1 })
  return {
    close: () => shared.destroy(),
    get(path, { maxBytes, headers, signal }) {
      return new Promise((resolve, reject) => {
        const url = new URL(path, options.origin)
        const answered = (response: IncomingMessage) => {
          const chunks: Buffer[] = []
          let size = 0
          response.on('data', (chunk: Buffer) => {
            size += chunk.length
            if (size <= maxBytes) return void chunks.push(chunk)
            failed(new TooLarge(`the answer is larger than ${maxBytes} bytes`))
            call.destroy()
          })
          response.on('end', () => {
            timer.cancel()
            resolve({ status: response.statusCode!, body: Buffer.concat(chunks, size), headers: response.headers })
          })
          response.on('error', () => failed(new Error('the peer cut the connection in the middle of its answer')))
        }
        const failed = (error: Error) => {
          timer.cancel()
          reject(error instanceof TooLarge || error instanceof TimedOut ? error : dialError(error, host))
        }
        const common = { agent: shared, ...(headers && { headers }), ...(signal && { signal }) }
        const call = secure
          ? requestTls(url, { ...common, ...tlsOptions(options, url.hostname) }, answered)
          : request(url, common, answered)
        const timer = clock.after(options.timeoutMs, () =>
          call.destroy(new TimedOut(`${host} did not answer within ${options.timeoutMs} ms`)),
        )
        call.on('error', failed)
        call.end()
      })
    },
  }
}

class TimedOut extends Error {}

function tlsOptions({ tls, serverName }: HttpGetOptions, host: string) {
  const name = serverName || host.replace(/^\[|\]$/g, '')
  return {
    ...tls?.options(),
    ...(isIP(name) ? {} : { servername: name }),
    rejectUnauthorized: !tls?.insecureSkipVerify,
    checkServerIdentity: (_: string, certificate: PeerCertificate) => serverIdentityError(name, certificate),
  }
}
