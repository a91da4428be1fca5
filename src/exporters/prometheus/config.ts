import { block, bool, duration, endpoint, int, map, object, oneOf, text, tlsServer } from '../../config/fields.ts'
import type { ConfigOf } from '../../plugin.ts'
import { noLabels } from '../../wire/prometheus/otlp-labels.ts'

/** The Collector's options of its prometheus exporter, and ours. */
export const config = object({
  endpoint: endpoint().describe('Address of the page; its path is /metrics. Port 0 picks a free one.'),
  tls: tlsServer().optional().describe('Certificates; with client_ca_file readers must show one too.'),
  namespace: text().default('').describe('Put in front of every name, with an underscore.'),
  const_labels: map().default({}).describe('Labels of every series that has none of that name.'),
  send_timestamps: bool().default(false).describe('Whether the page has the time of each point.'),
  metric_expiration: duration({ min: '1ms' })
    .default('5m')
    .describe('A series without a new point for so long is left out.'),
  resource_to_telemetry_conversion: block({
    exclude_service_attributes: bool()
      .default(false)
      .describe('Leaves out service.name, service.namespace and service.instance.id, which are in job and instance.'),
  }).describe('Attributes of the resource become labels of every series. Off by default.'),
  enable_open_metrics: bool().default(false).describe('Readers that ask for OpenMetrics get it: with exemplars.'),
  add_metric_suffixes: bool().default(true).describe('Units and `_total` become suffixes of names.'),
  translation_strategy: oneOf(['UnderscoreEscapingWithSuffixes', 'UnderscoreEscapingWithoutSuffixes'])
    .optional()
    .describe('Stands above add_metric_suffixes. Names always stay those that every Prometheus reads.'),
  without_scope_info: bool().default(false).describe('Leaves out the labels otel_scope_*.'),
  max_series: int({ min: 1 })
    .default(100_000)
    .describe('Most lines of the page; points of further series are dropped, counted and told with the metric.'),
}).superRefine(({ const_labels }, report) => {
  for (const name of noLabels(const_labels)) {
    const message = `${JSON.stringify(name)} is no name of a label`
    report.addIssue({ code: 'custom', path: ['const_labels'], message })
  }
})

export type PrometheusExporterConfig = ConfigOf<typeof config>
