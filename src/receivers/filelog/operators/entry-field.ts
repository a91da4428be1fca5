import { nearest } from '../../../config/nearest.ts'
import { type Entry, type EntryMap, type EntryValue, isMap, OperatorFault, own, put } from './entry.ts'

/** A place in an entry: `body`, `attributes.level`, `resource["host.name"]`, `body.a.b`. */
export interface EntryField {
  readonly text: string
  readonly root: 'body' | 'attributes' | 'resource'
  readonly keys: readonly string[]
}

const roots = ['body', 'attributes', 'resource'] as const
const step = /\.([^.[\]]+)|\[\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\s*\]/y

/** Reads a field; a text says what is wrong with it. `rootable`: all attributes or the whole resource will do. */
export function parseField(text: string, rootable = false): EntryField | string {
  const [first = ''] = /^\$?[^.[]*/.exec(text) ?? []
  const root = roots.find((each) => each === first.replace(/^\$/, ''))
  if (!root) {
    const meant = nearest(first, roots)
    const hint = meant === undefined ? '' : `: did you mean ${text.replace(first, meant)}?`
    return `unrecognized prefix ${JSON.stringify(first)}${hint}; fields begin with body, attributes or resource`
  }
  const keys: string[] = []
  let pos = first.length
  for (step.lastIndex = pos; pos < text.length; pos = step.lastIndex) {
    const match = step.exec(text)
    if (!match) return `${JSON.stringify(text)} is no field: write ${root}.key or ${root}["key"]`
    const [, bare, double, single] = match
    keys.push(bare ?? (double ?? single!).replace(/\\(.)/g, '$1'))
  }
  if (root !== 'body' && keys.length === 0 && !rootable) return `${root} cannot be referenced without subfield`
  return { text, root, keys }
}

/** The value there; undefined when there is none. */
export function getField(entry: Entry, { root, keys }: EntryField): EntryValue | undefined {
  let value: EntryValue | undefined = entry[root]
  for (let i = 0; i < keys.length && value !== undefined; i++) value = isMap(value) ? own(value, keys[i]!) : undefined
  return value
}

/** Sets it, making maps on the way. The entries of a map are added to those of the map that is there. */
export function setField(entry: Entry, field: EntryField, value: EntryValue): void {
  const { root, keys } = field
  if (isMap(value)) merge(mapAt(entry, root, keys), value)
  else if (keys.length > 0) put(mapAt(entry, root, keys.slice(0, -1)), keys.at(-1)!, value)
  else if (root === 'body') entry.body = value
  else throw new OperatorFault(`${root} can be set to a map alone`)
}

/** Removes it; false when it was not there. */
export function deleteField(entry: Entry, field: EntryField): boolean {
  const { root, keys } = field
  if (keys.length === 0) {
    if (root === 'body') entry.body = null
    else entry[root] = {}
    return true
  }
  const parent = getField(entry, { ...field, keys: keys.slice(0, -1) })
  const key = keys.at(-1)!
  if (!isMap(parent) || !Object.hasOwn(parent, key)) return false
  if (root === 'resource') entry.resource = { ...entry.resource }
  const map = root === 'resource' && keys.length === 1 ? entry.resource : parent
  return delete map[key]
}

/** The map there, made if it is none. */
function mapAt(entry: Entry, root: EntryField['root'], keys: readonly string[]): EntryMap {
  let map: EntryMap
  if (root === 'body') map = isMap(entry.body) ? entry.body : {}
  // Entries share the resource of the receiver.
  else map = root === 'resource' ? { ...entry.resource } : entry.attributes
  entry[root] = map
  for (const key of keys) {
    const inner = own(map, key)
    const next = isMap(inner) ? inner : {}
    put(map, key, next)
    map = next
  }
  return map
}

function merge(into: EntryMap, from: EntryMap): void {
  for (const key of Object.keys(from)) put(into, key, from[key]!)
}
