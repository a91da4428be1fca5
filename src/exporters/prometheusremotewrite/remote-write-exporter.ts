import { deliveryBudget, queued } from '../../delivery/queued.ts'
import { newHttpClient } from '../../net/http-client.ts'
import { parseProxy, proxyFromEnvironment } from '../../net/http-client-proxy.ts'
import { newLogSeries } from '../../net/log-series.ts'
import { clientTlsFrom } from '../../net/tls-settings.ts'
import type { Batch, Exporter, Host } from '../../plugin.ts'
import { RemoteWriter } from '../../wire/prometheus/remote-write.ts'
import { headersOf } from '../otlp-fields.ts'
import type { RemoteWriteConfig } from './config.ts'
import { withoutDeltas } from './deltas.ts'
import { newRemoteWriteSender } from './remote-write-sender.ts'

/** One queue and one batch at a time: samples of a series arrive in their order. */
export function newRemoteWriteExporter(config: RemoteWriteConfig, host: Host): Exporter {
  const url = new URL(config.endpoint)
  const series = newLogSeries(host.log, host.clock)
  const client = newHttpClient({
    origin: url,
    // The scheme of the URL decides.
    tls: clientTlsFrom({ ...config.tls, insecure: false }, host)!,
    serverName: config.tls.server_name_override,
    proxy: config.proxy_url ? parseProxy(config.proxy_url) : proxyFromEnvironment(url),
    idleMs: config.idle_conn_timeout,
    clock: host.clock,
  })
  const writer = new RemoteWriter({
    naming: { namespace: config.namespace, addSuffixes: addsSuffixes(config) },
    labels: {
      resourceToTelemetry: config.resource_to_telemetry_conversion !== undefined,
      excludeService: config.resource_to_telemetry_conversion?.exclude_service_attributes ?? false,
      scopeInfo: !config.disable_scope_info,
      fixed: Object.entries(config.external_labels),
    },
    targetInfo: config.target_info.enabled,
    metadata: config.send_metadata,
    maxBytes: config.max_batch_size_bytes,
    maxKnown: config.max_known_series,
  })
  const budget = deliveryBudget(config, host)
  const sender = newRemoteWriteSender({
    client,
    path: `${url.pathname}${url.search}`,
    writer,
    parallel: Math.max(1, config.max_batch_request_parallelism ?? config.remote_write_queue.num_consumers),
    headers: headersOf(config, host),
    clock: host.clock,
    memory: budget,
    untold: (error) => series.note('metadata', `metadata was not taken: ${(error as Error).message}`),
    close() {
      series.close()
      client.close()
    },
  })
  const { remote_write_queue: queue, sending_queue } = config
  const settings = {
    ...config,
    queue_requests: queue.queue_size ?? config.queue_requests,
    // Two batches on their way could change places.
    sending_queue: { ...sending_queue, enabled: sending_queue.enabled && queue.enabled, num_consumers: 1 },
  }
  const labels = { protocol: 'remote_write', destination: url.host }
  const out = queued(settings, host, sender, { labels, budget, format: 'metrics', part: 'metrics' })
  return {
    start: () => out.start(),
    stop: (deadline) => out.stop(deadline),
    ready: () => out.ready(),
    admissions: () => out.admissions(),
    consume(batch: Batch) {
      const kept = withoutDeltas(batch)
      const lost = batch.count - kept.count
      if (lost > 0) {
        out.account.received += lost
        out.account.drop('not_representable', lost)
        series.note(
          'delta',
          `${lost} points of deltas are not sent: Prometheus knows totals alone; let the SDKs send cumulative metrics`,
        )
      }
      if (kept.count > 0) out.consume(kept)
      else for (const receipt of batch.receipts) receipt.settle({ dropped: 'not_representable' })
    },
  }
}

const addsSuffixes = ({ translation_strategy: strategy, add_metric_suffixes }: RemoteWriteConfig) =>
  strategy === undefined ? add_metric_suffixes : strategy === 'UnderscoreEscapingWithSuffixes'
