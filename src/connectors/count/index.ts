import { defineConnector } from '../../plugin.ts'
import { config } from './config.ts'
import { newCount } from './count.ts'

/** Counts spans, events, metrics, data points and log records. */
export default defineConnector({
  type: 'count',
  stability: 'beta',
  summary: 'Counts spans, span events, metrics, data points and log records into metrics.',
  config,
  takes: ['logs', 'metrics', 'traces'],
  makes: ['metrics'],
  create: ({ config, host, next }) => newCount(config, host, next),
})
