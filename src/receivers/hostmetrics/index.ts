import { defineReceiver } from '../../plugin.ts'
import { config } from './config.ts'
import { newHostMetrics } from './host-metrics.ts'
import { newSystemFiles } from './system-files.ts'

/** Metrics of the machine it runs on, read from /proc. */
export default defineReceiver({
  type: 'hostmetrics',
  aliases: ['host_metrics'],
  stability: 'beta',
  summary:
    'Measures the machine: processors, load, memory, disks, file systems, network, paging, processes, NFS (Linux).',
  config,
  makes: ['metrics'],
  // Measurements that wait would only become stale.
  pushesBack: false,
  create: ({ config, host, intakes }) =>
    newHostMetrics(config, host, intakes.metrics!, newSystemFiles(config.root_path)),
})
