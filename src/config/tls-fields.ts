import { list, object } from './containers.ts'
import { bool, duration, oneOf, path, secret, text } from './scalars.ts'

// The older versions are broken, and OpenSSL refuses them at every security level worth having.
const versions = ['1.2', '1.3'] as const

const curves = ['X25519MLKEM768', 'X25519', 'P256', 'P384', 'P521'] as const

const common = () => ({
  ca_file: path()
    .optional()
    .describe('PEM file of the authorities that may have signed the peer. Left out: those of the system.'),
  ca_pem: text().optional().describe('The same, inline.'),
  cert_file: path().optional().describe('PEM file of the own certificate, with its chain.'),
  cert_pem: text().optional().describe('The same, inline.'),
  key_file: path().optional().describe('PEM file of the own private key.'),
  key_pem: secret().optional().describe('The same, inline.'),
  include_system_ca_certs_pool: bool().default(false).describe('Trust the authorities of the system beside ca_file.'),
  min_version: oneOf(versions).default('1.2').describe('Least TLS version.'),
  max_version: oneOf(versions).default('1.3').describe('Highest TLS version.'),
  cipher_suites: list().default([]).describe('Names of TLS 1.2 suites in order; empty: the safe ones.'),
  curve_preferences: list(oneOf(curves))
    .default([])
    .describe('Groups for the key exchange in order; empty: the usual ones.'),
  reload_interval: duration()
    .optional()
    .describe('How often the files are looked at for a change. Left out: every 10 s.'),
})

/** The Collector's TLS settings of a client. `.optional()` where a component may go without. */
export function tlsClient() {
  return object({
    ...common(),
    insecure: bool().default(false).describe('No TLS at all.'),
    insecure_skip_verify: bool().default(false).describe('TLS without checking who the peer is.'),
    server_name_override: text()
      .optional()
      .describe("Name to expect in the peer's certificate instead of the address."),
  })
}

/** The Collector's TLS settings of a server. With `client_ca_file` every client must show a certificate. */
export function tlsServer() {
  return object({
    ...common(),
    ca_file: path()
      .optional()
      .describe('Accepted for the sake of Collector files; clients are checked against client_ca_file alone.'),
    ca_pem: text().optional().describe('The same, inline.'),
    client_ca_file: path()
      .optional()
      .describe('PEM file of the authorities that sign client certificates; set: clients must have one.'),
    client_ca_file_reload: bool()
      .default(true)
      .describe('Accepted for the sake of Collector files: files are always read again when they change.'),
  })
}
