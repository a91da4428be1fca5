import { defineProcessor, duration, int, list, object } from '../../plugin.ts'
import { formats } from '../../telemetry/format.ts'

const config = object({
  send_batch_size: int({ min: 0 })
    .default(8192)
    .describe('A batch is sent at once when it has this many records, however young it is.'),
  timeout: duration({ min: '-1h' })
    .optional()
    .describe(
      'A batch is sent this long after its first record came, however small it is; 0: at once. Left out: an idle destination is sent to at once, and under load batches gather a few milliseconds.',
    ),
  send_batch_max_size: int({ min: 0 })
    .default(0)
    .describe('A batch is cut so that it has no more records; 0: no limit.'),
  metadata_keys: list()
    .default([])
    .describe(
      'Request headers (gRPC metadata): records that came with different values of them are never sent together.',
    ),
  metadata_cardinality_limit: int({ min: 0 })
    .default(1000)
    .describe(
      'Accepted as in the Collector. Nothing is kept for each combination of values, so there is nothing to limit.',
    ),
}).superRefine(({ send_batch_size, send_batch_max_size, timeout, metadata_keys }, report) => {
  const fault = (path: string, message: string) => report.addIssue({ code: 'custom', path: [path], message })
  if (send_batch_max_size > 0 && send_batch_max_size < send_batch_size)
    fault('send_batch_max_size', 'send_batch_max_size must be greater or equal to send_batch_size')
  if (timeout !== undefined && timeout < 0) fault('timeout', 'timeout must be greater or equal to 0')
  const keys = metadata_keys.map((key) => key.toLowerCase())
  const twice = keys.find((key, i) => keys.indexOf(key) < i)
  if (twice !== undefined)
    fault('metadata_keys', `duplicate entry in metadata_keys: ${JSON.stringify(twice)} (case-insensitive)`)
})

/** Holds nothing itself: what it says becomes the batching of every sending queue behind it. */
export default defineProcessor({
  type: 'batch',
  stability: 'beta',
  summary: 'Makes every exporter behind it send in batches of this size and age.',
  takes: formats,
  config,
  readsOrigins: ({ metadata_keys }) => metadata_keys.length > 0,
  batching: ({ send_batch_size, send_batch_max_size, timeout, metadata_keys }) => ({
    flushMs: timeout,
    minSize: send_batch_size,
    maxSize: send_batch_max_size,
    sizer: 'items',
    metadataKeys: metadata_keys.map((key) => key.toLowerCase()),
  }),
  create: () => (batch) => batch,
})
