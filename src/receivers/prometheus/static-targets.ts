import { clientTls } from '../../net/tls.ts'
import type { Host } from '../../plugin.ts'
import type { PrometheusConfig, ScrapeConfig } from './config.ts'
import { defaultTimeoutMs, type ScrapeTarget } from './scrape-target.ts'

/** The targets of `config.scrape_configs`. Throws when certificates cannot be used. */
export function staticTargets(config: PrometheusConfig, host: Host): ScrapeTarget[] {
  return config.config.scrape_configs.flatMap((job) =>
    job.static_configs.flatMap(({ targets, labels }) =>
      targets.map((address) => staticTarget(address, labels, job, config, host)),
    ),
  )
}

function staticTarget(
  address: string,
  { source_id: sourceId, instance_id: instanceId, ...labels }: Record<string, string>,
  job: ScrapeConfig,
  config: PrometheusConfig,
  host: Host,
): ScrapeTarget {
  const { global } = config.config
  const intervalMs = job.scrape_interval ?? global.scrape_interval
  return {
    url: `${job.scheme}://${address}${pathOf(job)}`,
    headers: headersOf(job),
    intervalMs,
    timeoutMs: job.scrape_timeout ?? global.scrape_timeout ?? defaultTimeoutMs(intervalMs),
    maxBytes: job.body_size_limit ?? config.body_size_limit,
    sampleLimit: job.sample_limit,
    tls: job.scheme === 'https' ? tlsOf(job, host) : undefined,
    serverName: job.tls_config.server_name ?? '',
    negotiates: true,
    honorLabels: job.honor_labels,
    labels,
    sourceId: sourceId ?? job.job_name,
    defaultSourceId: config.default_source_id,
    instanceId: instanceId ?? '',
    job: job.job_name,
    instance: address,
  }
}

function pathOf({ metrics_path, params }: ScrapeConfig): string {
  const query = new URLSearchParams()
  for (const [name, values] of Object.entries(params)) for (const value of values) query.append(name, value)
  const path = metrics_path.startsWith('/') ? metrics_path : `/${metrics_path}`
  return query.size > 0 ? `${path}?${query}` : path
}

/** What Prometheus asks for, as far as our parser reads it. */
const accept = 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1'

function headersOf(job: ScrapeConfig): Record<string, string> {
  const headers: Record<string, string> = { Accept: accept, ...job.headers }
  if (job.basic_auth) {
    const { username, password } = job.basic_auth
    headers.Authorization = `Basic ${Buffer.from(`${username}:${password.reveal()}`).toString('base64')}`
  } else if (job.authorization) {
    headers.Authorization = `${job.authorization.type} ${job.authorization.credentials.reveal()}`
  } else if (job.bearer_token) {
    headers.Authorization = `Bearer ${job.bearer_token.reveal()}`
  }
  return headers
}

function tlsOf({ tls_config: tls }: ScrapeConfig, host: Host) {
  return clientTls(
    { ca: tls.ca_file, cert: tls.cert_file, key: tls.key_file },
    {
      insecureSkipVerify: tls.insecure_skip_verify,
      minVersion: tls.min_version === 'TLS13' ? '1.3' : '1.2',
      log: host.log,
      clock: host.clock,
    },
  )
}
