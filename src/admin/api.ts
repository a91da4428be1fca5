import type { IncomingMessage, ServerResponse } from 'node:http'

import { names, type Taps } from '../engine/taps.ts'
import type { Host } from '../plugin.ts'
import { sleep } from '../runtime/clock.ts'
import { readBody } from './body.ts'
import { NdjsonStream } from './ndjson-stream.ts'
import { BadQuery, numberOf, textOf } from './query.ts'
import { type Look, lookAt, rateBetween } from './rates.ts'
import { newReport, type Report } from './report.ts'
import { startTap } from './tap.ts'
import { startTop } from './top.ts'
import { type Why, why } from './why.ts'

/** Who answers. */
export interface Agent {
  /** From the file it runs, for people: `forwarder-agent`. */
  readonly name: string
  readonly version: string
  /** The locations of its configuration, as they were given. */
  readonly configuration: readonly string[]
}

/** `GET /v1/status`: everything at once. */
export interface Status extends Report {
  readonly agent: Agent
  readonly losses: Why['losses']
  readonly refusals: Why['refusals']
}

/** Something the agent can be told to do. `input` is the JSON of the request; the answer is JSON. May throw a sentence. */
export type AdminCommand = (input: Readonly<Record<string, unknown>>) => Promise<unknown>

export interface AdminSources extends Pick<Host, 'ledger' | 'budget' | 'clock' | 'log' | 'status'> {
  readonly agent: Agent
  readonly taps: Taps
  /** By name: `reload`, `queue.ls`. Asked for at each request, so that parts may come and go. */
  commands(): Readonly<Record<string, AdminCommand>>
}

/** Streams that are open at the same time. */
const mostWatchers = 8

/** Answers one request. The guard of the door has looked at it before. */
export type AdminApi = (request: IncomingMessage, response: ServerResponse) => Promise<void>

class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** The whole protocol: docs/admin-api.md. Nothing runs while nobody asks. */
export function newAdminApi(sources: AdminSources): AdminApi {
  const { ledger, clock, log } = sources
  let watchers = 0

  const watching = (
    request: IncomingMessage,
    response: ServerResponse,
    start: (out: NdjsonStream) => { stop(): void },
  ) => {
    if (watchers >= mostWatchers)
      throw new Refusal(503, `${mostWatchers} watchers are connected already: end one of them`)
    watchers++
    request.socket.setTimeout(0)
    const stream = start(new NdjsonStream(response, clock))
    response.on('close', () => {
      watchers--
      stream.stop()
    })
  }

  const status = async (query: URLSearchParams): Promise<Status> => {
    const before: Look = lookAt(ledger, clock)
    const over = numberOf(query, 'over_ms', { least: 0, most: 10_000, absent: 1000 })
    if (over > 0) await sleep(clock, over)
    const now = lookAt(ledger, clock)
    const report = newReport(sources, { of: (account) => rateBetween(before, now, account) })()
    const { losses, refusals } = why(ledger)
    return { agent: sources.agent, ...report, losses, refusals }
  }

  const reasons = (query: URLSearchParams): Why => {
    const source_id = textOf(query, 'source_id')
    const component = textOf(query, 'component')
    const answer = why(ledger, {
      ...(source_id !== undefined && { source_id }),
      ...(component !== undefined && { component }),
    })
    if (component !== undefined && !ledger.accounts.some(({ id }) => component === id || component.endsWith(`/${id}`)))
      throw new Refusal(404, `no component "${component}" keeps books; there are ${ids(ledger.accounts)}`)
    return answer
  }

  const tap = (request: IncomingMessage, response: ServerResponse, query: URLSearchParams) => {
    const id = textOf(query, 'id')
    const points = sources.taps.points()
    const known = ids(points.map((point) => ({ id: `${point.kind}/${point.id}` })))
    if (id === undefined) throw new Refusal(400, `say what to watch with ?id=; there are ${known}`)
    const meant = points.filter((point) => names(point, id))
    if (meant.length === 0) throw new Refusal(404, `there is nothing to watch called "${id}"; there are ${known}`)
    const rate = numberOf(query, 'rate', { least: 1, most: 1000, absent: 50 })
    const wanted = { id, source_id: textOf(query, 'source_id'), grep: textOf(query, 'grep'), rate }
    watching(request, response, (out) => {
      out.write({ watching: meant })
      return startTap(wanted, sources, (value) => out.write(value))
    })
  }

  const top = (request: IncomingMessage, response: ServerResponse, query: URLSearchParams) => {
    const interval = numberOf(query, 'interval_ms', { least: 200, most: 60_000, absent: 1000 })
    watching(request, response, (out) => startTop(sources, interval, (sample) => void out.write(sample)))
  }

  const command = async (request: IncomingMessage, name: string): Promise<unknown> => {
    const commands = sources.commands()
    if (!Object.hasOwn(commands, name))
      throw new Refusal(404, `there is no command "${name}"; there are ${Object.keys(commands).join(', ') || 'none'}`)
    const input = await readBody(request)
    log.info('asked through the admin socket', { command: name })
    return (await commands[name]!(input)) ?? {}
  }

  const answer: AdminApi = async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://agent')
    const [, name] = /^\/v1\/commands\/([\w.-]{1,64})$/.exec(pathname) ?? []
    if (name !== undefined) {
      only('POST', request)
      return json(response, 200, await command(request, name))
    }
    only('GET', request)
    if (pathname === '/v1/status') return json(response, 200, await status(searchParams))
    if (pathname === '/v1/why') return json(response, 200, reasons(searchParams))
    if (pathname === '/v1/tap') return tap(request, response, searchParams)
    if (pathname === '/v1/top') return top(request, response, searchParams)
    if (pathname === '/' || pathname === '/v1/')
      return json(response, 200, {
        agent: { ...sources.agent, pid: process.pid },
        paths,
        commands: Object.keys(sources.commands()),
      })
    throw new Refusal(404, `there is nothing at ${pathname.slice(0, 64)}; there are ${paths.join(', ')}`)
  }

  return async (request, response) => {
    try {
      await answer(request, response)
    } catch (error) {
      const { message } = error as Error
      const known = error instanceof Refusal ? error.status : error instanceof BadQuery ? 400 : 500
      if (response.headersSent) response.destroy()
      else json(response, known, { error: message })
    }
  }
}

const paths = ['/v1/status', '/v1/why', '/v1/top', '/v1/tap', '/v1/commands/NAME']

function only(method: 'GET' | 'POST', request: IncomingMessage): void {
  if (request.method !== method) throw new Refusal(405, `that path answers ${method}`)
}

const ids = (all: readonly { id: string }[]): string =>
  [...new Set(all.map(({ id }) => id))].slice(0, 50).join(', ') || 'none'

export function json(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(`${JSON.stringify(value)}\n`)
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  response.end(body)
}
