import { object } from '../../config/fields.ts'
import { defineExporter, type Exporter, type Host } from '../../plugin.ts'
import type { Batch } from '../../telemetry/batch.ts'

/** Takes everything and does nothing with it: the end of pipelines that are kept but not wanted. */
export default defineExporter({
  type: 'nop',
  stability: 'stable',
  summary: 'Takes everything and throws it away; for pipelines that must end somewhere.',
  takes: ['envelopes', 'dropsonde', 'logs', 'metrics', 'traces'],
  delivery: { semantics: 'none', order: 'kept', on_kill: 'nothing: it holds no records' },
  config: object({}),
  create: ({ host }) => newNopExporter(host),
})

function newNopExporter(host: Host): Exporter {
  const account = host.account()
  return {
    async start() {},
    async stop() {},
    admissions: () => [],
    consume(batch: Batch) {
      account.received += batch.count
      account.sent += batch.count
      for (const receipt of batch.receipts) receipt.settle('delivered')
    },
  }
}
