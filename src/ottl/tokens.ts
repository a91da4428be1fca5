/** A text that is no condition or statement: says where (a position, from 0) and what was expected. */
export class ConditionError extends Error {
  readonly position: number

  constructor(source: string, position: number, message: string) {
    super(`${message}, at position ${position + 1} of ${JSON.stringify(around(source, position))}`)
    this.position = position
  }
}

/** The text, or the part of a long one that tells the place. */
function around(source: string, position: number): string {
  if (source.length <= mostShown) return source
  const [from, to] = [Math.max(0, position - mostShown / 4), position + mostShown / 4]
  return `${from > 0 ? '...' : ''}${source.slice(from, to)}${to < source.length ? '...' : ''}`
}

const mostShown = 400

export interface Token {
  kind: 'word' | 'string' | 'number' | 'bytes' | 'mark' | 'end'
  /** Strings: what the quotes hold. Else as written. */
  text: string
  /** Position of its first character. */
  at: number
}

const pattern =
  /\s*(?:(0x[0-9a-fA-F]+)|([A-Za-z_][\w.]*)|("(?:[^"\\]|\\.)*")|((?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(==|!=|<=|>=|[<>()[\]{},:=+*/-]))/y

/** Cuts a text into tokens; the last one is the end. Throws ConditionError. */
export function tokens(source: string): Token[] {
  const list: Token[] = []
  pattern.lastIndex = 0
  let pos = 0
  while (true) {
    const match = pattern.exec(source)
    if (!match) break
    pos = pattern.lastIndex
    const [whole, bytes, word, quoted, number, mark] = match
    const at = pos - whole.trimStart().length
    if (bytes !== undefined) list.push({ kind: 'bytes', text: bytes.slice(2), at })
    else if (word !== undefined) list.push({ kind: 'word', text: word, at })
    else if (quoted !== undefined) list.push({ kind: 'string', text: unquoted(quoted), at })
    else if (number !== undefined) list.push({ kind: 'number', text: number, at })
    else list.push({ kind: 'mark', text: mark!, at })
  }
  const rest = source.slice(pos)
  if (rest.trim() !== '') {
    const at = source.length - rest.trimStart().length
    const what = source[at] === '"' ? 'a string without its closing quote' : `unexpected ${JSON.stringify(source[at])}`
    throw new ConditionError(source, at, what)
  }
  list.push({ kind: 'end', text: 'the end', at: source.length })
  return list
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '"': '"', '\\': '\\' }

/** `\n`, `\t`, `\r`, `\"` and `\\` mean what they do elsewhere; any other backslash stays, for regular expressions. */
function unquoted(quoted: string): string {
  return quoted.slice(1, -1).replace(/\\(.)/gs, (all, letter: string) => escapes[letter] ?? all)
}
