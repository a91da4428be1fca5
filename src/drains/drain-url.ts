import { type DrainParameters, readDrainParameters } from './drain-parameters.ts'
import { cleanText, type UrlParts, urlParts } from './url-parts.ts'

export type DrainScheme = 'syslog' | 'syslog-tls' | 'https' | 'https-batch'

/** A drain URL that was understood. */
export interface DrainUrl {
  /** As it was written, secrets included: never for a message. */
  readonly text: string
  readonly scheme: DrainScheme
  /** A name or an address, IPv6 without brackets. */
  readonly host: string
  readonly port: number
  /** Path and query for HTTP, unchanged: `/p?drain-data=all`. */
  readonly target: string
  /** The URL without user, password and query: for messages and labels. */
  readonly clean: string
  /** The value of the Authorization header when the URL names a user (percent-decoded). */
  readonly authorization?: string
  readonly parameters: DrainParameters
}

export type UrlFault = 'unparsable' | 'scheme' | 'no_host' | 'port' | 'log_types'

/** Why a drain URL is not usable. `message` is for its owner, byte for byte as the original words it. */
export interface DrainFault<F extends string = UrlFault> {
  readonly fault: F
  readonly message: string
  /** Empty when the URL cannot be parsed. */
  readonly clean: string
}

export interface DrainDefaults {
  /** Whether tags are written when the URL does not say. */
  defaultMetadata: boolean
}

/** Ports where the URL has none. The original accepts such syslog URLs and never connects. */
const defaultPorts: Record<DrainScheme, number> = { syslog: 514, 'syslog-tls': 6514, https: 443, 'https-batch': 443 }

export const drainSchemes = Object.keys(defaultPorts) as DrainScheme[]

/** True for what is wrong with a drain, whoever found it. */
export const isDrainFault = (value: object): value is DrainFault<string> => 'fault' in value

/** Reads `syslog-tls://user:pw@drain.example:6514/path?drain-data=all`. Never throws. */
export function parseDrainUrl(text: string, { defaultMetadata }: DrainDefaults): DrainUrl | DrainFault {
  const parts = urlParts(text)
  if (!parts) return { fault: 'unparsable', message: 'Cannot parse syslog drain URL.', clean: '' }
  const clean = cleanText(parts)
  const fault = (fault: UrlFault, message: string): DrainFault => ({ fault, message, clean })
  const scheme = drainSchemes.find((known) => known === parts.scheme)
  if (!scheme) return fault('scheme', `Invalid Scheme ${parts.scheme} for syslog drain url ${clean}`)
  if (parts.host === '') return fault('no_host', `No hostname found in syslog drain url ${clean}`)
  const port = parts.port === '' ? defaultPorts[scheme] : Number(parts.port)
  if (port < 1 || port > 65_535) return fault('port', `Invalid port ${parts.port} in syslog drain url ${clean}`)
  const parameters = readDrainParameters(parts.query, defaultMetadata)
  if (parameters === 'conflict')
    return fault(
      'log_types',
      `include-log-types and exclude-log-types can not be used at the same time in syslog drain url ${clean}`,
    )
  const authorization = basicAuth(parts)
  return {
    text,
    scheme,
    host: parts.host,
    port,
    target: targetOf(parts),
    clean,
    ...(authorization && { authorization }),
    parameters,
  }
}

function basicAuth({ user, password }: UrlParts): string | undefined {
  return user ? `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` : undefined
}

/** A request line holds visible ASCII alone; everything else of path and query stays as it was written. */
function targetOf({ path, query }: UrlParts): string {
  const target = `${path || '/'}${query && `?${query}`}`
  return target.replace(/[^\x21-\x7e]+/gu, (text) => encodeURIComponent(text.toWellFormed()))
}
