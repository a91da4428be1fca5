import { BackwardWriter, Reader } from '../wire/protobuf.ts'
import type { Cursor } from './cursor.ts'
import { Draft } from './draft.ts'
import { findEntry, found, readAnyValue, readDeprecated } from './find-field.ts'
import { type EntryKind, entryFrame } from './frames.ts'
import { type MapDef, Unsuitable } from './path-def.ts'
import type { Site } from './site.ts'
import { Value, ValueType } from './value.ts'

/** One part of a map or list: a key, or a position. */
export type Step = Buffer | number

/** Reads entry `key` of a map whose entries are fields. */
export function readEntryOf(cursor: Cursor, map: MapDef, key: Uint8Array, into: Value): void {
  if (cursor.findEntry(map.level, map.field(cursor), key)) readValue(map.entries, into)
  else if (map.deprecated !== undefined && cursor.findEntry(map.level, map.deprecated, key)) {
    readDeprecated(found.buf, found.start, found.end, into)
  } else into.none()
}

function readValue(kind: EntryKind, into: Value): void {
  if (kind === 'any') readAnyValue(found.buf, found.start, found.end, into)
  else into.span(ValueType.text, found.buf, found.start, found.end)
}

/** Reads the value of entry `i` of a draft. */
export function readEntryAt(draft: Draft, i: number, map: Pick<MapDef, 'entries' | 'deprecated'>, into: Value): void {
  const buf = draft.bufOf(i)
  const [start, end] = [draft.startOf(i), draft.endOf(i)]
  if (draft.fieldOf(i) === map.deprecated) readDeprecated(buf, start, end, into)
  else if (map.entries === 'any') readAnyValue(buf, start, end, into)
  else into.span(ValueType.text, buf, start, end)
}

/** Puts a frame in the place of entry `key`, or adds it; a key that was there twice is there once afterwards. */
export function putEntry(draft: Draft, field: number, key: Uint8Array, frame: Uint8Array, deprecated?: number): void {
  const at = draft.findKey(field, key)
  if (at < 0) draft.append(frame)
  else {
    for (let i = draft.findKey(field, key, at); i >= 0; i = draft.findKey(field, key, i)) draft.remove(i)
    draft.replace(at, frame)
  }
  if (deprecated !== undefined) draft.removeAll(deprecated, key)
}

export function removeEntry(site: Site, map: MapDef, key: Uint8Array): void {
  const draft = site.draft(map.level)
  draft.removeAll(map.field(site), key)
  if (map.deprecated !== undefined) draft.removeAll(map.deprecated, key)
}

const elements = new Reader()

/** Makes `into`, a map or list, the part of it that `step` names; nothing when there is none. */
export function descend(into: Value, step: Step): void {
  const isFound =
    typeof step === 'number'
      ? into.type === ValueType.other && findElement(into, step)
      : into.type === ValueType.map && findEntry(into.buf, into.start, into.end, 1, step)
  if (!isFound) into.none()
  else if (typeof step === 'number') readAnyValue(into.buf, elements.start, elements.stop, into)
  else readAnyValue(found.buf, found.start, found.end, into)
}

/** Finds element `position` of a list; from its end when negative. */
function findElement(list: Value, position: number): boolean {
  let left = position
  if (left < 0) left += listLength(list)
  if (left < 0) return false
  elements.reset(list.buf, list.start, list.end)
  while (elements.next() && elements.skip()) {
    if (elements.field === 1 && elements.wire === 2 && left-- === 0) return true
  }
  return false
}

/** How many values a list has, or entries a map. */
export function listLength({ buf, start, end }: Value): number {
  let count = 0
  elements.reset(buf, start, end)
  while (elements.next() && elements.skip()) if (elements.field === 1 && elements.wire === 2) count++
  return count
}

/**
 * The map `whole` (or nothing, which counts as an empty one) with the part that `steps` name set to `part`, or removed
 * when `part` is undefined: the body of a KeyValueList. Throws Unsuitable where a step leads through something else.
 */
export function withPart(whole: Value, steps: readonly Step[], part: Value | undefined, depth = 0): Buffer {
  const step = steps[depth]!
  if (typeof step === 'number') throw new Unsuitable('elements of lists cannot be set')
  if (whole.type !== ValueType.map && whole.type !== ValueType.none) {
    throw new Unsuitable(`has no key ${JSON.stringify(step.toString())}: it is no map`)
  }
  const draft = new Draft()
  const has = whole.type === ValueType.map
  draft.load(whole.buf, has ? whole.start : 0, has ? whole.end : 0, 1 << 1)
  if (depth === steps.length - 1) {
    if (part) putEntry(draft, 1, step, entryFrame(1, step, part, 'any'))
    else draft.removeAll(1, step)
    return draft.bytes()
  }
  const inner = new Value()
  const at = draft.findKey(1, step)
  if (at >= 0) readEntryAt(draft, at, { entries: 'any' }, inner)
  else if (!part) return draft.bytes()
  const body = withPart(inner, steps, part, depth + 1)
  inner.span(ValueType.map, body, 0, body.length)
  putEntry(draft, 1, step, entryFrame(1, step, inner, 'any'))
  return draft.bytes()
}

const out = new BackwardWriter(1 << 12)

/** Reads a map whose entries are fields as a map value: a KeyValueList of its own. */
export function readWhole(cursor: Cursor, map: MapDef, into: Value): void {
  const draft = cursor.draft(map.level)
  const field = map.field(cursor)
  const value = new Value()
  out.reset()
  for (let i = draft.count - 1; i >= 0; i--) {
    const isDeprecated = map.deprecated !== undefined && draft.fieldOf(i) === map.deprecated
    if ((draft.tagOf(i) & 7) !== 2 || (draft.fieldOf(i) !== field && !isDeprecated)) continue
    if (draft.keyEnd(i) < draft.keyStart(i)) continue
    const key = draft.bufOf(i).subarray(draft.keyStart(i), draft.keyEnd(i))
    if (isDeprecated && draft.findKey(field, key) >= 0) continue
    readEntryAt(draft, i, map, value)
    out.raw(entryFrame(1, key, value, 'any'))
  }
  const body = Buffer.from(out.finish())
  into.span(ValueType.map, body, 0, body.length)
}
