import { formatAddress } from '../../net/address.ts'
import { newHttpServer } from '../../net/http-server.ts'
import { newLogSeries } from '../../net/log-series.ts'
import { serverTlsFrom } from '../../net/tls-settings.ts'
import type { Batch, DropReason, Exporter, Host } from '../../plugin.ts'
import type { PrometheusExporterConfig } from './config.ts'
import { metricsPage } from './page.ts'
import { SeriesTable } from './series-table.ts'

/** Series are looked through for expired ones this often. */
const sweepMs = 10_000
/** Metrics that a full table names in a counter of their own; others are counted together. */
const maxNamed = 20

/** Keeps last values and shows them; a point is delivered when its value is on the page. */
export function newPrometheusExporter(config: PrometheusExporterConfig, host: Host): Exporter {
  const { clock, log } = host
  const account = host.account()
  const series = newLogSeries(log, clock)
  const refused = newCulprits(host)
  const conflicts = host.counter('conflicts', 'Points of metrics whose name, type or series another metric has.')
  const lost = new Map<DropReason, number>()
  let isLooked = 0
  const table = new SeriesTable({
    naming: { namespace: config.namespace, addSuffixes: addsSuffixes(config) },
    labels: {
      resourceToTelemetry: config.resource_to_telemetry_conversion !== undefined,
      excludeService: config.resource_to_telemetry_conversion?.exclude_service_attributes ?? false,
      scopeInfo: !config.without_scope_info,
      fixed: Object.entries(config.const_labels),
    },
    maxSeries: config.max_series,
    budget: host.budget,
    expireMs: config.metric_expiration,
    exemplars: config.enable_open_metrics,
    lost(reason, metric, of, why) {
      lost.set(reason, (lost.get(reason) ?? 0) + 1)
      const whose = `${JSON.stringify(metric)}${of === '' ? '' : ` of ${JSON.stringify(of)}`}`
      if (reason === 'memory') {
        series.note('memory', `there is no memory for another series: metric ${whose} is not on the page`)
        return
      }
      if (reason !== 'series_limit') {
        conflicts.add(1)
        series.note('conflict', `metric ${whose} is not on the page: ${why}`)
        return
      }
      refused(metric)
      // To find the largest costs a walk over all series: once in a while is enough.
      if (clock.monotonic() < isLooked) return
      isLooked = clock.monotonic() + 60_000
      const { name, lines } = table.largest()
      log.warn(
        `max_series (${config.max_series}) is reached: new series of metric ${whose} are not on the page; ${name} has most, ${lines} lines`,
      )
    },
    told: (metric, why) => series.note('help', `metric ${JSON.stringify(metric)}: ${why}`),
  })
  host.gauge('series', 'Lines of the page.', () => table.lines)
  const page = metricsPage(
    table,
    {
      openMetrics: config.enable_open_metrics,
      timestamps: config.send_timestamps,
      expireMs: config.metric_expiration,
    },
    clock,
  )
  const tls = serverTlsFrom(config.tls, host)
  const server = newHttpServer({ endpoint: config.endpoint, tls, routes: { '/metrics': page }, log, clock })
  let timer: { cancel(): void } | undefined
  const sweep = () => {
    table.sweep(clock.monotonic())
    timer = clock.after(Math.min(sweepMs, config.metric_expiration), sweep)
  }

  return {
    admissions: () => [],
    consume(batch: Batch) {
      account.received += batch.count
      lost.clear()
      table.take(batch.bytes(), clock.monotonic())
      let kept = batch.count
      for (const [reason, points] of lost) {
        const records = Math.min(kept, points)
        account.drop(reason, records)
        kept -= records
      }
      account.sent += kept
      const [first] = lost.keys()
      for (const receipt of batch.receipts) receipt.settle(kept > 0 || !first ? 'delivered' : { dropped: first })
    },
    async start() {
      const address = await server.start()
      log.info(`metrics page is listening on ${formatAddress(address)}`)
      timer ??= clock.after(Math.min(sweepMs, config.metric_expiration), sweep)
    },
    async stop(deadline) {
      timer?.cancel()
      series.close()
      await server.stop(deadline)
      table.close()
    },
  }
}

const addsSuffixes = ({ translation_strategy: strategy, add_metric_suffixes }: PrometheusExporterConfig) =>
  strategy === undefined ? add_metric_suffixes : strategy === 'UnderscoreEscapingWithSuffixes'

/** Counts refused points by metric: names come from outside, so only the first ones get a series of their own. */
function newCulprits(host: Host): (metric: string) => void {
  const counters = new Map<string, { add(n: number): void }>()
  const of = (metric: string) =>
    host.counter('refused_points', 'Points of series beyond max_series, by metric.', { metric })
  return (metric) => {
    let counter = counters.get(metric)
    if (!counter) {
      const name = counters.size < maxNamed ? metric : 'other metrics'
      counter = counters.get(name) ?? of(name)
      counters.set(name, counter)
    }
    counter.add(1)
  }
}
