/** A metric as the Collector describes it. */
export interface MetricInfo {
  readonly unit: string
  readonly description: string
  readonly data: 'gauge' | 'sum' | 'counter'
  /** Values are written as doubles; else as whole numbers. */
  readonly isDouble?: true
  /** Made only when a configuration asks for it. */
  readonly off?: true
}

const counter = (unit: string, description: string) => ({ unit, description, data: 'counter' }) as const
const seconds = (description: string) => ({ unit: 's', description, data: 'counter', isDouble: true }) as const
const sum = (unit: string, description: string) => ({ unit, description, data: 'sum' }) as const
const gauge = (unit: string, description: string) => ({ unit, description, data: 'gauge', isDouble: true }) as const
const off = <T extends object>(info: T) => ({ ...info, off: true }) as const

// Names, units and defaults are facts: metadata.yaml of each scraper of the Collector's hostmetrics receiver.
export const metricsOf = {
  cpu: {
    'system.cpu.time': seconds('Total seconds each logical CPU spent in each mode.'),
    'system.cpu.utilization': off(gauge('1', 'Share of the time since the last scrape spent in each mode, 0 to 1.')),
    'system.cpu.physical.count': off(sum('{cpu}', 'Number of physical CPUs.')),
    'system.cpu.logical.count': off(sum('{cpu}', 'Number of logical CPUs.')),
    'system.cpu.frequency': off(gauge('Hz', 'Current frequency of each CPU.')),
  },
  load: {
    'system.cpu.load_average.1m': gauge('{thread}', 'Average CPU load over 1 minute.'),
    'system.cpu.load_average.5m': gauge('{thread}', 'Average CPU load over 5 minutes.'),
    'system.cpu.load_average.15m': gauge('{thread}', 'Average CPU load over 15 minutes.'),
  },
  memory: {
    'system.memory.usage': sum('By', 'Bytes of memory in use.'),
    'system.memory.utilization': off(gauge('1', 'Share of memory in use, 0 to 1.')),
    'system.memory.limit': off(sum('By', 'Bytes of memory there are.')),
    'system.linux.memory.available': off(sum('By', 'Estimate of the memory that new applications could use.')),
    'system.linux.memory.dirty': off(sum('By', 'Memory that waits to be written to disk.')),
  },
  disk: {
    'system.disk.io': counter('By', 'Disk bytes transferred.'),
    'system.disk.operations': counter('{operations}', 'Disk operations.'),
    'system.disk.io_time': seconds('Time the disk was active.'),
    'system.disk.operation_time': seconds('Time spent in disk operations.'),
    'system.disk.weighted_io_time': seconds('Time the disk was active, times the length of its queue.'),
    'system.disk.pending_operations': sum('{operations}', 'Operations in the queue of the disk.'),
    'system.disk.merged': counter('{operations}', 'Reads and writes that were merged into one operation.'),
  },
  filesystem: {
    'system.filesystem.usage': sum('By', 'Bytes of the file system by state.'),
    'system.filesystem.inodes.usage': sum('{inodes}', 'Inodes of the file system by state.'),
    'system.filesystem.utilization': off(gauge('1', 'Share of bytes used, 0 to 1.')),
  },
  network: {
    'system.network.packets': counter('{packets}', 'Packets transferred.'),
    'system.network.dropped': counter('{packets}', 'Packets dropped.'),
    'system.network.errors': counter('{errors}', 'Errors met.'),
    'system.network.io': counter('By', 'Bytes transferred.'),
    'system.network.connections': sum('{connections}', 'TCP connections by state.'),
    'system.network.conntrack.count': off(sum('{entries}', 'Entries in the table of tracked connections.')),
    'system.network.conntrack.max': off(sum('{entries}', 'Bound of the table of tracked connections.')),
  },
  paging: {
    'system.paging.usage': sum('By', 'Swap space by state.'),
    'system.paging.utilization': off(gauge('1', 'Share of swap space by state, 0 to 1.')),
    'system.paging.operations': counter('{operations}', 'Paging operations.'),
    'system.paging.faults': counter('{faults}', 'Page faults.'),
  },
  process: {
    'process.cpu.time': seconds('Total CPU seconds by state.'),
    'process.cpu.utilization': off(gauge('1', 'Share of all CPU time since the last scrape by state, 0 to 1.')),
    'process.memory.usage': sum('By', 'Physical memory in use.'),
    'process.memory.virtual': sum('By', 'Virtual memory.'),
    'process.memory.utilization': off(gauge('1', 'Percentage of all physical memory, 0 to 100.')),
    'process.disk.io': counter('By', 'Disk bytes transferred.'),
    'process.disk.operations': off(counter('{operations}', 'Calls that read or wrote.')),
    'process.paging.faults': off(counter('{faults}', 'Page faults.')),
    'process.signals_pending': off(sum('{signals}', 'Signals that wait for the process.')),
    'process.threads': off(sum('{threads}', 'Threads.')),
    'process.open_file_descriptors': off(sum('{count}', 'File descriptors in use.')),
    'process.handles': off(sum('{count}', 'Of Windows: not made here.')),
    'process.context_switches': off(counter('{count}', 'Context switches of the first thread.')),
    'process.uptime': off(gauge('s', 'Time the process has been running.')),
  },
  nfs: {
    'nfs.client.net.count': counter('{record}', 'Datagrams and TCP segments of the NFS client.'),
    'nfs.client.net.tcp.connection.accepted': counter('{connection}', 'TCP connections that the NFS client accepted.'),
    'nfs.client.rpc.count': counter('{request}', 'RPCs of the NFS client.'),
    'nfs.client.rpc.retransmit.count': counter('{retransmit}', 'RPCs that the NFS client sent again.'),
    'nfs.client.rpc.authrefresh.count': counter('{authrefresh}', 'Times that the NFS client proved again who it is.'),
    'nfs.client.procedure.count': counter('{procedure}', 'Procedures that the NFS client called.'),
    'nfs.client.operation.count': counter('{operation}', 'Operations of NFSv4 that the NFS client called.'),
    'nfs.server.repcache.requests': counter('{request}', 'Requests by what the reply cache of the NFS server had.'),
    'nfs.server.fh.stale.count': counter('{fh}', 'Stale file handles that the NFS server met.'),
    'nfs.server.io': counter('By', 'Bytes that were read from and written to the NFS server.'),
    'nfs.server.thread.count': sum('{thread}', 'Threads of the NFS server.'),
    'nfs.server.net.count': counter('{record}', 'Datagrams and TCP segments of the NFS server.'),
    'nfs.server.net.tcp.connection.accepted': counter('{connection}', 'TCP connections that the NFS server accepted.'),
    'nfs.server.rpc.count': counter('{request}', 'RPCs that the NFS server refused.'),
    'nfs.server.procedure.count': counter('{procedure}', 'Procedures that the NFS server carried out.'),
    'nfs.server.operation.count': counter('{operation}', 'Operations of NFSv4 that the NFS server carried out.'),
  },
  system: {
    'system.uptime': gauge('s', 'Time the system has been running.'),
  },
  processes: {
    'system.processes.created': counter('{processes}', 'Processes created.'),
    'system.processes.count': sum('{processes}', 'Processes in each state.'),
  },
} as const satisfies Record<string, Record<string, MetricInfo>>

export type ScraperName = keyof typeof metricsOf
export type MetricName<S extends ScraperName = ScraperName> = S extends ScraperName
  ? keyof (typeof metricsOf)[S] & string
  : never
