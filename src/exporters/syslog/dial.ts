import { connect, type Socket } from 'node:net'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import type { Address } from '../../net/address.ts'
import { networkFailure } from '../../net/dial-failures.ts'
import { newResolver } from '../../net/resolver.ts'
import { dialTcp } from '../../net/tcp-dial.ts'
import type { ClientTls } from '../../net/tls.ts'
import type { Trust } from '../../net/tls-contexts.ts'
import { clientTlsFrom } from '../../net/tls-settings.ts'
import type { Host } from '../../plugin.ts'
import type { SyslogConfig } from './config.ts'

/** Opens a stream to the peer; rejects with an error whose message is a sentence. */
export type Dial = (signal: AbortSignal) => Promise<Socket>

/** By TCP or TLS. Throws when the certificates of the settings cannot be used. */
export function tcpDial({ host, port }: Address, config: SyslogConfig, use: Host): Dial {
  const { clock } = use
  const timeoutMs = config.timeout || 60_000
  const tls = clientTlsFrom(config.tls, use)
  const trust = tls && trustOf(tls)
  const resolver = newResolver({ timeoutMs, clock })
  return (signal) =>
    dialTcp({
      host,
      port,
      resolver,
      timeoutMs,
      keepAliveMs: config.keepalive,
      clock,
      signal,
      ...(trust && { tls: { trust, serverName: config.tls.server_name_override, awaitsVerdict: true } }),
    })
}

/** The contexts of a client's certificates, made anew when their files have changed. */
function trustOf(tls: ClientTls): Trust {
  let made: { from: SecureContextOptions; context: SecureContext } | undefined
  return {
    size: 1,
    first: 0,
    insecureSkipVerify: tls.insecureSkipVerify,
    context() {
      const from = tls.options()
      if (made?.from !== from) made = { from, context: createSecureContext(from) }
      return made.context
    },
  }
}

/** By a local stream socket. */
export function unixDial(path: string): Dial {
  return (signal) =>
    new Promise((resolve, reject) => {
      const socket = connect({ path, signal })
      socket.once('connect', () => resolve(socket))
      socket.on('error', (error) => reject(new Error(networkFailure(error, path).text, { cause: error })))
    })
}
