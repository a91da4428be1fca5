import type { ClientTlsOptions } from '../../net/tls.ts'
import { clientTls } from '../../net/tls.ts'
import type { Host } from '../../plugin.ts'
import type { PrometheusConfig } from './config.ts'
import { defaultTimeoutMs, type ScrapeTarget, unlimited } from './scrape-target.ts'
import { readTargetFiles, type TargetFile } from './target-files.ts'

/** What the target files say: every sound file counts, those that are switched off too. */
export interface FileTargets {
  readonly total: number
  readonly active: ScrapeTarget[]
}

/** Reads the target files. Throws when one cannot be read or names certificates that cannot be used. */
export function fileTargets(config: PrometheusConfig, host: Host): FileTargets {
  const files = readTargetFiles(config.target_globs, config.scrape_interval, host.log)
  const active = files.flatMap((file) => {
    if (file.intervalMs <= 0) return []
    if ((config.tls.cert_file ?? config.tls.cert_pem) && file.scheme === 'https' && file.serverName === '') {
      const missing = `server_name is missing from mTLS scrape config (${file.sourceId})`
      host.log.error(`${missing}: this target is not scraped; add server_name to ${file.file}`)
      return []
    }
    return [fileTarget(file, config, host)]
  })
  return { total: files.length, active }
}

function fileTarget(file: TargetFile, config: PrometheusConfig, host: Host): ScrapeTarget {
  const instance = `127.0.0.1:${file.port}`
  return {
    url: `${file.scheme}://${instance}${file.path}`,
    headers: file.headers,
    intervalMs: file.intervalMs,
    timeoutMs: defaultTimeoutMs(file.intervalMs),
    maxBytes: config.body_size_limit,
    sampleLimit: 0,
    ...unlimited,
    tls: file.scheme === 'https' ? tlsOf(file, config, host) : undefined,
    serverName: file.serverName || (config.tls.server_name_override ?? ''),
    negotiates: false,
    honorLabels: true,
    labels: file.labels,
    sourceId: file.sourceId,
    defaultSourceId: config.default_source_id,
    instanceId: file.instanceId,
    job: file.sourceId || config.default_source_id,
    instance: file.instanceId || instance,
  }
}

/** A file's own certificate counts only with its key. */
function tlsOf(file: TargetFile, { tls }: PrometheusConfig, host: Host) {
  const own = file.clientCertPath !== '' && file.clientKeyPath !== ''
  const files = {
    ca: file.caPath || tls.ca_file,
    cert: own ? file.clientCertPath : tls.cert_file,
    key: own ? file.clientKeyPath : tls.key_file,
    inline: {
      ca: file.caPath ? undefined : tls.ca_pem,
      cert: own ? undefined : tls.cert_pem,
      key: own ? undefined : tls.key_pem?.reveal(),
    },
  }
  const options: ClientTlsOptions = {
    insecureSkipVerify: tls.insecure_skip_verify,
    systemAuthorities: tls.include_system_ca_certs_pool,
    minVersion: tls.min_version === '1.3' ? '1.3' : '1.2',
    maxVersion: tls.max_version === '1.2' ? '1.2' : '1.3',
    cipherSuites: tls.cipher_suites.length > 0 ? tls.cipher_suites : undefined,
    reloadMs: tls.reload_interval,
    log: host.log,
    clock: host.clock,
  }
  return clientTls(files, options)
}
