import { resolve } from 'node:path'
import { defineExporter } from '../../plugin.ts'
import { config } from './config.ts'
import { systemDisk } from './disk.ts'
import { newFileExporter } from './file-exporter.ts'

/** OTLP requests in a file: as lines of JSON, or as protobuf behind their lengths. */
export default defineExporter({
  type: 'file',
  stability: 'beta',
  summary: 'Writes logs, metrics and traces to a file: OTLP as lines of JSON or as protobuf, with rotation.',
  takes: ['logs', 'metrics', 'traces'],
  delivery: {
    semantics: 'at least once',
    order: 'kept',
    on_kill:
      'what is queued (1,000 requests and 16 MiB by default); what counts as sent is with the system, with fsync on disk; nothing with `sending_queue.storage`',
  },
  config,
  resources: ({ path }) => [`file ${resolve(path)}`],
  create: ({ config, host }) => newFileExporter(config, host, systemDisk),
})
