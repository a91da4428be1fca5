import { newRates } from '../../admin/rates.ts'
import { newReport } from '../../admin/report.ts'
import { formatAddress } from '../../net/address.ts'
import { newHttpServer } from '../../net/http-server.ts'
import { bool, defineExtension, endpoint, object } from '../../plugin.ts'
import { pages } from './pages.ts'

/** What runs right now, as small pages for people and as JSON for programs. */
export default defineExtension({
  type: 'zpages',
  stability: 'beta',
  summary: 'Shows what runs right now, as pages and as JSON: components, pipelines, queues, connections, rates.',
  config: object({
    endpoint: endpoint()
      .default('localhost:55679')
      .describe('Where to listen. Keep it on loopback: it has no password.'),
    expvar: object({ enabled: bool().default(false).describe('Accepted as in the Collector; there is no such page.') })
      .default({})
      .describe('Accepted for the sake of Collector files.'),
  }),
  resources: ({ endpoint }) => (endpoint.port === 0 ? [] : [`tcp ${endpoint.text}`]),
  create({ config, host }) {
    const rates = newRates(host)
    const report = newReport(host, rates)
    const server = newHttpServer({ endpoint: config.endpoint, routes: pages(report), log: host.log })
    return {
      async start() {
        host.log.info('Starting zPages extension', { endpoint: formatAddress(await server.start()) })
        rates.start()
      },
      async stop(deadline) {
        rates.stop()
        await server.stop(deadline)
      },
    }
  },
})
