import type { TLSSocket } from 'node:tls'

/** A word for code and one sentence for people. */
export interface DialFailure {
  readonly code: string
  readonly text: string
}

const network: Record<string, [code: string, text: string]> = {
  ECONNREFUSED: ['refused', 'connection refused: nobody listens there'],
  EHOSTUNREACH: ['unreachable', 'no route to that host'],
  ENETUNREACH: ['unreachable', 'no route to that network'],
  EACCES: ['unreachable', 'the system does not permit that connection'],
  ETIMEDOUT: ['timeout', 'no answer'],
  ECONNRESET: ['closed', 'the peer cut the connection'],
  EPIPE: ['closed', 'the peer cut the connection'],
  EMFILE: ['no_sockets', 'this process has no file descriptor left'],
  EADDRNOTAVAIL: ['no_sockets', 'this machine has no port left for it'],
}

/** Why a TCP connection did not come about. */
export function networkFailure(error: Error, where: string): DialFailure {
  const name = (error as NodeJS.ErrnoException).code ?? ''
  const [code, text] = network[name] ?? ['other', error.message || name]
  return { code, text: `${where}: ${text}` }
}

/** What OpenSSL says while shaking hands; the first pattern that matches counts. */
const handshake: [pattern: RegExp, code: string, text: string][] = [
  [/ALERT_CERTIFICATE_REQUIRED/, 'client_certificate', 'the peer requires a client certificate'],
  [/ALERT_CERTIFICATE_EXPIRED/, 'client_certificate', 'the peer refused our client certificate: it has expired'],
  [/ALERT_UNKNOWN_CA/, 'client_certificate', 'the peer refused our client certificate: it does not know who signed it'],
  [/ALERT_[A-Z_]*CERTIFICATE/, 'client_certificate', 'the peer refused our client certificate'],
  [
    /WRONG_VERSION_NUMBER|PACKET_LENGTH|UNEXPECTED_MESSAGE|BAD_RECORD_TYPE|HTTP_REQUEST/,
    'not_tls',
    'the peer does not speak TLS on this port',
  ],
  [/UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION/, 'version', 'the peer speaks no TLS version that we accept (1.2 or 1.3)'],
  [
    /HANDSHAKE_FAILURE|NO_SHARED_CIPHER|INSUFFICIENT_SECURITY/,
    'cipher',
    'the peer ended the handshake: no cipher suite in common, or it requires a client certificate',
  ],
  [/NO_APPLICATION_PROTOCOL/, 'alpn', 'the peer does not speak the protocol that was asked for (ALPN)'],
  [/KEY_TOO_SMALL|TOO_WEAK|MD_TOO_WEAK/i, 'weak', 'a key or signature of its certificate is too weak'],
  [
    /ECONNRESET|EPIPE|socket hang up|disconnected before secure/,
    'closed',
    'the peer cut the connection during the TLS handshake',
  ],
]

/** Why a TLS handshake came to nothing. */
export function tlsFailure(error: Error, where: string): DialFailure {
  const subject = `${(error as NodeJS.ErrnoException).code ?? ''} ${error.message}`
  const found = handshake.find(([pattern]) => pattern.test(subject))
  if (found) return { code: found[1], text: `${where}: ${found[2]}` }
  return networkFailure(error, where)
}

const unknownCa = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
])

/** Why the peer's certificate is not accepted; `unknown_ca` means that another authority may know it. */
export function certificateRefusal(socket: TLSSocket, name: string): DialFailure {
  const verdict = socket.authorizationError as unknown
  const code = verdict instanceof Error ? ((verdict as NodeJS.ErrnoException).code ?? verdict.message) : String(verdict)
  const certificate = socket.getPeerCertificate()
  if (code === 'CERT_HAS_EXPIRED')
    return { code: 'expired', text: `the certificate of ${name} expired on ${isoDate(certificate.valid_to)}` }
  if (code === 'CERT_NOT_YET_VALID')
    return {
      code: 'not_yet_valid',
      text: `the certificate of ${name} is not valid before ${isoDate(certificate.valid_from)}`,
    }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const names = namesOf(certificate)
    const whose = names
      ? `is for [${names}], not for ${name}`
      : `of ${name} has no alternative names, and its common name does not count`
    return { code: 'wrong_name', text: `the certificate ${whose}` }
  }
  if (code === 'DEPTH_ZERO_SELF_SIGNED_CERT')
    return { code: 'unknown_ca', text: `the certificate of ${name} is self-signed and not one that we trust` }
  if (unknownCa.has(code))
    return {
      code: 'unknown_ca',
      text: `the certificate of ${name} is signed by ${issuerOf(certificate)}, which we do not trust`,
    }
  // OpenSSL's verdict on keys and signatures; Node has no name for it.
  if (code === 'UNSPECIFIED' || /TOO_SMALL|TOO_WEAK/.test(code))
    return {
      code: 'weak',
      text: `a key or signature of the certificate of ${name} is too weak (RSA keys need 2048 bits)`,
    }
  return { code: 'certificate', text: `the certificate of ${name} is not accepted: ${code}` }
}

const isoDate = (text: string | undefined) => {
  const time = Date.parse(text ?? '')
  return Number.isNaN(time) ? String(text) : new Date(time).toISOString().replace('.000Z', 'Z')
}

const issuerOf = (certificate: { issuer?: { CN?: string | string[] } }) =>
  certificate.issuer?.CN ? `"${certificate.issuer.CN}"` : 'an issuer without a name'

const namesOf = (certificate: { subjectaltname?: string }) =>
  certificate.subjectaltname?.replace(/DNS:|IP Address:/g, '')
