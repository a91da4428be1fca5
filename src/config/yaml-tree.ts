import { type Document, isAlias, isMap, isScalar, isSeq, parseDocument, type Node as YamlNode } from 'yaml'
import { plainScalar } from './scalar.ts'
import type { Source, Spot } from './source.ts'
import { type Entry, type MapNode, merge, type Node } from './tree.ts'

/** A fault of the text itself, before anything is known of its meaning. */
export interface SyntaxFault {
  message: string
  hint?: string
  spot: Spot
}

const maxDepth = 100
const maxNodes = 200_000
const maxLength = 8 * 1024 * 1024

/**
 * Parses one YAML document into nodes that know their places. Scalars mean what they mean to the Collector. `at` is the
 * place to blame when the text is not to be shown (a variable); `text` is what to read in place of the source's own, with
 * the same offsets. Never throws.
 */
export function parseTree(source: Source, faults: SyntaxFault[], at?: Spot, text = source.text): Node {
  const whole: Spot = at ?? { source, start: 0, end: text.length }
  const nothing: Node = { kind: 'scalar', value: null, spot: whole, plain: true }
  if (text.length > maxLength) {
    faults.push({ message: 'the document is larger than 8 MiB', spot: { ...whole, end: whole.start } })
    return nothing
  }
  try {
    const binary = text.indexOf('\0')
    if (binary >= 0) {
      const hint = 'is this the right file? If it is, save it as UTF-8'
      faults.push({
        message: 'not a text: it holds a null byte',
        hint,
        spot: at ?? { source, start: binary, end: binary },
      })
      return nothing
    }
    const doc = parseDocument(text, { prettyErrors: false, schema: 'failsafe', stringKeys: false, logLevel: 'error' })
    const tabs = doc.errors.filter(({ code }) => code === 'TAB_AS_INDENT')
    for (const error of (tabs.length > 0 ? tabs : doc.errors).slice(0, 20)) faults.push(syntaxFault(error, source, at))
    if (doc.errors.length > 0 || !doc.contents) return nothing
    return new Builder(source, doc, faults, at).node(doc.contents as YamlNode, 0)
  } catch (error) {
    // The parser is recursive: text that nests thousands deep ends here.
    const isDeep = error instanceof RangeError
    faults.push({
      message: isDeep ? 'nested too deeply' : `cannot be read as YAML: ${(error as Error).message}`,
      spot: { ...whole, end: whole.start },
    })
    return nothing
  }
}

type YamlError = { code: string; message: string; pos: [number, number] }

function syntaxFault(error: YamlError, source: Source, at?: Spot): SyntaxFault {
  const spot = at ?? placeOf(error, source)
  if (/^Flow (sequence|map)/.test(error.message)) {
    const bracket = error.message.includes('sequence') ? ']' : '}'
    return { message: `there is no closing ${bracket}`, hint: 'close it in the line above, or further up', spot }
  }
  const message = messages[error.code] ?? sentence(error.message)
  const hint = hints[error.code]
  return hint === undefined ? { message, spot } : { message, hint, spot }
}

