import { X509Certificate } from 'node:crypto'
import {
  createSecureContext,
  getCACertificates,
  type SecureContextOptions,
  type SecureVersion,
  type TLSSocket,
} from 'node:tls'
import { type Clock, systemClock, type Timer } from '../runtime/clock.ts'
import { type Log, silentLog } from '../runtime/log.ts'
import { cipherNames, externalSuites } from './cipher-names.ts'
import { certificateFault, filesVersion, loadTlsFiles, type TlsFiles, type TlsMaterial } from './tls-files.ts'

export type { TlsFiles } from './tls-files.ts'

export interface TlsOptions {
  /** `1.2` or `1.3`; default 1.2. */
  minVersion?: '1.2' | '1.3' | undefined
  /** Default 1.3. */
  maxVersion?: '1.2' | '1.3' | undefined
  /**
   * TLS 1.2 suites by their IANA names (`TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`). Names outside the profile are skipped;
   * none left is an error. Default: the two suites of the profile.
   */
  cipherSuites?: readonly string[] | undefined
  /** For peers beyond the platform: under TLS 1.2 also ECDSA and ChaCha20, and `cipherSuites` of any name. */
  external?: boolean | undefined
  /** Groups for the key exchange in order: `X25519`, `P256`, `P384`, `P521`, `X25519MLKEM768`. Default: OpenSSL's. */
  curves?: readonly string[] | undefined
  /** Trust the authorities of the system beside those of the files. */
  systemAuthorities?: boolean | undefined
  /** Look at the files this often; default 10 s, 0 never. */
  reloadMs?: number | undefined
  log?: Log | undefined
  clock?: Clock | undefined
}

export interface ServerTlsOptions extends TlsOptions {
  /** False: clients need no certificate. Default: they need one as soon as a CA file is given. */
  requireClientCertificate?: boolean | undefined
}

export interface ClientTlsOptions extends TlsOptions {
  /** Trust every certificate. */
  insecureSkipVerify?: boolean | undefined
}

interface ReloadingTls {
  /** Tells when the files have changed and the new ones are sound; returns how to stop that. */
  onChange(listener: () => void): () => void
  /** Looks at the files now; also done by itself while somebody listens or asks for options. */
  check(): void
  /** To be told of every peer whose handshake is over: the first with a short key that was accepted is named in a warning. */
  notePeer(socket: TLSSocket, name: string): void
}

/** Server side, always the whole set of options: a partial one would fall back to Node's defaults. */
export interface ServerTls extends ReloadingTls {
  options(): SecureContextOptions & { requestCert: boolean; rejectUnauthorized: boolean }
}

export interface ClientTls extends ReloadingTls {
  options(): SecureContextOptions
  readonly insecureSkipVerify: boolean
}

/** The original agents' profile: what their peers speak under TLS 1.2. */
const suites: Record<string, string> = {
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
}

/** OpenSSL's names for IANA's; throws when no known name is left. */
export function cipherList(names: readonly string[] | undefined): string {
  if (!names) return Object.values(suites).join(':')
  const known = names.flatMap((name) => suites[name.trim()] ?? [])
  if (known.length === 0) throw new Error('no valid ciphers provided for TLS configuration')
  return known.join(':')
}

/** Go's names too: with the hash behind ChaCha20, and those of TLS 1.3, which nobody can choose among. */
function externalCiphers(names: readonly string[] = []): string {
  const chosen = names.filter((name) => !/^TLS_(AES|CHACHA20)_/.test(name))
  const plain = chosen.map((name) => name.replace(/^(TLS_.*CHACHA20_POLY1305)_SHA256$/, '$1'))
  return plain.length > 0 ? cipherNames(plain) : externalSuites
}

/** Names of the groups that OpenSSL calls otherwise. */
const groups: Record<string, string> = { P256: 'P-256', P384: 'P-384', P521: 'P-521' }

const curveList = (names: readonly string[]) => names.map((name) => groups[name] ?? name).join(':')

/** TLS for a server. Throws when the files cannot be used (wording: docs/wire). */
export function serverTls(files: TlsFiles, options: ServerTlsOptions = {}): ServerTls {
  if (!(files.cert || files.inline?.cert) || !(files.key || files.inline?.key))
    throw new Error('failed to load keypair: a TLS server needs a certificate and its key')
  const context = newContext(files, options)
  const requireCert = options.requireClientCertificate ?? files.ca !== undefined
  return {
    ...context.reloading,
    options: () => ({ ...context.options(), requestCert: requireCert, rejectUnauthorized: requireCert }),
  }
}

/** TLS for a client; certificate and key only where the server asks for them. Without `ca`: the system's authorities. */
export function clientTls(files: TlsFiles, options: ClientTlsOptions = {}): ClientTls {
  const context = newContext(files, options)
  return {
    ...context.reloading,
    insecureSkipVerify: options.insecureSkipVerify ?? false,
    options: () => {
      context.checkIfDue()
      return context.options()
    },
  }
}

/**
 * OpenSSL's security level 1 takes keys from 1024 bits on, as Go does and older platforms have them; Node's default, level 2,
 * from 2048 bits on. What decides is the configuration, never a peer: level 1 holds where peers are judged by the CA file
 * alone, so that nobody gets in with a short key but those to whom a CA of ours gave one, and where the own key is short.
 */
