import { defineExporter } from '../../plugin.ts'
import { otlpHttpConfig, signalsOf } from './config.ts'
import { newOtlpHttpExporter } from './otlp-http-exporter.ts'

/** OTLP by HTTP: protobuf or JSON. */
export default defineExporter({
  type: 'otlphttp',
  aliases: ['otlp_http'],
  stability: 'beta',
  summary: 'Sends logs, metrics and traces by OTLP over HTTP, as protobuf or JSON.',
  takes: signalsOf,
  delivery: {
    semantics: 'at least once',
    order: 'not kept',
    on_kill:
      'what is queued (1,000 requests and 64 MiB a signal by default) and what is on the wire; nothing with `sending_queue.storage`',
  },
  config: otlpHttpConfig,
  create: ({ config, host }) => newOtlpHttpExporter(config, host),
})
