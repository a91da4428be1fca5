/** A piece of a value: literal text, or what stands between `${` and `}`. */
export type Token = string | { reference: string }

/**
 * Cuts a value at its references, once, from left to right: `$$` is a dollar, `${...}` a reference (which may hold
 * others), anything else is itself. So `$${X}` is the text `${X}`, and `$X` stays `$X`.
 */
export function tokenise(text: string): Token[] {
  const tokens: Token[] = []
  let literal = ''
  for (let at = 0; at < text.length; ) {
    const end = text.startsWith('${', at) ? closing(text, at + 2) : -1
    if (end >= 0) {
      if (literal !== '') tokens.push(literal)
      literal = ''
      tokens.push({ reference: text.slice(at + 2, end) })
      at = end + 1
    } else {
      literal += text[at]
      at += text.startsWith('$$', at) ? 2 : 1
    }
  }
  if (literal !== '') tokens.push(literal)
  return tokens
}

/** A variable as Collectors took it before 2024, which is plain text now: `$NAME`, at the beginning of a word. */
export const oldVariable = /(^|[\s/:@=,])\$([A-Z_][A-Z0-9_]+)/

/** The brace that closes a reference, counting the braces inside; the first one when they do not add up. */
function closing(text: string, from: number): number {
  let depth = 1
  for (let at = from; at < text.length; at++) {
    if (text[at] === '{') depth++
    else if (text[at] === '}' && --depth === 0) return at
  }
  return text.indexOf('}', from)
}

/** What a reference asks for. */
export type Reference =
  | { scheme: 'env'; name: string; fallback?: string; required?: true }
  | { scheme: 'file' | 'yaml'; opaque: string }
  | { scheme: 'unknown'; name: string }

/** `env:NAME`, `NAME`, `env:NAME:-text`, `env:NAME:?` (must be set), `file:/path`, `yaml:text`. */
export function parseReference(text: string): Reference {
  const [, scheme, opaque] = /^([A-Za-z][A-Za-z0-9+.-]+):(.*)$/s.exec(text) ?? []
  if (scheme === 'file' || scheme === 'yaml') return { scheme, opaque: opaque! }
  if (scheme !== undefined && scheme !== 'env' && !opaque!.startsWith('-')) return { scheme: 'unknown', name: scheme }
  const rest = scheme === 'env' ? opaque! : text
  if (rest.endsWith(':?')) return { scheme: 'env', name: rest.slice(0, -2), required: true }
  const split = rest.indexOf(':-')
  return split < 0
    ? { scheme: 'env', name: rest }
    : { scheme: 'env', name: rest.slice(0, split), fallback: rest.slice(split + 2) }
}
