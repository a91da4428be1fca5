import { boundBacktracking } from '../../ottl/go-regex.ts'

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
    if (letter === 'i' || letter === 's') flags += letter
    else if (letter !== 'm') throw new Error(`(?${letter}) is not a flag`)
  }
  rest = rest.slice(head.length).replaceAll('(?P<', '(?<')
  if (/\[\[:/.test(rest)) throw new Error('classes such as [[:alpha:]] cannot be used: write [a-zA-Z]')
  rest = rest.replaceAll('\\A', '(?<![\\s\\S])').replaceAll('\\z', '(?![\\s\\S])')
  rest = rest.replace(/[\u0080-\u{10ffff}]/gu, (char) => `(?:${Buffer.from(char).toString('latin1')})`)
  boundBacktracking()
  return new RegExp(rest, flags)
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
