import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'

/** Paths of PEM files. */
export interface TlsFiles {
  ca?: string | undefined
  cert?: string | undefined
  key?: string | undefined
  /** PEM texts that stand in the place of files. */
  inline?: Omit<TlsFiles, 'inline'> | undefined
}

export interface TlsMaterial {
  ca: string[] | undefined
  cert: string | undefined
  key: string | undefined
}

/** Reads and checks the files; throws an Error in the wording of the original agents. */
export function loadTlsFiles(files: TlsFiles, now: number): TlsMaterial {
  const { inline = {} } = files
  const cert = source(files.cert, inline.cert, 'cert_pem', 'failed to load keypair')
  const key = source(files.key, inline.key, 'key_pem', 'failed to load keypair')
  const ca = source(files.ca, inline.ca, 'ca_pem', `failed to read certificate(s) at path ${JSON.stringify(files.ca)}`)
  if (!cert !== !key)
    throw new Error(`failed to load keypair: a certificate needs its key; set both (${(cert ?? key)?.name})`)
  if (cert && key) checkPair(cert, now)
  return { ca: ca && authorities(ca), cert: cert?.text, key: key?.text }
}

/** PEM text and what messages call it: its path, or the setting it stands in. */
interface Source {
  readonly name: string
  readonly text: string
}

function source(
  path: string | undefined,
  text: string | undefined,
  setting: string,
  failure: string,
): Source | undefined {
  if (path) return { name: path, text: readText(path, failure) }
  return text ? { name: setting, text } : undefined
}

/** What identifies the present state of the files; changes when one is replaced or written. */
export function filesVersion(files: TlsFiles): string {
  return [files.ca, files.cert, files.key].map((path) => (path ? fileVersion(path) : '')).join('|')
}

function fileVersion(path: string): string {
  try {
    const stat = statSync(path)
    return `${stat.ino}:${stat.size}:${stat.mtimeMs}`
  } catch (error) {
    // Reading it will say so. Later it may be there again.
    return String((error as NodeJS.ErrnoException).code)
  }
}

const BLOCK = /-----BEGIN ([^-\r\n]+)-----\r?\n([\s\S]*?)-----END \1-----/g

/** Every PEM block must be a CERTIFICATE without headers, and there must be one at least. */
function authorities({ name: path, text }: Source): string[] {
  const found: string[] = []
  for (const [block, type, body] of text.matchAll(BLOCK)) {
    if (type !== 'CERTIFICATE')
      throw new Error(`unexpected PEM block type ${JSON.stringify(type)} in file ${JSON.stringify(path)}`)
    if (body!.includes(':')) throw new Error(`unexpected headers in PEM block in file ${JSON.stringify(path)}`)
    try {
      new X509Certificate(block)
    } catch (error) {
      throw new Error(`failed to parse certificate in file ${JSON.stringify(path)}: ${(error as Error).message}`)
    }
    found.push(block)
  }
  if (found.length === 0) throw new Error(`no valid certificates read from file ${JSON.stringify(path)}`)
  return found
}

/** Why the own certificate is of no use right now: `certificate has expired: a.crt was valid until …`; undefined: it is. */
export function certificateFault(files: TlsFiles, { cert }: TlsMaterial, now: number): string | undefined {
  try {
    if (cert) checkPair({ name: files.cert ?? 'cert_pem', text: cert }, now)
    return undefined
  } catch (error) {
    return (error as Error).message.replace('failed to load keypair: ', '')
  }
}

/** The own certificate must be valid now. */
function checkPair({ name: certPath, text }: Source, now: number): void {
  let own: X509Certificate
  try {
    own = new X509Certificate(text)
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
}

function readText(path: string, failure: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`${failure}: ${(error as Error).message}`, { cause: error })
  }
}
