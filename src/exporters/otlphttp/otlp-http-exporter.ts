import { fanOut, toAll } from '../../delivery/fan-out.ts'
import { deliveryBudget, type Queued, queued } from '../../delivery/queued.ts'
import { newCompressor } from '../../net/compression.ts'
import { type HttpClient, newHttpClient } from '../../net/http-client.ts'
import { parseProxy, proxyFromEnvironment } from '../../net/http-client-proxy.ts'
import { newLogSeries } from '../../net/log-series.ts'
import { clientTlsFrom } from '../../net/tls-settings.ts'
import type { Exporter, Host } from '../../plugin.ts'
import type { Batch } from '../../telemetry/batch.ts'
import { headersOf } from '../otlp-fields.ts'
import { isSignal, type Signal } from '../otlp-signals.ts'
import { type OtlpHttpConfig, signalsOf, urlOf } from './config.ts'
import { newOtlpHttpSender } from './otlp-http-sender.ts'

/** One queue per signal; signals that go to the same server share its connections. */
export function newOtlpHttpExporter(config: OtlpHttpConfig, host: Host): Exporter {
  const queues: Partial<Record<Signal, Queued>> = {}
  const nowhere = (records: number) => {
    const account = host.account()
    account.received += records
    account.drop('no_destination', records)
  }
  const all = fanOut(() => Object.values(queues), nowhere)
  let started = false
  return {
    ...all,
    admissions: (format) => (format && isSignal(format) ? (queues[format]?.admissions() ?? []) : all.admissions()),
    consume(batch: Batch) {
      const queue = isSignal(batch.format) ? queues[batch.format] : undefined
      if (!toAll(queue ? [queue] : [], batch)) nowhere(batch.count)
    },
    async start() {
      if (started) return
      Object.assign(queues, openQueues(config, host))
      started = true
      await all.start()
    },
  }
}

function openQueues(config: OtlpHttpConfig, host: Host): Partial<Record<Signal, Queued>> {
  const series = newLogSeries(host.log, host.clock)
  const budget = deliveryBudget(config, host)
  const { compression, compression_params, encoding, max_request_size: maxRequestBytes } = config
  const common = {
    encoding,
    headers: headersOf(config, host),
    compressor: compression === 'none' ? undefined : newCompressor(compression, compression_params.level),
    memory: budget,
    maxRequestBytes,
    series,
    clock: host.clock,
  }
  const clients = new Map<string, HttpClient>()
  const enabled = signalsOf(config)
  let open = enabled.length
  const close = () => {
    if (--open > 0) return
    series.close()
    for (const client of clients.values()) client.close()
  }
  const queues: Partial<Record<Signal, Queued>> = {}
  for (const signal of enabled) {
    const url = urlOf(config, signal)!
    const key = `${url.origin} ${url.username}:${url.password}`
    const client = clients.get(key) ?? clientFor(url, config, host)
    clients.set(key, client)
    const sender = newOtlpHttpSender({ ...common, client, signal, url, close })
    const labels = { protocol: 'otlphttp', destination: url.host, signal }
    // Room for the resource and scope around a record.
    const maxRecordBytes = maxRequestBytes - 1024
    queues[signal] = queued(config, host, sender, { labels, budget, maxRecordBytes, format: signal })
  }
  return queues
}

function clientFor(origin: URL, config: OtlpHttpConfig, host: Host): HttpClient {
  const { proxy_url, max_conns_per_host, max_idle_conns, max_idle_conns_per_host } = config
  return newHttpClient({
    origin,
    // The scheme of the URL decides.
    tls: clientTlsFrom({ ...config.tls, insecure: false }, host, 'any')!,
    serverName: config.tls.server_name_override,
    proxy: proxy_url ? parseProxy(proxy_url) : proxyFromEnvironment(origin),
    maxConnections: max_conns_per_host || undefined,
    maxIdle: config.disable_keep_alives ? 0 : max_idle_conns_per_host || max_idle_conns,
    idleMs: config.idle_conn_timeout,
    http2: config.force_attempt_http2,
    clock: host.clock,
  })
}
