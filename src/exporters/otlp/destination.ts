import type { Budget } from '../../delivery/budget.ts'
import { type Queued, queued } from '../../delivery/queued.ts'
import { type GrpcClient, newGrpcClient } from '../../net/grpc-client.ts'
import { newLogSeries } from '../../net/log-series.ts'
import type { ClientTls } from '../../net/tls.ts'
import type { Host } from '../../plugin.ts'
import type { OtlpConfig } from './config.ts'
import { newOtlpSender } from './otlp-sender.ts'
import { type Signal, signals } from './signals.ts'

export interface DestinationOptions {
  /** `127.0.0.1:9100` */
  address: string
  /** The label `protocol` of its accounts: `otelcol` when a file named it, else `otlp`. */
  protocol: string
  tls: ClientTls | undefined
  compress: boolean
  budget: Budget
}

/** The queues of one destination, one for each enabled signal, over one connection. */
export type Destination = Partial<Record<Signal, Queued>>

export function newDestination(options: DestinationOptions, config: OtlpConfig, host: Host): Destination {
  const { address, protocol, budget, compress } = options
  const log = host.log.named(address)
  const client = newClient(options, config, host)
  const series = newLogSeries(log, host.clock)
  const enabled = signals.filter((signal) => config.signals[signal])
  let open = enabled.length
  const close = async () => {
    if (--open > 0) return
    series.close()
    await client.close()
  }
  const call = {
    gzip: compress,
    metadata: metadataOf(config),
    waitForReady: config.wait_for_ready,
    ...timeoutOf(config),
  }
  const maxRequestBytes = config.max_request_size
  const destination: Destination = {}
  for (const signal of enabled) {
    const sender = newOtlpSender({ client, signal, call, maxRequestBytes, series, close })
    const labels = { protocol, destination: address, signal }
    // Room for the resource and scope around a record.
    const maxRecordBytes = maxRequestBytes - 1024
    destination[signal] = queued(config, { ...host, log }, sender, { labels, budget, maxRecordBytes })
  }
  return destination
}

function newClient({ address, tls }: DestinationOptions, config: OtlpConfig, host: Host): GrpcClient {
  const { keepalive, authority } = config
  return newGrpcClient({
    address,
    tls,
    serverName: config.tls.server_name_override,
    authority,
    keepalive: keepalive && {
      intervalMs: keepalive.time,
      timeoutMs: keepalive.timeout,
      withoutStreams: keepalive.permit_without_stream,
    },
    // Retries have a pause of their own: the connection must not be the slower of the two.
    backoff: { maxMs: 5000 },
    log: host.log,
    clock: host.clock,
  })
}

function metadataOf({ headers }: OtlpConfig): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value.reveal()])
  return Object.fromEntries(entries)
}

const timeoutOf = ({ timeout }: OtlpConfig) => (timeout > 0 ? { timeoutMs: timeout } : {})
