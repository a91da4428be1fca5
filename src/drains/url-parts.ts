/** The parts of a URL, split by the rules of the original's parser (Go, net/url): laxer than a browser's. */
export interface UrlParts {
  /** Lower case, without the colon. */
  readonly scheme: string
  /** Percent-decoded; undefined without an `@`. */
  readonly user: string | undefined
  readonly password: string
  /** IPv6 without its brackets. */
  readonly host: string
  /** Digits, or empty. */
  readonly port: string
  /** As written, escapes included. */
  readonly path: string
  /** As written, without the `?`. */
  readonly query: string
  /** With its `#`, or empty. */
  readonly fragment: string
  /** Host and port as they were written, after the user: `[::1]:514`. */
  readonly authority: string
  /** True when the URL has the `//` of an authority. */
  readonly slashes: boolean
}

const badEscape = /%(?![0-9A-Fa-f]{2})/
const controls = /[\x00-\x1f\x7f]/
const userinfo = /^[-\w.:~!$&'()*+,;=%@]*$/
const hostText = /^[-\w.~!$&'()*+,;=:[\]<>"\u0080-\uffff]*$/

/** Undefined when the text is no URL. */
export function urlParts(text: string): UrlParts | undefined {
  if (controls.test(text)) return undefined
  const hash = text.indexOf('#')
  const whole = hash < 0 ? text : text.slice(0, hash)
  const fragment = hash < 0 ? '' : text.slice(hash)
  const [, scheme = '', rest = ''] = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(.*)$/s.exec(whole)!
  const mark = rest.indexOf('?')
  const query = mark < 0 ? '' : rest.slice(mark + 1)
  const before = mark < 0 ? rest : rest.slice(0, mark)
  // Without a scheme a colon in front of the first slash is a mistake, not a path.
  if (!scheme && /^[^/]*:/.test(before)) return undefined
  const slashes = before.startsWith('//')
  const end = slashes ? before.indexOf('/', 2) : 0
  const authority = slashes ? before.slice(2, end < 0 ? undefined : end) : ''
  const path = end < 0 ? '' : before.slice(end)
  if (badEscape.test(path) || badEscape.test(fragment)) return undefined
  const split = authorityParts(authority)
  return split && { scheme: scheme.toLowerCase(), ...split, path, query, fragment, slashes }
}

function authorityParts(text: string): Pick<UrlParts, 'user' | 'password' | 'host' | 'port' | 'authority'> | undefined {
  const at = text.lastIndexOf('@')
  const authority = text.slice(at + 1)
  const [user, password] = at < 0 ? [undefined, ''] : userParts(text.slice(0, at))
  if (at >= 0 && (user === undefined || password === undefined)) return undefined
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d*))?$/.exec(authority)
  if (!match) return undefined
  const host = match[1] ?? unescaped(match[2]!)
  if (host === undefined || !hostText.test(host)) return undefined
  return { user, password: password ?? '', host, port: match[3] ?? '', authority }
}

function userParts(text: string): [string | undefined, string | undefined] {
  if (!userinfo.test(text)) return [undefined, undefined]
  const colon = text.indexOf(':')
  if (colon < 0) return [unescaped(text), '']
  return [unescaped(text.slice(0, colon)), unescaped(text.slice(colon + 1))]
}

function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** The URL without user, password and query: what may be shown. */
export function cleanText({ scheme, authority, path, fragment, slashes }: UrlParts): string {
  const head = scheme && `${scheme}:`
  // Without slashes everything is path, and a password may be in it: `https:user:secret@host`.
  if (!slashes) return `${head}${path.slice(path.lastIndexOf('@') + 1)}${fragment}`
  return `${head}//${authority}${path}${fragment}`
}
