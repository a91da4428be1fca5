import { defineConnector } from '../../plugin.ts'
import { config, formatOf, namedPipelines } from './config.ts'
import { newRouting } from './routing.ts'

/** Sorts records into pipelines by conditions. */
export default defineConnector({
  type: 'routing',
  aliases: ['route'],
  stability: 'beta',
  summary: 'Sorts records into pipelines by conditions on them, or on the request that brought them.',
  config,
  takes: (config) => [formatOf(config)],
  makes: (config) => [formatOf(config)],
  readsOrigins: ({ table }) => table.some(({ context }) => context === 'request'),
  pipelines: namedPipelines,
  create: ({ config, host, into }) => newRouting(config, host, into),
})
