import type { TLSSocket } from 'node:tls'
import type { HandshakeFailure } from './grpc-types.ts'

/** OpenSSL's verdicts and alerts, as causes. `alert` means: the peer said so about our certificate. */
const causes: [pattern: RegExp, reason: HandshakeFailure, text: string][] = [
  [/PEER_DID_NOT_RETURN_A_CERTIFICATE/, 'no_certificate', 'it sent no certificate, and one is required'],
  [/CERT_HAS_EXPIRED/, 'expired', 'its certificate has expired'],
  [/CERT_NOT_YET_VALID/, 'not_yet_valid', 'its certificate is not valid yet (is a clock wrong?)'],
  // Node has no name for this verdict, and the certificate is gone by now.
  [/^UNSPECIFIED$/, 'weak_key', 'its certificate was refused, most likely because its key is too short'],
  [
    /SELF_SIGNED|UNABLE_TO_(?:GET_ISSUER|VERIFY_LEAF)|CERT_UNTRUSTED|CERT_SIGNATURE_FAILURE|INVALID_CA|INVALID_PURPOSE/,
    'unknown_ca',
    'its certificate is not signed by a CA of our CA file',
  ],
  [/HTTP_REQUEST/, 'not_tls', 'it spoke plain HTTP'],
  [
    /WRONG_VERSION_NUMBER|UNEXPECTED_MESSAGE|PACKET_LENGTH|BAD_RECORD|UNKNOWN_PROTOCOL/i,
    'not_tls',
    'it did not speak TLS',
  ],
  [/NO_APPLICATION_PROTOCOL/, 'no_alpn', 'it did not offer HTTP/2 (ALPN h2)'],
  [/HANDSHAKE_TIMEOUT/, 'timeout', 'it did not finish in time'],
  [/ALERT_CERTIFICATE_EXPIRED/, 'other', 'it refused our certificate: expired'],
  [/ALERT_UNKNOWN_CA/, 'other', 'it refused our certificate: signed by a CA that it does not know'],
  [/ALERT_(?:BAD|UNSUPPORTED)_CERTIFICATE|ALERT_CERTIFICATE/, 'other', 'it refused our certificate'],
  [
    /NO_SHARED_CIPHER|UNSUPPORTED_PROTOCOL|ALERT_(?:HANDSHAKE|PROTOCOL_VERSION)/,
    'other',
    'no TLS version or cipher suite in common',
  ],
  [/ECONNRESET|EPIPE|socket hang up/, 'cut', 'it left during the handshake'],
]

/** Names the cause of a failed handshake at the server in a word for counters and in a sentence for people. */
export function handshakeFailure(error: Error, socket: TLSSocket): { reason: HandshakeFailure; text: string } {
  // A refused certificate shows as a reset; the verdict is kept beside it.
  const verdict = socket.authorizationError as unknown
  const verdictText = verdict instanceof Error ? `${verdict.message}` : verdict ? String(verdict) : ''
  const code = `${(error as NodeJS.ErrnoException).code ?? ''} ${error.message}`
  for (const subject of verdictText ? [verdictText, code] : [code])
    for (const [pattern, reason, text] of causes) if (pattern.test(subject)) return { reason, text }
  return { reason: 'other', text: verdictText || error.message }
}
