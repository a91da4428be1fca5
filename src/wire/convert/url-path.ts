import { isIPv6 } from 'node:net'

/**
 * The decoded path of a URL reference as Go's net/url finds it, as bytes in latin1 (the input is one character per byte
 * too), or undefined where Go's parser refuses the text. A URL without `/` behind its scheme has the path ''.
 */
export function urlPath(text: string): string | undefined {
  const hash = text.indexOf('#')
  const url = hash < 0 ? text : text.slice(0, hash)
  if (/[\x00-\x1f\x7f]/.test(url)) return undefined
  if (hash >= 0 && percentDecoded(text.slice(hash + 1)) === undefined) return undefined
  if (url === '*') return '*'
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:/.exec(url)?.[0] ?? ''
  if (scheme === '' && url.startsWith(':')) return undefined
  const [rest = ''] = url.slice(scheme.length).split('?', 1)
  if (!rest.startsWith('/')) {
    if (scheme !== '') return ''
    return rest.split('/', 1)[0]!.includes(':') ? undefined : percentDecoded(rest)
  }
  if (!rest.startsWith('//') || (scheme === '' && rest.startsWith('///'))) return percentDecoded(rest)
  const slash = rest.indexOf('/', 2)
  const authority = slash < 0 ? rest.slice(2) : rest.slice(2, slash)
  return isAuthority(authority) ? percentDecoded(slash < 0 ? '' : rest.slice(slash)) : undefined
}

function isAuthority(authority: string): boolean {
  const at = authority.lastIndexOf('@')
  if (at < 0) return isHost(authority)
  const user = authority.slice(0, at)
  return (
    /^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(user) &&
    percentDecoded(user) !== undefined &&
    isHost(authority.slice(at + 1))
  )
}

function isHost(host: string): boolean {
  if (host.startsWith('[')) {
    const literal = /^\[([^\]]*)\](?::\d*)?$/.exec(host)?.[1]
    if (literal === undefined) return false
    const zone = literal.indexOf('%25')
    return isIPv6(zone < 0 ? literal : literal.slice(0, zone)) && percentDecoded(literal) !== undefined
  }
  // No byte of ASCII but these, no escape of ASCII, and one colon, before the port.
  if (!/^(?:[A-Za-z0-9\-_.~!$&'()*+,;=<>"\x80-\xff]|%[89A-Fa-f][0-9A-Fa-f])*(?::\d*)?$/.test(host)) return false
  return true
}

/** Replaces %xx by the byte; undefined when a percent sign is not followed by two digits. */
function percentDecoded(text: string): string | undefined {
  if (!text.includes('%')) return text
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return undefined
  return text.replace(/%(..)/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
}
