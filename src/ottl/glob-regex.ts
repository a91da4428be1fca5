import { GoRegex } from './go-regex.ts'

/** A glob as a regular expression for whole texts: `*`, `?`, `[a-z]`, `[!a]`, `{one,t{w,}o}`; a backslash quotes. Throws PatternError. */
export function globRegex(glob: string): GoRegex {
  let out = ''
  let braces = 0
  for (let i = 0; i < glob.length; i++) {
    const char = glob[i]!
    if (char === '\\' && i + 1 < glob.length) out += quoted(glob[++i]!)
    else if (char === '*') out += '.*'
    else if (char === '?') out += '.'
    else if (char === '{') {
      braces++
      out += '(?:'
    } else if (char === '}' && braces > 0) {
      braces--
      out += ')'
    } else if (char === ',' && braces > 0) out += '|'
    else if (char === '[' && glob.indexOf(']', i + 2) > 0) {
      const stop = glob.indexOf(']', i + 2)
      const body = glob.slice(i + 1, stop)
      out += `[${body.startsWith('!') ? `^${body.slice(1)}` : body}]`
      i = stop
    } else out += quoted(char)
  }
  return new GoRegex(`(?s)^${out}${')'.repeat(braces)}$`)
}

const quoted = (char: string) => (/\w/.test(char) ? char : /[\u0080-\uffff]/.test(char) ? char : `\\${char}`)
