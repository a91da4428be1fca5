import { block, bool, duration, int, map, object, oneOf, size, text, tlsClient, url } from '../../config/fields.ts'
import { refused } from '../../config/refused.ts'
import { deliveryFields } from '../../delivery/fields.ts'
import { parseProxy } from '../../net/http-client-proxy.ts'
import type { ConfigOf } from '../../plugin.ts'
import { noLabels } from '../../wire/prometheus/otlp-labels.ts'
import { headerFields } from '../otlp-fields.ts'

const forFiles = 'Accepted for the sake of Collector files'

/** The Collector's options of its prometheusremotewrite exporter, and ours. */
export const config = object({
  endpoint: url().describe('URL of the receiver, such as `http://prometheus:9090/api/v1/write`; used as it is.'),
  namespace: text().default('').describe('Put in front of every name, with an underscore.'),
  external_labels: map().default({}).describe('Labels of every series that has none of that name.'),
  add_metric_suffixes: bool().default(true).describe('Units and `_total` become suffixes of names.'),
  translation_strategy: oneOf(['UnderscoreEscapingWithSuffixes', 'UnderscoreEscapingWithoutSuffixes'])
    .optional()
    .describe('Stands above add_metric_suffixes. Names always stay those that every Prometheus reads.'),
  resource_to_telemetry_conversion: block({
    exclude_service_attributes: bool()
      .default(false)
      .describe('Leaves out service.name, service.namespace and service.instance.id, which are in job and instance.'),
  }).describe('Attributes of the resource become labels of every series. Off by default.'),
  target_info: object({
    enabled: bool().default(true).describe('Whether `target_info` is sent.'),
  })
    .default({})
    .describe('Attributes of the resource as a metric of their own.'),
  disable_scope_info: bool().default(false).describe('Leaves out the labels otel_scope_*.'),
  max_batch_size_bytes: size({ min: 4 << 10 })
    .default(3_000_000)
    .describe('A request is cut when it has so many bytes before compression.'),
  max_known_series: int({ min: 1 })
    .default(200_000)
    .describe('Series whose labels are kept encoded; with more of them in use, sending costs more work.'),
  remote_write_queue: object({
    enabled: bool().default(true).describe('Off: no queue, whoever sends waits for the calls under way.'),
    queue_size: int({ min: 0 }).optional().describe('Short for `queue_requests`.'),
    num_consumers: int({ min: 0 })
      .default(5)
      .describe('Requests of one batch at the same time, when it has to be cut; those of one series stay in order.'),
  })
    .default({})
    .describe("The Collector's spelling of the queue's bound."),
  protobuf_message: oneOf(['prometheus.WriteRequest'])
    .default('prometheus.WriteRequest')
    .describe('Remote write 1.0. Version 2 is not spoken.'),
  max_batch_request_parallelism: int({ min: 1 }).optional().describe('Stands above `num_consumers`.'),
  send_metadata: bool()
    .default(false)
    .describe('Sends type, help and unit of each metric once a minute, in requests of their own.'),
  compression: oneOf(['snappy']).default('snappy').describe('Of requests: the protocol knows no other.'),
  tls: tlsClient().default({}).describe('For https URLs, and for a proxy with one.'),
  ...headerFields,
  proxy_url: text()
    .optional()
    .describe('`http://user:password@proxy:3128`. Left out: what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say.'),
  max_idle_conns: int({ min: 0 }).default(100).describe(`${forFiles}.`),
  idle_conn_timeout: duration({ min: '1s' }).default('90s').describe('How long a connection is kept open unused.'),
  read_buffer_size: size().optional().describe(`${forFiles}.`),
  write_buffer_size: size().optional().describe(`${forFiles}.`),
  ...refused({
    wal: 'write `sending_queue: {storage: file_storage}`, which keeps on disk what is queued',
    export_created_metric: 'leave it out, the Collector has dropped it in 0.118',
  }),
  ...deliveryFields({
    queue_size: 0,
    queue_requests: 10_000,
    queue_bytes: '64MiB',
    linger: '5ms',
    max_batch_records: 10_000,
    timeout: '5s',
    initial_interval: '50ms',
  }),
}).superRefine(({ proxy_url, external_labels }, report) => {
  const fault = (path: string, message: string) => report.addIssue({ code: 'custom', path: [path], message })
  try {
    if (proxy_url) parseProxy(proxy_url)
  } catch (error) {
    fault('proxy_url', (error as Error).message)
  }
  for (const name of noLabels(external_labels))
    fault('external_labels', `${JSON.stringify(name)} is no name of a label`)
})

export type RemoteWriteConfig = ConfigOf<typeof config>
