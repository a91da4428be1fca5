import {
  block,
  bool,
  duration,
  endpoint,
  extensionId,
  int,
  list,
  map,
  object,
  oneOf,
  secret,
  size,
  text,
  tlsServer,
} from '../../config/fields.ts'
import type { Address } from '../../net/address.ts'
import type { ConfigOf } from '../../plugin.ts'

const halfPair =
  'failed to load TLS config: failed to load TLS cert and key: for auth via TLS, provide both certificate and key, or neither'

const tls = () =>
  tlsServer()
    .refine((its) => Boolean(its.cert_file ?? its.cert_pem) === Boolean(its.key_file ?? its.key_pem), {
      path: ['cert_file'],
      message: halfPair,
    })
    .optional()
    .describe('Certificates. Without them the port speaks plaintext; with `client_ca_file` clients must have one too.')

const authenticator = () => extensionId().describe('Id of the extension that says who may come in: `bearertokenauth`.')

const authText = 'Who may send. Left out: everybody who reaches the port.'

const transport = () => oneOf(['tcp', 'tcp4', 'tcp6']).default('tcp').describe('Accepted; the address decides.')

const metadata = () =>
  bool().default(false).describe('Keep the headers of a request with its records, for components that read them.')

const grpc = block({
  endpoint: endpoint().default('localhost:4317').describe('Address to listen on; `localhost` is 127.0.0.1.'),
  transport: transport(),
  tls: tls(),
  max_recv_msg_size_mib: int({ min: 0, max: 2047 })
    .default(4)
    .meta({ unit: 'MiB' })
    .describe('Largest request, before and after decompression, in MiB; 0 is 4.'),
  max_concurrent_streams: int({ min: 0 }).default(0).describe('Calls that a connection may have open; 0 is 1000.'),
  read_buffer_size: size().default('512KiB').describe('Accepted; reading is bounded by the windows of HTTP/2.'),
  write_buffer_size: size().default('32KiB').describe('Accepted; answers are small.'),
  keepalive: object({
    server_parameters: object({
      max_connection_idle: duration({ min: '0s' })
        .default(0)
        .describe('A connection without a call for so long is closed; 0: never.'),
      max_connection_age: duration({ min: '0s' })
        .default(0)
        .describe('A connection as old as that, a tenth more or less, takes no more calls; 0: never.'),
      max_connection_age_grace: duration({ min: '0s' })
        .default(0)
        .describe('What its calls have to finish then; 0: as long as they take.'),
      time: duration().default('2h').describe('Accepted; dead peers are found by TCP keepalive after 15 s.'),
      timeout: duration().default('20s').describe('Accepted.'),
    })
      .default({})
      .describe('How long connections last.'),
    enforcement_policy: object({
      min_time: duration().default('5m').describe('Clients that ping more often are sent away.'),
      permit_without_stream: bool().default(false).describe('Whether clients may ping while they have no call open.'),
    })
      .default({})
      .describe('What pings are put up with.'),
  })
    .default({})
    .describe('Pings.'),
  auth: object({ authenticator: authenticator() }).optional().describe(authText),
  include_metadata: metadata(),
})

/** What may be named; lz4 is known to the Collector alone. `''` and `none` stand for no compression. */
export const algorithms = ['', 'none', 'gzip', 'zstd', 'zlib', 'deflate', 'snappy', 'lz4', 'x-snappy-framed'] as const

const urlPath = (signal: string) =>
  text({ notEmpty: true }).default(`/v1/${signal}`).describe(`Path of requests with ${signal}.`)

const http = block({
  endpoint: endpoint().default('localhost:4318').describe('Address to listen on; `localhost` is 127.0.0.1.'),
  transport: transport(),
  tls: tls(),
  traces_url_path: urlPath('traces'),
  metrics_url_path: urlPath('metrics'),
  logs_url_path: urlPath('logs'),
  cors: object({
    allowed_origins: list().default([]).describe('Origins of browsers, with `*` for any part; empty: CORS is off.'),
    allowed_headers: list().default([]).describe('Headers beyond the usual ones; `*` for all.'),
    exposed_headers: list().default([]).describe('Headers of answers that scripts may read.'),
    max_age: int({ min: 0 })
      .default(0)
      .describe('Seconds that a browser may remember an answer to a preflight request.'),
  })
    .optional()
    .describe('Requests of scripts in browsers.'),
  auth: object({
    authenticator: authenticator(),
    request_params: list().default([]).describe('Parameters of the query that count as headers: `?token=...`.'),
  })
    .optional()
    .describe(authText),
  max_request_body_size: size().default('20MiB').describe('Largest body, before and after decompression; 0 is 20 MiB.'),
  include_metadata: metadata(),
  response_headers: map(secret()).default({}).describe('Headers to add to every answer.'),
  compression_algorithms: list(oneOf(algorithms))
    .default(['', 'gzip', 'zstd', 'zlib', 'snappy', 'deflate', 'x-snappy-framed'])
    .describe('Values of Content-Encoding that are taken. lz4 may be named, and is refused all the same.'),
  read_timeout: duration().default('1m').describe('Time for all of a request to arrive; 0 is 1m.'),
  read_header_timeout: duration()
    .default('1m')
    .describe('Time for its headers; the shorter of the two counts for both.'),
  write_timeout: duration().default(0).describe('Accepted; answers are small.'),
  idle_timeout: duration().default('1m').describe('Kept connections without a request are closed after this; 0 is 1m.'),
  keep_alives_enabled: bool().default(true).describe('Whether connections are kept for more requests.'),
})

/** The Collector's options of its otlp receiver. */
export const otlpConfig = object({
  protocols: object({
    grpc: grpc.describe('OTLP over gRPC. `grpc:` alone turns it on with its defaults.'),
    http: http.describe('OTLP over HTTP, as protobuf or JSON. `http:` alone turns it on with its defaults.'),
  })
    .default({})
    .describe('What to listen for; one at least.'),
}).refine(({ protocols }) => protocols.grpc !== undefined || protocols.http !== undefined, {
  path: ['protocols'],
  message: 'must specify at least one protocol when using the OTLP receiver',
  params: { hint: 'write protocols: {grpc: {}, http: {}}, or one of them' },
})

export type OtlpReceiverConfig = ConfigOf<typeof otlpConfig>
export type GrpcConfig = NonNullable<OtlpReceiverConfig['protocols']['grpc']>
export type HttpConfig = NonNullable<OtlpReceiverConfig['protocols']['http']>

/** `localhost` may mean ::1 first, where older SDKs do not look: Go, and so the Collector, binds 127.0.0.1. */
export const listenAddress = ({ host, port }: Address): Address => ({
  host: host === 'localhost' ? '127.0.0.1' : host,
  port,
})
