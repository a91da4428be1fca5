import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock, ServiceStatus } from '../../plugin.ts'

interface Bodies {
  healthy: string
  unhealthy: string
}

/** Answers with the state of the service: JSON, or the bodies of the operator. */
export function healthAnswer(bodies: Bodies | undefined, status: () => ServiceStatus, clock: Pick<Clock, 'now'>) {
  return (_request: IncomingMessage, response: ServerResponse): void => {
    const { ready, readySince } = status()
    const since = ready ? readySince : undefined
    const written = ready ? bodies?.healthy : bodies?.unhealthy
    response.writeHead(ready ? 200 : 503, {
      'content-type': written ? 'text/plain; charset=utf-8' : 'application/json',
    })
    response.end(written || healthText(since, clock.now()))
  }
}

/** `{"status":"Server available","upSince":"2026-01-02T03:04:05Z","uptime":"1m2.5s"}`. */
export function healthText(since: number | undefined, now: number): string {
  if (since === undefined) {
    return JSON.stringify({ status: 'Server not available', upSince: '0001-01-01T00:00:00Z', uptime: '' })
  }
  const upSince = new Date(since).toISOString()
  return JSON.stringify({ status: 'Server available', upSince, uptime: goDuration(now - since) })
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
