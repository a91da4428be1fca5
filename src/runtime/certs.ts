import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto'
import { isIP, isIPv4 } from 'node:net'
import { bits, bool, bytes, context, integer, nul, octets, oid, sequence, set, time, utf8 } from './der.ts'

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  cert: string
  key: string
}

export interface AuthorityOptions {
  commonName: string
  /** Default 3650. */
  days?: number
  notBefore?: Date
  /** RSA key size; default 2048. */
  bits?: number
}

export interface IssueOptions {
  commonName: string
  /** DNS alternative names; the common name is not added by itself. */
  names?: readonly string[]
  /** IP alternative names. */
  ips?: readonly string[]
  /** Default 365, counted from `notBefore`. */
  days?: number
  /** Default: an hour ago, so that clocks that disagree a little still accept it. */
  notBefore?: Date
  /** Overrides `days`. */
  notAfter?: Date
  /** RSA key size; default 2048. */
  bits?: number
  /** `ec`: a P-256 key instead of RSA. */
  keyType?: 'rsa' | 'ec'
}

const HOUR = 3_600_000
const DAY = 24 * HOUR

const SHA256_RSA = '1.2.840.113549.1.1.11'
const COMMON_NAME = '2.5.4.3'
const ext = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  alternativeNames: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
}
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

/** A self-signed certificate authority, for tests and for trying things out: its key is not protected in any way. */
export function newAuthority(options: AuthorityOptions): KeyPair {
  const { publicKey, privateKey } = newKey(options.bits ?? 2048, 'rsa')
  const notBefore = options.notBefore ?? new Date(Date.now() - HOUR)
  const cert = certificate({
    subject: options.commonName,
    issuer: options.commonName,
    publicKey,
    signer: privateKey,
    notBefore,
    notAfter: new Date(notBefore.getTime() + (options.days ?? 3650) * DAY),
    extensions: [
      extension(ext.basicConstraints, true, sequence(bool(true))),
      // keyCertSign, cRLSign
      extension(ext.keyUsage, true, bits(Buffer.from([0b0000_0110]), 1)),
      extension(ext.subjectKeyId, false, octets(keyId(publicKey))),
    ],
  })
  return { cert, key: pem(privateKey) }
}

/** A certificate for one component, good as server and as client (as Loggregator's are). */
export function issue(authority: KeyPair, options: IssueOptions): KeyPair {
  const signer = createPrivateKey(authority.key)
  const { publicKey, privateKey } = newKey(options.bits ?? 2048, options.keyType ?? 'rsa')
  const notBefore = options.notBefore ?? new Date(Date.now() - HOUR)
  const issuer = new X509Certificate(authority.cert)
  const cert = certificate({
    subject: options.commonName,
    issuer: /^CN=(.*)$/m.exec(issuer.subject)?.[1] ?? '',
    publicKey,
    signer,
    notBefore,
    notAfter: options.notAfter ?? new Date(notBefore.getTime() + (options.days ?? 365) * DAY),
    extensions: [
      extension(ext.basicConstraints, true, sequence()),
      // digitalSignature, keyEncipherment
      extension(ext.keyUsage, true, bits(Buffer.from([0b1010_0000]), 5)),
      extension(ext.extendedKeyUsage, false, sequence(oid(SERVER_AUTH), oid(CLIENT_AUTH))),
      extension(ext.subjectKeyId, false, octets(keyId(publicKey))),
      extension(ext.authorityKeyId, false, sequence(bytes(0x80, keyId(issuer.publicKey)))),
      ...alternativeNames(options),
    ],
  })
  return { cert, key: pem(privateKey) }
}

function newKey(modulusLength: number, type: 'rsa' | 'ec'): { publicKey: KeyObject; privateKey: KeyObject } {
  return type === 'ec'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('rsa', { modulusLength })
}

const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString()

interface Contents {
  subject: string
  issuer: string
  publicKey: KeyObject
  signer: KeyObject
  notBefore: Date
  notAfter: Date
  extensions: Buffer[]
}

/** X.509 version 3 (RFC 5280, section 4.1). */
function certificate(contents: Contents): string {
  const algorithm = sequence(oid(SHA256_RSA), nul)
  const serial = randomBytes(16)
  // Positive and of full length.
  serial[0] = (serial[0]! & 0x7f) | 0x40
  const body = sequence(
    context(0, integer(Buffer.from([2]))),
    integer(serial),
    algorithm,
    name(contents.issuer),
    sequence(time(contents.notBefore), time(contents.notAfter)),
    name(contents.subject),
    contents.publicKey.export({ type: 'spki', format: 'der' }),
    context(3, sequence(...contents.extensions)),
  )
  const signature = sign('sha256', body, contents.signer)
  const der = sequence(body, algorithm, bits(signature, 0))
  const lines = der.toString('base64').match(/.{1,64}/g)!
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

/** Names a key in its own certificate and in those it signs; any digest will do (RFC 5280, section 4.2.1.2). */
const keyId = (key: KeyObject): Buffer =>
  createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()

const name = (commonName: string): Buffer => sequence(set(sequence(oid(COMMON_NAME), utf8(commonName))))

const extension = (id: string, critical: boolean, value: Buffer): Buffer =>
  critical ? sequence(oid(id), bool(true), octets(value)) : sequence(oid(id), octets(value))

function alternativeNames({ names = [], ips = [] }: IssueOptions): Buffer[] {
  const list = [
    ...names.map((dns) => bytes(0x82, Buffer.from(dns, 'latin1'))),
    ...ips.map((ip) => bytes(0x87, ipBytes(ip))),
  ]
  return list.length === 0 ? [] : [extension(ext.alternativeNames, false, sequence(...list))]
}

/** 4 or 16 bytes of an IP address. */
function ipBytes(ip: string): Buffer {
  if (!isIP(ip)) throw new Error(`expected an IP address, got ${JSON.stringify(ip)}`)
  if (isIPv4(ip)) return Buffer.from(ip.split('.').map(Number))
  const [head = '', tail] = ip.split('::')
  const groups = (text: string) => (text ? text.split(':').map((group) => Number.parseInt(group, 16)) : [])
  const front = groups(head)
  const back = tail === undefined ? [] : groups(tail)
  const all = [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back]
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]))
}
