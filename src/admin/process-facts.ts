/** Names that Node gives to what is open, and ours. */
const resources: Readonly<Record<string, string>> = {
  TCPServerWrap: 'tcp_listeners',
  TCPSocketWrap: 'tcp_connections',
  UDPWrap: 'udp_sockets',
  PipeWrap: 'pipes',
}

/** What the process uses. */
export interface ProcessFacts {
  readonly pid: number
  readonly uptime_seconds: number
  readonly cpu_seconds: number
  /** Bytes. */
  readonly memory: { readonly rss: number; readonly heap: number; readonly buffers: number; readonly queued: number }
  readonly connections: Readonly<Record<string, number>>
}

/** `queued` are the bytes that queues hold. */
export function processFacts(queued: number): ProcessFacts {
  const { rss, heapUsed, external } = process.memoryUsage()
  return {
    pid: process.pid,
    uptime_seconds: Math.round(process.uptime()),
    cpu_seconds: cpuSeconds(),
    memory: { rss, heap: heapUsed, buffers: external, queued },
    connections: openResources(),
  }
}

/** Seconds of one core used since the start. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

function openResources(): Record<string, number> {
  const active = process.getActiveResourcesInfo()
  return Object.fromEntries(
    Object.entries(resources).map(([name, ours]) => [ours, active.filter((each) => each === name).length]),
  )
}
