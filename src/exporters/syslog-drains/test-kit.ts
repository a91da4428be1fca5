import { createServer as createHttps } from 'node:https'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTls } from 'node:tls'
import { newTestHost } from '../../../test/conformance/kit.ts'
import { Budget } from '../../delivery/budget.ts'
import { type Account, Ledger } from '../../delivery/ledger.ts'
import { succeed } from '../../delivery/succession.ts'
import { newHost } from '../../engine/host.ts'
import { Stage, stagedMetrics } from '../../engine/stage.ts'
import { fileStorageConfig } from '../../extensions/file-storage/config.ts'
import { newFileStorage } from '../../extensions/file-storage/file-storage.ts'
import fileStorage from '../../extensions/file-storage/index.ts'
import { issue, type KeyPair, newAuthority } from '../../runtime/certs.ts'
import { type Clock, systemClock } from '../../runtime/clock.ts'
import { newLog } from '../../runtime/log.ts'
import { Metrics } from '../../runtime/metrics.ts'
import { Batch } from '../../telemetry/batch.ts'
import { envelope, field } from '../../telemetry/testing/encode.ts'
import { readFrame } from '../../wire/syslog/frames.ts'
import syslogDrains from './index.ts'

/** Shared by the tests of this folder: drains to send to, and the exporter with books of its own. */

const cleanups: (() => unknown)[] = []
/** Call it after each test. */
export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
}
export const atEnd = (cleanup: () => unknown): void => void cleanups.push(cleanup)

export const authority: KeyPair = newAuthority({ commonName: 'drain CA' })
export const serverCertificate: KeyPair = issue(authority, {
  commonName: 'drain',
  names: ['localhost'],
  ips: ['127.0.0.1'],
})

export async function until(ask: () => boolean): Promise<void> {
  for (let i = 0; !ask(); i++) await new Promise((resolve) => setTimeout(resolve, i < 50 ? 1 : 10))
}

/** Log envelopes of one application, a text each. */
export const logs = (app: string, ...texts: readonly string[]): Batch =>
  batchOf(...texts.map((log) => envelope({ timestamp: 0, source: app, log })))

export const batchOf = (...envelopes: readonly Buffer[]): Batch =>
  Batch.copyOf('envelopes', Buffer.concat(envelopes.map((each) => field(1, each))))

export const range = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `line ${from + i}`)

/** The text of a message: what stands behind its structured data. */
export const textOf = (message: string): string => message.replace(/^.*? - (?:-|\[.*\]) /s, '').replace(/\n$/, '')

export interface TcpDrain {
  port: number
  server: Server
  /** Open connections, oldest first. */
  sockets: Socket[]
  connections: number
  /** Every message that arrived whole, without its octet count. */
  messages: string[]
  texts(): string[]
  stop(): Promise<void>
}

/** A drain over TCP, or TLS. `onSocket` answers false to be left alone with the socket. */
export async function tcpDrain(
  options: { tls?: boolean; port?: number; onSocket?: (socket: Socket, drain: TcpDrain) => boolean | undefined } = {},
): Promise<TcpDrain> {
  const server = options.tls ? createTls(serverCertificate) : createServer()
  const drain: TcpDrain = {
    port: 0,
    server,
    sockets: [],
    connections: 0,
    messages: [],
    texts: () => drain.messages.map(textOf),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of drain.sockets) socket.destroy()
      }),
  }
  server.on(options.tls ? 'secureConnection' : 'connection', (socket: Socket) => {
    drain.connections++
    drain.sockets.push(socket)
    socket.on('error', () => {})
    socket.on('close', () => void drain.sockets.splice(drain.sockets.indexOf(socket), 1))
    if (options.onSocket?.(socket, drain) === false) return
    readFrames(socket, (message) => void drain.messages.push(message))
  })
  await new Promise<void>((resolve) => void server.listen(options.port ?? 0, '127.0.0.1', resolve))
  drain.port = (server.address() as AddressInfo).port
  atEnd(() => drain.stop())
  return drain
}

export function readFrames(socket: Socket, onMessage: (message: string) => void): void {
  let rest = Buffer.alloc(0)
  socket.on('data', (bytes: Buffer) => {
    rest = Buffer.concat([rest, bytes])
    let pos = 0
    for (let next = readFrame(rest, pos, rest.length); next >= 0; next = readFrame(rest, pos, rest.length)) {
      onMessage(rest.toString('utf8', rest.indexOf(32, pos) + 1, next))
      pos = next
    }
    rest = rest.subarray(pos)
  })
}

