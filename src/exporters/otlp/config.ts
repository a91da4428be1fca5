import { block, bool, duration, int, object, oneOf, size, text, tlsClient } from '../../config/fields.ts'
import { deliveryFields } from '../../delivery/fields.ts'
import type { ConfigOf } from '../../plugin.ts'
import { headerFields } from '../otlp-fields.ts'

/** The Collector's options of its otlp exporter, and ours. */
export const otlpConfig = object({
  endpoint: text()
    .optional()
    .describe('Where to send to, `host:port`; a prefix http://, https:// or dns:// is taken off.'),
  ingress_port_glob: text()
    .optional()
    .describe('Instead of an endpoint: files with `ingress: PORT` and `protocol: otelcol` of agents on this machine.'),
  signals: object({
    logs: bool().default(true).describe('Whether logs are taken.'),
    metrics: bool().default(true).describe('Whether metrics are taken.'),
    traces: bool().default(true).describe('Whether traces are taken.'),
  })
    .default({})
    .describe('What is sent. A signal that is off is not even converted.'),
  tls: tlsClient().default({}).describe('TLS is on unless `insecure: true`.'),
  ...headerFields,
  authority: text().optional().describe('The `:authority` header; default: the server name.'),
  compression: oneOf(['gzip', 'zstd', 'none'])
    .optional()
    .describe('Of requests. Default gzip; none with `ingress_port_glob`.'),
  compression_params: object({
    level: int()
      .optional()
      .describe('In the scale of the compression: 1 to 9 for gzip (default 3), 1 to 22 for zstd (default 1).'),
  })
    .default({})
    .describe('How hard to compress.'),
  wait_for_ready: bool().default(false).describe('Calls wait for a connection instead of failing at once.'),
  balancer_name: text()
    .optional()
    .describe('Accepted for the sake of Collector files: there is one connection to each destination.'),
  read_buffer_size: size().optional().describe('Accepted for the sake of Collector files.'),
  write_buffer_size: size().optional().describe('Accepted for the sake of Collector files.'),
  keepalive: block({
    time: duration({ min: '1s' }).default('10s').describe('A ping after this long without a byte from the peer.'),
    timeout: duration({ min: '1ms' }).default('10s').describe('The connection ends when the ping is not answered.'),
    permit_without_stream: bool().default(false).describe('Ping also while no call is running.'),
  }).describe('Pings; off by default. Peers end connections that ping more often than they allow.'),
  max_request_size: size({ min: 64 << 10 })
    .default('4MiB')
    .describe('Largest request, before compression. Larger batches are split; a larger record is dropped.'),
  ...deliveryFields({
    queue_size: 0,
    queue_requests: 1000,
    queue_bytes: '64MiB',
    linger: '5ms',
    num_consumers: 10,
  }),
}).superRefine(({ endpoint, ingress_port_glob }, report) => {
  const message = endpointFault(endpoint, ingress_port_glob !== undefined)
  if (message) report.addIssue({ code: 'custom', path: ['endpoint'], message })
})

export type OtlpConfig = ConfigOf<typeof otlpConfig>

/** What is wrong with an endpoint, in the Collector's words. */
function endpointFault(written: string | undefined, elsewhere: boolean): string | undefined {
  if (written === undefined && elsewhere) return undefined
  const address = addressOf(written ?? '')
  if (address === '') return 'requires a non-empty "endpoint"'
  const match = /^(?:\[[^\]]*\]|[^:[\]]*)(?::(.*))?$/.exec(address)
  if (!match) return `expected host:port such as collector:4317, got ${JSON.stringify(address)}`
  const [, port] = match
  if (port === undefined) return `missing port in ${JSON.stringify(address)}: write ${address}:4317`
  return /^\d{1,5}$/.test(port) && Number(port) <= 65_535 ? undefined : `invalid port ${JSON.stringify(port)}`
}

/** `host:port` without a scheme. */
export const addressOf = (written: string): string =>
  written
    .trim()
    .replace(/^(https?|dns):\/+/, '')
    .replace(/\/$/, '')
