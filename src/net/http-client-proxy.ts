import { BlockList, isIP } from 'node:net'

/** A proxy, and the `Proxy-Authorization` that its URL holds. */
export interface HttpProxy {
  readonly url: URL
  readonly authorization: string | undefined
}

/**
 * `http://user:password@proxy:3128`, `https://proxy`, `proxy:3128`. Throws on anything else; the text may hold a password,
 * so it is not repeated.
 */
export function parseProxy(text: string): HttpProxy {
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  const url = URL.canParse(full) ? new URL(full) : undefined
  if (!url?.hostname) throw new Error('the proxy is no URL: write "http://host:port"')
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new Error(`a proxy that speaks ${url.protocol.slice(0, -1)} is not supported: http and https are`)
  }
  return { url, authorization: basicAuthorization(url) }
}

/** The `Authorization` for the user and password of a URL; undefined without any. */
export function basicAuthorization({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined
  const plain = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return `Basic ${Buffer.from(plain).toString('base64')}`
}

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * The proxy that HTTPS_PROXY or HTTP_PROXY name for `target`, unless NO_PROXY excepts it; names in capitals count first, as
 * in Go. This machine itself is never reached through a proxy. Throws when the variable is no URL.
 */
export function proxyFromEnvironment(target: URL, environment: Environment = process.env): HttpProxy | undefined {
  const read = (name: string) => environment[name] || environment[name.toLowerCase()] || ''
  const name = target.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY'
  const written = read(name)
  if (written === '' || isOwnMachine(hostOf(target)) || isExcepted(target, read('NO_PROXY'))) return undefined
  try {
    return parseProxy(written)
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}`, { cause: error })
  }
}

/** The host of a URL, IPv6 without brackets. */
export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '')

/** The port of a URL, that of its scheme where none is written. */
export const portOf = ({ port, protocol }: URL): number => (port ? Number(port) : protocol === 'https:' ? 443 : 80)

const isOwnMachine = (host: string) => host === 'localhost' || /^127\.\d+\.\d+\.\d+$/.test(host) || host === '::1'

/** NO_PROXY as Go reads it: `*`, `10.0.0.0/8`, `10.1.2.3`, `example.com` (with subdomains), `.example.com`, each with `:port`. */
function isExcepted(target: URL, list: string): boolean {
  const host = hostOf(target).toLowerCase()
  const port = String(portOf(target))
  return list
    .toLowerCase()
    .split(',')
    .map((entry) => entry.trim())
    .some((entry) => entry !== '' && excepts(entry, host, port))
}

function excepts(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true
  if (entry.includes('/')) return inRange(entry, host)
  const match = /^(?:\[(.+)\]|([^:]*))(?::(\d+))?$/.exec(entry)
  const name = match ? (match[1] ?? match[2]!) : entry
  if (match?.[3] !== undefined && match[3] !== port) return false
  if (isIP(name)) return name === host
  const suffix = name.replace(/^\*\./, '.')
  return suffix.startsWith('.') ? host.endsWith(suffix) : host === suffix || host.endsWith(`.${suffix}`)
}

function inRange(entry: string, host: string): boolean {
  const [network = '', bits = ''] = entry.split('/')
  const family = isIP(network)
  if (family === 0 || isIP(host) !== family || !/^\d{1,3}$/.test(bits)) return false
  const type = family === 6 ? 'ipv6' : 'ipv4'
  if (Number(bits) > (family === 6 ? 128 : 32)) return false
  const range = new BlockList()
  range.addSubnet(network, Number(bits), type)
  return range.check(host, type)
}
