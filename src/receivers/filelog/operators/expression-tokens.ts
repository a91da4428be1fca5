/** A text that is no expression: says where and what was expected. */
export class ExpressionError extends Error {
  constructor(source: string, at: number, message: string) {
    super(`${message}, at position ${at + 1} of ${JSON.stringify(source)}`)
  }
}

export interface ExprToken {
  readonly kind: 'word' | 'text' | 'number' | 'mark' | 'end'
  readonly text: string
  readonly at: number
}

const pattern =
  /\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|(\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)|(\$?[A-Za-z_]\w*|\$)|(\?\.|\?\?|==|!=|<=|>=|&&|\|\||[-+*/%!<>()[\]{}.,?:]))/y
const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' }

/** Cuts an expression into tokens; the last one is the end. Throws ExpressionError. */
export function exprTokens(source: string): ExprToken[] {
  const list: ExprToken[] = []
  let pos = 0
  pattern.lastIndex = 0
  for (let match = pattern.exec(source); match; match = pattern.exec(source)) {
    pos = pattern.lastIndex
    const [whole, quoted, number, word, mark] = match
    const at = pos - whole.trimStart().length
    if (quoted !== undefined) list.push({ kind: 'text', text: unquoted(quoted), at })
    else if (number !== undefined) list.push({ kind: 'number', text: number, at })
    else if (word !== undefined) list.push({ kind: 'word', text: word, at })
    else list.push({ kind: 'mark', text: mark!, at })
  }
  const rest = source.slice(pos)
  if (rest.trim() !== '') {
    const at = source.length - rest.trimStart().length
    throw new ExpressionError(source, at, `unexpected ${JSON.stringify(source[at])}`)
  }
  list.push({ kind: 'end', text: 'the end', at: source.length })
  return list
}

function unquoted(quoted: string): string {
  const inner = quoted.slice(1, -1)
  if (quoted[0] === '`') return inner
  return inner.replace(/\\(.)/gs, (_, letter: string) => escapes[letter] ?? letter)
}
