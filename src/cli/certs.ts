import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { issue, type KeyPair, newAuthority } from '../runtime/certs.ts'
import { ExitCode } from './exit-codes.ts'

/** File name and common name of every certificate: the names that the peers of each role check. */
const names: Record<string, string> = {
  metron: 'metron',
  doppler: 'doppler',
  'otel-collector': 'otel-collector',
  reverselogproxy: 'reverselogproxy',
  'log-cache': 'log-cache',
  statsdinjector: 'statsdinjector',
  prom_scraper: 'prom_scraper',
  forwarder_agent_metrics: 'forwarder_agent_metrics',
  loggregator_agent_metrics: 'loggregator_agent_metrics',
  loggr_udp_forwarder_metrics: 'loggr_udp_forwarder_metrics',
  prom_scraper_metrics: 'prom_scraper_metrics',
  'cloud-controller': 'cloud-controller-ng.service.cf.internal',
  'binding-cache': 'binding-cache',
  'syslog-agent': 'syslog-agent',
  syslog_agent_metrics: 'syslog_agent_metrics',
  syslog_binding_cache_metrics: 'syslog_binding_cache_metrics',
  'syslog-drain': 'syslog-drain',
  'drain-client': 'drain-client',
  client: 'client',
}

/** The files of `writeCertificates` without their endings, the authority left out. */
export const certificateNames: readonly string[] = Object.keys(names)

/** Writes a throw-away CA and a certificate for every role, each good as client and server on loopback. */
export async function certs(dir: string, days: number): Promise<number> {
  if (!Number.isInteger(days) || days < 1) {
    process.stderr.write(`tailrace: --days takes a whole number from 1 on, not ${days}\n`)
    return ExitCode.usage
  }
  writeCertificates(dir, days)
  const files = ['ca', ...certificateNames].map((name) => `${name}.crt`)
  process.stdout.write(`${files.length} certificates with their keys in ${dir}: ${files.join(', ')}\n`)
  process.stdout.write('They are for trying and tests only: the key of the CA lies beside them.\n')
  return ExitCode.ok
}

/** The same as files on disk, for whoever starts a role. */
export function writeCertificates(dir: string, days: number): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const authority = newAuthority({ commonName: 'tailrace throw-away CA', days })
  write(dir, 'ca', authority)
  for (const [file, commonName] of Object.entries(names)) {
    write(dir, file, issue(authority, { commonName, names: [commonName, 'localhost'], ips: ['127.0.0.1'], days }))
  }
}

function write(dir: string, name: string, { cert, key }: KeyPair): void {
  writeFileSync(join(dir, `${name}.crt`), cert)
  writeFileSync(join(dir, `${name}.key`), key, { mode: 0o600 })
}
