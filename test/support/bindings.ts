import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import type { Binding, Credentials } from '../../src/drains/bindings.ts'
import { certificate, pemOf } from './certificates.ts'
import { freePort } from './free-port.ts'
import { until } from './role.ts'

export type { Binding, Credentials }

/** A drain URL of these applications, without certificates or with some. */
export const binding = (url: string, apps: readonly string[], pems: Partial<Credentials> = {}): Binding => ({
  url,
  credentials: [
    {
      cert: '',
      key: '',
      ca: '',
      apps: apps.map((app_id) => ({ hostname: `org.space.${app_id}`, app_id })),
      ...pems,
    },
  ],
})

/** A service that answers by HTTPS to clients with a certificate of our authority. */
export interface SecuredService {
  readonly url: string
  /** Paths with their queries, in order. */
  readonly asked: string[]
  /** Instead of an answer: a status, or nothing at all. */
  trouble: number | 'silence' | undefined
  /** Resolves when it has been asked `times` more. */
  askedAgain(times?: number): Promise<void>
  stop(): Promise<void>
  restart(): Promise<void>
}

async function startService(
  name: string,
  answer: (url: URL, response: ServerResponse) => void,
): Promise<SecuredService> {
  const sockets = new Set<Socket>()
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    service.asked.push(request.url!)
    if (service.trouble === 'silence') return
    if (service.trouble) return void response.writeHead(service.trouble).end()
    answer(new URL(request.url!, 'https://x'), response)
  }
  let server: Server
  const listen = async (port: number) => {
    server = createServer({ ...pemOf(certificate(name)), requestCert: true, rejectUnauthorized: true }, handle)
    server.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.on('close', () => void sockets.delete(socket))
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const port = await listen(await freePort())
  const service: SecuredService = {
    url: `https://127.0.0.1:${port}`,
    asked: [],
    trouble: undefined,
    async askedAgain(times = 1) {
      const wanted = service.asked.length + times
      await until(`${name} to be asked again`, () => service.asked.length >= wanted)
    },
    stop() {
      const done = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      return done
    },
    restart: async () => void (await listen(port)),
  }
  onTestFinished(() => service.stop())
  return service
}

/** The Cloud Controller's list of drains, in pages; `drains` may be changed at any time. */
export async function startCloudController(drains: Binding[] = []): Promise<SecuredService & { drains: Binding[] }> {
  const state = { drains }
  const service = await startService('cloud-controller', ({ pathname, searchParams }, response) => {
    if (pathname !== '/internal/v5/syslog_drain_urls') return void response.writeHead(404).end()
    const from = Number(searchParams.get('next_id'))
    const size = Number(searchParams.get('batch_size'))
    const results = state.drains.slice(from, from + size)
    // As the original: the last page is an empty one.
    response.end(JSON.stringify({ results, next_id: results.length > 0 ? from + size : null }))
  })
  return withLists(service, state)
}

/** The binding cache as agents see it; both lists may be changed at any time. */
export interface FakeCache extends SecuredService {
  bindings: Binding[]
  aggregate: Binding[] | null
}

export async function startFakeCache(bindings: Binding[] = [], aggregate: Binding[] | null = null): Promise<FakeCache> {
  const lists = { bindings, aggregate }
  const service = await startService('binding-cache', ({ pathname }, response) => {
    if (pathname === '/v2/bindings') response.end(`${JSON.stringify(lists.bindings)}\n`)
    else if (pathname === '/v2/aggregate') response.end(`${JSON.stringify(lists.aggregate)}\n`)
    else response.writeHead(404).end()
  })
  return withLists(service, lists)
}

/** The lists as properties of the service itself. */
function withLists<L extends object>(service: SecuredService, lists: L): SecuredService & L {
  for (const name of Object.keys(lists) as (keyof L)[])
    Object.defineProperty(service, name, {
      get: () => lists[name],
      set(list) {
        lists[name] = list
      },
    })
  return service as SecuredService & L
}
