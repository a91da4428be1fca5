import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { isIP } from 'node:net'
import type { PeerCertificate } from 'node:tls'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { Budget } from '../../delivery/budget.ts'
import { Agent as HttpAgent, request as requestHttp } from '../../net/node-http.ts'
import { serverIdentityError } from '../../net/tls-identity.ts'
import type { ScrapeTarget } from './scrape-target.ts'

const unpack = promisify(gunzip)

/** A page as it came, unpacked. */
export interface Fetched {
  readonly body: Buffer
  readonly contentType: string
}

/** Reads one target's page over HTTP/1.1, again and again over one connection while that lasts. */
export interface PageFetcher {
  /** Rejects with an Error that says what failed; with whatever `signal` aborted for. */
  fetch(signal: AbortSignal): Promise<Fetched>
  close(): void
}

const maxRedirects = 10
const redirects = new Set([301, 302, 303, 307, 308])
/** Headers that Node writes itself; the original ignores them as well. */
const forbidden = new Set(['host', 'content-length', 'transfer-encoding', 'trailer', 'connection'])
/** Not told to another host when a target redirects there. */
const confidential = new Set(['authorization', 'www-authenticate', 'cookie', 'cookie2'])
/** A page that explains an error may be long; the log shows this much of it. */
const maxErrorText = 16 << 10

type Headers = Record<string, string>

/** What a fetcher needs to know of a target. */
export type FetchFrom = Pick<
  ScrapeTarget,
  | 'url'
  | 'headers'
  | 'credentials'
  | 'compression'
  | 'intervalMs'
  | 'maxBytes'
  | 'tls'
  | 'serverName'
  | 'followRedirects'
>

/** Pages are charged to `budget` while they arrive. */
export function newPageFetcher(target: FetchFrom, budget: Budget): PageFetcher {
  // One interval and a bit: the connection of the last scrape serves the next one.
  const idle = { keepAlive: true, maxFreeSockets: 1, timeout: Math.min(target.intervalMs + 1000, 0x7fffffff) }
  const agents = { http: new HttpAgent(idle), https: new HttpsAgent(idle) }

  const get = (url: URL, headers: Headers, signal: AbortSignal, again = true): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const options = { headers, signal, method: 'GET' }
      const request: ClientRequest =
        url.protocol === 'https:'
          ? requestHttps(url, { ...options, agent: agents.https, ...tlsOptions(target, url) }, resolve)
          : requestHttp(url, { ...options, agent: agents.http }, resolve)
      request.on('error', (error: NodeJS.ErrnoException) => {
        // The target closed an idle connection just as we used it: nothing was answered, so asking again is safe.
        const stale = request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
        if (stale && again) resolve(get(url, headers, signal, false))
        else reject(error)
      })
      request.end()
    })

  return {
    async fetch(signal) {
      let url = parseUrl(target.url)
      let sent = requestHeaders({ ...target.headers, ...target.credentials() }, target.compression)
      for (let hops = 0; ; hops++) {
        const response = await get(url, sent, signal)
        const location = response.headers.location
        if (!target.followRedirects || !redirects.has(response.statusCode!))
          return await answer(response, target.maxBytes, budget)
        discard(response)
        if (location === undefined) throw new Error(`${response.statusCode} response missing Location header`)
        if (hops === maxRedirects) throw new Error(`stopped after ${maxRedirects} redirects`)
        const next = parseUrl(location, url)
        if (next.hostname !== url.hostname) sent = without(sent, confidential)
        url = next
      }
    },
    close() {
      agents.http.destroy()
      agents.https.destroy()
    },
  }
}

function requestHeaders(own: Headers, compression: boolean): Headers {
  const headers = without(own, forbidden)
  const names = new Set(Object.keys(headers).map((name) => name.toLowerCase()))
  return {
    ...(!names.has('user-agent') && { 'User-Agent': 'tailrace' }),
    ...headers,
    ...(compression && !names.has('accept-encoding') && { 'Accept-Encoding': 'gzip' }),
  }
}

const without = (headers: Headers, names: ReadonlySet<string>): Headers =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !names.has(name.toLowerCase())))

function parseUrl(text: string, base?: URL): URL {
  const url = URL.parse(text, base)
  if (!url) throw new Error(`invalid URL ${JSON.stringify(text)}`)
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new Error(`unsupported protocol scheme ${JSON.stringify(url.protocol.slice(0, -1))}`)
  return url
}

function tlsOptions({ tls, serverName }: FetchFrom, url: URL) {
  const name = serverName || url.hostname.replace(/^\[|\]$/g, '')
  return {
    ...tls?.options(),
    servername: isIP(name) ? '' : name,
    rejectUnauthorized: !tls?.insecureSkipVerify,
    checkServerIdentity: (_host: string, certificate: PeerCertificate) => serverIdentityError(name, certificate),
  }
}

async function answer(response: IncomingMessage, maxBytes: number, budget: Budget): Promise<Fetched> {
  const body = await readBody(response, maxBytes, budget)
  if (response.statusCode !== 200) {
    throw new Error(`unexpected status code ${response.statusCode}: ${body.toString('utf8', 0, maxErrorText)}`)
  }
  return { body, contentType: response.headers['content-type'] ?? '' }
}

async function readBody(response: IncomingMessage, maxBytes: number, budget: Budget): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      if (!budget.fits(chunk.length)) throw new Error('no room for the page in the memory budget')
      budget.take(chunk.length)
      size += chunk.length
      if (size > maxBytes) throw tooLarge(maxBytes)
      chunks.push(chunk)
    }
  } finally {
    budget.give(size)
  }
  const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size)
  return response.headers['content-encoding'] === 'gzip' ? await unpacked(body, maxBytes) : body
}

async function unpacked(body: Buffer, maxBytes: number): Promise<Buffer> {
  try {
    return await unpack(body, { maxOutputLength: maxBytes })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes)
    throw new Error(`gzip: ${(error as Error).message}`, { cause: error })
  }
}

const tooLarge = (maxBytes: number) => new Error(`body size limit exceeded: the page has more than ${maxBytes} bytes`)

/** Lets go of a redirect's body: the connection is worth keeping only when that body is short. */
function discard(response: IncomingMessage): void {
  if (Number(response.headers['content-length'] ?? Number.POSITIVE_INFINITY) <= 2048) response.resume()
  else response.destroy()
}
