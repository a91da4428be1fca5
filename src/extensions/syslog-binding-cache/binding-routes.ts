import type { ServerResponse } from 'node:http'
import type { Route } from '../../net/http-server.ts'

/** The two lists that agents ask for; `body` undefined: not known yet. */
export function bindingRoutes(body: () => Buffer | undefined, aggregate: Buffer): Record<string, Route> {
  return {
    '/v2/bindings': getOnly(body),
    '/v2/aggregate': getOnly(() => aggregate),
  }
}

const plain = { 'content-type': 'text/plain; charset=utf-8' }

function getOnly(body: () => Buffer | undefined): Route {
  return ({ method }, response) => {
    if (method !== 'GET') return void response.writeHead(405, { allow: 'GET', 'content-length': '0' }).end()
    const bytes = body()
    // Agents keep what they have on anything but 200: an empty list would take all their drains away.
    if (!bytes) return answer(response, 503, Buffer.from('the bindings are not known yet\n'))
    answer(response, 200, bytes)
  }
}

function answer(response: ServerResponse, status: number, bytes: Buffer): void {
  response.writeHead(status, { ...plain, 'content-length': String(bytes.length) }).end(bytes)
}
