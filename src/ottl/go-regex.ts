import { boundBacktracking, isLinear, noteUnbounded } from '../config/bounded-regex.ts'
import { hideLineEnds, type Spelling, showLineEnds, spelled } from './char-set.ts'
import { countedLoops } from './counted-loops.ts'
import { PatternError, type Translation, translate } from './go-syntax.ts'
import { execWithRoom, testWithRoom } from './with-room.ts'

export { PatternError }

/**
 * A regular expression of the user, in the syntax of Go (RE2), compiled to one of JavaScript. Matching is by code
 * points, as in Go.
 */
export class GoRegex {
  /** As the user wrote it. */
  readonly source: string
  /** Names of the groups by number; group 0 is the whole match. Empty when a group has none. */
  readonly groups: readonly string[]
  private readonly translation: Translation
  private readonly plain: Matchers
  /** For texts that are long, have surrogate pairs, or ends of lines that Go does not know; made when needed. */
  private readonly others = new Map<string, Matchers>()

  constructor(source: string) {
    boundBacktracking()
    const translation = translate(source)
    this.source = source
    this.translation = translation
    this.groups = translation.groups
    try {
      const wide = textOf(translation, 'wide')
      if (wide.length > longest) throw new Error('too long, with its classes written out')
      this.plain = newMatchers(textOf(translation, 'plain'))
      if (!isLinear(wide)) noteUnbounded(source)
    } catch (cause) {
      throw new PatternError(`${JSON.stringify(source)} is no regular expression: ${reasonOf(cause as Error)}`)
    }
  }

  test(text: string): boolean {
    const spelling = this.spellingFor(text)
    return testWithRoom(this.matchers(spelling, text).one, spelling === 'hidden' ? hideLineEnds(text) : text)
  }

  exec(text: string): RegExpExecArray | null {
    const spelling = this.spellingFor(text)
    const { one } = this.matchers(spelling, text)
    return spelling === 'hidden' ? shown(execWithRoom(one, hideLineEnds(text)), text) : execWithRoom(one, text)
  }

  /** Replaces every match by what `make` answers for it. Empty matches directly behind another do not count (Go). */
  replaceAll(text: string, make: (match: RegExpExecArray) => string): string {
    const spelling = this.spellingFor(text)
    const regex = this.matchers(spelling, text).all
    const searched = spelling === 'hidden' ? hideLineEnds(text) : text
    regex.lastIndex = 0
    let out = ''
    let pos = 0
    let lastEnd = -1
    for (let match = execWithRoom(regex, searched); match; match = execWithRoom(regex, searched)) {
      const end = match.index + match[0].length
      if (match[0].length === 0) regex.lastIndex = end + (text.codePointAt(end)! > 0xffff ? 2 : 1)
      if (match[0].length === 0 && (match.index === lastEnd || isInPair(text, end))) continue
      out += text.slice(pos, match.index) + make(spelling === 'hidden' ? shown(match, text)! : match)
      pos = lastEnd = end
    }
    return pos === 0 && lastEnd < 0 ? text : out + text.slice(pos)
  }

  private spellingFor(text: string): Spelling {
    if (this.translation.hasLineEnds && lineEnds.test(text)) return 'hidden'
    return surrogates.test(text) ? 'wide' : 'plain'
  }

  private matchers(spelling: Spelling, { length }: string): Matchers {
    const isLong = length >= longText
    if (spelling === 'plain' && !isLong) return this.plain
    const key = isLong ? `${spelling}, long` : spelling
    const made = this.others.get(key)
    if (made) return made
    const text = textOf(this.translation, spelling)
    const matchers = newMatchers(isLong && isLinear(text) ? countedLoops(text) : text)
    this.others.set(key, matchers)
    return matchers
  }
}

/** A pattern for the first match, and for all. */
interface Matchers {
  readonly one: RegExp
  readonly all: RegExp
}
const newMatchers = (text: string): Matchers => ({ one: new RegExp(text), all: new RegExp(text, 'g') })

/** From here on steps that nobody counts would take milliseconds. */
const longText = 512
/** Characters of a translated pattern: its classes are written out. */
const longest = 1 << 20
const textOf = ({ parts }: Translation, spelling: Spelling) =>
  parts.map((part) => (typeof part === 'string' ? part : spelled(part, spelling))).join('')

/** A match in a text whose line ends were hidden, as one of the text itself. */
function shown(match: RegExpExecArray | null, text: string): RegExpExecArray | null {
  if (!match) return match
  for (let at = 1; at < match.length; at++) if (match[at] !== undefined) match[at] = showLineEnds(match[at]!)
  match[0] = text.slice(match.index, match.index + match[0].length)
  match.input = text
  for (const name of Object.keys(match.groups ?? {}))
    if (match.groups![name] !== undefined) match.groups![name] = showLineEnds(match.groups![name])
  return match
}

/** Whether what is before and what is behind make one character. `\B` matches there, since the flag `u` is not used. */
const isInPair = (text: string, at: number) => at > 0 && text.codePointAt(at - 1)! > 0xffff

const lineEnds = /[\r\u2028\u2029]/
const surrogates = /[\ud800-\udfff]/

/** `Invalid regular expression: /(/: Unterminated group` without what the user did not write. */
const reasonOf = ({ message }: Error) => message.slice(message.lastIndexOf(': ') + 2).toLowerCase()

/**
 * Go's `$1`, `${1}`, `${name}` and `$$` in a replacement, cut into texts and groups. A name is as long as letters,
 * digits and underscores go: `$1x` is the group "1x". A group that there is not is empty.
 */
export function replacementOf(template: string, regex: GoRegex): (match: RegExpExecArray) => string {
  const parts: (string | number)[] = []
  let pos = 0
  for (const match of template.matchAll(/\$(?:(\$)|(\w+)|\{(\w+)\})/g)) {
    parts.push(template.slice(pos, match.index))
    pos = match.index + match[0].length
    const [, dollar, bare, braced] = match
    const name = bare ?? braced
    if (dollar) parts.push('$')
    else parts.push(/^\d+$/.test(name!) ? Number(name) : regex.groups.indexOf(name!))
  }
  parts.push(template.slice(pos))
  return (match) => parts.map((part) => (typeof part === 'string' ? part : (match[part] ?? ''))).join('')
}

/** What is wrong with a pattern, or undefined. One that nothing bounds is named by whoever checks the configuration. */
export function patternFault(source: string): string | undefined {
  try {
    new GoRegex(source)
    return undefined
  } catch (error) {
    if (error instanceof PatternError) return error.message
    throw error
  }
}