/** Where people look for it: the parser names the end of the text for a quote, and what stands before a key for the key. */
function placeOf({ code, message, pos: [start, end] }: YamlError, source: Source): Spot {
  const { text } = source
  const quote = /^Missing closing (["'])quote/.exec(message)?.[1]
  if (quote !== undefined) {
    let from = 0
    for (const line of text.split('\n')) {
      const quotes = line.split(quote).length - 1
      if (quotes % 2 === 1) return { source, start: from + line.lastIndexOf(quote), end: from + line.length }
      from += line.length + 1
    }
  }
  if (code !== 'DUPLICATE_KEY') return { source, start, end }
  const [blank = ''] = /^(?:[\s,]|#.*)*/.exec(text.slice(start)) ?? []
  const [key = ''] = /^(?:"[^"]*"|'[^']*'|[^\s:]+)/.exec(text.slice(start + blank.length)) ?? []
  return { source, start: start + blank.length, end: start + blank.length + key.length }
}

const hints: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'indent with spaces, never with tabs',
  DUPLICATE_KEY: 'keep one of the two',
  MULTIPLE_DOCS: 'put each document (after "---") into a file of its own',
  BAD_INDENT: 'line up the keys of one map in the same column',
  MULTILINE_IMPLICIT_KEY: 'write a colon behind it',
  UNEXPECTED_TOKEN: 'write "key: value", one a line',
}

const messages: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'this key stands twice in one map',
  MULTIPLE_DOCS: 'there is more than one document in this file',
  MULTILINE_IMPLICIT_KEY: 'a key without a colon',
}
const sentence = (text: string) =>
  text.startsWith('Maximum call stack') ? 'nested too deeply' : `not valid YAML: ${text.split('\n')[0]}`

/** Turns the nodes of the yaml package into ours. Holds the budget that stops an alias bomb. */
class Builder {
  private nodes = 0
  private readonly source: Source
  private readonly doc: Document
  private readonly faults: SyntaxFault[]
  private readonly at: Spot | undefined

  constructor(source: Source, doc: Document, faults: SyntaxFault[], at: Spot | undefined) {
    this.source = source
    this.doc = doc
    this.faults = faults
    this.at = at
  }

  node(yaml: YamlNode | null | undefined, depth: number, fallback?: Spot): Node {
    const spot = this.spot(yaml, fallback)
    const nothing: Node = { kind: 'scalar', value: null, spot, plain: true }
    if (!yaml) return nothing
    this.nodes++
    if (depth > maxDepth || this.nodes > maxNodes) {
      const message = depth > maxDepth ? 'nested too deeply' : 'more than 200000 values (aliases included)'
      if (this.nodes < Number.POSITIVE_INFINITY) this.faults.push({ message, spot })
      this.nodes = Number.POSITIVE_INFINITY
      return nothing
    }
    if (isAlias(yaml)) return this.alias(yaml, depth, spot)
    if (isMap(yaml)) return this.map(yaml.items as Pair[], depth, spot)
    if (isSeq(yaml))
      return { kind: 'list', items: yaml.items.map((item) => this.node(item as YamlNode, depth + 1, spot)), spot }
    return isScalar(yaml) ? this.scalar(yaml, spot) : nothing
  }

  private alias(yaml: { resolve(doc: Document): unknown; source: string }, depth: number, spot: Spot): Node {
    const target = yaml.resolve(this.doc) as YamlNode | undefined
    if (!target)
      this.faults.push({ message: `unknown alias *${yaml.source}`, hint: `nothing is marked &${yaml.source}`, spot })
    return this.node(target, depth + 1, spot)
  }

  private scalar(yaml: { value: unknown; type?: unknown; tag?: string; source?: string }, spot: Spot): Node {
    // A known tag may have made an object of it: then the text it was made from counts.
    const text = typeof yaml.value === 'string' ? yaml.value : String(yaml.source ?? yaml.value ?? '')
    const tag = yaml.tag?.replace('tag:yaml.org,2002:', '')
    const plain =
      (yaml.type === 'PLAIN' && tag === undefined) ||
      tag === 'int' ||
      tag === 'float' ||
      tag === 'bool' ||
      tag === 'null'
    return { kind: 'scalar', value: plain ? plainScalar(text) : text, spot, plain }
  }

  private map(pairs: Pair[], depth: number, spot: Spot): Node {
    const own: MapNode = { kind: 'map', entries: new Map(), spot }
    let inherited: Node | undefined
    for (const pair of pairs) {
      const key = this.key(pair.key)
      const value = this.node(pair.value as YamlNode | null, depth + 1, key.spot)
      if (key.text !== '<<' || !key.plain) put(own, key.text.split('::'), { key: key.spot, node: value })
      else
        for (const base of value.kind === 'list' ? value.items : [value])
          inherited = inherited ? shallow(base, inherited) : base
    }
    return inherited ? shallow(inherited, own) : own
  }

  private key(yaml: unknown): { text: string; spot: Spot; plain: boolean } {
    const spot = this.spot(yaml as YamlNode)
    if (isScalar(yaml)) return { text: String(yaml.value ?? ''), spot, plain: yaml.type === 'PLAIN' }
    const target = isAlias(yaml) ? yaml.resolve(this.doc) : undefined
    if (isScalar(target)) return { text: String(target.value ?? ''), spot, plain: false }
    const isTemplate = spot.source.text.startsWith('{', spot.start)
    const hint = 'put quotes around the whole value, if this is a template: "{{ .name.secret }}"'
    this.faults.push({ message: 'a key must be text, not a map or list', spot, ...(isTemplate && { hint }) })
    return { text: '', spot, plain: false }
  }

  private spot(yaml: YamlNode | null | undefined, fallback?: Spot): Spot {
    if (this.at) return this.at
    const range = yaml?.range
    if (!range) return fallback ?? { source: this.source, start: 0, end: 0 }
    // A null after `key:` has an empty range behind the colon: the key is the better place.
    if (range[0] === range[1] && fallback) return fallback
    return { source: this.source, start: range[0], end: range[1] }
  }
}

type Pair = { key: unknown; value: unknown }

function put(map: MapNode, path: string[], entry: Entry): void {
  const [head, ...rest] = path as [string, ...string[]]
  const node = rest.length === 0 ? entry.node : emptyMap(entry)
  if (rest.length > 0) put(node as MapNode, rest, entry)
  const existing = map.entries.get(head)
  map.entries.set(head, { key: entry.key, node: existing ? merge(existing.node, node) : node })
}

const emptyMap = (entry: Entry): MapNode => ({ kind: 'map', entries: new Map(), spot: entry.key })

/** `<<` gives what the map itself does not set; it does not merge deeper. */
function shallow(base: Node, own: Node): Node {
  if (base.kind !== 'map' || own.kind !== 'map') return own
  return { ...own, entries: new Map([...base.entries, ...own.entries]) }
}

/** Wraps a node into the maps of a path: `a::b` and `v` make `{ a: { b: v } }`. */
export function nested(path: string[], entry: Entry, spot: Spot): Node {
  const root: MapNode = { kind: 'map', entries: new Map(), spot }
  put(root, path, entry)
  return root
}
