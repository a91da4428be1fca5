import { checkServerIdentity, type PeerCertificate } from 'node:tls'

/**
 * Why a server's certificate is not valid for `name`, a host name or an IP; undefined when it is. Only alternative names
 * count, as for every Go peer: Node alone would take the common name where there is no alternative DNS name.
 */
export function serverIdentityError(name: string, certificate: PeerCertificate): Error | undefined {
  const { CN: _unread, ...subject } = certificate.subject ?? {}
  return checkServerIdentity(name, { ...certificate, subject } as PeerCertificate)
}
