import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServiceStatus } from '../../plugin.ts'
import type { Checkup } from './details.ts'

interface Bodies {
  healthy: string
  unhealthy: string
}

export interface HealthSources {
  status(): ServiceStatus
  checkup(): Checkup
  now(): number
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** Whether the agent is ready: the Collector's JSON, the bodies of the operator, or with `?verbose` everything. */
export function readiness(bodies: Bodies | undefined, { status, checkup, now }: HealthSources): Answer {
  return (request, response) => {
    const { ready, readySince } = status()
    const code = ready ? 200 : 503
    if (isVerbose(queryOf(request))) return sendJson(response, code, checkup().details('', true))
    const text = ready ? bodies?.healthy : bodies?.unhealthy
    if (!text) return sendJson(response, code, available(ready ? readySince : undefined, now()))
    response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8' }).end(text)
  }
}

/** The Collector's version 2: the whole or `?pipeline=ID`, with `?verbose` and its parts. */
export function healthStatus({ checkup }: HealthSources): Answer {
  return (request, response) => {
    const query = queryOf(request)
    const pipeline = query.get('pipeline') ?? ''
    const all = checkup()
    const details = all.details(pipeline, isVerbose(query))
    if (!details) return sendJson(response, 404, { error: `there is no pipeline "${pipeline.slice(0, 64)}"` })
    sendJson(response, codeOf(all, details.healthy), details)
  }
}

/** 503 while it starts or stops: no error. */
function codeOf({ health }: Checkup, healthy: boolean): number {
  if (health.state === 'starting' || health.state === 'stopping' || health.state === 'stopped') return 503
  return healthy ? 200 : 500
}

/** The event loop turns: nothing else is asked. */
export const liveness: Answer = (_request, response) => sendJson(response, 200, { status: 'alive' })

function sendJson(response: ServerResponse, code: number, value: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

const queryOf = ({ url = '/' }: IncomingMessage) => new URL(url, 'http://agent').searchParams

const isVerbose = (query: URLSearchParams) => query.has('verbose') && query.get('verbose') !== 'false'

/** `{"status":"Server available","upSince":"2026-01-02T03:04:05Z","uptime":"1m2.5s"}`. */
function available(since: number | undefined, now: number): object {
  if (since === undefined) return { status: 'Server not available', upSince: '0001-01-01T00:00:00Z', uptime: '' }
  return { status: 'Server available', upSince: new Date(since).toISOString(), uptime: goDuration(now - since) }
}

/** Milliseconds as Go prints them: `950ms`, `2.5s`, `1h0m2s`. */
export function goDuration(ms: number): string {
  const whole = Math.max(0, Math.round(ms))
  if (whole === 0) return '0s'
  if (whole < 1000) return `${whole}ms`
  const [hours, minutes] = [Math.floor(whole / 3_600_000), Math.floor(whole / 60_000) % 60]
  const seconds = `${(whole % 60_000) / 1000}s`
  if (hours > 0) return `${hours}h${minutes}m${seconds}`
  return minutes > 0 ? `${minutes}m${seconds}` : seconds
}
