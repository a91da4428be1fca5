import { setFlagsFromString } from 'node:v8'

/** A pattern that Go's regular expressions (RE2) do not have, or that cannot be meant the same here. */
export class PatternError extends Error {}

/**
 * A regular expression of the user, in the syntax of Go (RE2), compiled to one of JavaScript. Matching is by code
 * points, as in Go.
 */
export class GoRegex {
  /** As the user wrote it. */
  readonly source: string
  /** Names of the groups by number; group 0 is the whole match. Empty when a group has none. */
  readonly groups: readonly string[]
  private readonly translated: string
  /** Without the flag `u`: those the engine can bound. Right for texts without surrogate pairs, which nearly all are; see `astral` for the others. */
  private readonly plain: RegExp
  private readonly plainAll: RegExp
  private paired: RegExp | undefined
  private pairedAll: RegExp | undefined
  private readonly needsUnicode: boolean

  constructor(source: string) {
    boundBacktracking()
    const { text, groups, needsUnicode } = translate(source)
    this.source = source
    this.translated = text
    this.groups = groups
    this.needsUnicode = needsUnicode
    try {
      const unicode = new RegExp(text, 'u')
      this.plain = needsUnicode ? unicode : new RegExp(text)
      this.plainAll = new RegExp(text, needsUnicode ? 'gu' : 'g')
    } catch (cause) {
      throw new PatternError(`${JSON.stringify(source)} is no regular expression: ${reasonOf(cause as Error)}`)
    }
  }

  test(text: string): boolean {
    return (this.isPlain(text) ? this.plain : this.wide()).test(text)
  }

  exec(text: string): RegExpExecArray | null {
    return (this.isPlain(text) ? this.plain : this.wide()).exec(text)
  }

  /** Replaces every match by what `make` answers for it. Empty matches directly behind another do not count (Go). */
  replaceAll(text: string, make: (match: RegExpExecArray) => string): string {
    const regex = this.isPlain(text) ? this.plainAll : this.wideAll()
    regex.lastIndex = 0
    let out = ''
    let pos = 0
    let lastEnd = -1
    for (let match = regex.exec(text); match; match = regex.exec(text)) {
      const end = match.index + match[0].length
      if (match[0].length === 0) regex.lastIndex = end + (text.codePointAt(end)! > 0xffff ? 2 : 1)
      if (match[0].length === 0 && match.index === lastEnd) continue
      out += text.slice(pos, match.index) + make(match)
      pos = lastEnd = end
    }
    return pos === 0 && lastEnd < 0 ? text : out + text.slice(pos)
  }

  private isPlain(text: string): boolean {
    return this.needsUnicode || !surrogates.test(text)
  }

  /** Classes that reach beyond the first 65,536 characters take those as pairs: with the flag `u` nothing bounds a match. */
  private astral(): string {
    return this.translated.replace(classes, (part) => {
      const isNegated = part.startsWith('[^')
      if (part[0] !== '[' || (part !== any && isNegated === part.includes('-\\uffff'))) return part
      const rest = isNegated
        ? `${part.slice(0, -1)}\\ud800-\\udfff]`
        : part === any
          ? '[^\\ud800-\\udfff]'
          : narrowed(part)
      return `(?:[\\ud800-\\udbff][\\udc00-\\udfff]|${rest})`
    })
  }

  private wide(): RegExp {
    this.paired ??= new RegExp(this.astral())
    return this.paired
  }

  private wideAll(): RegExp {
    this.pairedAll ??= new RegExp(this.astral(), 'g')
    return this.pairedAll
  }
}

/** Parts of a translated pattern: the ends of lines, which stay as they are, escapes, classes. */
const classes = /\(\?<?!\[\^\\n\]\)|\[(?:\\.|[^\]\\])*\]|\\./gsu
const any = '[\\s\\S]'
const narrowed = (set: string) => set.replaceAll('-\\uffff', '-\\ud7ff\\ue000-\\uffff')
const surrogates = /[\ud800-\udfff]/

/** `Invalid regular expression: /(/: Unterminated group` without what the user did not write. */
const reasonOf = ({ message }: Error) => message.slice(message.lastIndexOf(': ') + 2).toLowerCase()

let bounded = false

/**
 * V8's matcher goes back and forth, for exponential time on patterns such as `(a+)+$`; RE2 never does. With this flag
 * V8 gives a match that went back 50,000 times to its linear matcher. It holds for patterns compiled from now on.
 */
export function boundBacktracking(): void {
  if (bounded) return
  bounded = true
  setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks')
}

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

interface Translation {
  text: string
  groups: string[]
  needsUnicode: boolean
}

