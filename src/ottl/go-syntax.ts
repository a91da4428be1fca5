import { type CharSet, charSet, inverted, property, withBothCases } from './char-set.ts'
import { anything, controls, noNewline, perl, posix, setOf } from './go-classes.ts'
import { type Part, repeated } from './go-repetitions.ts'

/** A pattern that Go's regular expressions (RE2) do not have, or that cannot be meant the same here. */
export class PatternError extends Error {}

/** A pattern of JavaScript. */
export interface Translation {
  parts: Part[]
  groups: string[]
  /** Whether `^` or `$` stands for an end of lines somewhere. */
  hasLineEnds: boolean
}

/** Rewrites a pattern of RE2 as one of JavaScript. Throws PatternError for what RE2 does not have. */
export function translate(source: string): Translation {
  const refuse = (what: string): PatternError => new PatternError(`${JSON.stringify(source)}: ${what}`)
  const groups = ['']
  const parts: Part[] = []
  let hasLineEnds = false
  let pos = 0
  let flags = { i: false, m: false, s: false }
  const stack: { flags: typeof flags; at: number }[] = []
  /** Where in `parts` the group begins that ended last. */
  let groupAt = 0
  /** Whether something stands here that can be repeated, and what a repetition directly before was. */
  let repeatable = false

  const literal = (char: string): CharSet => {
    const all = flags.i ? [char, char.toLowerCase(), char.toUpperCase()] : [char]
    return setOf(...all.filter((each) => [...each].length === 1))
  }
  /** What a backslash and what follows stand for. Leaves `pos` behind it. */
  const escapeSequence = (): CharSet => {
    const char = source[pos++]
    if (char === undefined) throw refuse('ends in a backslash')
    if (perl[char]) return perl[char]
    if (controls[char]) return setOf(controls[char])
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
      const name = match[2] ?? match[3]!
      const isNegated = (char === 'P') !== (match[1] === '^')
      try {
        const set = property(name.length > 2 ? `Script=${name}` : name)
        return isNegated ? inverted(set) : set
      } catch {
        throw refuse(`there is no class of characters ${name}`)
      }
    }
    if (char === '0' || /[1-7]/.test(char)) {
      const match = /^[0-7]{1,3}/.exec(source.slice(pos - 1))!
      if (char !== '0' && match[0].length === 1) throw refuse(`Go has no references to groups such as \\${char}`)
      pos += match[0].length - 1
      return codePoint(Number.parseInt(match[0], 8))
    }
    if (/[A-Za-z89]/.test(char)) throw refuse(`Go has no escape \\${char}`)
    pos--
    return setOf(nextChar())
  }
  const nextChar = (): string => {
    const char = String.fromCodePoint(source.codePointAt(pos)!)
    pos += char.length
    return char
  }
  const codePoint = (code: number): CharSet => {
    if (code > 0x10ffff) throw refuse('there is no such character')
    return [code, code]
  }
  /** One character or class inside of a class. */
  const classPart = (): CharSet => {
    if (pos >= source.length) throw refuse('a "[" has no "]"')
    const named = /^\[:(\^?)(\w+):\]/.exec(source.slice(pos))
    if (named) {
      if (named[1] || !posix[named[2]!]) throw refuse(`there is no class ${named[0]} here`)
      pos += named[0].length
      return posix[named[2]!]!
    }
    const char = nextChar()
    return char === '\\' ? escapeSequence() : setOf(char)
  }
  const charClass = (): CharSet => {
    const body: number[] = []
    const isNegated = source[pos] === '^'
    if (isNegated) pos++
    for (let first = true; first || source[pos] !== ']'; first = false) {
      const from = classPart()
      const isSingle = from.length === 2 && from[0] === from[1]
      if (!isSingle || source[pos] !== '-' || source[pos + 1] === ']') body.push(...from)
      else {
        pos++
        const to = classPart()
        if (to.length !== 2 || to[0] !== to[1]) throw refuse('a range goes from one character to another')
        if (to[0]! < from[0]!) throw refuse('range out of order in character class')
        body.push(from[0]!, to[0]!)
      }
    }
    pos++
    const set = flags.i ? withBothCases(charSet(body)) : charSet(body)
    return isNegated ? inverted(set) : set
  }

  while (pos < source.length) {
    const char = nextChar()
    if (char === '\\') {
      const next = source[pos]
      repeatable = true
      if (next === 'A' || next === 'z' || next === 'b' || next === 'B') {
        pos++
        repeatable = false
        parts.push(next === 'A' ? '^' : next === 'z' ? '$' : `\\${next}`)
      } else if (next === 'Z') throw refuse('Go has no \\Z; write \\z for the end of the text')
      else if (next === 'Q') {
        const stop = source.indexOf('\\E', pos)
        const quoted = source.slice(pos + 1, stop < 0 ? undefined : stop)
        for (const each of quoted) parts.push(literal(each))
        pos = stop < 0 ? source.length : stop + 2
      } else {
        const inside = escapeSequence()
        const isChar = inside.length === 2 && inside[0] === inside[1]
        parts.push(isChar ? literal(String.fromCodePoint(inside[0]!)) : inside)
      }
    } else if (char === '[') {
      parts.push(charClass())
      repeatable = true
    } else if (char === '(') {
      stack.push({ flags: { ...flags }, at: parts.length })
      parts.push(group())
      repeatable = false
    } else if (char === ')') {
      const before = stack.pop()
      if (!before) throw refuse('a ")" has no "("')
      flags = before.flags
      groupAt = before.at
      parts.push(')')
      repeatable = true
    } else if (char === '|') {
      parts.push('|')
      repeatable = false
    } else if (char === '.') {
      parts.push(flags.s ? anything : noNewline)
      repeatable = true
    } else if (char === '^' || char === '$') {
      // V8's linear matcher takes the flag `m`, but does not look ahead, nor behind with the flag `g`.
      parts.push(flags.m ? `(?m:${char})` : char)
      hasLineEnds ||= flags.m
      repeatable = false
    } else if (/[*+?]/.test(char) || (char === '{' && repeats())) repetition(char)
    else {
      parts.push(literal(char))
      repeatable = true
    }
  }
  if (stack.length > 0) throw refuse('a "(" has no ")"')
  return { parts, groups, hasLineEnds }

  function repeats(): boolean {
    return /^\d+(?:,\d*)?\}/.test(source.slice(pos))
  }

  function repetition(char: string): void {
    if (!repeatable) throw refuse(`nothing stands before "${char}" that could be repeated`)
    repeatable = false
    let counts: [least: number, most: number] | undefined
    if (char === '{') {
      const [text, least, comma, most] = /^(\d+)(?:(,)(\d*))?\}/.exec(source.slice(pos))!
      counts = [Number(least), most ? Number(most) : comma ? Number.POSITIVE_INFINITY : Number(least)]
      if (counts.some((each) => each > 1000 && each < Number.POSITIVE_INFINITY)) {
        throw refuse('Go repeats 1000 times at most')
      }
      if (counts[0] > counts[1]) throw refuse('numbers out of order in {} quantifier')
      pos += text.length
    }
    const lazy = source[pos] === '?' ? '?' : ''
    pos += lazy.length
    if (!counts) parts.push(char + lazy)
    else parts.push(...repeated(parts.splice(parts.at(-1) === ')' ? groupAt : parts.length - 1), ...counts, lazy))
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
