import { createHash } from 'node:crypto'
import type { Route } from '../../net/http-server.ts'

/** A list as it is served; `tag` changes with its bytes. */
export interface ServedList {
  readonly bytes: Buffer
  /** `"…"`, for `If-None-Match`: a list of thousands need not travel to every machine four times a minute. */
  readonly tag: string
}

export const servedList = (bytes: Buffer): ServedList => ({
  bytes,
  tag: `"${createHash('sha256').update(bytes).digest('base64url')}"`,
})

/** The two lists that agents ask for; `bindings` undefined: not known yet. */
export function bindingRoutes(bindings: () => ServedList | undefined, aggregate: ServedList): Record<string, Route> {
  return {
    '/v2/bindings': getOnly(bindings),
    '/v2/aggregate': getOnly(() => aggregate),
  }
}

const plain = { 'content-type': 'text/plain; charset=utf-8' }

function getOnly(list: () => ServedList | undefined): Route {
  return ({ method, headers }, response) => {
    if (method !== 'GET') return void response.writeHead(405, { allow: 'GET', 'content-length': '0' }).end()
    const found = list()
    // Agents keep what they have on anything but 200: an empty list would take all their drains away.
    if (!found) return void response.writeHead(503, plain).end('the bindings are not known yet\n')
    const { bytes, tag } = found
    if (headers['if-none-match'] === tag) return void response.writeHead(304, { etag: tag }).end()
    response.writeHead(200, { ...plain, etag: tag, 'content-length': String(bytes.length) }).end(bytes)
  }
}