/** Classes of Go by letter, as the inside of a class. */
const perl: Readonly<Record<string, string>> = {
  d: '0-9',
  w: '0-9A-Za-z_',
  s: '\\t\\n\\f\\r ',
  D: '\\0-/:-\\uffff',
  W: '\\0-/:-@\\[-\\^`{-\\uffff',
  S: '\\0-\\x08\\x0b\\x0e-\\x1f!-\\uffff',
}
const posix: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\0-\\x7f',
  blank: '\\t ',
  cntrl: '\\0-\\x1f\\x7f',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
}
const controls: Readonly<Record<string, string>> = { a: '\\x07', f: '\\f', t: '\\t', n: '\\n', r: '\\r', v: '\\v' }

/** Rewrites a pattern of RE2 as one of JavaScript. Throws PatternError for what RE2 does not have. */
function translate(source: string): Translation {
  const refuse = (what: string): PatternError => new PatternError(`${JSON.stringify(source)}: ${what}`)
  const groups = ['']
  let needsUnicode = false
  let out = ''
  let pos = 0
  let flags = { i: false, m: false, s: false }
  const stack: (typeof flags)[] = []
  /** Whether something stands here that can be repeated, and what a repetition directly before was. */
  let repeatable = false

  const literal = (char: string): string => {
    if (/[\^$\\.*+?()[\]{}|/]/.test(char)) return `\\${char}`
    if (!flags.i) return escaped(char)
    const all = [...new Set([char, char.toLowerCase(), char.toUpperCase()])].filter((each) => [...each].length === 1)
    return all.length === 1 ? escaped(char) : `[${all.map(escaped).join('')}]`
  }
  const escaped = (char: string): string => {
    if (char.length > 1) needsUnicode = true
    return char
  }
  /** What a backslash and what follows stand for, as the inside of a class. Leaves `pos` behind it. */
  const escapeSequence = (): string => {
    const char = source[pos++]
    if (char === undefined) throw refuse('ends in a backslash')
    if (perl[char]) return perl[char]
    if (controls[char]) return controls[char]
    if (char === 'x') {
      const match = /^(?:\{([0-9a-fA-F]+)\}|([0-9a-fA-F]{2}))/.exec(source.slice(pos))
      if (!match) throw refuse('\\x takes two hexadecimal digits, or more in braces')
      pos += match[0].length
      return codePoint(Number.parseInt(match[1] ?? match[2]!, 16))
    }
    if (char === 'p' || char === 'P') {
      const match = /^(?:\{(\^?)(\w+)\}|([A-Z]))/.exec(source.slice(pos))
      if (!match) throw refuse(`\\${char} takes the name of a class, such as \\${char}{Greek}`)
      pos += match[0].length
      needsUnicode = true
      const name = match[2] ?? match[3]!
      const negated = (char === 'P') !== (match[1] === '^')
      return `\\${negated ? 'P' : 'p'}{${name.length > 2 ? `Script=${name}` : name}}`
    }
    if (char === '0' || /[1-7]/.test(char)) {
      const match = /^[0-7]{1,3}/.exec(source.slice(pos - 1))!
      if (char !== '0' && match[0].length === 1) throw refuse(`Go has no references to groups such as \\${char}`)
      pos += match[0].length - 1
      return codePoint(Number.parseInt(match[0], 8))
    }
    if (/[A-Za-z89]/.test(char)) throw refuse(`Go has no escape \\${char}`)
    return /[\^$\\.*+?()[\]{}|/-]/.test(char) ? `\\${char}` : char
  }
  const codePoint = (code: number): string => {
    if (code > 0x10ffff) throw refuse('there is no such character')
    if (code > 0xffff) needsUnicode = true
    return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`
  }
  const charClass = (): string => {
    let body = ''
    const negated = source[pos] === '^'
    if (negated) pos++
    for (let first = true; ; first = false) {
      const char = source.codePointAt(pos)
      if (char === undefined) throw refuse('a "[" has no "]"')
      const text = String.fromCodePoint(char)
      pos += text.length
      if (text === ']' && !first) break
      const named = text === '[' ? /^:(\^?)(\w+):\]/.exec(source.slice(pos)) : null
      if (named) {
        if (named[1] || !posix[named[2]!]) throw refuse(`there is no class [${named[0]} here`)
        pos += named[0].length
        body += posix[named[2]!]
      } else if (text === '\\') body += escapeSequence()
      else if (text === '-') body += source[pos] === ']' || first ? '\\-' : '-'
      else body += /[\]\\^[]/.test(text) ? `\\${text}` : escaped(text)
    }
    if (flags.i) body = withBothCases(body)
    return `[${negated ? '^' : ''}${body}]`
  }

  while (pos < source.length) {
    const char = String.fromCodePoint(source.codePointAt(pos)!)
    pos += char.length
    if (char === '\\') {
      const next = source[pos]
      repeatable = true
      if (next === 'A' || next === 'z' || next === 'b' || next === 'B') {
        pos++
        repeatable = false
        out += next === 'A' ? '^' : next === 'z' ? '$' : `\\${next}`
      } else if (next === 'Z') throw refuse('Go has no \\Z; write \\z for the end of the text')
      else if (next === 'Q') {
        const stop = source.indexOf('\\E', pos)
        const quoted = source.slice(pos + 1, stop < 0 ? undefined : stop)
        for (const each of quoted) out += literal(each)
        pos = stop < 0 ? source.length : stop + 2
      } else {
        const inside = escapeSequence()
        const isClass = /^.-|^\\t\\n|^\\0/.test(inside)
        out += isClass ? `[${inside}]` : inside.length === 1 ? literal(inside) : inside
      }
    } else if (char === '[') {
      out += charClass()
      repeatable = true
    } else if (char === '(') {
      stack.push({ ...flags })
      out += group()
      repeatable = false
    } else if (char === ')') {
      const before = stack.pop()
      if (!before) throw refuse('a ")" has no "("')
      flags = before
      out += ')'
      repeatable = true
    } else if (char === '|') {
      out += '|'
      repeatable = false
    } else if (char === '.') {
      out += flags.s ? '[\\s\\S]' : '[^\\n]'
      repeatable = true
    } else if (char === '^') out += flags.m ? '(?<![^\\n])' : '^'
    else if (char === '$') out += flags.m ? '(?![^\\n])' : '$'
    else if (/[*+?]/.test(char) || (char === '{' && repeats())) repetition(char)
    else {
      out += literal(char)
      repeatable = true
    }
  }
  if (stack.length > 0) throw refuse('a "(" has no ")"')
  return { text: out, groups, needsUnicode }

  function repeats(): boolean {
    return /^\d+(?:,\d*)?\}/.test(source.slice(pos))
  }

  function repetition(char: string): void {
    if (!repeatable) throw refuse(`nothing stands before "${char}" that could be repeated`)
    repeatable = false
    out += char
    if (char === '{') {
      const [text] = /^\d+(?:,\d*)?\}/.exec(source.slice(pos))!
      if (text.match(/\d+/g)!.some((each) => Number(each) > 1000)) throw refuse('Go repeats 1000 times at most')
      pos += text.length
      out += text
    }
    if (source[pos] === '?') {
      out += '?'
      pos++
    }
  }

  /** What stands behind a "(": answers how the group begins. Flags for the rest of a group open none. */
  function group(): string {
    if (source[pos] !== '?') {
      groups.push('')
      return '('
    }
    const named = /^\?P?<(\w+)>/.exec(source.slice(pos))
    if (named) {
      pos += named[0].length
      if (groups.includes(named[1]!)) throw refuse(`two groups are named ${named[1]}`)
      groups.push(named[1]!)
      return `(?<${named[1]}>`
    }
    if (/^\?<?[=!]/.test(source.slice(pos))) throw refuse('Go has no looking ahead or behind')
    const set = /^\?([imsU]*)(?:-([imsU]+))?([:)])/.exec(source.slice(pos))
    if (!set) throw refuse('there is no such group: write (...), (?:...), (?P<name>...) or (?i)')
    const [all, on = '', off = '', stop] = set
    if (on.includes('U') || off.includes('U')) throw refuse('the flag U (not greedy) is not supported; write *? and +?')
    pos += all.length
    const changed = { ...flags }
    for (const flag of on) changed[flag as 'i'] = true
    for (const flag of off) changed[flag as 'i'] = false
    flags = changed
    if (stop === ':') return '(?:'
    stack.pop()
    return ''
  }
}

/** The inside of a class with the other case of its letters. */
function withBothCases(body: string): string {
  let more = ''
  for (const [all, from, to] of body.matchAll(/\\.|([A-Za-z])-([A-Za-z])|[A-Za-z]/g)) {
    if (all.startsWith('\\')) continue
    if (from === undefined) more += swapped(all)
    else if (isUpper(from) === isUpper(to!)) more += `${swapped(from)}-${swapped(to!)}`
    else more += 'a-zA-Z'
  }
  return body + more
}

const isUpper = (letter: string) => letter <= 'Z'
const swapped = (letter: string) => (isUpper(letter) ? letter.toLowerCase() : letter.toUpperCase())
