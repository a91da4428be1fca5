import type { Component, Host, Secret } from '../../plugin.ts'
import type { Authenticator } from '../authenticator.ts'
import { newWatchedText } from '../watched-text.ts'
import { type HtpasswdConfig, newHtpasswdServer } from './htpasswd-server.ts'

interface ClientConfig {
  readonly username?: string | undefined
  readonly password?: Secret | undefined
  readonly username_file?: string | undefined
  readonly password_file?: string | undefined
}

export interface BasicAuthConfig {
  readonly htpasswd?: HtpasswdConfig | undefined
  readonly client_auth?: ClientConfig | undefined
}

/** A server's or a client's authenticator, as configured. */
export function newBasicAuth(config: BasicAuthConfig, host: Host): Component & Authenticator {
  const { htpasswd, client_auth } = config
  return htpasswd ? newHtpasswdServer(htpasswd, host) : newClient(client_auth ?? {}, host)
}

function newClient(config: ClientConfig, host: Host): Component & Authenticator {
  let user = () => config.username ?? ''
  let password = () => config.password?.reveal() ?? ''
  const trimmed = (text: string) => text.trim()
  return {
    async start() {
      if (config.username_file) user = newWatchedText(config.username_file, host, trimmed)
      if (config.password_file) password = newWatchedText(config.password_file, host, trimmed)
    },
    stop: () => Promise.resolve(),
    headers: () => ({ authorization: `Basic ${Buffer.from(`${user()}:${password()}`).toString('base64')}` }),
  }
}
