import type { FieldPath } from '../telemetry/paths.ts'
import type { Site } from '../telemetry/site.ts'
import { Value, ValueType } from '../telemetry/value.ts'
import type { Compiler } from './compiler.ts'
import { type Editor, fieldOf, mapOf, target } from './editor.ts'
import type { Field } from './expression.ts'
import { fail, isEntry, mapTarget, setEntry, setOn } from './map-target.ts'
import {
  asValue,
  describe,
  Encoded,
  encodeList,
  intoValue,
  listItems,
  mapEntries,
  type Ottl,
  ottlOf,
  StatementError,
} from './ottl-value.ts'
import { Time } from './times.ts'
import type { Node } from './tree.ts'

/** Editors of one field: `set` and `append`. */
export const fieldEditors: Readonly<Record<string, Editor>> = {
  set: {
    summary: 'sets a field or an entry of a map; nil changes nothing',
    parameters: [target, { name: 'value', takes: 'value' }],
    make(compiler, [field, source]) {
      const writes = fieldOf(compiler, field!)
      return { writes, run: setter(compiler, writes, source!) }
    },
  },
  append: {
    summary: 'adds a value, or the values of a list, behind a list; what is no list becomes its first value',
    parameters: [
      target,
      { name: 'value', takes: 'value', optional: true },
      { name: 'values', takes: 'value', optional: true },
    ],
    make(compiler, [node, one, more]) {
      const writes = fieldOf(compiler, node!)
      if (!writes.write) throw compiler.error(node!.at, `${writes.text} is a map: append takes a list`)
      if (!one && !more) throw compiler.error(node!.at, 'append needs a value, or values=[...]')
      const single = one && compiler.expression(one)
      const many = more && compiler.expression(more)
      const value = new Value()
      return {
        writes,
        run(site) {
          writes.read(site, value, false)
          const added = [...(single ? [single.get(site)] : []), ...(many ? itemsOf(many.get(site)) : [])]
          intoValue(encodeList([...itemsOf(ottlOf(value, writes.textual)), ...added]), value)
          setOn(writes, site, value)
        },
      }
    },
  },
}

/** Texts cannot be told from code that runs per record, so what can be known before is done before. */
function setter(compiler: Compiler, field: Field, node: Node): (site: Site) => void {
  const source = compiler.expression(node)
  if (field.map) return wholeSetter(field, source.get)
  if (field.isTime) return timeSetter(field, source.get)
  const write = field.write!
  const value = new Value()
  if (source.constant) {
    const given = source.get(undefined as never)
    if (given === undefined) return () => undefined
    let put: (site: Site) => void
    try {
      put = write.constant(asValue(given))
    } catch (cause) {
      throw compiler.error(node.at, `${field.text} ${(cause as Error).message}`)
    }
    return (site) => {
      try {
        put(site)
      } catch (cause) {
        fail(field.text, cause)
      }
    }
  }
  const { get, path } = source
  return (site) => {
    if (path && !path.map) path.read(site, value, false)
    else intoValue(get(site), value)
    if (value.type === ValueType.none) return
    try {
      write.set(site, value)
    } catch (cause) {
      fail(field.text, cause)
    }
  }
}

/** `set(attributes, ...)`: all entries are others afterwards. */
function wholeSetter(field: FieldPath, get: (site: Site) => Ottl): (site: Site) => void {
  const opened = mapTarget(field)!
  return (site) => {
    const given = get(site)
    if (given === undefined) return
    const entries = mapEntries(mapOf(field.text, given))
    const draft = opened.open(site)
    for (let i = 0; i < draft.count; i++) if (isEntry(opened, draft, i)) draft.remove(i)
    for (const [key, value] of entries) setEntry(opened, draft, Buffer.from(key), asValue(value))
  }
}

/** `set(log.time, ...)`. */
function timeSetter(field: Field, get: (site: Site) => Ottl): (site: Site) => void {
  const value = new Value()
  return (site) => {
    const given = get(site)
    if (given === undefined) return
    if (!(given instanceof Time)) throw new StatementError(`${field.text} takes a time, got ${describe(given)}`)
    intoValue(given, value)
    setOn(field, site, value)
  }
}

const itemsOf = (given: Ottl): Ottl[] =>
  given === undefined ? [] : given instanceof Encoded && given.kind === 'list' ? listItems(given) : [given]
