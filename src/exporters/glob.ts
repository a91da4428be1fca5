import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Files and folders that match a pattern, sorted: `*` and `?` stay within one name (and match a leading dot), `[a-z]`
 * and `[^a-z]` are classes, `\` takes the next character as it is. What cannot be read counts as absent. Throws on a
 * malformed pattern. These are the rules of Go's path/filepath, which differ from those of node:fs.
 */
export function glob(pattern: string): string[] {
  if (pattern === '') return []
  const steps = pattern.split('/').map((part) => (/[*?[\\]/.test(part) ? matcher(part) : part))
  let found = [pattern.startsWith('/') ? '/' : '']
  for (const step of steps) {
    if (step === '') continue
    found = found.flatMap((folder) => (typeof step === 'string' ? existing(join(folder, step)) : within(folder, step)))
  }
  return found.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

const existing = (path: string) => (statSync(path, { throwIfNoEntry: false }) ? [path] : [])

function within(folder: string, name: RegExp): string[] {
  try {
    return readdirSync(folder === '' ? '.' : folder)
      .filter((entry) => name.test(entry))
      .map((entry) => join(folder, entry))
  } catch {
    return []
  }
}

const syntaxError = () => new Error('syntax error in pattern')
const literal = (char: string) => char.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')

function matcher(part: string): RegExp {
  let source = ''
  for (let at = 0; at < part.length; at++) {
    const char = part[at]!
    if (char === '*') source += '.*'
    else if (char === '?') source += '.'
    else if (char === '[') {
      const end = classEnd(part, at)
      source += classSource(part.slice(at + 1, end))
      at = end
    } else if (char === '\\') {
      if (++at === part.length) throw syntaxError()
      source += literal(part[at]!)
    } else source += literal(char)
  }
  return new RegExp(`^${source}$`, 'su')
}

function classEnd(part: string, start: number): number {
  for (let at = start + 1; at < part.length; at++) {
    if (part[at] === '\\') at++
    else if (part[at] === ']') return at
  }
  throw syntaxError()
}

/** The inside of `[...]`: single characters and ranges, `^` in front for the others. */
function classSource(inside: string): string {
  const negated = inside.startsWith('^')
  const chars = [...(negated ? inside.slice(1) : inside).matchAll(/\\(.)|(.)/gsu)]
  let source = ''
  for (let at = 0; at < chars.length; at++) {
    const from = charOf(chars[at]!)
    const ranged = chars[at + 1]?.[2] === '-'
    const to = ranged ? charOf(chars[at + 2] ?? ['', '-', undefined]) : from
    if (ranged) at += 2
    if (to < from) throw syntaxError()
    source += `${literal(from)}-${literal(to)}`
  }
  if (source === '') throw syntaxError()
  return `[${negated ? '^' : ''}${source}]`
}

/** A `-` that nothing takes as itself is an error. */
function charOf([, escaped, plain]: readonly (string | undefined)[]): string {
  if (escaped === undefined && plain === '-') throw syntaxError()
  return (escaped ?? plain)!
}
