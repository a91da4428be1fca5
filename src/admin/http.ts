import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from '../net/node-http.ts'
import { type AdminApi, json } from './api.ts'
import { type OwnName, turnedAway } from './visitors.ts'

/** Answers requests that the door lets in. */
export function guarded(api: AdminApi, isOwn: OwnName) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const why = turnedAway(request, isOwn)
    if (why === undefined) return api(request, response)
    request.resume()
    json(response, 403, { error: why })
  }
}

/** HTTP for connections that somebody else accepts: hand them over by `emit('connection', socket)`. */
export function newHttp(handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>): Server {
  const limits = {
    maxHeaderSize: 8192,
    headersTimeout: 5000,
    requestTimeout: 10_000,
    connectionsCheckingInterval: 1000,
  }
  const server = createServer(limits, (request, response) => void handle(request, response))
  server.on('clientError', (_error, socket) => socket.destroy())
  // Its timeouts are enforced from now on; it listens to nothing itself.
  server.emit('listening')
  return server
}
