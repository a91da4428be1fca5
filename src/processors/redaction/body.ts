import {
  Encoded,
  encodeList,
  encodeMap,
  intoValue,
  listItems,
  mapEntries,
  type Ottl,
  ottlOf,
  textOf,
} from '../../ottl/ottl-value.ts'
import type { MapDef } from '../../telemetry/path-def.ts'
import { pathOf } from '../../telemetry/paths.ts'
import type { Site } from '../../telemetry/site.ts'
import { Value, ValueType } from '../../telemetry/value.ts'
import { type Found, nothingFound, type Redactor, Verdict } from './redactor.ts'

/** Redacts the body of a log record behind its attributes: text, and what is in maps and lists. */
export function newBodyRedactor(redactor: Redactor, attributes: (site: Site) => void, map: MapDef) {
  const body = pathOf('body', [], 'logs')
  const value = new Value()
  return (site: Site) => {
    attributes(site)
    body.read(site, value, false)
    if (value.type === ValueType.none) return
    const nests = value.type === ValueType.map || value.type === ValueType.other
    if (!nests && !redactor.looksAtValues) return
    const found = nothingFound()
    const before = ottlOf(value)
    const after = nests ? redactPart(before, '', redactor, found) : redactScalar(before, 'body', redactor, found, false)
    if (after !== before) {
      intoValue(after, value)
      body.write!.set(site, value)
    }
    redactor.summarize(site.draft(map.level), map, site, found, 'body.')
  }
}

/** A value with what must go taken out and masked; the value itself when nothing was. */
function redactPart(value: Ottl, path: string, redactor: Redactor, found: Found): Ottl {
  if (!(value instanceof Encoded)) return redactScalar(value, path, redactor, found, true)
  let changed = false
  const note = (after: Ottl, before: Ottl) => {
    if (after !== before) changed = true
    return after
  }
  if (value.kind === 'list') {
    const items = listItems(value).map((item, i) => {
      const inner = path === '' ? `[${i}]` : `${path}.[${i}]`
      return note(redactPart(item, inner, redactor, found), item)
    })
    return changed ? encodeList(items) : value
  }
  const entries: [string, Ottl][] = []
  for (const [key, each] of mapEntries(value)) {
    const inner = path === '' ? key : `${path}.${key}`
    const verdict = redactor.verdict(key)
    if (verdict === Verdict.remove) {
      changed = true
      found.redacted.push(inner)
    } else if (verdict === Verdict.ignore) {
      found.ignored.push(inner)
      entries.push([key, each])
    } else if (verdict === Verdict.mask) {
      changed = true
      found.masked.push(inner)
      entries.push([key, redactor.masked(typeof each === 'string' ? each : '')])
    } else entries.push([key, note(redactPart(each, inner, redactor, found), each)])
  }
  return changed ? encodeMap(entries) : value
}

function redactScalar(value: Ottl, path: string, redactor: Redactor, found: Found, tellsAllowed: boolean): Ottl {
  const before = textOf(value)
  if (before === undefined) return value
  const after = redactor.text(before)
  if (after === undefined) {
    if (tellsAllowed) found.allowed.push(path)
    return value
  }
  if (after === before) return value
  found.masked.push(path)
  return after
}
