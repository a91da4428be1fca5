import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** The pattern could not be read: an unclosed `[` or a trailing backslash. */
export class BadPattern extends Error {}

/**
 * Paths that match, sorted within each directory: `/etc/targets/a*.yml`. The rules are those
 * of Go's path/filepath, which the original uses: `*` and `?` stay within one name and also match a leading dot, `[a-z]`
 * and `[^a-z]` are classes, a backslash quotes. Unreadable directories hold nothing. Throws `BadPattern`.
 */
export function glob(pattern: string): string[] {
  const absolute = pattern.startsWith('/')
  const names = pattern.split('/').filter((name) => name !== '')
  const matchers = names.map(nameMatcher)
  let found = [absolute ? '/' : '']
  for (const [i, name] of names.entries()) {
    const matcher = matchers[i]!
    const last = i === names.length - 1
    found = found.flatMap((folder) => {
      if (matcher)
        return namesIn(folder)
          .filter((each) => matcher.test(each))
          .map((each) => join(folder, each))
      const path = join(folder, unquoted(name))
      return !last || exists(path) ? [path] : []
    })
  }
  return pattern === '' ? [] : found
}

const namesIn = (folder: string): string[] => {
  try {
    return readdirSync(folder || '.').sort()
  } catch {
    return []
  }
}

const exists = (path: string) => lstatSync(path, { throwIfNoEntry: false }) !== undefined
const unquoted = (name: string) => name.replace(/\\(.)/g, '$1')

/** A matcher for one name between slashes; undefined when it has nothing to match. */
function nameMatcher(name: string): RegExp | undefined {
  let source = ''
  let special = false
  for (let i = 0; i < name.length; i++) {
    const char = name[i]!
    if (char === '*' || char === '?') {
      source += char === '*' ? '.*' : '.'
      special = true
    } else if (char === '[') {
      const end = classEnd(name, i)
      source += classSource(name.slice(i + 1, end))
      special = true
      i = end
    } else if (char === '\\') {
      if (++i === name.length) throw new BadPattern('syntax error in pattern')
      source += literal(name[i]!)
    } else source += literal(char)
  }
  return special ? new RegExp(`^${source}$`, 'su') : undefined
}

function classEnd(name: string, start: number): number {
  let i = start + 1
  if (name[i] === '^') i++
  for (let empty = true; i < name.length; i++) {
    if (name[i] === ']' && !empty) return i
    if (name[i] === '\\') i++
    empty = false
  }
  throw new BadPattern('syntax error in pattern')
}

function classSource(body: string): string {
  const negated = body.startsWith('^')
  let source = ''
  for (const [token] of (negated ? body.slice(1) : body).matchAll(/\\.|./gsu)) {
    // A quoted `-` is no range; one as it stands is.
    source += token === '\\-' ? '\\-' : token === '-' ? '-' : literal(token.length > 1 ? token.slice(1) : token)
  }
  try {
    new RegExp(`[${source}]`, 'u')
  } catch {
    throw new BadPattern('syntax error in pattern')
  }
  return `[${negated ? '^' : ''}${source}]`
}

const literal = (char: string) => char.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&')
