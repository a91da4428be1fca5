import type { Account } from '../../delivery/ledger.ts'
import type { Host, ServiceStatus } from '../../plugin.ts'
import { type Rate, type Rates, sumsOf } from './rates.ts'

/** One side of the books as it is shown. */
export interface Flow {
  readonly kind: Account['kind']
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
  readonly in: number
  readonly out: number
  /** Receivers: sent back to peers, who may repeat it. */
  readonly refused: number
  readonly held: number
  readonly dropped: Readonly<Record<string, number>>
  /** Records per second. */
  readonly rate: Rate
}

/** Everything the pages show: what `?format=json` answers. */
export interface Report {
  readonly service: {
    readonly ready: boolean
    /** RFC 3339; null before everything has started. */
    readonly ready_since: string | null
    readonly pid: number
    readonly uptime_seconds: number
    readonly cpu_seconds: number
    readonly memory: { readonly rss: number; readonly heap: number; readonly buffers: number; readonly queued: number }
    readonly connections: Readonly<Record<string, number>>
  }
  readonly components: ServiceStatus['components']
  readonly pipelines: ServiceStatus['pipelines']
  readonly flows: readonly Flow[]
}

/** Names that Node gives to what is open, and ours. */
const resources: Readonly<Record<string, string>> = {
  TCPServerWrap: 'tcp_listeners',
  TCPSocketWrap: 'tcp_connections',
  UDPWrap: 'udp_sockets',
  PipeWrap: 'pipes',
}

/** Makes the report anew each time it is asked for. */
export function newReport(host: Pick<Host, 'ledger' | 'budget' | 'status'>, rates: Pick<Rates, 'of'>): () => Report {
  return () => {
    const { ready, readySince, components, pipelines } = host.status()
    const { rss, heapUsed, external } = process.memoryUsage()
    const { user, system } = process.cpuUsage()
    return {
      service: {
        ready,
        ready_since: readySince === undefined ? null : new Date(readySince).toISOString(),
        pid: process.pid,
        uptime_seconds: Math.round(process.uptime()),
        cpu_seconds: (user + system) / 1e6,
        memory: { rss, heap: heapUsed, buffers: external, queued: host.budget.used },
        connections: openResources(),
      },
      components,
      pipelines: pipelines.map(({ id, format, receivers, processors, exporters }) => {
        return { id, format, receivers, processors, exporters }
      }),
      flows: host.ledger.summary().map((account) => flowOf(account, rates.of(account))),
    }
  }
}

function flowOf(account: Account, rate: Rate): Flow {
  const { kind, id, labels, refused } = account
  const [came, went] = sumsOf(account)
  return {
    kind,
    id,
    labels,
    in: came,
    out: went,
    refused,
    held: account.held(),
    dropped: Object.fromEntries(account.losses()),
    rate,
  }
}

function openResources(): Record<string, number> {
  const active = process.getActiveResourcesInfo()
  return Object.fromEntries(
    Object.entries(resources).map(([name, ours]) => [ours, active.filter((each) => each === name).length]),
  )
}
