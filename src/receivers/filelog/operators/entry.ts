/** A value of an entry: what JSON has, and bigint for integers, bytes. Maps are plain objects whose own keys count alone. */
export type EntryValue = null | string | number | bigint | boolean | Uint8Array | EntryValue[] | EntryMap
export interface EntryMap {
  [key: string]: EntryValue
}

/** A line on its way through the operators. */
export interface Entry {
  body: EntryValue
  attributes: EntryMap
  resource: EntryMap
  /** Nanoseconds since 1970; 0: unknown. */
  time: bigint
  severity: number
  severityText: string
  traceId?: Buffer
  spanId?: Buffer
  flags?: number
}

/** An operator could not do its work on an entry; the message says why, without the entry's text. */
export class OperatorFault extends Error {}

/** What a value is, for messages. */
export function nameOf(value: EntryValue): string {
  if (value === null) return 'nothing'
  if (typeof value === 'string') return 'text'
  if (typeof value === 'number' || typeof value === 'bigint') return 'a number'
  if (typeof value === 'boolean') return String(value)
  if (value instanceof Uint8Array) return 'bytes'
  return Array.isArray(value) ? 'a list' : 'a map'
}

export const isMap = (value: EntryValue | undefined): value is EntryMap =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)

/** Sets an own key, whatever it is called. */
export function put(map: EntryMap, key: string, value: EntryValue): void {
  if (key === '__proto__') {
    Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true })
  } else map[key] = value
}

export const own = (map: EntryMap, key: string): EntryValue | undefined =>
  Object.hasOwn(map, key) ? map[key] : undefined

/** A second entry that goes its own way. */
export const copyOfEntry = (entry: Entry): Entry => ({
  ...entry,
  body: copyOf(entry.body),
  attributes: copyOf(entry.attributes) as EntryMap,
  // Whoever writes to it makes another one, but for maps in it.
  resource: Object.values(entry.resource).some(isMap) ? (copyOf(entry.resource) as EntryMap) : entry.resource,
})

/** A copy that shares nothing that can be changed. */
export function copyOf(value: EntryValue): EntryValue {
  if (Array.isArray(value)) return value.map(copyOf)
  if (!isMap(value)) return value
  const copy: EntryMap = {}
  for (const key of Object.keys(value)) put(copy, key, copyOf(value[key]!))
  return copy
}
