import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { onTestFinished } from 'vitest'
import { Budget } from '../../delivery/budget.ts'
import { Ledger } from '../../delivery/ledger.ts'
import type { Queued } from '../../delivery/queued.ts'
import { newHost } from '../../engine/host.ts'
import { type Clock, systemClock } from '../../runtime/clock.ts'
import { newLog } from '../../runtime/log.ts'
import { Metrics } from '../../runtime/metrics.ts'
import syslog from './index.ts'

/** A syslog server that keeps what it gets, by connection, and can misbehave. */
export interface Peer {
  readonly port: number
  /** What each connection brought, in the pieces it came in. */
  readonly connections: Buffer[][]
  readonly open: Set<Socket>
  /** Everything, in the order of the connections. */
  text(): string
  /** Lines of all connections; what a connection broke off is none. */
  lines(): string[]
  /** The bytes that came last. */
  last(): string
  until(what: string, enough: () => boolean): Promise<void>
  /** What to do with a connection when bytes came. */
  onData: ((socket: Socket, bytes: Buffer) => void) | undefined
  onOpen: ((socket: Socket) => void) | undefined
  stop(): Promise<void>
  start(): Promise<void>
}

export async function startPeer(tls?: TlsOptions, path?: string): Promise<Peer> {
  let server: Server
  let port = 0
  const watchers = new Set<() => void>()
  const changed = () => {
    for (const watch of [...watchers]) watch()
  }
  const accept = (socket: Socket) => {
    const number = peer.connections.push([]) - 1
    peer.open.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      peer.open.delete(socket)
      changed()
    })
    socket.on('data', (bytes: Buffer) => {
      peer.connections[number]!.push(bytes)
      peer.onData?.(socket, bytes)
      changed()
    })
    peer.onOpen?.(socket)
    changed()
  }
  const peer: Peer = {
    get port() {
      return port
    },
    connections: [],
    open: new Set(),
    onData: undefined,
    onOpen: undefined,
    text: () => Buffer.concat(peer.connections.flat()).toString(),
    last: () => peer.connections.at(-1)?.at(-1)?.toString() ?? '',
    lines: () => peer.connections.flatMap((bytes) => Buffer.concat(bytes).toString().split('\n').slice(0, -1)),
    until: (what, enough) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`waited in vain: ${what}; got ${peer.text().slice(-300)}`)),
          15_000,
        )
        const watch = () => {
          if (!enough()) return
          watchers.delete(watch)
          clearTimeout(timer)
          resolve()
        }
        watchers.add(watch)
        watch()
      }),
    async stop() {
      for (const socket of peer.open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
    async start() {
      server = tls ? createTlsServer(tls, accept) : createServer(accept)
      if (path) server.listen(path)
      else server.listen(port, '127.0.0.1')
      await once(server, 'listening')
      if (!path) port = (server.address() as AddressInfo).port
    },
  }
  await peer.start()
  onTestFinished(async () => {
    for (const socket of peer.open) socket.destroy()
    server.close()
  })
  return peer
}

export interface Run {
  readonly exporter: Queued
  readonly ledger: Ledger
  readonly metrics: Metrics
  /** What it logged. */
  readonly lines: string[]
}

/** A started exporter with these settings, stopped at the end of the test. */
export async function runExporter(written: Record<string, unknown>, clock: Clock = systemClock): Promise<Run> {
  const lines: string[] = []
  const ledger = new Ledger()
  const metrics = new Metrics()
  const shared = {
    log: newLog({ level: 'info', write: (line) => void lines.push(line.trim()) }),
    clock,
    metrics,
    ledger,
    budget: new Budget('service', 256 << 20),
  }
  const host = newHost(shared, {
    kind: 'exporter',
    type: 'syslog',
    id: 'syslog',
    readsOrigins: false,
    extension: () => undefined,
  })
  const retry_on_failure = { initial_interval: '10ms', max_interval: '20ms', max_elapsed_time: 0 }
  const config = syslog.config.parse({
    tls: { insecure: true },
    linger: 0,
    retry_on_failure,
    mapping: { default_hostname: 'h', default_app_name: 'app' },
    ...written,
  })
  const exporter = syslog.create({ config: config as never, host }) as Queued
  await exporter.start()
  onTestFinished(() => exporter.stop(AbortSignal.abort()))
  return { exporter, ledger, metrics, lines }
}
