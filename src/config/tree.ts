import type { Spot } from './source.ts'
import type { Substituted } from './substituted.ts'

/** A node of the configuration with the place where it was written. Merging moves nodes, so places survive it. */
export type Node = MapNode | ListNode | ScalarNode

export interface MapNode {
  kind: 'map'
  entries: Map<string, Entry>
  spot: Spot
}

export interface ListNode {
  kind: 'list'
  items: Node[]
  spot: Spot
}

export interface ScalarNode {
  kind: 'scalar'
  value: string | number | boolean | null | Substituted
  spot: Spot
  /** Written without quotes. */
  plain: boolean
  /** The nodes of a map or list that came by substitution. */
  inner?: Node
}

export interface Entry {
  key: Spot
  node: Node
}

/** Whether the lists at a path are appended to instead of replaced. */
export type Appended = (path: readonly string[]) => boolean

/** The later node over the earlier: maps key by key, lists and scalars as a whole. */
export function merge(earlier: Node, later: Node, appended?: Appended, path: readonly string[] = []): Node {
  const under = meant(earlier)
  const over = meant(later)
  if (under.kind === 'list' && over.kind === 'list' && appended?.(path)) return append(under, over)
  if (under.kind !== 'map' || over.kind !== 'map') return later
  const entries = new Map(under.entries)
  for (const [key, entry] of over.entries) {
    const existing = entries.get(key)
    entries.set(key, existing ? mergeEntries(existing, entry, appended, [...path, key]) : entry)
  }
  return { kind: 'map', entries, spot: under.spot }
}

/** The earlier list and what the later one has beyond it. */
function append(under: ListNode, over: ListNode): ListNode {
  const have = new Set(under.items.map(listed))
  return { ...over, items: [...under.items, ...over.items.filter((item) => !have.has(listed(item)))] }
}

const listed = (item: Node) => JSON.stringify(plainTree(item))

/** A map stays where it was first written, anything else is where it was last. */
function mergeEntries(earlier: Entry, later: Entry, appended: Appended | undefined, path: readonly string[]): Entry {
  const node = merge(earlier.node, later.node, appended, path)
  return { key: node === later.node ? later.key : earlier.key, node }
}

/** The map or list behind a substitution, or the node itself. */
export function meant(node: Node): Node {
  return node.kind === 'scalar' && node.inner ? node.inner : node
}

/** The plain tree: objects, arrays, scalars and `Substituted`. */
export function plainTree(node: Node): unknown {
  if (node.kind === 'list') return node.items.map(plainTree)
  if (node.kind === 'map')
    return Object.fromEntries([...node.entries].map(([key, entry]) => [key, plainTree(entry.node)]))
  return node.value
}

/** The place of a path; of the nearest parent when there is no such node; of a key of it when `key` is given. */
export function spotOf(root: Node, path: readonly PropertyKey[], key?: string): Spot {
  const node = descend(root, path)
  const found = meant(node)
  return (key !== undefined && found.kind === 'map' ? found.entries.get(key)?.key : undefined) ?? node.spot
}

function descend(root: Node, path: readonly PropertyKey[]): Node {
  let node = root
  for (const part of path) {
    const next = childOf(node, part)
    if (!next) return node
    node = next
  }
  return node
}

/** The node at a path, or undefined. */
export function nodeAt(root: Node, path: readonly PropertyKey[]): Node | undefined {
  let node: Node | undefined = root
  for (const part of path) node = node && childOf(node, part)
  return node
}

function childOf(node: Node, part: PropertyKey): Node | undefined {
  const within = meant(node)
  if (within.kind === 'map') return within.entries.get(String(part))?.node
  return within.kind === 'list' ? within.items[Number(part)] : undefined
}
