import { bool, duration, int, object, oneOf, size, text, tlsClient, url } from '../../config/fields.ts'
import { deliveryFields } from '../../delivery/fields.ts'
import { encodings } from '../../net/compression.ts'
import { parseProxy } from '../../net/http-client-proxy.ts'
import type { ConfigOf } from '../../plugin.ts'
import { headerFields } from '../otlp-fields.ts'
import { type Signal, signals } from '../otlp-signals.ts'

/** The Collector's options of its otlphttp exporter, and ours. */
export const otlpHttpConfig = object({
  endpoint: url().optional().describe('Base URL: requests go to `/v1/logs`, `/v1/metrics` and `/v1/traces` below it.'),
  logs_endpoint: url().optional().describe('Where logs go instead; the URL is used as it is.'),
  metrics_endpoint: url().optional().describe('Where metrics go instead.'),
  traces_endpoint: url().optional().describe('Where traces go instead.'),
  encoding: oneOf(['proto', 'json']).default('proto').describe('Of requests: protobuf or JSON.'),
  tls: tlsClient().default({}).describe('For https URLs, and for a proxy with one.'),
  ...headerFields,
  compression: oneOf([...encodings, 'none'])
    .default('gzip')
    .describe('Of requests.'),
  compression_params: object({
    level: int()
      .optional()
      .describe('In the scale of the compression: 1 to 9 for gzip (default 3), 1 to 22 for zstd (default 1).'),
  })
    .default({})
    .describe('How hard to compress.'),
  proxy_url: text()
    .optional()
    .describe('`http://user:password@proxy:3128`. Left out: what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say.'),
  max_conns_per_host: int({ min: 0 }).default(0).describe('Most connections to one server; 0: no limit.'),
  max_idle_conns: int({ min: 0 }).default(100).describe('Connections kept open between requests.'),
  max_idle_conns_per_host: int({ min: 0 }).default(0).describe('The same for one server; 0: no limit of its own.'),
  idle_conn_timeout: duration({ min: '1s' }).default('90s').describe('How long they are kept.'),
  disable_keep_alives: bool().default(false).describe('Every request opens a connection of its own.'),
  read_buffer_size: size().optional().describe('Accepted for the sake of Collector files.'),
  write_buffer_size: size().optional().describe('Accepted for the sake of Collector files.'),
  force_attempt_http2: bool()
    .default(true)
    .describe('Offer HTTP/2 to TLS servers, which choose; plain ones are spoken to by HTTP/1.1.'),
  http2_read_idle_timeout: duration().optional().describe('Accepted for the sake of Collector files.'),
  http2_ping_timeout: duration().optional().describe('Accepted for the sake of Collector files.'),
  max_request_size: size({ min: 64 << 10 })
    .default('16MiB')
    .describe('Largest request in protobuf, before compression. Larger batches are split; a larger record is dropped.'),
  ...deliveryFields({
    queue_size: 0,
    queue_requests: 1000,
    queue_bytes: '64MiB',
    linger: '5ms',
    timeout: '30s',
    num_consumers: 10,
  }),
}).superRefine((config, report) => {
  const fault = (path: string, message: string) => report.addIssue({ code: 'custom', path: [path], message })
  if (signalsOf(config).length === 0) fault('endpoint', 'at least one endpoint must be specified')
  try {
    if (config.proxy_url) parseProxy(config.proxy_url)
  } catch (error) {
    fault('proxy_url', (error as Error).message)
  }
})

export type OtlpHttpConfig = ConfigOf<typeof otlpHttpConfig>

type Endpoints = Partial<Record<'endpoint' | `${Signal}_endpoint`, string | undefined>>

/** Where one signal goes; undefined: nowhere. */
export function urlOf(config: Endpoints, signal: Signal): URL | undefined {
  const own = config[`${signal}_endpoint`]
  if (own) return new URL(own)
  return config.endpoint ? new URL(`${config.endpoint.replace(/\/$/, '')}/v1/${signal}`) : undefined
}

/** Signals that go somewhere. */
export const signalsOf = (config: Endpoints): Signal[] => signals.filter((signal) => urlOf(config, signal))
