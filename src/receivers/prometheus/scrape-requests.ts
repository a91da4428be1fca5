import { clientTls } from '../../net/tls.ts'
import type { Host } from '../../plugin.ts'
import type { ScrapeConfig } from './config.ts'

/** The header `Authorization` that a job's settings ask for. */
export function authorizationOf(
  job: Pick<ScrapeConfig, 'basic_auth' | 'authorization' | 'bearer_token'>,
): Record<string, string> {
  if (job.basic_auth) {
    const { username, password } = job.basic_auth
    return { Authorization: `Basic ${Buffer.from(`${username}:${password.reveal()}`).toString('base64')}` }
  }
  if (job.authorization) {
    return { Authorization: `${job.authorization.type} ${job.authorization.credentials.reveal()}` }
  }
  return job.bearer_token ? { Authorization: `Bearer ${job.bearer_token.reveal()}` } : {}
}

/** TLS as a job's `tls_config` says. */
export function jobTls(tls: ScrapeConfig['tls_config'], host: Host) {
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
