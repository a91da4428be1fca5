import type { Component, Host, Secret } from '../../plugin.ts'
import type { Authenticator, RequestHeaders } from '../authenticator.ts'
import { isSameSecret } from '../same-secret.ts'
import { newWatchedText } from '../watched-text.ts'

export interface BearerAuthConfig {
  readonly header: string
  readonly scheme: string
  readonly token?: Secret | undefined
  readonly tokens: readonly Secret[]
  readonly filename?: string | undefined
}

type Both = Component & Required<Authenticator>

/** Fault texts are those of the Collector's extension. */
export function newBearerAuth(config: BearerAuthConfig, host: Host): Both {
  const name = config.header.toLowerCase()
  const asShown = (token: string) => (config.scheme === '' ? token : `${config.scheme} ${token}`)
  const written = [...(config.token ? [config.token] : []), ...config.tokens].map((token) => asShown(token.reveal()))
  let values = () => written

  const fromFile = (file: string) =>
    newWatchedText(file, host, (content) => {
      const tokens = content.split(/\r?\n/).map((line) => line.trim())
      const found = tokens.filter((token) => token !== '').map(asShown)
      if (found.length === 0) throw new Error('there is no token in it')
      return found
    })
  return {
    async start() {
      if (!config.filename) return
      try {
        values = fromFile(config.filename)
      } catch (error) {
        throw new Error(`failed to read token file ${config.filename}: ${(error as Error).message}`, { cause: error })
      }
    },
    stop: () => Promise.resolve(),
    authenticate(headers: RequestHeaders) {
      const given = headers[name]
      const value = typeof given === 'string' ? given : given?.[0]
      if (!value) return `missing or empty authorization header: ${config.header}`
      // All of them are compared, so that the time says nothing.
      const matches = values().filter((expected) => isSameSecret(expected, value))
      return matches.length > 0 || 'provided authorization does not match expected scheme or token'
    },
    headers: () => ({ [name]: values()[0]! }),
  }
}
