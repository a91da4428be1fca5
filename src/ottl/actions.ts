import { createHash } from 'node:crypto'
import type { Draft } from '../telemetry/draft.ts'
import { putEntry, readEntryOf } from '../telemetry/entries.ts'
import { entryFrame } from '../telemetry/frames.ts'
import type { Origin } from '../telemetry/origin.ts'
import type { MapDef } from '../telemetry/path-def.ts'
import type { Site } from '../telemetry/site.ts'
import { Value, ValueType } from '../telemetry/value.ts'
import type { GoRegex } from './go-regex.ts'
import { KeyVerdicts } from './key-verdicts.ts'
import { attributesTarget, isEntry, type MapTarget, readEntry, setEntry, writeEntry } from './map-target.ts'
import { asValue, type Ottl, ottlOf, textOf } from './ottl-value.ts'

/** One change of attributes, as the processors `attributes` and `resource` of the Collector have them. */
export interface Action {
  readonly action: 'insert' | 'update' | 'upsert' | 'delete' | 'hash' | 'extract' | 'convert'
  readonly key: string | undefined
  /** What insert, update and upsert set: the first of these that there is. */
  readonly value: Ottl
  readonly fromAttribute: string | undefined
  readonly fromContext: string | undefined
  readonly defaultValue: Ottl
  /** Keys to delete or hash; named groups to extract. */
  readonly pattern: GoRegex | undefined
  readonly convertedType: 'int' | 'double' | 'string' | undefined
}

type Apply = (site: Site) => void

/** Makes the function that runs actions, one after the other, on a map of the record that the site stands on. */
export function compileActions(actions: readonly Action[], map: MapDef): Apply {
  const steps = actions.map((action) => compileAction(action, map))
  if (steps.length === 1) return steps[0]!
  return (site) => {
    for (let i = 0; i < steps.length; i++) steps[i]!(site)
  }
}

function compileAction(action: Action, map: MapDef): Apply {
  if (action.action === 'delete') return eachMatching(action, map, (_, draft, i) => draft.remove(i))
  if (action.action === 'hash') return eachMatching(action, map, hashEntry)
  if (action.action === 'extract') return extract(action, map)
  if (action.action === 'convert') return convert(action, map)
  return put(action, map)
}

function put(action: Action, map: MapDef): Apply {
  const key = Buffer.from(action.key!)
  const { level, deprecated } = map
  const has = (draft: Draft, field: number) =>
    draft.findKey(field, key) >= 0 || (deprecated !== undefined && draft.findKey(deprecated, key) >= 0)
  const frameOf = frameSource(action, map, key)
  const kind = action.action
  return (site) => {
    const field = map.field(site)
    const draft = site.draft(level)
    if (kind !== 'upsert' && has(draft, field) !== (kind === 'update')) return
    const frame = frameOf(site, field)
    if (frame === undefined) return
    if (kind === 'insert') draft.append(frame)
    else putEntry(draft, field, key, frame, deprecated)
  }
}

/** The entry to set: made once where it is the same for every record. */
function frameSource(action: Action, map: MapDef, key: Buffer): (site: Site, field: number) => Buffer | undefined {
  const fixed = (value: Ottl) => {
    const frames: Buffer[] = []
    const encoded = asValue(value)
    return (field: number) => {
      frames[field] ??= entryFrame(field, key, encoded, map.entries)
      return frames[field]
    }
  }
  const otherwise = action.defaultValue === undefined ? () => undefined : fixed(action.defaultValue)
  if (action.value !== undefined) {
    const frame = fixed(action.value)
    return (_, field) => frame(field)
  }
  const value = new Value()
  if (action.fromAttribute !== undefined) {
    const from = Buffer.from(action.fromAttribute)
    return (site, field) => {
      readEntryOf(site, map, from, value)
      return value.type === ValueType.none ? otherwise(field) : entryFrame(field, key, value, map.entries)
    }
  }
  if (action.fromContext !== undefined) {
    const read = contextReader(action.fromContext)
    let last: Origin | undefined
    let frame = fixed('')
    let text: string | undefined
    return (site, field) => {
      // One connection brings many batches: its frame is made once.
      if (site.origin !== last || site.origin === undefined) {
        last = site.origin
        text = last && read(last)
        if (text !== undefined) frame = fixed(text)
      }
      return text === undefined ? otherwise(field) : frame(field)
    }
  }
  return (_, field) => otherwise(field)
}

