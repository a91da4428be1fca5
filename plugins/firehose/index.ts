import { defineExporter } from 'tailrace/plugin'
import { firehoseConfig } from './config.ts'
import { newFirehoseExporter } from './firehose-exporter.ts'

/** The way to Doppler: v2 envelopes as v2, v1 envelopes as v1. */
export default defineExporter({
  type: 'firehose',
  stability: 'beta',
  summary: 'Sends v2 envelopes and v1 (dropsonde) envelopes to dopplers, over a pool of streams for each.',
  takes: ['envelopes', 'dropsonde'],
  delivery: {
    semantics: 'at most once',
    order: 'kept within a stream',
    on_kill:
      'what is queued (10,000 records a protocol by default) and what is on the wire; nothing with `sending_queue.storage`',
  },
  config: firehoseConfig,
  create: ({ config, host }) => newFirehoseExporter(config, host),
})
