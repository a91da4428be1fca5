import { newWatchedText } from '../../extensions/watched-text.ts'
import { clientTls } from '../../net/tls.ts'
import type { Host } from '../../plugin.ts'
import type { ScrapeConfig } from './scrape-config.ts'

type Credentials = Pick<ScrapeConfig, 'basic_auth' | 'authorization' | 'bearer_token' | 'bearer_token_file'>

/**
 * The header `Authorization` of the next request, as a job's settings and their files say. Throws when a file cannot be
 * read and never could.
 */
export function authorizationOf(job: Credentials, host: Host): () => Record<string, string> {
  if (job.basic_auth) {
    const { username, username_file, password, password_file } = job.basic_auth
    const user = username_file ? inFile(username_file, host) : () => username ?? ''
    const pass = password_file ? inFile(password_file, host) : () => password?.reveal() ?? ''
    return () => ({ Authorization: `Basic ${Buffer.from(`${user()}:${pass()}`).toString('base64')}` })
  }
  const { type = 'Bearer', credentials, credentials_file } = job.authorization ?? {}
  const file = credentials_file ?? job.bearer_token_file
  const written = credentials ?? job.bearer_token
  if (!file && !written) return () => ({})
  const token = file ? inFile(file, host) : () => written!.reveal()
  return () => ({ Authorization: `${type} ${token()}` })
}

/** What stands in a file, without space around it. A file that is not there yet fails one scrape, not the start. */
function inFile(path: string, host: Host): () => string {
  let read: (() => string) | undefined
  return () => {
    read ??= newWatchedText(path, host, (text) => text.trim())
    return read()
  }
}

/** TLS as a job's `tls_config` says. */
export function jobTls(tls: ScrapeConfig['tls_config'], host: Host) {
  return clientTls(
    {
      ca: tls.ca_file,
      cert: tls.cert_file,
      key: tls.key_file,
      inline: { ca: tls.ca, cert: tls.cert, key: tls.key?.reveal() },
    },
    {
      insecureSkipVerify: tls.insecure_skip_verify,
      minVersion: tls.min_version === 'TLS13' ? '1.3' : '1.2',
      maxVersion: tls.max_version === 'TLS12' ? '1.2' : '1.3',
      log: host.log,
      clock: host.clock,
    },
  )
}
