import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { certificateNames, writeCertificates } from '../../src/cli/certs.ts'
import { type ClientTls, clientTls, type ServerTls, serverTls } from '../../src/net/tls.ts'

/** The three files that a TLS end needs. */
export interface CertificateFiles {
  ca: string
  cert: string
  key: string
}

const cache = new URL('../../node_modules/.cache/tailrace/', import.meta.url).pathname
const validDays = 4
const today = new Date().toISOString().slice(0, 10)
const digest = createHash('sha256').update(certificateNames.join()).digest('hex').slice(0, 8)
const folder = join(cache, `test-certificates-${today}-${digest}`)

/** A folder with throw-away certificates of every role, shared by all test files of a day: making them takes seconds. */
export function certificateFolder(): string {
  if (existsSync(folder)) return folder
  mkdirSync(cache, { recursive: true })
  const made = mkdtempSync(join(cache, 'making-'))
  writeCertificates(made, validDays)
  try {
    renameSync(made, folder)
  } catch {
    // Another worker was faster, and others use its certificates already.
    rmSync(made, { recursive: true })
  }
  return folder
}

/** Files of one certificate of that folder: `metron`, `doppler`, `otel-collector`, `client`, ... */
export function certificate(name: string): CertificateFiles {
  const folder = certificateFolder()
  const at = (file: string) => join(folder, file)
  return { ca: at('ca.crt'), cert: at(`${name}.crt`), key: at(`${name}.key`) }
}

export const serverTlsOf = (files: CertificateFiles): ServerTls => serverTls(files, { reloadMs: 0 })
export const clientTlsOf = (files: CertificateFiles): ClientTls => clientTls(files, { reloadMs: 0 })

/** The same as PEM texts, for Node's own clients and servers. */
export function pemOf({ ca, cert, key }: CertificateFiles): { ca: string; cert: string; key: string } {
  return { ca: readFileSync(ca, 'utf8'), cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
}
