import { GoRegex } from './go-regex.ts'

/** A glob as a regular expression for whole texts: `*`, `?`, `[a-z]`, `[!a]`, `{one,two}`; a backslash quotes. */
export function globRegex(glob: string): GoRegex {
  let out = ''
  let inBraces = false
  for (let i = 0; i < glob.length; i++) {
    const char = glob[i]!
    if (char === '\\' && i + 1 < glob.length) out += quoted(glob[++i]!)
    else if (char === '*') out += '.*'
    else if (char === '?') out += '.'
    else if (char === '{') {
      inBraces = true
      out += '(?:'
    } else if (char === '}' && inBraces) {
      inBraces = false
      out += ')'
    } else if (char === ',' && inBraces) out += '|'
    else if (char === '[' && glob.indexOf(']', i + 2) > 0) {
      const stop = glob.indexOf(']', i + 2)
      const body = glob.slice(i + 1, stop)
      out += `[${body.startsWith('!') ? `^${body.slice(1)}` : body}]`
      i = stop
    } else out += quoted(char)
  }
  return new GoRegex(`(?s)^${out}${inBraces ? ')' : ''}$`)
}

const quoted = (char: string) => (/\w/.test(char) ? char : /[\u0080-\uffff]/.test(char) ? char : `\\${char}`)
