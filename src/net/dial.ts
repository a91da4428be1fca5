import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type DetailedPeerCertificate, type TLSSocket } from 'node:tls'
import type { Clock } from '../runtime/clock.ts'
import { type Address, formatAddress } from './address.ts'
import type { ClientTls } from './tls.ts'
import { serverIdentityError } from './tls-identity.ts'

export interface DialOptions {
  address: Address
  /** Without it: plain TCP. */
  tls?: ClientTls | undefined
  /** The name that the peer's certificate must carry; default: the host. */
  serverName?: string | undefined
  /** Protocols to offer; with a list, the peer must choose one of them. */
  alpn?: readonly string[] | undefined
  /** Protocols to offer of which the peer need not choose one. */
  offers?: readonly string[] | undefined
  /** Speak TLS over this connection, which a proxy has made to the address, instead of opening one. */
  over?: Socket | undefined
  timeoutMs: number
  clock: Clock
}

/** As in Go: a peer whose machine died is noticed even where gRPC sends no pings. */
const TCP_KEEPALIVE_MS = 15_000

/** A connection under way. Exactly one of the callbacks comes, once, unless `cancel` was called. */
export interface Dialling {
  cancel(): void
}

/** Opens a TCP or TLS connection; every failure is one plain sentence (with the cause attached). */
export function dial(
  options: DialOptions,
  onSocket: (socket: Socket) => void,
  onError: (error: Error) => void,
): Dialling {
  const where = formatAddress(options.address)
  let socket: Socket | undefined
  let over = false
  const finish = (error: Error | undefined) => {
    if (over) return
    over = true
    timer.cancel()
    if (error) {
      socket?.destroy()
      return onError(error)
    }
    onSocket(socket!)
  }
  const timer = options.clock.after(options.timeoutMs, () =>
    finish(new Error(`${where} did not answer within ${options.timeoutMs} ms`)),
  )
  try {
    socket = options.tls ? openTls(options, options.tls, finish) : openTcp(options, finish)
  } catch (error) {
    finish(dialError(error as Error, where))
  }
  socket?.on('error', (error: Error) => finish(dialError(error, where)))
  socket?.on('close', () => finish(new Error(`${where} closed the connection during the handshake`)))
  return {
    cancel() {
      over = true
      timer.cancel()
      socket?.destroy()
    },
  }
}

function openTcp({ address }: DialOptions, finish: (error: Error | undefined) => void): Socket {
  return connectTcp(
    { host: address.host, port: address.port, noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_MS },
    () => finish(undefined),
  )
}

function openTls(options: DialOptions, tls: ClientTls, finish: (error: Error | undefined) => void): TLSSocket {
  const { address } = options
  const name = options.serverName ?? address.host
  const offered = options.alpn ?? options.offers
  const socket: TLSSocket = connectTls(
    {
      ...tls.options(),
      ...(options.over ? { socket: options.over } : { host: address.host, port: address.port }),
      ...(isIP(name) ? {} : { servername: name }),
      ...(offered && { ALPNProtocols: [...offered] }),
      checkServerIdentity: (_host, certificate) => serverIdentityError(name, certificate),
      // Judged below, where the certificate is still at hand for the sentence. Nothing is written before.
      rejectUnauthorized: false,
    },
    () => finish(judge(socket, options, tls, name)),
  )
  socket.setNoDelay(true)
  socket.setKeepAlive(true, TCP_KEEPALIVE_MS)
  return socket
}

function judge(socket: TLSSocket, options: DialOptions, tls: ClientTls, name: string): Error | undefined {
  const where = formatAddress(options.address)
  if (!socket.authorized && !tls.insecureSkipVerify) {
    const error = socket.authorizationError as unknown
    const code = error instanceof Error ? error.message : String(error)
    const bits = code === 'UNSPECIFIED' ? shortestKey(socket.getPeerCertificate(true)) : undefined
    if (bits !== undefined)
      return new Error(`certificate of ${where} is not accepted: a key of ${bits} bits is too short`)
    return new Error(refusal(socket, where, name, code), { cause: error })
  }
  if (options.alpn && !options.alpn.includes(String(socket.alpnProtocol)))
    return new Error(`${where} did not agree on ${options.alpn.join(' or ')} (ALPN): is it a gRPC server?`)
  tls.notePeer(socket, where)
  return undefined
}

