import { forkAll, settleAll } from '../../delivery/backlog.ts'
import { newFailures } from '../../ottl/failures.ts'
import { type Component, type Consumer, type Host, newLogSeries } from '../../plugin.ts'
import { formatOf, type RoutingConfig } from './config.ts'
import { compileRoute } from './route.ts'
import { newRouter } from './router.ts'

/** Hands each record to the pipelines of the first row that it meets. */
export function newRouting(
  config: RoutingConfig,
  host: Host,
  into: (pipelines: readonly string[]) => Consumer,
): Consumer & Partial<Component> {
  const { table, default_pipelines: others, error_mode: errorMode, match_once: once } = config
  const format = formatOf(config)
  const failures = newFailures(host, newLogSeries(host.log, host.clock))
  const ways = table.map(({ pipelines }) => into(pipelines))
  const otherwise = others.length > 0 ? into(others) : undefined
  const split = newRouter({
    routes: table.map((row) => ({ test: compileRoute(row, format), copies: once === false || row.action === 'copy' })),
    hasDefault: otherwise !== undefined,
    defaultIsLast: once === false,
    errorMode,
    onFailure: failures.note,
  })
  return {
    consume(batch) {
      const { parts, failed, unmatched } = split(batch)
      if (failed > 0) host.dropped('rule', failed)
      if (unmatched > 0) host.dropped('no_destination', unmatched, unmatched === batch.count ? batch : undefined)
      if (parts.length === 0) return settleAll(batch.receipts, { dropped: failed > 0 ? 'rule' : 'no_destination' })
      for (let i = 1; i < parts.length; i++) forkAll(batch.receipts)
      for (const { batch: part, route, repeated } of parts) {
        if (repeated > 0) host.made(repeated)
        const way = route === undefined ? otherwise : ways[route]
        way!.consume(part)
      }
    },
    async start() {
      if (once === undefined) return
      const means = once ? 'it is what happens without it: leave it out' : 'write action: copy on the rows instead'
      host.log.warn(`match_once is deprecated and has no place in the Collector any more; ${means}`)
    },
    stop: failures.stop,
  }
}
