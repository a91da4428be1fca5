import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** The system names one that is free again a second time. */
const given = new Set<number>()

/** TCP ports of 127.0.0.1 that nobody listens on now, no two the same, for configurations that need to name them. */
export async function freePorts(n: number): Promise<number[]> {
  const servers = Array.from({ length: n }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port).filter((port) => !given.has(port))
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  for (const port of ports) given.add(port)
  return ports.length === n ? ports : [...ports, ...(await freePorts(n - ports.length))]
}

export const freePort = async (): Promise<number> => (await freePorts(1))[0]!
