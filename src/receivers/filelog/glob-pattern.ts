/** One name between slashes: as it stands, by a pattern, or `**`: folders of any depth. */
export type Segment = { readonly name: string } | { readonly matches: RegExp } | { readonly deep: true }

/** A pattern, its braces resolved: `/var/log/{a,b}/*.log` makes two. */
export interface GlobPattern {
  readonly isAbsolute: boolean
  readonly segments: readonly Segment[]
}

// Reads `/var/log/**/[a-c]*.{log,txt}`. A backslash quotes. Throws a plain error.
export function parseGlob(text: string): GlobPattern[] {
  return expand(text).map((pattern) => ({
    isAbsolute: pattern.startsWith('/'),
    segments: pattern
      .split('/')
      .filter((name) => name !== '' && name !== '.')
      .map(parseSegment),
  }))
}

/** What is wrong with a pattern; undefined when nothing is. */
export function globFault(text: string): string | undefined {
  try {
    return parseGlob(text).some(({ segments }) => segments.length === 0) ? `${text} names no file` : undefined
  } catch (error) {
    return `${text} is no pattern for files: ${(error as Error).message}`
  }
}

/** Whole paths that the pattern matches. */
export function pathMatcher(text: string): RegExp {
  const sources = parseGlob(text).map(({ isAbsolute, segments }) => {
    const parts = segments.map((segment, i) => {
      const isLast = i === segments.length - 1
      if ('deep' in segment) return isLast ? '.*' : '(?:[^/]+/)*'
      const source = 'name' in segment ? literal(segment.name) : segment.matches.source.slice(1, -1)
      return isLast ? source : `${source}/`
    })
    return `${isAbsolute ? '/' : ''}${parts.join('')}`
  })
  return new RegExp(`^(?:${sources.join('|')})$`, 'su')
}

const mostAlternatives = 1000

function expand(text: string): string[] {
  const open = find(text, '{', 0)
  if (open < 0) return [text]
  let depth = 0
  let from = open + 1
  const choices: string[] = []
  for (let i = open; i < text.length; i++) {
    const char = text[i]
    if (char === '\\') i++
    else if (char === '{') depth++
    else if (char === ',' && depth === 1) {
      choices.push(text.slice(from, i))
      from = i + 1
    } else if (char === '}' && --depth === 0) {
      choices.push(text.slice(from, i))
      const all = choices.flatMap((choice) => expand(text.slice(0, open) + choice + text.slice(i + 1)))
      if (all.length > mostAlternatives) throw new Error('it has more than 1000 alternatives')
      return all
    }
  }
  throw new Error('a { is not closed')
}

function find(text: string, char: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === char) return i
  }
  return -1
}

function parseSegment(name: string): Segment {
  if (name === '**') return { deep: true }
  let source = ''
  let plain = ''
  let isSpecial = false
  for (let i = 0; i < name.length; i++) {
    const char = name[i]!
    if (char === '*' || char === '?') {
      source += char === '*' ? '[^/]*' : '[^/]'
      isSpecial = true
    } else if (char === '[') {
      const end = classEnd(name, i)
      source += classSource(name.slice(i + 1, end))
      isSpecial = true
      i = end
    } else {
      if (char === '\\' && ++i === name.length) throw new Error('it ends with a backslash')
      source += literal(name[i]!)
      plain += name[i]
    }
  }
  return isSpecial ? { matches: new RegExp(`^${source}$`, 'su') } : { name: plain }
}

function classEnd(name: string, start: number): number {
  let i = start + 1
  if (name[i] === '^' || name[i] === '!') i++
  for (let isFirst = true; i < name.length; i++, isFirst = false) {
    if (name[i] === ']' && !isFirst) return i
    if (name[i] === '\\') i++
  }
  throw new Error('a [ is not closed')
}

function classSource(body: string): string {
  const isNegated = body.startsWith('^') || body.startsWith('!')
  let source = ''
  for (const [token] of (isNegated ? body.slice(1) : body).matchAll(/\\.|./gsu))
    source += token === '-' ? '-' : token.length > 1 ? inClass(token.slice(1)) : inClass(token)
  return `[${isNegated ? '^/' : ''}${source}]`
}

const inClass = (char: string) => char.replace(/[\\\]^[-]/, '\\$&')
const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
