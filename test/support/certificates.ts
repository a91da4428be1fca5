import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
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
const freshMs = 24 * 3_600_000

/** A folder with throw-away certificates of every role, shared by all test files: making them takes seconds. */
export function certificateFolder(): string {
  const folder = join(cache, 'test-certificates')
  if (isFresh(folder)) return folder
  mkdirSync(cache, { recursive: true })
  const made = mkdtempSync(join(cache, 'making-'))
  writeCertificates(made, validDays)
  try {
    rmSync(folder, { recursive: true, force: true })
    renameSync(made, folder)
    return folder
  } catch {
    // Another worker was faster: both are good.
    return made
  }
}

const isFresh = (folder: string) =>
  existsSync(join(folder, 'ca.crt')) &&
  Date.now() - statSync(folder).mtimeMs < freshMs &&
  certificateNames.every((name) => existsSync(join(folder, `${name}.key`)))

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
