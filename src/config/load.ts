import { readFileSync } from 'node:fs'
import type { ConfigCode, Problem } from './diagnostics.ts'
import { readFailure } from './read-failure.ts'
import { type Location, locate, maskSpot, newSource, type Source, type Spot } from './source.ts'
import { type Surroundings, substitute } from './substitute.ts'
import { Substituted } from './substituted.ts'
import { meant, merge, type Node, nodeAt, plainTree, spotOf } from './tree.ts'
import { nested, parseTree, type SyntaxFault } from './yaml-tree.ts'

export interface LoadOptions {
  /** `key=value` arguments, which win over all files: `processors.batch.timeout=2s`. */
  set: readonly string[]
  env: Record<string, string | undefined>
  readFile?: (path: string) => string
  /** Lists of extensions, and of receivers and exporters of pipelines, are appended to (confmap.enableMergeAppendOption). */
  appendLists?: boolean
}

/** The merged configuration before anything is known of its meaning. */
export interface LoadedConfig {
  /** Objects, arrays, scalars, and `Substituted` where a whole value was a reference. */
  value: Record<string, unknown>
  /** Where the value of a path was written, or one of its keys; the nearest parent when it was not written at all. */
  at(path: readonly PropertyKey[], key?: string): Location
  /** Hides the value of a path in every excerpt from now on. */
  hide(path: readonly PropertyKey[]): void
  /** The paths that were hidden. */
  hidden: (readonly PropertyKey[])[]
  problems: Problem[]
  warnings: Problem[]
}

/**
 * Reads and merges the files (a later one wins), then the `--set` arguments. A file may also be a location: `file:path`,
 * `yaml:processors::batch::timeout: 2s`, `env:NAME`. Never throws: what is wrong is in `problems`.
 */
export function loadConfig(files: readonly string[], options: LoadOptions): LoadedConfig {
  const { set, env, readFile = readText, appendLists = false } = options
  const problems: Problem[] = []
  const warnings: Problem[] = []
  const hidden: (readonly PropertyKey[])[] = []
  const paths = new Map<Problem, readonly string[]>()
  const note = (into: Problem[]) => (code: ConfigCode, spot: Spot, message: string, hint?: string) => {
    const told = { code, location: locate(spot), path: path.join('.'), message, ...(hint !== undefined && { hint }) }
    paths.set(told, [...path])
    into.push(told)
  }
  const path: string[] = []
  const left = { expansions: 1000 }
  const from: Surroundings = {
    env,
    readFile,
    emptyIsUnset: false,
    report: note(problems),
    warn: note(warnings),
    left,
    path,
  }
  const nowhere = newSource((files[0] ?? '--config').replace(/^file:/, ''), '')
  let root: Node = { kind: 'map', entries: new Map(), spot: { source: nowhere, start: 0, end: 0 } }
  if (files.length === 0)
    from.report(
      'TR_CONFIG_EMPTY',
      root.spot,
      'at least one config flag must be provided',
      'name a configuration file: tailrace run agent.yaml',
    )
  const parts = [
    ...files.map((file) => () => readLocation(file, from)),
    ...set.map((text) => () => readSet(text, from)),
  ]
  const layers: { node: Node; warnings: Problem[] }[] = []
  for (const part of parts) {
    const node = part()
    const told = warnings.splice(0)
    if (!node) continue
    root = merge(root, node, appendLists ? isAppended : undefined)
    layers.push({ node, warnings: told })
  }
  // What a later file says otherwise is not used: no warning of it, and nothing of it is shown.
  const isUsed = (layer: Node) => (told: Problem) => {
    const at = paths.get(told)!
    return nodeAt(layer, at)?.spot === nodeAt(root, at)?.spot
  }
  for (const { node, warnings: told } of layers) warnings.push(...told.filter(isUsed(node)))
  return {
    value: plainTree(root) as Record<string, unknown>,
    at: (path, key) => locate(spotOf(root, path, key)),
    hide: (path) => {
      hidden.push(path)
      for (const tree of [root, ...layers.map(({ node }) => node)]) hide(nodeAt(tree, path))
    },
    hidden,
    problems,
    warnings,
  }
}

/** `service::extensions`, `service::**::receivers`, `service::**::exporters`: where the order means nothing. */
function isAppended(path: readonly string[]): boolean {
  if (path[0] !== 'service') return false
  const last = path.at(-1)
  return last === 'receivers' || last === 'exporters' || (path.length === 2 && last === 'extensions')
}

