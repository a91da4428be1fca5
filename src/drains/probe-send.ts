import type { Socket } from 'node:net'
import { hostname } from 'node:os'
import { formatAddress } from '../net/address.ts'
import { tlsFailure } from '../net/dial-failures.ts'
import { request } from '../net/node-http.ts'
import type { DrainUrl } from './drain-url.ts'

/** `ok`; `unsure`: spoken to, but nothing learned; anything else is a fault. */
export interface Said {
  readonly code: string
  readonly text: string
}

/** How long a peer may take to cut a connection that it does not want: TLS 1.3 refuses certificates only after the handshake. */
const OBJECTION_MS = 500

/** A line that nobody minds: an info message of an application named tailrace-drain-check. */
export function testLine(now = new Date()): string {
  const stamp = now.toISOString().replace('Z', '+00:00')
  const host =
    hostname()
      .replace(/[^!-~]/g, '')
      .slice(0, 255) || '-'
  return `<14>1 ${stamp} ${host} tailrace-drain-check [CHECK/0] - - this is a test line of tailrace drain check\n`
}

/** TCP and TLS: sends one octet-counted line when asked to, and looks whether the peer objects. */
export function probeLine(socket: Socket, send: boolean): Promise<Said> {
  const line = testLine()
  return new Promise((resolve) => {
    const finish = (said: Said) => {
      clearTimeout(timer)
      resolve(said)
    }
    const quiet: Said = send
      ? { code: 'ok', text: 'one test line was sent, and the peer kept the connection (syslog has no answers)' }
      : { code: 'ok', text: 'the peer keeps the connection; nothing was sent (--send sends a test line)' }
    const timer = setTimeout(() => finish(quiet), OBJECTION_MS)
    const where = formatAddress({ host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 })
    socket.on('error', (error) => finish({ ...tlsFailure(error, where) }))
    socket.on('close', () => finish({ code: 'closed', text: 'the peer closed the connection at once' }))
    socket.resume()
    if (send) socket.write(`${Buffer.byteLength(line)} ${line}`)
  })
}

/** HTTPS: posts one line when asked to; else asks with OPTIONS, which changes nothing, whether HTTP is spoken there. */
export function probeHttp(url: DrainUrl, socket: Socket, send: boolean, timeoutMs: number): Promise<Said> {
  const method = send ? 'POST' : 'OPTIONS'
  const line = testLine()
  return new Promise((resolve) => {
    const call = request({
      createConnection: () => socket,
      method,
      path: url.target,
      headers: {
        host: formatAddress({ host: url.host, port: url.port }),
        ...(url.authorization && { authorization: url.authorization }),
        ...(send && { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(line) }),
        connection: 'close',
      },
      timeout: timeoutMs,
    })
    call.on('response', (response) => {
      response.resume()
      resolve(judge(method, response.statusCode!, response.statusMessage ?? ''))
    })
    call.on('timeout', () => {
      resolve({ code: 'timeout', text: `no answer to ${method} within ${timeoutMs} ms` })
      call.destroy()
    })
    call.on('error', (error) => {
      const name = (error as NodeJS.ErrnoException).code ?? ''
      const where = formatAddress({ host: url.host, port: url.port })
      resolve(
        name.startsWith('HPE_')
          ? { code: 'not_http', text: `${where} does not speak HTTP/1.1` }
          : tlsFailure(error, where),
      )
    })
    call.end(send ? line : undefined)
  })
}

function judge(method: string, status: number, reason: string): Said {
  const text = `${method} was answered with ${status} ${reason}`.trimEnd()
  if (status >= 200 && status < 300) return { code: 'ok', text }
  if (method === 'POST') return { code: status >= 500 ? 'status_5xx' : `status_${status}`, text }
  // Only a POST can tell what a POST would get.
  return {
    code: status === 401 || status === 403 || status === 404 ? 'unsure' : 'ok',
    text: `${text}: HTTP is spoken there (--send posts a test line)`,
  }
}
