import { defineExporter } from '../../plugin.ts'
import { config } from './config.ts'
import { newRemoteWriteExporter } from './remote-write-exporter.ts'

/** Metrics by Prometheus remote write 1.0. */
export default defineExporter({
  type: 'prometheusremotewrite',
  aliases: ['prometheus_remote_write'],
  stability: 'beta',
  summary: "Sends metrics by Prometheus' remote write.",
  takes: ['metrics'],
  delivery: {
    semantics: 'at least once',
    order: 'kept',
    on_kill:
      'what is queued (10,000 requests and 64 MiB by default) and what is on the wire; nothing with `sending_queue.storage`',
  },
  config,
  create: ({ config, host }) => newRemoteWriteExporter(config, host),
})