/** OpenSSL's verdict on short keys has no name in Node: look along the chain for the shortest below 2048 bits. */
function shortestKey(certificate: DetailedPeerCertificate): number | undefined {
  let shortest = 2048
  for (let at = certificate; at; at = at.issuerCertificate) {
    if (at.modulus) shortest = Math.min(shortest, at.bits ?? 0)
    if (at.issuerCertificate === at) break
  }
  return shortest < 2048 ? shortest : undefined
}

/** Why we do not trust the peer. */
function refusal(socket: TLSSocket, where: string, name: string, code: string): string {
  const certificate = socket.getPeerCertificate()
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return `certificate of ${where} expired on ${isoDate(certificate.valid_to)}`
    case 'CERT_NOT_YET_VALID':
      return `certificate of ${where} is not valid before ${isoDate(certificate.valid_from)} (is a clock wrong?)`
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return certificate.subjectaltname
        ? `${where} is not ${name}: its certificate is for names [${namesOf(certificate)}], not ${name}`
        : `${where} is not ${name}: its certificate has no alternative names (a common name alone does not count)`
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'CERT_SIGNATURE_FAILURE':
      return `certificate of ${where} is signed by an unknown CA (${issuerOf(certificate)}): not one of our CA file`
    default:
      return `certificate of ${where} is not accepted: ${code}`
  }
}

const isoDate = (text: string | undefined) => {
  const time = Date.parse(text ?? '')
  return Number.isNaN(time) ? String(text) : new Date(time).toISOString().replace('.000Z', 'Z')
}

const issuerOf = (certificate: { issuer?: { CN?: string | string[] } }) =>
  `issuer ${certificate.issuer?.CN ?? 'without a name'}`

const namesOf = (certificate: { subjectaltname?: string }) =>
  certificate.subjectaltname?.replace(/DNS:|IP Address:/g, '') ?? ''

/** Socket and TLS errors as sentences. */
export function dialError(error: Error, where: string): Error {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  const text = `${code} ${error.message}`
  const sentence = peerRefusal(text) ?? network[code] ?? tlsTrouble(text)
  return new Error(sentence ? `${where}: ${sentence}` : `${where}: ${error.message || code}`, { cause: error })
}

const network: Record<string, string> = {
  ECONNREFUSED: 'connection refused: nobody listens there',
  ENOTFOUND: 'the name does not resolve',
  EAI_AGAIN: 'the name does not resolve right now (DNS does not answer)',
  EHOSTUNREACH: 'no route to that host',
  ENETUNREACH: 'no route to that network',
  ETIMEDOUT: 'no answer',
  ECONNRESET: 'the peer closed the connection during the handshake; it may have refused our client certificate',
  EPIPE: 'the peer closed the connection during the handshake; it may have refused our client certificate',
}

function peerRefusal(text: string): string | undefined {
  if (/ALERT_CERTIFICATE_REQUIRED/.test(text)) return 'peer refused us: it requires a client certificate'
  if (/ALERT_CERTIFICATE_EXPIRED/.test(text)) return 'peer refused our client certificate: it has expired'
  if (/ALERT_UNKNOWN_CA/.test(text)) return 'peer refused our client certificate: signed by a CA that it does not know'
  if (/ALERT_[A-Z_]*CERTIFICATE/.test(text)) return 'peer refused our client certificate'
  return undefined
}

function tlsTrouble(text: string): string | undefined {
  if (/NO_APPLICATION_PROTOCOL/.test(text)) return 'the peer does not speak HTTP/2 (ALPN h2)'
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH/.test(text)) return 'the peer does not speak TLS'
  if (/UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION/.test(text)) return 'no TLS version in common'
  if (/ALERT_HANDSHAKE_FAILURE/.test(text))
    return 'the peer ended the handshake: it requires a client certificate, or no cipher suite is in common'
  return undefined
}
