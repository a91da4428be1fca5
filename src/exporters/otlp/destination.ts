import type { Budget } from '../../delivery/budget.ts'
import { type Queued, queued } from '../../delivery/queued.ts'
import { newCompressor } from '../../net/compression.ts'
import { type GrpcClient, newGrpcClient } from '../../net/grpc-client.ts'
import { newLogSeries } from '../../net/log-series.ts'
import type { ClientTls } from '../../net/tls.ts'
import type { Host } from '../../plugin.ts'
import { headersOf } from '../otlp-fields.ts'
import { type Signal, signals } from '../otlp-signals.ts'
import type { OtlpConfig } from './config.ts'
import { newOtlpSender } from './otlp-sender.ts'

export interface DestinationOptions {
  /** `127.0.0.1:9100` */
  address: string
  /** The label `protocol` of its accounts: `otelcol` when a file named it, else `otlp`. */
  protocol: 'otelcol' | 'otlp'
  tls: ClientTls | undefined
  budget: Budget
  /** Files name it: another one may take its place, so it has folders of its own for queues on disk. */
  isFound: boolean
}

/** The queues of one destination, one for each enabled signal, over one connection. */
export type Destination = Partial<Record<Signal, Queued>>

export function newDestination(options: DestinationOptions, config: OtlpConfig, host: Host): Destination {
  const { address, protocol, budget } = options
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
  const { timeout, wait_for_ready: waitForReady, max_request_size: maxRequestBytes } = config
  const common = {
    client,
    headers: headersOf(config, host),
    compressor: compressorOf(config, protocol),
    call: { waitForReady, ...(timeout > 0 && { timeoutMs: timeout }) },
    memory: budget,
    maxRequestBytes,
    series,
    // The forwarder agent's line for a write that failed for good.
    writeErrors: protocol === 'otelcol',
    close,
  }
  const destination: Destination = {}
  for (const signal of enabled) {
    const sender = newOtlpSender({ ...common, signal })
    const labels = { protocol, destination: address, signal }
    // Room for the resource and scope around a record.
    const maxRecordBytes = maxRequestBytes - 1024
    const part = options.isFound ? `${signal}_${address}` : signal
    const about = { labels, budget, maxRecordBytes, format: signal, part }
    destination[signal] = queued(config, { ...host, log }, sender, about)
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

/** The original's peers, which files name, know no compression. */
function compressorOf({ compression, compression_params: { level } }: OtlpConfig, protocol: 'otelcol' | 'otlp') {
  const chosen = compression ?? (protocol === 'otelcol' ? 'none' : 'gzip')
  return chosen === 'none' ? undefined : newCompressor(chosen, level)
}
