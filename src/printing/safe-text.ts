/**
 * Everything that a terminal acts upon instead of showing it: control characters of both sets but the tab, line and
 * paragraph separators, and the marks that turn the direction of what follows.
 */
const unsafe = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

const short: Record<string, string> = { '\n': '\\n', '\r': '\\r' }

/** Foreign text for a terminal: `\x1b[31m` is shown as the five characters and does nothing. */
export function safeText(text: string): string {
  return text.replace(unsafe, (char) => short[char] ?? escaped(char))
}

const escaped = (char: string) => {
  const code = char.charCodeAt(0).toString(16)
  return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u${code.padStart(4, '0')}`
}

/** JSON for a terminal: the same text once parsed. */
export function safeJson(json: string): string {
  return json.replace(unsafe, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
