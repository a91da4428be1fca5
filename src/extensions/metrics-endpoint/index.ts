import { formatAddress } from '../../net/address.ts'
import { newHttpServer } from '../../net/http-server.ts'
import { serverTlsFrom } from '../../net/tls-settings.ts'
import { bool, defineExtension, endpoint, list, map, object, oneOf, port, text, tlsServer } from '../../plugin.ts'
import { newProfiles } from '../profiles.ts'
import { exposition } from './exposition.ts'
import { isSelector, parseSelector, selectorFault } from './selector.ts'

/** The metrics page of a role: the names and labels its dashboards know, and the books under `tailrace_`. */
export default defineExtension({
  type: 'metrics_endpoint',
  stability: 'beta',
  summary: 'Shows what the agent counts as a Prometheus page, under the names of the process it replaces.',
  config: object({
    endpoint: endpoint().default('127.0.0.1:0').describe('Address of the page; port 0 picks a free one.'),
    tls: tlsServer().optional().describe('Certificates; with client_ca_file readers must show one too.'),
    debug: bool().default(false).describe('Also series of the process and runtime, and a port for profiles.'),
    pprof_port: port().default(0).describe('Loopback port for profiles when debug is on; 0 picks a free one.'),
    families: list(
      object({
        name: text().describe('Name of the metric.'),
        help: text().default('').describe('Its help text.'),
        type: oneOf(['counter', 'gauge']).default('counter').describe('Its type.'),
        labels: map().default({}).describe('Labels of the series.'),
        by: list().default([]).describe('Labels of the counted things that the series keep, one series each.'),
        from: list(text().refine(isSelector, { error: ({ input }) => selectorFault(String(input)) })).describe(
          'What is summed: "receiver ID offered", "queue ID dropped(reason) label=value", "metric NAME".',
        ),
        unless: bool().default(false).describe('Leave the family out.'),
      }),
    )
      .default([])
      .describe('Metrics under names of your own choice.'),
  }),
  // Its series stand there with 0 as soon as the port listens: those of a destination are known when it is started.
  startsLast: true,
  resources: ({ endpoint }) => (endpoint.port === 0 ? [] : [`tcp ${endpoint.text}`]),
  create({ config, host }) {
    const families = config.families
      .filter((family) => !family.unless)
      .map((family) => ({ ...family, from: family.from.map(parseSelector) }))
    const page = exposition(families, host, { runtime: config.debug })
    const server = newHttpServer({
      endpoint: config.endpoint,
      tls: serverTlsFrom(config.tls, host),
      routes: { '/metrics': page },
      log: host.log,
    })
    const profiles = config.debug ? newProfiles({ host: '127.0.0.1', port: config.pprof_port }, host.log) : undefined
    return {
      async start() {
        let address: Awaited<ReturnType<typeof server.start>>
        try {
          address = await server.start()
        } catch (error) {
          throw new Error(`Unable to setup metrics endpoint (${config.endpoint.text}): ${(error as Error).message}`, {
            cause: error,
          })
        }
        host.log.line(`Metrics endpoint is listening on ${formatAddress(address)}`)
        host.log.line(`metrics bound to: ${formatAddress(address)}`)
        await profiles?.start()
      },
      async stop(deadline) {
        await profiles?.stop(deadline)
        await server.stop(deadline)
      },
    }
  },
})
