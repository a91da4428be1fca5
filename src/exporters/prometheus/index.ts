import { defineExporter } from '../../plugin.ts'
import { config } from './config.ts'
import { newPrometheusExporter } from './prometheus-exporter.ts'

/** The last values of all metrics as a page that Prometheus scrapes. */
export default defineExporter({
  type: 'prometheus',
  stability: 'beta',
  summary: 'Shows the last values of metrics as a page for Prometheus.',
  takes: ['metrics'],
  delivery: { semantics: 'none', order: 'kept', on_kill: 'all values: those of deltas begin at zero again' },
  config,
  resources: ({ endpoint }) => (endpoint.port === 0 ? [] : [`tcp ${endpoint.text}`]),
  create: ({ config, host }) => newPrometheusExporter(config, host),
})
