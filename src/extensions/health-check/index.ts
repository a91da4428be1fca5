import { formatAddress } from '../../net/address.ts'
import { newHttpServer } from '../../net/http-server.ts'
import { serverTlsFrom } from '../../net/tls-settings.ts'
import { anything, block, bool, defineExtension, endpoint, object, text, tlsServer } from '../../plugin.ts'
import { healthAnswer } from './answer.ts'

/** Says over HTTP whether the agent can do its work. */
export default defineExtension({
  type: 'health_check',
  stability: 'beta',
  summary: 'Answers 200 while every required component can do its work, 503 before, after and otherwise.',
  config: object({
    endpoint: endpoint().default('localhost:13133').describe('Where to listen.'),
    path: text({ matches: /^\//, expected: 'a path that starts with /' })
      .default('/')
      .describe('Path that is answered.'),
    response_body: block({
      healthy: text().default('').describe('Body of the answer while ready.'),
      unhealthy: text().default('').describe('Body of the answer otherwise.'),
    }).describe('Bodies in place of the JSON.'),
    tls: tlsServer().optional().describe('Certificates; with client_ca_file who asks must show one too.'),
    check_collector_pipeline: object({
      enabled: bool().default(false).describe('Accepted: exporters that fail make the agent not ready in any case.'),
      interval: text().default('5m').describe('Accepted.'),
      exporter_failure_threshold: anything().optional().describe('Accepted.'),
    })
      .default({})
      .describe('Accepted for the sake of Collector files.'),
  }),
  resources: ({ endpoint }) => (endpoint.port === 0 ? [] : [`tcp ${endpoint.text}`]),
  create({ config, host }) {
    const answer = healthAnswer(config.response_body, () => host.status(), host.clock)
    const server = newHttpServer({
      endpoint: config.endpoint,
      tls: serverTlsFrom(config.tls, host),
      routes: { [config.path]: answer },
      log: host.log,
    })
    return {
      async start() {
        host.log.info('Starting health_check extension', { endpoint: formatAddress(await server.start()) })
      },
      stop: (deadline) => server.stop(deadline),
    }
  },
})
