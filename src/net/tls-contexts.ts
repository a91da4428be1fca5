import { createHash, X509Certificate } from 'node:crypto'
import { createSecureContext, getCACertificates, type SecureContext, type SecureContextOptions } from 'node:tls'
import { cipherNames, externalSuites } from './cipher-names.ts'

/** `internal`: as the platform's own peers speak. `external`: with ECDSA and ChaCha20 too, for servers of others. */
export type TlsProfile = 'internal' | 'external'

/** Whose certificates to trust and which own certificate to show: PEM texts, or empty. */
export interface TrustOptions {
  /** The drain's own authority, tried first; a peer that it does not know may still be known to the platform. */
  ca: string
  /** Shown when both are there. */
  cert: string
  key: string
  profile: TlsProfile
}

/** What a dialler needs to speak TLS with one peer: contexts to be tried in turn. One object per drain. */
export interface Trust {
  readonly size: number
  context(at: number): SecureContext
  /** The one to begin with: the last that worked. */
  first: number
  readonly insecureSkipVerify: boolean
}

export interface TlsContexts {
  /** Throws when certificate and key are no pair, or `ca` holds no certificate. */
  trust(options: TrustOptions): Trust
  /** Contexts in the cache. */
  readonly cached: number
}

export interface TlsContextsOptions {
  /** More authorities of the platform, as PEM text. Throws when it holds none. */
  trustedCa?: string | undefined
  /** Names of suites, OpenSSL's or IANA's, for the external profile: forces TLS 1.2. Empty: the profile's own. */
  cipherSuites?: readonly string[] | undefined
  insecureSkipVerify?: boolean | undefined
  /** Contexts kept; the one that was asked for longest ago goes first. Default 4096. */
  maxCached?: number | undefined
  /** Authorities of the operating system; for tests. */
  system?: (() => readonly string[]) | undefined
}

const rsa = 'ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256'
const suites: Record<TlsProfile, string> = { internal: rsa, external: externalSuites }

/** Keys from 1024 bits on, as Go takes them. Only under an authority that was named (docs/decisions/0007), or for our own. */
const shortKeys = ':@SECLEVEL=1'

/**
 * Contexts of TLS clients by what they hold. Authorities are never merged: a store of the platform's roots and one more
 * costs 4 to 6 ms and 0.8 MiB, the two apart 0.2 ms and 40 KiB (the roots are one store that all share), and a tenant's
 * authority can be trusted by nobody else.
 */
export function newTlsContexts(options: TlsContextsOptions = {}): TlsContexts {
  const maxCached = options.maxCached ?? 4096
  const given = options.cipherSuites?.length ? cipherNames(options.cipherSuites) : undefined
  const fileCa = options.trustedCa ? certificatesOf(options.trustedCa) : []
  if (options.trustedCa && fileCa.length === 0) throw new Error('no certificate in it')
  const cache = new Map<string, SecureContext>()
  let extra: string[] | undefined

  /** What the system trusts beyond the roots that Node brings along. */
  const systemCa = () => {
    extra ??= beyondBundled(options.system?.() ?? getCACertificates('system'))
    return extra
  }
  const common = ({ profile, cert, key }: TrustOptions): SecureContextOptions => ({
    ...(cert && key && { cert, key }),
    minVersion: 'TLSv1.2',
    maxVersion: profile === 'external' && given ? 'TLSv1.2' : 'TLSv1.3',
    ciphers: (profile === 'external' && given) || suites[profile],
  })
  const withShortKeys = (settings: SecureContextOptions) =>
    createSecureContext({ ...settings, ciphers: `${settings.ciphers}${shortKeys}` })
  const strict = (settings: SecureContextOptions) => {
    try {
      return createSecureContext(settings)
    } catch (error) {
      if (settings.key && /key too small/i.test(String(error))) return withShortKeys(settings)
      throw error
    }
  }
  /** Also an intermediate or a server's own certificate may be what is trusted, as in Go. */
  const anchored = (use: TrustOptions, ca: string[]) => ({ ...common(use), ca, allowPartialTrustChain: true })
  const cached = (name: string, use: TrustOptions, make: () => SecureContext): SecureContext => {
    const key = digest([name, use.cert && use.key ? use.cert : '', use.cert && use.key, use.profile])
    const found = cache.get(key) ?? make()
    cache.delete(key)
    cache.set(key, found)
    if (cache.size > maxCached) cache.delete(cache.keys().next().value!)
    return found
  }
  const ownContext = (use: TrustOptions) => {
    const ca = certificatesOf(use.ca)
    if (ca.length === 0) throw new Error('failed to load root CA')
    return withShortKeys(anchored(use, ca))
  }
  return {
    get cached() {
      return cache.size
    },
    trust(use) {
      const makers: (() => SecureContext)[] = []
      if (use.ca) makers.push(() => cached(`ca ${use.ca}`, use, () => ownContext(use)))
      makers.push(() => cached('roots', use, () => strict(common(use))))
      if (fileCa.length > 0) makers.push(() => cached('file', use, () => withShortKeys(anchored(use, fileCa))))
      makers.push(() => cached('system', use, () => strict(anchored(use, systemCa()))))
      // Here and now, so that what cannot be used is known before anybody dials.
      makers[0]!()
      return {
        // Reading the system's authorities takes 70 ms: not before somebody needs them. There may be none.
        get size() {
          return extra?.length === 0 ? makers.length - 1 : makers.length
        },
        context: (at) => makers[at]!(),
        first: 0,
        insecureSkipVerify: options.insecureSkipVerify ?? false,
      }
    },
  }
}

const digest = (parts: readonly string[]): string => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${part.length}:`).update(part)
  return hash.digest('base64')
}

/** The certificates of a PEM text that can be read; others in it are left out. */
export function certificatesOf(pem: string): string[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  return blocks.filter((block) => fingerprint(block) !== undefined)
}

function fingerprint(pem: string): string | undefined {
  try {
    return new X509Certificate(pem).fingerprint256
  } catch {
    return undefined
  }
}

function beyondBundled(system: readonly string[]): string[] {
  if (system.length === 0) return []
  const bundled = new Set(getCACertificates('bundled').map(fingerprint))
  const seen = new Set<string | undefined>([undefined])
  return system.filter((pem) => {
    const print = fingerprint(pem)
    if (bundled.has(print) || seen.has(print)) return false
    return seen.add(print)
  })
}