/** `client.address`, or `metadata.<header>`. */
function contextReader(from: string): (origin: Origin) => string | undefined {
  if (from === 'client.address') return ({ address }) => address || undefined
  const name = from.slice('metadata.'.length).toLowerCase()
  return ({ metadata }) => (metadata && Object.hasOwn(metadata, name) ? metadata[name] : undefined)
}

/** Runs `change` on the entry of the action's key, and on those whose keys match its pattern. */
function eachMatching(
  { key, pattern }: Action,
  map: MapDef,
  change: (target: MapTarget, draft: Draft, i: number) => void,
): Apply {
  const target = attributesTarget(map)
  const bytes = key === undefined ? undefined : Buffer.from(key)
  if (bytes && !pattern) {
    return (site) => {
      const draft = target.open(site)
      for (let i = draft.findKey(target.field, bytes); i >= 0; i = draft.findKey(target.field, bytes, i)) {
        change(target, draft, i)
      }
      const { deprecated } = target
      if (deprecated === undefined) return
      for (let i = draft.findKey(deprecated, bytes); i >= 0; i = draft.findKey(deprecated, bytes, i)) {
        change(target, draft, i)
      }
    }
  }
  const matches = new KeyVerdicts((each) => (each === key || pattern!.test(each) ? 1 : 0))
  return (site) => {
    const draft = target.open(site)
    const { count } = draft
    for (let i = 0; i < count; i++) {
      if (!isEntry(target, draft, i)) continue
      if (matches.of(draft.bufOf(i), draft.keyStart(i), draft.keyEnd(i)) === 1) change(target, draft, i)
    }
  }
}

const scratch = new Value()

/** SHA-256 of the value's bytes, in hexadecimal; numbers are eight bytes, little endian; of what is empty, nothing. */
function hashEntry(target: MapTarget, draft: Draft, i: number): void {
  readEntry(target, draft, i, scratch)
  const bytes = hashedBytes(scratch)
  scratch.text(Buffer.from(bytes.length === 0 ? '' : createHash('sha256').update(bytes).digest('hex')))
  writeEntry(target, draft, i, scratch)
}

function hashedBytes(value: Value): Uint8Array {
  if (value.type === ValueType.text) return value.buf.subarray(value.start, value.end)
  if (value.type === ValueType.bool) return Uint8Array.of(value.lo)
  const bytes = Buffer.alloc(8)
  if (value.type === ValueType.double) bytes.writeDoubleLE(value.double)
  else if (value.type === ValueType.int || value.type === ValueType.uint) {
    bytes.writeUInt32LE(value.lo >>> 0, 0)
    bytes.writeUInt32LE(value.hi >>> 0, 4)
  } else return new Uint8Array(0)
  return bytes
}

/** Sets the attributes that the named groups of the pattern are called, to what they match. */
function extract({ key, pattern }: Action, map: MapDef): Apply {
  const target = attributesTarget(map)
  const bytes = Buffer.from(key!)
  const names = pattern!.groups.map((name) => Buffer.from(name))
  const value = new Value()
  return (site) => {
    readEntryOf(site, map, bytes, value)
    if (value.type !== ValueType.text) return
    const match = pattern!.exec(value.toString())
    if (!match) return
    const draft = target.open(site)
    for (let i = 1; i < names.length; i++) {
      value.text(Buffer.from(match[i] ?? ''))
      setEntry(target, draft, names[i]!, value)
    }
  }
}

function convert({ key, convertedType }: Action, map: MapDef): Apply {
  const target = attributesTarget(map)
  const bytes = Buffer.from(key!)
  const value = new Value()
  return (site) => {
    readEntryOf(site, map, bytes, value)
    if (value.type === ValueType.none) return
    const converted = convertedValue(ottlOf(value), convertedType!)
    if (converted === undefined) return
    setEntry(target, target.open(site), bytes, asValue(converted))
  }
}

/** The value as another type; undefined when it stays as it is: it has the type, or cannot have it. */
function convertedValue(value: Ottl, type: 'int' | 'double' | 'string'): Ottl {
  if (type === 'string') return typeof value === 'string' ? undefined : textOf(value)
  if (typeof value === 'boolean') return type === 'int' ? BigInt(value) : Number(value)
  if (type === 'int') {
    if (typeof value === 'number')
      return Number.isFinite(value) ? BigInt.asIntN(64, BigInt(Math.trunc(value))) : undefined
    if (typeof value !== 'string' || !/^[-+]?\d+$/.test(value)) return undefined
    const parsed = BigInt(value.replace('+', ''))
    return BigInt.asIntN(64, parsed) === parsed ? parsed : undefined
  }
  if (typeof value === 'bigint') return Number(value)
  return typeof value === 'string' && /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(value) ? Number(value) : undefined
}
