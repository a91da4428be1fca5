import { createHash } from 'node:crypto'
import type { Component, Host, Secret } from '../../plugin.ts'
import type { Authenticator, RequestHeaders } from '../authenticator.ts'
import { newWatchedText } from '../watched-text.ts'
import { parseHtpasswd, type Users } from './htpasswd.ts'

export interface BasicAuthConfig {
  readonly htpasswd?: { readonly file?: string | undefined; readonly inline?: Secret | undefined } | undefined
  readonly client_auth?:
    | {
        readonly username?: string | undefined
        readonly password?: Secret | undefined
        readonly username_file?: string | undefined
        readonly password_file?: string | undefined
      }
    | undefined
}

/** Digests of credentials that are kept. */
const mostKnown = 1000

/** A server's or a client's authenticator, as configured. Fault texts are those of the Collector's extension. */
export function newBasicAuth(config: BasicAuthConfig, host: Host): Component & Authenticator {
  const { htpasswd, client_auth } = config
  return htpasswd ? newServer(htpasswd, host) : newClient(client_auth ?? {}, host)
}

function newServer(config: NonNullable<BasicAuthConfig['htpasswd']>, host: Host): Component & Authenticator {
  const parse = (text: string) => {
    const { users, unusable } = parseHtpasswd(text)
    for (const line of unusable) host.log.warn(`htpasswd: ${line}: this user cannot come in`)
    return users
  }
  const none: Users = new Map()
  let fromFile = () => none
  let inline = none
  // Some hashes take milliseconds on purpose: who came in once is known by a digest, until the file changes.
  let known = new Set<string>()
  let knownFrom = none
  const remember = (digest: string) => {
    if (known.size >= mostKnown) known.clear()
    known.add(digest)
  }
  return {
    async start() {
      if (config.inline) inline = parse(config.inline.reveal())
      if (config.file) fromFile = newWatchedText(config.file, host, parse)
      if (inline.size + fromFile().size === 0) throw new Error('htpasswd names no user that could come in')
    },
    stop: () => Promise.resolve(),
    authenticate(headers: RequestHeaders) {
      const given = headers.authorization
      const value = typeof given === 'string' ? given : given?.[0]
      if (!value) return 'no basic auth provided'
      if (!/^basic /i.test(value)) return 'invalid authorization scheme prefix'
      const pair = Buffer.from(value.slice(6).trim(), 'base64').toString()
      const colon = pair.indexOf(':')
      if (colon < 0) return 'invalid authorization format'
      const users = fromFile()
      if (users !== knownFrom) {
        known = new Set()
        knownFrom = users
      }
      const digest = createHash('sha256').update(pair).digest('base64')
      if (known.has(digest)) return true
      const user = pair.slice(0, colon)
      const matches = inline.get(user) ?? users.get(user)
      if (!matches?.(pair.slice(colon + 1))) return 'invalid credentials'
      remember(digest)
      return true
    },
  }
}

function newClient(config: NonNullable<BasicAuthConfig['client_auth']>, host: Host): Component & Authenticator {
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
