import { X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { issue, type KeyPair, newAuthority } from '../../runtime/certs.ts'

/** File names of the certificates: the server's is called what Loggregator's clients expect, the other is for sending. */
const names = ['metron', 'client'] as const

const dayMs = 86_400_000
const days = 30

/** Makes a throw-away CA and certificates in `dir`, unless those that are there last a day still. True when it made some. */
export function ensureCertificates(dir: string, now = Date.now()): boolean {
  if (['ca', ...names].every((name) => isValid(join(dir, `${name}.crt`), now + dayMs))) return false
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const authority = newAuthority({ commonName: 'tailrace throw-away CA', days })
  write(dir, 'ca', authority)
  for (const name of names) {
    write(dir, name, issue(authority, { commonName: name, names: [name, 'localhost'], ips: ['127.0.0.1'], days }))
  }
  return true
}

function isValid(path: string, at: number): boolean {
  try {
    return Date.parse(new X509Certificate(readFileSync(path)).validTo) > at
  } catch {
    return false
  }
}

function write(dir: string, name: string, { cert, key }: KeyPair): void {
  writeFileSync(join(dir, `${name}.crt`), cert)
  writeFileSync(join(dir, `${name}.key`), key, { mode: 0o600 })
}