export interface HttpDrain {
  port: number
  requests: { line: string; headers: Record<string, unknown>; body: string }[]
  connections: number
  /** Status of the next answers. */
  status: number
  stop(): Promise<void>
}

/** A drain over HTTPS that answers with `status`. */
export async function httpDrain(keepAlive = true): Promise<HttpDrain> {
  const server = createHttps(serverCertificate, (request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => void parts.push(part))
    request.on('end', () => {
      drain.requests.push({
        line: `${request.method} ${request.url}`,
        headers: request.headers,
        body: Buffer.concat(parts).toString(),
      })
      response.writeHead(drain.status, keepAlive ? {} : { connection: 'close' })
      response.end('answer')
    })
  })
  const drain: HttpDrain = {
    port: 0,
    requests: [],
    connections: 0,
    status: 200,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  server.on('secureConnection', () => void drain.connections++)
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  drain.port = (server.address() as AddressInfo).port
  atEnd(() => drain.stop())
  return drain
}

/** The exporter, started, with everything it counts. `reload` puts another one in its place, as the engine does. */
export async function exporter(settings: object, clock: Clock = systemClock, extension?: unknown) {
  const lines: string[] = []
  const shared = {
    log: newLog({ write: (line) => void lines.push(line) }),
    clock,
    metrics: new Metrics(),
    ledger: new Ledger(),
    budget: new Budget('service', 1 << 30),
  }
  const create = (written: object, storage: unknown, stage: Stage, opened?: (account: Account) => void) => {
    const host = newHost(
      { ...shared, metrics: stagedMetrics(shared.metrics, stage, () => {}) },
      {
        kind: 'exporter',
        type: 'syslog_drains',
        id: 'syslog_drains',
        readsOrigins: false,
        extension: () => storage,
        ...(opened && { opened }),
      },
    )
    const tls = { insecure_skip_verify: true }
    const made = syslogDrains.create({ config: syslogDrains.config.parse({ tls, ...written }), host })
    atEnd(() => made.stop(AbortSignal.abort()))
    return made
  }
  const first = new Stage()
  first.open()
  let made = create(settings, extension, first)
  await made.start()
  const account = shared.ledger.open('queue', 'syslog_drains', { unit: 'messages' })
  /** `meanwhile`: while the new one is ready, and the old one still at work. */
  const reload = async (written: object, storage: unknown = extension, meanwhile?: () => Promise<void>) => {
    let succession: ReturnType<Account['succession']>
    let next: typeof made | undefined
    const stage = new Stage()
    try {
      next = create(written, storage, stage, (one) => (succession = one.succession()))
      await next.start()
      await meanwhile?.()
    } catch (error) {
      await next?.stop(AbortSignal.abort())
      succession!.undone()
      throw error
    }
    stage.open()
    succeed([account], [account])
    const before = made
    made = next
    await before.stop(AbortSignal.timeout(1000))
    succession!.done()
    return next
  }
  const metric = (name: string) =>
    (shared.metrics.find(`tailrace_syslog_drains_${name}`)?.series ?? []).map(({ labels, value }) => ({
      labels,
      value,
    }))
  return { made, account, lines, metric, reload, ...shared }
}

/** A disk in a folder. */
export async function newStorage(directory: string, written: object = {}) {
  const config = fileStorageConfig.parse({ directory, ...written })
  const storage = newFileStorage(config, newTestHost(fileStorage).host)
  await storage.start()
  return storage
}

/** A binding cache; `answers` may be changed at any time. */
export async function bindingCache(answers: { bindings: string | number; aggregate: string | number }) {
  const asked: string[] = []
  const server = createHttps(serverCertificate, (request, response) => {
    asked.push(request.url!)
    const answer = request.url === '/v2/bindings' ? answers.bindings : answers.aggregate
    response.writeHead(typeof answer === 'number' ? answer : 200)
    response.end(typeof answer === 'number' ? '' : answer)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  atEnd(() => new Promise((resolve) => void server.close(resolve).closeAllConnections()))
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { asked, settings: { url, tls: { ca_pem: authority.cert }, polling_interval: '1ms' } }
}

/** The answer of a cache: URL, then application -> hostname. */
export const bindingsJson = (all: Readonly<Record<string, readonly string[]>>): string =>
  JSON.stringify(
    Object.entries(all).map(([url, apps]) => ({
      url,
      credentials: [
        { cert: '', key: '', ca: '', apps: apps.map((app_id) => ({ hostname: `org.space.${app_id}`, app_id })) },
      ],
    })),
  )
