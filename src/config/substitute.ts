// biome-ignore-all lint/suspicious/noTemplateCurlyInString: messages show references as they are written
import type { ConfigCode } from './diagnostics.ts'
import { readFailure } from './read-failure.ts'
import { plainScalar } from './scalar.ts'
import { newSource, type Spot } from './source.ts'
import { Substituted } from './substituted.ts'
import { oldVariable, parseReference, type Reference, tokenise } from './template.ts'
import { type Node, plainTree, type ScalarNode } from './tree.ts'
import { parseTree } from './yaml-tree.ts'

/** What substitution reads from and reports to. */
export interface Surroundings {
  env: Record<string, string | undefined>
  readFile(path: string): string
  /** `service.empty_variables: unset`: a variable that is set but empty counts as not set. */
  emptyIsUnset: boolean
  report(code: ConfigCode, spot: Spot, message: string, hint?: string): void
  warn(code: ConfigCode, spot: Spot, message: string, hint?: string): void
  /** The path of the value at hand, for reports. */
  path: string[]
  /** How many files and inline texts may still be read: the bound of configurations that include themselves. */
  left: { expansions: number }
}

interface Found {
  text: string
  value: unknown
  source: string
  inner?: Node
}

const maxDepth = 20
const variableName = /^[a-zA-Z_][a-zA-Z0-9_]*$/

/** Replaces the references in all values below a node; keys stay as they are. */
export function substitute(node: Node, from: Surroundings, depth = 0): Node {
  const below = (key: string, child: Node) => {
    from.path.push(key)
    const replaced = substitute(child, from, depth)
    from.path.pop()
    return replaced
  }
  if (node.kind === 'list') return { ...node, items: node.items.map((item, index) => below(String(index), item)) }
  if (node.kind === 'map') {
    const entries = [...node.entries].map(([key, entry]) => [key, { ...entry, node: below(key, entry.node) }] as const)
    return { ...node, entries: new Map(entries) }
  }
  return typeof node.value === 'string' && node.value.includes('$') ? scalar(node, node.value, from, depth) : node
}

function scalar(node: ScalarNode, text: string, from: Surroundings, depth: number): Node {
  warnOfText(text, node.spot, from)
  const tokens = tokenise(text)
  const only = tokens.length === 1 ? tokens[0]! : ''
  if (typeof only === 'string') {
    const value = inline(text, node.spot, from, depth)
    // `${env:HUNDREDS}00` may stand for a number as well as for a text.
    const isNumber = tokens.length > 1 && /^\d+$/.test(value)
    return { ...node, value: isNumber ? new Substituted(value, Number(value), 'references') : value }
  }
  const found = resolve(only.reference, node.spot, from, depth)
  if (!found) return { ...node, value: null }
  const value = new Substituted(found.text, found.value, found.source)
  return found.inner ? { ...node, value, inner: found.inner } : { ...node, value }
}

/** Warns of what looks like a reference and is none. */
function warnOfText(text: string, spot: Spot, from: Surroundings): void {
  // Not named: it may be a password that begins so.
  if (oldVariable.test(text)) {
    const hint = 'write ${env:NAME} for the variable, $$NAME for the text'
    from.warn('TR_CONFIG_VALUE', spot, 'a $NAME without braces is taken as text, not as a variable', hint)
  }
  const open = text.lastIndexOf('${')
  if (open > text.lastIndexOf('}') && text[open - 1] !== '$')
    from.warn('TR_CONFIG_VALUE', spot, '"${" is taken as text: no "}" follows', 'close it, or write $${ for the text')
}

/** The text with all references replaced by theirs. */
function inline(text: string, spot: Spot, from: Surroundings, depth: number): string {
  return tokenise(text)
    .map((token) => (typeof token === 'string' ? token : spliced(token.reference, spot, from, depth)))
    .join('')
}

