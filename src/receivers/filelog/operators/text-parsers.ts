import type { GoRegex } from '../../../ottl/go-regex.ts'
import { type Entry, type EntryMap, type EntryValue, isMap, nameOf, OperatorFault, own, put } from './entry.ts'

/** What is made of the text in a field. Throws OperatorFault. */
export type ParseValue = (value: EntryValue, entry: Entry) => EntryMap

/** The text in a field, for a parser called `what`. */
function textIn(value: EntryValue, what: string): string {
  if (typeof value === 'string') return value
  throw new OperatorFault(`${nameOf(value)} cannot be parsed ${what}`)
}

/** The named groups of a regular expression; those that matched nothing are empty. */
export function regexParser(regex: GoRegex): ParseValue {
  return (value) => {
    const match = regex.exec(textIn(value, 'with a regular expression'))
    if (!match) throw new OperatorFault('the regular expression does not match')
    const found: EntryMap = {}
    for (let i = 1; i < regex.groups.length; i++) {
      const name = regex.groups[i]!
      if (name !== '') put(found, name, match[i] ?? '')
    }
    return found
  }
}

const mostDeep = 100

/** The keys of a JSON map. Numbers are doubles, as in the Collector; with `parsesInts` those without a fraction are integers. */
export function jsonParser(parsesInts: boolean): ParseValue {
  const revive = parsesInts ? integers : undefined
  return (value) => {
    const text = textIn(value, 'as JSON')
    let parsed: EntryValue
    try {
      parsed = JSON.parse(text, revive as never) as EntryValue
    } catch {
      throw new OperatorFault('it is no JSON')
    }
    if (!isMap(parsed)) throw new OperatorFault(`it is ${nameOf(parsed)} of JSON, not a map`)
    if (isDeeper(parsed, mostDeep)) throw new OperatorFault(`it is nested more than ${mostDeep} deep`)
    return parsed
  }
}

function integers(_key: string, value: unknown, { source }: { source?: string }): unknown {
  if (typeof value !== 'number' || source === undefined || !/^-?\d{1,19}$/.test(source)) return value
  const exact = BigInt(source)
  return BigInt.asIntN(64, exact) === exact ? exact : value
}

function isDeeper(value: EntryValue, most: number): boolean {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return false
  if (most === 0) return true
  for (const each of Array.isArray(value) ? value : Object.values(value)) if (isDeeper(each, most - 1)) return true
  return false
}

export interface CsvOptions {
  /** Names of the columns, or the attribute that has them. */
  readonly header: string | { readonly attribute: string }
  readonly headerDelimiter: string
  readonly delimiter: string
  readonly quotes: 'strict' | 'lazy' | 'none'
}

/** The columns of one row of CSV by their names. */
export function csvParser({ header, headerDelimiter, delimiter, quotes }: CsvOptions): ParseValue {
  const fixed = typeof header === 'string' ? header.split(headerDelimiter) : undefined
  const namesOf = ({ attributes }: Entry): readonly string[] => {
    if (fixed) return fixed
    const { attribute } = header as { attribute: string }
    const names = own(attributes, attribute)
    if (typeof names !== 'string') throw new OperatorFault(`the entry has no text in attributes["${attribute}"]`)
    return names.split(headerDelimiter)
  }
  return (value, entry) => {
    const names = namesOf(entry)
    const cells = csvCells(textIn(value, 'as CSV'), delimiter, quotes)
    if (cells.length !== names.length) {
      throw new OperatorFault(`wrong number of columns: expected ${names.length}, got ${cells.length}`)
    }
    const found: EntryMap = {}
    for (let i = 0; i < names.length; i++) put(found, names[i]!, cells[i]!)
    return found
  }
}

/** A cell in quotes may have delimiters and line ends in it, and doubled quotes for one. `lazy`: quotes may stand anywhere. */
export function csvCells(text: string, delimiter: string, quotes: CsvOptions['quotes']): string[] {
  if (quotes === 'none') return text.split(delimiter)
  const cells: string[] = []
  let pos = 0
  for (;;) {
    if (text[pos] !== '"') {
      const stop = text.indexOf(delimiter, pos)
      const cell = text.slice(pos, stop < 0 ? undefined : stop)
      if (quotes === 'strict' && cell.includes('"')) throw new OperatorFault('a quote stands in a cell without quotes')
      cells.push(cell)
      if (stop < 0) return cells
      pos = stop + delimiter.length
      continue
    }
    let cell = ''
    let stop = pos + 1
    for (;;) {
      const quote = text.indexOf('"', stop)
      if (quote < 0) {
        if (quotes === 'strict') throw new OperatorFault('a cell has no closing quote')
        cells.push(cell + text.slice(stop))
        return cells
      }
      cell += text.slice(stop, quote)
      stop = quote + 1
      if (stop === text.length || text.startsWith(delimiter, stop)) break
      if (text[stop] === '"') stop++
      else if (quotes === 'strict') throw new OperatorFault('text stands behind a closing quote')
      cell += '"'
    }
    cells.push(cell)
    if (stop === text.length) return cells
    pos = stop + delimiter.length
  }
}

