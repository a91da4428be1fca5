import { boundBacktracking, isLinear, noteUnbounded } from '../../config/bounded-regex.ts'
import { countedLoops } from '../../ottl/counted-loops.ts'
import { execWithRoom } from '../../ottl/with-room.ts'

/**
 * A regular expression as the Collector takes them (RE2), over bytes: text is matched as Latin-1, a character beyond
 * ASCII as its bytes. `^` and `$` match at lines. Throws a plain error.
 */
export function compilePattern(source: string): RegExp {
  let flags = 'gm'
  let rest = source
  const [head = '', letters = ''] = /^\(\?([a-z]+)\)/.exec(source) ?? []
  for (const letter of new Set(letters)) {
    if (letter === 'U') throw new Error('(?U) cannot be used')
    if (letter === 's') flags += letter
    else if (letter !== 'm' && letter !== 'i') throw new Error(`(?${letter}) is not a flag`)
  }
  rest = rest.slice(head.length).replaceAll('(?P<', '(?<')
  if (/\[\[:/.test(rest)) throw new Error('classes such as [[:alpha:]] cannot be used: write [a-zA-Z]')
  rest = withoutCase(rest, letters.includes('i'))
  rest = rest.replace(/[\u0080-\u{10ffff}]/gu, (char) => `(?:${Buffer.from(char).toString('latin1')})`)
  boundBacktracking()
  const plain = new RegExp(rest, flags)
  if (isLinear(rest, flags)) return new WindowPattern(countedLoops(plain.source), flags)
  noteUnbounded(source)
  return plain
}

/** Windows of files are long texts. */
class WindowPattern extends RegExp {
  override exec(text: string): RegExpExecArray | null {
    return execWithRoom(this, text)
  }
}

/** What is wrong with it; undefined when nothing is. */
export function patternFault(source: string): string | undefined {
  try {
    if (compilePattern(source).test('')) return `${source} matches nothing at all: write what begins or ends an entry`
    return undefined
  } catch (error) {
    return `${source} is no regular expression: ${(error as Error).message}`
  }
}

const ends: Readonly<Record<string, string>> = { '\\A': '(?-m:^)', '\\z': '(?-m:$)' }
const tokens =
  /\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|c[A-Za-z]|k<\w+>|.)|\(\?<\w+>|\(\?([a-z]*)(?:-([a-z]+))?:|\[(?:\\.|[^\]\\])*\]|[()]|[A-Za-z]/gs

/** V8's linear matcher takes no flag `i`: letters become classes of both cases. It takes `\A` and `\z` as `^` and `$` without `m`. */
function withoutCase(source: string, ignoresCase: boolean): string {
  const outer: boolean[] = []
  let ignores = ignoresCase
  return source.replace(tokens, (token: string, on?: string, off?: string) => {
    if (token === ')') ignores = outer.pop() ?? ignores
    else if (token.startsWith('(')) {
      outer.push(ignores)
      if (on?.includes('i')) ignores = true
      if (off?.includes('i')) ignores = false
      return on === undefined ? token : groupOf(on, off)
    } else if (token.startsWith('[')) return ignores ? classOfBothCases(token) : token
    else if (/^[A-Za-z]$/.test(token)) return ignores ? bothCases(token) : token
    else if (/^\\[xu]/.test(token) && token.length > 2) {
      const char = String.fromCharCode(Number.parseInt(token.slice(2), 16))
      return ignores && /[A-Za-z]/.test(char) ? bothCases(char) : token
    }
    return ends[token] ?? token
  })
}

const bothCases = (letter: string) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`

function groupOf(on: string, off = ''): string {
  const kept = off.replaceAll('i', '')
  return `(?${on.replaceAll('i', '')}${kept && '-'}${kept}:`
}

/** `[a-cX\d]` as `[ABCxa-cX\d]`. A range from one kind of letter or sign to another takes both cases of what is in it. */
function classOfBothCases(part: string): string {
  let more = ''
  const open = part.startsWith('[^') ? '[^' : '['
  const body = part.slice(open.length, -1)
  for (const [, from = '', to = from] of body.matchAll(/(\\(?:x..|u....|.)|[^\\])(?:-(\\(?:x..|u....|.)|[^\\]))?/gs)) {
    const [first, last] = [codeOf(from), codeOf(to)]
    for (let code = 65; code <= 90; code++) {
      if (first <= code && code <= last) more += String.fromCharCode(code + 32)
      if (first <= code + 32 && code + 32 <= last) more += String.fromCharCode(code)
    }
  }
  return `${open}${more}${body.replace(/^-/, '\\-')}]`
}

/** Of a character as a class has it; NaN, which is in no range, for classes such as \d and for controls. */
function codeOf(char: string): number {
  if (/^\\[xu]./.test(char)) return Number.parseInt(char.slice(2), 16)
  return /^\\[A-Za-z0-9]/.test(char) ? Number.NaN : char.charCodeAt(char.length - 1)
}
