import {
  block,
  bool,
  duration,
  either,
  endpoint,
  map,
  object,
  oneOf,
  secret,
  size,
  text,
  tlsClient,
} from '../../config/fields.ts'
import { deliveryFields } from '../../delivery/fields.ts'
import type { ConfigOf } from '../../plugin.ts'

const schemed = text({ matches: /^(https?|dns):\/{2,3}[^/\s]+:\d+\/?$/, expected: 'host:port' })

/** The Collector's options of its otlp exporter, and ours. */
export const otlpConfig = object({
  endpoint: either(endpoint(), schemed)
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
  headers: map(secret()).default({}).describe('Metadata of every call, such as `authorization`. Never shown.'),
  authority: text().optional().describe('The `:authority` header; default: the server name.'),
  compression: oneOf(['gzip', 'none']).optional().describe('Of requests. Default gzip; none with `ingress_port_glob`.'),
  wait_for_ready: bool().default(false).describe('Calls wait for a connection instead of failing at once.'),
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
    linger: '25ms',
    num_consumers: 10,
  }),
}).refine(({ endpoint, ingress_port_glob }) => endpoint !== undefined || ingress_port_glob !== undefined, {
  path: ['endpoint'],
  message: 'requires a non-empty "endpoint"',
})

export type OtlpConfig = ConfigOf<typeof otlpConfig>

/** `host:port` without a scheme. */
export function addressOf(written: NonNullable<OtlpConfig['endpoint']>): string {
  return (typeof written === 'string' ? written : written.text).replace(/^\w+:\/+/, '').replace(/\/$/, '')
}