function hide(node: Node | undefined): void {
  if (!node || isReference(node)) return
  maskSpot(node.spot)
  if (node.kind === 'scalar' && node.inner) hide(node.inner)
}

// `${env:NAME}` tells nothing, and it is what people look for; a default behind `:-` tells.
function isReference({ spot, ...node }: Node): boolean {
  if (!('value' in node) || !(node.value instanceof Substituted)) return false
  return /^["']?\$\{(env:|file:)?[^:{}]*\}["']?$/.test(spot.source.text.slice(spot.start, spot.end))
}

const readText = (path: string) => readFileSync(path, 'utf8')

function readLocation(location: string, from: Surroundings): Node | undefined {
  const [, scheme = 'file', opaque = location] = /^([A-Za-z][A-Za-z0-9+.-]+):(.*)$/s.exec(location) ?? []
  const source = contentOf(location, scheme, opaque, from)
  return source && document(source, from)
}

function contentOf(location: string, scheme: string, opaque: string, from: Surroundings): Source | undefined {
  const named = newSource(location, '')
  const spot = { source: named, start: 0, end: 0 }
  if (scheme === 'yaml') return newSource('yaml:', opaque)
  if (scheme === 'env') {
    const content = from.env[opaque]
    if (content === undefined)
      from.report('TR_CONFIG_READ', spot, `Configuration references unset environment variable ${opaque}`)
    return newSource(location, content ?? '')
  }
  if (scheme !== 'file') {
    from.report(
      'TR_CONFIG_SCHEME',
      spot,
      `unsupported scheme on URI "${location}"`,
      'supported are a path, file:path, yaml:text and env:NAME',
    )
    return undefined
  }
  try {
    return newSource(opaque, from.readFile(opaque))
  } catch (error) {
    from.report('TR_CONFIG_READ', spot, ...readFailure(opaque, error))
    return undefined
  }
}

/** Parses and substitutes one document; undefined unless it is a map. */
function document(source: Source, from: Surroundings): Node | undefined {
  const faults: SyntaxFault[] = []
  const raw = parseTree(source, faults)
  for (const { spot, message, hint } of faults) from.report('TR_CONFIG_YAML', spot, message, hint)
  if (faults.length > 0) return undefined
  const tree = meant(substitute(raw, { ...from, emptyIsUnset: emptyIsUnset(raw) }))
  if (tree.kind === 'map') return dotted(tree)
  if (tree.kind === 'scalar' && tree.value === null) return undefined
  const type = tree.kind === 'list' ? 'list' : typeof tree.value
  from.report(
    'TR_CONFIG_ROOT',
    tree.spot,
    `retrieved value (type=${type}) cannot be used as a Conf: expected a map of receivers, exporters, service ...`,
  )
  return undefined
}

const dottedKey = 'service.empty_variables'

/** `service.empty_variables` is read before anything is substituted, so it must be plain text. */
function emptyIsUnset(raw: Node): boolean {
  const node = nodeAt(raw, ['service', 'empty_variables']) ?? nodeAt(raw, [dottedKey])
  return node?.kind === 'scalar' && node.value === 'unset'
}

/** The one key that may also be written with a dot at the top. */
function dotted(tree: Node & { kind: 'map' }): Node {
  const entry = tree.entries.get(dottedKey)
  if (!entry) return tree
  const entries = new Map(tree.entries)
  entries.delete(dottedKey)
  return merge({ ...tree, entries }, nested(dottedKey.split('.'), entry, tree.spot))
}

function readSet(argument: string, from: Surroundings): Node | undefined {
  const source = newSource('--set', argument)
  const equals = argument.indexOf('=')
  const key = argument.slice(0, Math.max(equals, 0)).trim()
  if (key === '') {
    const message = equals < 0 ? 'missing equal sign' : 'missing key before the equal sign'
    from.report(
      'TR_CONFIG_SET',
      { source, start: 0, end: argument.length },
      message,
      'write key=value, such as processors.batch.timeout=2s',
    )
    return undefined
  }
  // Blanks instead of the key keep the columns of the value.
  const faults: SyntaxFault[] = []
  const value = parseTree(source, faults, undefined, ' '.repeat(equals + 1) + argument.slice(equals + 1))
  for (const { spot, message, hint } of faults) from.report('TR_CONFIG_YAML', spot, message, hint)
  if (faults.length > 0) return undefined
  const spot = { source, start: 0, end: key.length }
  return nested(key.replaceAll('.', '::').split('::'), { key: spot, node: substitute(value, from) }, spot)
}
