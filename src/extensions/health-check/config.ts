import {
  anything,
  block,
  bool,
  type ConfigOf,
  duration,
  endpoint,
  object,
  oneOf,
  text,
  tlsServer,
} from '../../plugin.ts'

const httpPath = (path: string) => text({ matches: /^\//, expected: 'a path that starts with /' }).default(path)

const tls = () => tlsServer().optional().describe('Certificates; with client_ca_file who asks must show one too.')

export const config = object({
  endpoint: endpoint().default('localhost:13133').describe('Where to listen.'),
  path: httpPath('/').describe(
    'Path that says whether the agent is ready; with `?verbose` also how each component is.',
  ),
  response_body: block({
    healthy: text().default('').describe('Body of the answer while ready.'),
    unhealthy: text().default('').describe('Body of the answer otherwise.'),
  }).describe('Bodies in place of the JSON.'),
  tls: tls(),
  use_v2: bool().default(false).describe('Obey `http` and `grpc` instead of `endpoint`, `path` and `response_body`.'),
  http: block({
    endpoint: endpoint().default('localhost:13133').describe('Where to listen.'),
    tls: tls(),
    status: object({
      enabled: bool().default(true).describe('Whether it is there.'),
      path: httpPath('/status').describe('Path of the detailed answer.'),
    })
      .default({})
      .describe('The detailed answer.'),
    config: object({
      enabled: bool().default(false).describe('Not here: `tailrace print-config` shows the configuration.'),
      path: httpPath('/config').describe('Accepted.'),
    })
      .default({})
      .describe('Accepted.'),
  }).describe('HTTP of version 2.'),
  grpc: block({
    endpoint: endpoint().default('localhost:13132').describe('Where to listen.'),
    transport: oneOf(['tcp', 'tcp4', 'tcp6']).default('tcp').describe('Accepted; the address decides.'),
    tls: tls(),
  }).describe('The health service of gRPC (grpc.health.v1), version 2.'),
  component_health: object({
    include_permanent_errors: bool().default(true).describe('What only people can mend makes the agent unhealthy.'),
    include_recoverable_errors: bool().default(true).describe('What fails and is tried again makes it unhealthy.'),
    recovery_duration: duration().default(0).describe('For how long what fails still counts as healthy.'),
  })
    .default({})
    .describe(
      'What `/status` and gRPC call healthy. `path` does not ask this: it answers 200 while the agent is ready.',
    ),
  check_collector_pipeline: object({
    enabled: bool().default(false).describe('Accepted: exporters that fail make the agent not ready in any case.'),
    interval: text().default('5m').describe('Accepted.'),
    exporter_failure_threshold: anything().optional().describe('Accepted.'),
  })
    .default({})
    .describe('Accepted for the sake of Collector files.'),
})

export type HealthConfig = ConfigOf<typeof config>
