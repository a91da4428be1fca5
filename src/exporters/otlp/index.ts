import { defineExporter } from '../../plugin.ts'
import { otlpConfig } from './config.ts'
import { newOtlpExporter } from './otlp-exporter.ts'

/** OTLP by gRPC: to one endpoint, or to every collector of this machine that left an ingress port file. */
export default defineExporter({
  type: 'otlp',
  aliases: ['otlp_grpc'],
  stability: 'beta',
  summary: 'Sends logs, metrics and traces by OTLP over gRPC.',
  takes: ['logs', 'metrics', 'traces'],
  delivery: {
    semantics: 'at least once',
    order: 'not kept',
    on_kill:
      'what is queued (1,000 requests and 64 MiB a destination and signal by default) and what is on the wire; nothing with `sending_queue.storage`',
  },
  config: otlpConfig,
  create: ({ config, host }) => newOtlpExporter(config, host),
})
