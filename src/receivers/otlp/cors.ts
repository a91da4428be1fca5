import type { IncomingMessage, ServerResponse } from 'node:http'
import { wildcard } from './wildcard.ts'

export interface CorsConfig {
  readonly allowed_origins: readonly string[]
  readonly allowed_headers: readonly string[]
  readonly exposed_headers: readonly string[]
  readonly max_age: number
}

/** Headers that a script may always send. */
const usual = ['origin', 'accept', 'content-type', 'x-requested-with']

/**
 * Cross-origin requests (Fetch standard, "CORS protocol"): adds what a browser wants to see to the answer. True: it was
 * a preflight request, and is answered.
 */
export function newCors(config: CorsConfig): (request: IncomingMessage, response: ServerResponse) => boolean {
  const origins = config.allowed_origins.map(wildcard)
  const anyOrigin = config.allowed_origins.includes('*')
  const headers = new Set([...usual, ...config.allowed_headers.map((name) => name.toLowerCase())])
  const namesOf = (text: string) =>
    text
      .toLowerCase()
      .split(',')
      .map((name) => name.trim())
  const allowed = (names: string) =>
    headers.has('*') || names === '' || namesOf(names).every((name) => headers.has(name))

  return (request, response) => {
    const { origin } = request.headers
    const wanted = request.headers['access-control-request-method']
    const preflight = request.method === 'OPTIONS' && wanted !== undefined
    response.setHeader(
      'vary',
      preflight ? 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers' : 'Origin',
    )
    if (origin !== undefined && origins.some((matches) => matches(origin))) {
      const names = String(request.headers['access-control-request-headers'] ?? '')
      if (!preflight || (wanted === 'POST' && allowed(names))) {
        response.setHeader('access-control-allow-origin', anyOrigin ? '*' : origin)
        response.setHeader('access-control-allow-credentials', 'true')
        if (preflight) {
          response.setHeader('access-control-allow-methods', 'POST')
          if (names) response.setHeader('access-control-allow-headers', names)
          if (config.max_age > 0) response.setHeader('access-control-max-age', String(config.max_age))
        } else if (config.exposed_headers.length > 0) {
          response.setHeader('access-control-expose-headers', config.exposed_headers.join(', '))
        }
      }
    }
    if (preflight) response.writeHead(204).end()
    return preflight
  }
}