const levelOne = ':@SECLEVEL=1'
const longEnough = 2048

interface Context {
  options(): SecureContextOptions
  checkIfDue(): void
  reloading: ReloadingTls
}

/** Looks at the files of contexts that somebody listens to. */
const watched = new Set<() => void>()
/** How often all were asked to look at their files. */
let asked = 0

/** Has every context of the process look at its files: those of servers now, those of clients when they are used next. */
export function rereadTlsFiles(): void {
  asked++
  for (const check of watched) check()
}

function newContext(files: TlsFiles, options: TlsOptions): Context {
  const log = options.log ?? silentLog
  const clock = options.clock ?? systemClock
  const reloadMs = options.reloadMs ?? 10_000
  const ciphers = options.external ? externalCiphers(options.cipherSuites) : cipherList(options.cipherSuites)
  const listeners = new Set<() => void>()
  // Our own key, or one of its chain, is short.
  let short = false
  let noted = false
  let timer: Timer | undefined
  let version = filesVersion(files)
  let lastCheck = clock.monotonic()
  let lastAsked = asked
  let material = loadTlsFiles(files, clock.now())

  const build = (from: TlsMaterial): SecureContextOptions => ({
    ...(from.ca && { ca: options.systemAuthorities ? [...from.ca, ...getCACertificates('system')] : from.ca }),
    ...(from.cert && { cert: from.cert, key: from.key! }),
    ...(options.curves && { ecdhCurve: curveList(options.curves) }),
    minVersion: `TLSv${options.minVersion ?? '1.2'}` as SecureVersion,
    maxVersion: `TLSv${options.maxVersion ?? '1.3'}` as SecureVersion,
    ciphers: short || (from.ca && !options.systemAuthorities) ? ciphers + levelOne : ciphers,
  })
  const warn = (whose: string, why: string) =>
    log.warn(`${whose} is shorter than ${longEnough} bits: accepted, ${why}; issue keys of ${longEnough} bits or more`)
  /** Throws when OpenSSL cannot use the pair: wrong key, not PEM. */
  const probe = (from: TlsMaterial): SecureContextOptions => {
    short = from.cert !== undefined && isShort(new X509Certificate(from.cert))
    try {
      createSecureContext(build(from))
    } catch (error) {
      if (short || !/key too small|too weak/i.test(String(error))) throw keypairError(error as Error)
      short = true
      createSecureContext(build(from))
    }
    if (short) warn(`the key of ${files.cert ?? 'cert_pem'}`, 'since it is our own')
    return build(from)
  }
  const notePeer = (socket: TLSSocket, name: string) => {
    if (noted || !socket.authorized || !isShort(socket.getPeerX509Certificate())) return
    noted = true
    warn(`the key of the certificate of ${name}`, 'since a CA of ours signed it')
  }
  const tell = () => {
    for (const listener of listeners) listener()
  }
  let current = build(material)
  current = probe(material)

  let told: string | undefined
  /** Peers that see an expired certificate only hang up: this line names the file. Once for each. */
  const tellFault = () => {
    const fault = certificateFault(files, material, clock.now())
    if (fault && fault !== told) log.error(`${fault}; new connections fail until the file is replaced`)
    told = fault
  }
  const check = () => {
    lastCheck = clock.monotonic()
    lastAsked = asked
    const seen = filesVersion(files)
    if (seen === version) return tellFault()
    // Also a bad version is remembered: it is reported once, and looked at again when it changes.
    version = seen
    try {
      const next = loadTlsFiles(files, clock.now())
      current = probe(next)
      material = next
      log.info(`TLS files reloaded: ${files.cert ?? files.ca}`)
      tell()
    } catch (error) {
      log.error(`new TLS files are not usable, the old ones stay in use: ${(error as Error).message}`)
    }
  }
  const watch = () => {
    if (reloadMs <= 0 || listeners.size === 0) return
    timer = clock.after(reloadMs, () => {
      check()
      watch()
    })
  }
  return {
    options: () => current,
    checkIfDue: () => {
      const isDue = reloadMs > 0 && clock.monotonic() - lastCheck >= reloadMs
      if (isDue || lastAsked !== asked) check()
      else tellFault()
    },
    reloading: {
      check,
      notePeer,
      onChange(listener) {
        listeners.add(listener)
        watched.add(check)
        if (listeners.size === 1) watch()
        return () => {
          listeners.delete(listener)
          if (listeners.size > 0) return
          timer?.cancel()
          watched.delete(check)
        }
      },
    },
  }
}

/** Keys of elliptic curves have no such length: those that TLS knows are long enough. */
const isShort = (certificate: X509Certificate | undefined): boolean =>
  (certificate?.publicKey.asymmetricKeyDetails?.modulusLength ?? longEnough) < longEnough

function keypairError(error: Error): Error {
  const mismatch = /key values mismatch|KEY_VALUES_MISMATCH/.test(error.message)
  const text = mismatch ? 'private key does not match the certificate' : error.message
  return new Error(`failed to load keypair: ${text}`, { cause: error })
}
