import type { X509Certificate } from 'node:crypto'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { type Address, formatAddress } from '../net/address.ts'
import type { TlsSettings } from '../net/tls-settings.ts'
import type { AdminSources } from './api.ts'
import { answers, type Door, isSocket, newSocketDoor } from './socket-door.ts'
import { defaultFolder, StrangeFolder, type Surroundings, socketName, socketsIn, surroundings } from './socket-place.ts'

/** `service.admin` of the configuration. */
export interface AdminSettings {
  readonly enabled: boolean
  readonly socket?: string | undefined
  readonly endpoint?: Address | undefined
  readonly tls?: TlsSettings | undefined
}

/** Everything by which the running agent can be asked. */
export interface Doors {
  start(): Promise<void>
  stop(): Promise<void>
}

/** Opens what `service.admin` asks for. What answers is loaded when somebody comes. */
export function newDoors(settings: AdminSettings, sources: AdminSources, around: Surroundings = surroundings()): Doors {
  const { log } = sources
  const open: Door[] = []
  const openLocal = async () => {
    const path = settings.socket ?? defaultPath(sources, around)
    if (path === undefined) {
      if (!settings.endpoint)
        log.info('no admin socket: set service.admin.socket, or XDG_RUNTIME_DIR, to use tailrace status, why, top, tap')
      return
    }
    const door = newSocketDoor(path, serving(sources))
    try {
      await door.start()
      open.push(door)
      log[settings.socket === undefined ? 'debug' : 'info']('admin socket', { path })
    } catch (error) {
      const text = `cannot open the admin socket: ${(error as Error).message}`
      // Nobody asked for the usual one: the agent runs without.
      if (settings.socket !== undefined && !(error instanceof StrangeFolder)) throw new Error(text, { cause: error })
      log.warn(text)
    }
  }
  return {
    async start() {
      if (!settings.enabled) return
      await openLocal()
      if (settings.endpoint) open.push(await openPort(settings.endpoint, settings.tls, sources))
    },
    stop: async () => void (await Promise.all(open.splice(0).map((door) => door.stop()))),
  }
}

function defaultPath({ agent, log }: AdminSources, around: Surroundings): string | undefined {
  const folder = defaultFolder(around)
  if (folder === undefined) return undefined
  void removeStale(folder).catch((error: Error) => log.debug(`cannot tidy ${folder}: ${error.message}`))
  return join(folder, socketName(agent.name, process.pid))
}

/** Takes away the sockets of agents that were killed. */
async function removeStale(folder: string): Promise<void> {
  const { unlink } = await import('node:fs/promises')
  for (const path of socketsIn(folder)) if (isSocket(path) && !(await answers(path))) await unlink(path).catch(() => {})
}

/** Hands connections to HTTP, which is loaded with the first of them. */
function serving(sources: AdminSources) {
  let http: Promise<Server> | undefined
  const load = async () => {
    const [{ guarded, newHttp }, { newAdminApi }, { isLocalName }] = await Promise.all([
      import('./http.ts'),
      import('./api.ts'),
      import('./visitors.ts'),
    ])
    return newHttp(guarded(newAdminApi(sources), isLocalName))
  }
  return (socket: import('node:net').Socket) => {
    http ??= load()
    http.then(
      (server) => void server.emit('connection', socket),
      () => socket.destroy(),
    )
  }
}

async function openPort(endpoint: Address, settings: TlsSettings | undefined, sources: AdminSources): Promise<Door> {
  const { clock, log } = sources
  const [crypto, { newHttpServer }, { serverTlsFrom }, { guarded }, { newAdminApi }, { isNameOf }] = await Promise.all([
    import('node:crypto'),
    import('../net/http-server.ts'),
    import('../net/tls-settings.ts'),
    import('./http.ts'),
    import('./api.ts'),
    import('./visitors.ts'),
  ])
  const tls = serverTlsFrom(settings, { log, clock })
  if (!tls?.options().requestCert) throw new Error('service.admin.endpoint needs tls with client_ca_file')
  const own = isNameOf(() => certificateOf(crypto, tls.options().cert))
  const handle = guarded(newAdminApi(sources), own)
  const routes = { '/': handle, '/v1/': handle }
  const server = newHttpServer({ endpoint, tls, routes, log, clock, maxConnections: 32 })
  const where = formatAddress(await server.start())
  log.info('admin port', { address: where })
  return { where, start: async () => {}, stop: () => server.stop(AbortSignal.abort()) }
}

function certificateOf(crypto: typeof import('node:crypto'), cert: unknown): X509Certificate | undefined {
  const [first] = Array.isArray(cert) ? cert : [cert]
  return typeof first === 'string' || Buffer.isBuffer(first) ? new crypto.X509Certificate(first) : undefined
}
