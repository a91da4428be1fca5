import type { Socket } from 'node:net'
import type { PeerCertificate, TLSSocket } from 'node:tls'
import { formatAddress, plainHost } from './address.ts'
import type { PeerOrigin } from './grpc-types.ts'

/** Address and verified subject of a connection. */
export function originOf(socket: TLSSocket): PeerOrigin {
  const certificate = socket.encrypted ? socket.getPeerCertificate() : undefined
  return Object.freeze({
    address: plainHost(socket.remoteAddress ?? ''),
    port: socket.remotePort ?? 0,
    subject: certificate && subjectOf(certificate),
  })
}

function subjectOf(certificate: PeerCertificate): string | undefined {
  const name = certificate.subject?.CN
  if (name) return Array.isArray(name) ? name[0] : name
  return /DNS:([^,]+)/.exec(certificate.subjectaltname ?? '')?.[1]
}

/** The TCP socket below a TLS socket. Node keeps it in a field without a public name. */
export function parentOf(socket: Socket): Socket {
  return ((socket as { _parent?: unknown })._parent as Socket | undefined) ?? socket
}

/** `10.0.0.7:51234`, for logs. */
export const peerOf = (socket: Socket): string =>
  socket.remoteAddress ? formatAddress({ host: socket.remoteAddress, port: socket.remotePort ?? 0 }) : 'a client'
