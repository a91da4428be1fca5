import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'

/** Paths of PEM files. */
export interface TlsFiles {
  ca?: string | undefined
  cert?: string | undefined
  key?: string | undefined
}

export interface TlsMaterial {
  ca: string[] | undefined
  cert: string | undefined
  key: string | undefined
}

/** Reads and checks the files; throws an Error in the wording of the original agents. */
export function loadTlsFiles(files: TlsFiles, now: number): TlsMaterial {
  const pair = files.cert && files.key ? loadPair(files.cert, files.key, now) : undefined
  if (!pair && (files.cert || files.key))
    throw new Error(`failed to load keypair: a certificate needs its key; set both files (${files.cert ?? files.key})`)
  return { ca: files.ca ? loadAuthorities(files.ca) : undefined, cert: pair?.cert, key: pair?.key }
}

/** What identifies the present state of the files; changes when one is replaced or written. */
export function filesVersion(files: TlsFiles): string {
  return [files.ca, files.cert, files.key].map((path) => (path ? fileVersion(path) : '')).join('|')
}

function fileVersion(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat ? `${stat.ino}:${stat.size}:${stat.mtimeMs}` : 'missing'
}

const BLOCK = /-----BEGIN ([^-\r\n]+)-----\r?\n([\s\S]*?)-----END \1-----/g

/** Every PEM block must be a CERTIFICATE without headers, and there must be one at least. */
function loadAuthorities(path: string): string[] {
  const text = readText(path, `failed to read certificate(s) at path ${JSON.stringify(path)}`)
  const authorities: string[] = []
  for (const [block, type, body] of text.matchAll(BLOCK)) {
    if (type !== 'CERTIFICATE')
      throw new Error(`unexpected PEM block type ${JSON.stringify(type)} in file ${JSON.stringify(path)}`)
    if (body!.includes(':')) throw new Error(`unexpected headers in PEM block in file ${JSON.stringify(path)}`)
    try {
      new X509Certificate(block)
    } catch (error) {
      throw new Error(`failed to parse certificate in file ${JSON.stringify(path)}: ${(error as Error).message}`)
    }
    authorities.push(block)
  }
  if (authorities.length === 0) throw new Error(`no valid certificates read from file ${JSON.stringify(path)}`)
  return authorities
}

function loadPair(certPath: string, keyPath: string, now: number): { cert: string; key: string } {
  const cert = readText(certPath, 'failed to load keypair')
  const key = readText(keyPath, 'failed to load keypair')
  let own: X509Certificate
  try {
    own = new X509Certificate(cert)
  } catch (error) {
    throw new Error(`failed to load keypair: no certificate in ${certPath}: ${(error as Error).message}`)
  }
  const from = Date.parse(own.validFrom)
  const to = Date.parse(own.validTo)
  const date = (time: number) => new Date(time).toISOString()
  if (now > to)
    throw new Error(`failed to load keypair: certificate has expired: ${certPath} was valid until ${date(to)}`)
  if (now < from)
    throw new Error(`failed to load keypair: certificate is not yet valid: ${certPath} is valid from ${date(from)}`)
  return { cert, key }
}

function readText(path: string, failure: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`${failure}: ${(error as Error).message}`, { cause: error })
  }
}