function spliced(reference: string, spot: Spot, from: Surroundings, depth: number): string {
  const found = resolve(reference, spot, from, depth)
  // An IPv6 address such as `1111::` is a YAML map by accident, so only what looks like one counts.
  if (found?.inner && /^\s*[[{]|\n/.test(found.text)) {
    const message = `expanding \${${found.source}}: retrieved value does not have unambiguous string representation: it is a list or map`
    from.report('TR_CONFIG_EXPANSION', spot, message, 'a list or map can only be the whole value')
  }
  return found?.text ?? ''
}

/** What a reference stands for; undefined when there is nothing (a null) or a problem was reported. */
function resolve(reference: string, spot: Spot, from: Surroundings, depth: number): Found | undefined {
  const parsed = parseReference(reference)
  if (parsed.scheme === 'unknown') {
    const message = `scheme "${parsed.name}" is not supported for uri "${parsed.name}:..."`
    from.report(
      'TR_CONFIG_SCHEME',
      spot,
      message,
      'supported are ${env:NAME}, ${file:/path} and ${yaml:text}; write $${ for a literal ${',
    )
    return undefined
  }
  if (parsed.scheme === 'env') return variable(parsed, spot, from, depth)
  if (depth >= maxDepth || from.left.expansions-- <= 0) {
    from.report(
      'TR_CONFIG_EXPANSION',
      spot,
      'too many recursive expansions',
      'a file includes itself, or references nest too deeply',
    )
    return undefined
  }
  const opaque = nestedText(parsed.opaque, spot, from, depth)
  return parsed.scheme === 'yaml' ? { ...yamlText(opaque, spot), source: 'yaml' } : file(opaque, spot, from, depth)
}

/** Text inside a reference: inner references first, and no dollar may be left over. */
function nestedText(text: string, spot: Spot, from: Surroundings, depth: number): string {
  if (/\$(?!\{)/.test(text.replaceAll('$$', ''))) {
    from.report(
      'TR_CONFIG_EXPANSION',
      spot,
      "the uri contains unsupported characters ('$')",
      'write $$ for a literal dollar',
    )
  }
  if (depth < maxDepth) return inline(text, spot, from, depth + 1)
  from.report('TR_CONFIG_EXPANSION', spot, 'too many recursive expansions', 'references nest too deeply')
  return ''
}

function variable(
  { name, fallback, required }: Reference & { scheme: 'env' },
  spot: Spot,
  from: Surroundings,
  depth: number,
): Found | undefined {
  const given = nestedText(name, spot, from, depth)
  if (!variableName.test(given)) {
    const message = `environment variable ${JSON.stringify(given)} has invalid name: must match regex ${variableName.source}`
    from.report('TR_CONFIG_VARIABLE', spot, message, 'write $${ for a literal ${')
    return undefined
  }
  const content = Object.hasOwn(from.env, given) ? from.env[given] : undefined
  const source = `env:${given}`
  if (content !== undefined && !(required && content === '') && (content !== '' || !from.emptyIsUnset))
    return { ...yamlText(content, spot), source }
  if (fallback !== undefined) return { ...yamlText(nestedText(fallback, spot, from, depth), spot), source }
  if (required) {
    from.report(
      'TR_CONFIG_REQUIRED',
      spot,
      `the environment variable ${given} must be set`,
      `set ${given} to a value that is not empty`,
    )
    return undefined
  }
  if (from.emptyIsUnset) return undefined
  const message = `Configuration references unset environment variable ${given}`
  from.warn('TR_CONFIG_UNSET', spot, message, `set it, or write \${env:${given}:-default}`)
  return { text: '', value: null, source }
}

/** Text that is final: what it means as YAML, beside itself. Text that is not YAML, or is YAML text, means itself. */
function yamlText(text: string, spot: Spot): Omit<Found, 'source'> {
  if (/^[\w.+-]*$/.test(text)) return { text, value: plainScalar(text) }
  const faults: unknown[] = []
  const node = parseTree(newSource(spot.source.file, text), faults as never[], spot)
  if (faults.length > 0 || (node.kind === 'scalar' && typeof node.value === 'string')) return { text, value: text }
  return node.kind === 'scalar' ? { text, value: node.value } : { text, value: plainTree(node), inner: node }
}

/** The content of a file: a map or list is configuration again, a scalar is text without its last line break. */
function file(path: string, spot: Spot, from: Surroundings, depth: number): Found | undefined {
  let content: string
  try {
    content = from.readFile(path)
  } catch (error) {
    from.report('TR_CONFIG_READ', spot, ...readFailure(path, error))
    return undefined
  }
  const source = `file:${path}`
  const faults: unknown[] = []
  const tree = parseTree(newSource(path, content), faults as never[])
  if (faults.length === 0 && tree.kind !== 'scalar') {
    const inner = substitute(tree, from, depth + 1)
    return { text: content, value: plainTree(inner), source, inner }
  }
  return { ...yamlText(inline(content.replace(/\r?\n$/, ''), spot, from, depth + 1), spot), source }
}
