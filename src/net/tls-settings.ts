import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import { type ClientTls, clientTls, type ServerTls, serverTls, type TlsOptions } from './tls.ts'

/** The TLS block of a configuration, client or server side: what `tlsClient()` and `tlsServer()` read. */
export interface TlsSettings {
  ca_file?: string | undefined
  cert_file?: string | undefined
  key_file?: string | undefined
  ca_pem?: string | undefined
  cert_pem?: string | undefined
  key_pem?: { reveal(): string } | undefined
  include_system_ca_certs_pool?: boolean | undefined
  min_version?: string | undefined
  max_version?: string | undefined
  cipher_suites?: readonly string[] | undefined
  curve_preferences?: readonly string[] | undefined
  reload_interval?: number | undefined
  client_ca_file?: string | undefined
  insecure?: boolean | undefined
  insecure_skip_verify?: boolean | undefined
  server_name_override?: string | undefined
}

interface Use {
  log: Log
  clock: Clock
}

/** TLS of a listening port; undefined without a block. Throws in the wording of the original agents. */
export function serverTlsFrom(settings: TlsSettings | undefined, use: Use): ServerTls | undefined {
  if (!settings) return undefined
  const { client_ca_file, cert_file, key_file, cert_pem, key_pem } = settings
  const inline = { cert: cert_pem, key: key_pem?.reveal() }
  return serverTls({ ca: client_ca_file, cert: cert_file, key: key_file, inline }, options(settings, use))
}

/** TLS towards a peer, of the platform or any; undefined without a block and with `insecure: true`. */
export function clientTlsFrom(
  settings: TlsSettings | undefined,
  use: Use,
  peers: 'platform' | 'any' = 'platform',
): ClientTls | undefined {
  if (!settings || settings.insecure) return undefined
  const { ca_file, cert_file, key_file, ca_pem, cert_pem, key_pem, insecure_skip_verify } = settings
  const inline = { ca: ca_pem, cert: cert_pem, key: key_pem?.reveal() }
  const files = { ca: ca_file, cert: cert_file, key: key_file, inline }
  return clientTls(files, {
    ...options(settings, use),
    external: peers === 'any',
    insecureSkipVerify: insecure_skip_verify,
  })
}

function options(settings: TlsSettings, use: Use): TlsOptions {
  const { cipher_suites: suites, curve_preferences: curves, reload_interval } = settings
  return {
    minVersion: settings.min_version === '1.3' ? '1.3' : '1.2',
    maxVersion: settings.max_version === '1.2' ? '1.2' : '1.3',
    systemAuthorities: settings.include_system_ca_certs_pool,
    cipherSuites: suites && suites.length > 0 ? suites : undefined,
    curves: curves && curves.length > 0 ? curves : undefined,
    reloadMs: reload_interval,
    log: use.log,
    clock: use.clock,
  }
}