/** Pairs such as `a=b c="d e"`; without `pairDelimiter` white space parts them. Quotes are left out, what is in them stays whole. */
export function keyValueParser(delimiter: string, pairDelimiter: string | undefined): ParseValue {
  return (value) => {
    const found: EntryMap = {}
    for (const pair of pairsOf(textIn(value, 'as pairs of keys and values'), pairDelimiter)) {
      const at = pair.indexOf(delimiter)
      if (at < 0) throw new OperatorFault(`a pair has no ${JSON.stringify(delimiter)}`)
      put(found, pair.slice(0, at).trim(), pair.slice(at + delimiter.length).trim())
    }
    return found
  }
}

function pairsOf(text: string, delimiter: string | undefined): string[] {
  const pairs: string[] = []
  const stop = delimiter?.charCodeAt(0)
  const size = delimiter?.length ?? 1
  let pair = ''
  let from = 0
  const end = (pos: number) => {
    pair += text.slice(from, pos)
    if (pair.trim() !== '') pairs.push(pair)
    pair = ''
    from = pos + size
  }
  for (let pos = 0; pos < text.length; pos++) {
    const code = text.charCodeAt(pos)
    if (code === 0x22 || code === 0x27) {
      const close = text.indexOf(text[pos]!, pos + 1)
      if (close < 0) throw new OperatorFault('a quote is not closed')
      pair += text.slice(from, pos) + text.slice(pos + 1, close)
      pos = close
      from = pos + 1
    } else if (delimiter === undefined ? isSpace(code) : code === stop && text.startsWith(delimiter, pos)) {
      end(pos)
      pos += size - 1
    }
  }
  end(text.length)
  return pairs
}

/** White space as `\s` knows it. */
const isSpace = (code: number): boolean =>
  code === 0x20 || (code >= 0x09 && code <= 0x0d) || (code > 0x7f && /\s/.test(String.fromCharCode(code)))

/** What may stand in a request: an absolute URI, a path or a query. */
const reference = /^(?:([A-Za-z][A-Za-z0-9+.-]*):(?:\/\/([^/?#]*))?|(?=[/?]))([^?#]*)(?:\?([^#]*))?/
const authority = /^(?:([^@]*)@)?(\[[^\]@]*\]|[^@:\s]*)(?::(\d*))?$/

/** Scheme, user, host, port, path and query of a URI, as far as they are there; never the password. */
export const uriParser: ParseValue = (value) => {
  const written = reference.exec(textIn(value, 'as a URI'))
  if (!written) throw new OperatorFault('it is no URI: it begins with no scheme, / or ?')
  const [, scheme, site, path, query] = written
  const parts = authority.exec(site ?? '')
  if (!parts) throw new OperatorFault('it is no URI: its host cannot be read')
  const [, userInfo, host, port] = parts
  const found: EntryMap = {}
  const set = (key: string, text: string | undefined) => {
    if (text !== undefined && text !== '') put(found, key, text)
  }
  set('scheme', scheme?.toLowerCase())
  set('user', userInfo === undefined ? undefined : decoded(userInfo.replace(/:.*$/s, '')))
  set('host', host?.replace(/^\[(.*)\]$/s, '$1'))
  set('port', port)
  // Behind a scheme may be what is no path: mailto:a@b.
  if (path!.startsWith('/')) set('path', decoded(path!))
  if (query !== undefined && query !== '') put(found, 'query', queryOf(query))
  return found
}

function queryOf(query: string): EntryMap {
  const found: EntryMap = {}
  for (const part of query.split('&')) {
    if (part === '') continue
    const at = part.indexOf('=')
    const [key, text] = at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)]
    const name = decoded(key.replaceAll('+', ' '))
    const list = own(found, name)
    const item = decoded(text.replaceAll('+', ' '))
    if (Array.isArray(list)) list.push(item)
    else put(found, name, [item])
  }
  return found
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new OperatorFault('a percent sign has no two hexadecimal digits of UTF-8 behind it')
  }
}
