import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

/** Whether the agent goes by a name, without port. */
export type OwnName = (name: string) => boolean

/**
 * Why a request is not answered; undefined when it is. A browser that was lured to us by a name of somebody else says so
 * in `Host`, a page of another site in `Origin`.
 */
export function turnedAway({ headers }: Pick<IncomingMessage, 'headers'>, isOwn: OwnName): string | undefined {
  const host = nameOf(headers.host ?? '')
  if (host === undefined || !isOwn(host)) return 'the request is meant for another host'
  const { origin } = headers
  if (origin === undefined) return undefined
  const from = URL.canParse(origin) ? new URL(origin).host : ''
  return from === headers.host ? undefined : 'the request comes from the page of another site'
}

/** `agent.example` of `agent.example:8443`, `::1` of `[::1]:8443`. */
function nameOf(host: string): string | undefined {
  if (host.length > 255) return undefined
  const [, six, name] = /^(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+))(?::\d{1,5})?$/.exec(host) ?? []
  return (six ?? name)?.toLowerCase()
}

/** Of a local socket, which no browser reaches. */
export const isLocalName: OwnName = (name) => name === 'localhost' || name === 'tailrace'

/** Of a port: addresses, localhost, and the names in the own certificate. */
export const isNameOf =
  (certificate: () => { checkHost(name: string): string | undefined } | undefined): OwnName =>
  (name) =>
    name === 'localhost' || isIP(name) !== 0 || certificate()?.checkHost(name) !== undefined
