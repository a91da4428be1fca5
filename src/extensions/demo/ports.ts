import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import type { Endpoint } from '../../config/fields.ts'
import { formatAddress } from '../../net/address.ts'
import { holdsAddress } from '../../net/held-addresses.ts'
import type { Configured } from '../../plugin.ts'

/** A component that will listen, and where. */
export interface Listening {
  readonly id: string
  readonly type: string
  readonly transport: 'tcp' | 'udp'
  readonly address: string
  /** The address that was asked for, when another process has it. */
  readonly instead?: string
}

/** How many ports after the wanted one are tried. */
const most = 100

/**
 * Moves every component whose port is taken to the next free one, and whatever names the old address with it. A port
 * may still be taken between this look and the start; then the start says so.
 */
export async function freePorts<T extends Configured>(
  all: readonly T[],
): Promise<{ all: T[]; listening: Listening[] }> {
  const listening: Listening[] = []
  const wanted = new Set(all.map(({ config }) => endpointOf(config)?.port))
  const moved = new Map<string, Endpoint>()
  for (const { id, spec, config } of all) {
    const endpoint = endpointOf(config)
    const resource = spec.resources?.(config).find((each) => /^(tcp|udp) /.test(each))
    if (!endpoint || !resource) continue
    const transport = resource.startsWith('udp') ? 'udp' : 'tcp'
    const port = await firstFree(transport, endpoint, wanted)
    wanted.add(port)
    const address = formatAddress({ host: endpoint.host, port })
    const instead = port === endpoint.port ? undefined : formatAddress(endpoint)
    listening.push({ id, type: spec.type, transport, address, ...(instead && { instead }) })
    if (instead) moved.set(instead, { ...endpoint, port, text: address })
  }
  return {
    all: moved.size === 0 ? [...all] : all.map((each) => ({ ...each, config: renamed(each.config, moved) })),
    listening,
  }
}

function endpointOf(config: unknown): Endpoint | undefined {
  const { endpoint } = (config ?? {}) as { endpoint?: Partial<Endpoint> }
  return typeof endpoint?.port === 'number' ? (endpoint as Endpoint) : undefined
}

async function firstFree(transport: 'tcp' | 'udp', { host, port }: Endpoint, wanted: Set<unknown>): Promise<number> {
  if (port === 0) return 0
  for (let next = port; next < port + most && next < 65_536; next++) {
    if (next !== port && wanted.has(next)) continue
    // What this agent holds itself is as good as free: a reload hands it on.
    if (holdsAddress(transport, { host, port: next })) return next
    if (await (transport === 'udp' ? udpIsFree : tcpIsFree)(host, next)) return next
  }
  return port
}

function tcpIsFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'EADDRINUSE'))
    server.listen({ host: host || '::', port }, () => server.close(() => resolve(true)))
  })
}

function udpIsFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    socket.once('error', (error: NodeJS.ErrnoException) => socket.close(() => resolve(error.code !== 'EADDRINUSE')))
    socket.bind({ address: host || '0.0.0.0', port }, () => socket.close(() => resolve(true)))
  })
}

/** The settings with every mention of a moved address replaced: endpoints and texts such as targets to scrape. */
function renamed(config: unknown, moved: ReadonlyMap<string, Endpoint>): unknown {
  if (typeof config === 'string') return moved.get(config)?.text ?? config
  if (Array.isArray(config)) return config.map((item) => renamed(item, moved))
  if (typeof config !== 'object' || config === null || Object.getPrototypeOf(config) !== Object.prototype) return config
  const { text, port } = config as Partial<Endpoint>
  if (typeof text === 'string' && typeof port === 'number' && moved.has(text)) return moved.get(text)
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key, renamed(value, moved)]))
}
