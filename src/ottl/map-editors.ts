import { Value, ValueType } from '../telemetry/value.ts'
import type { Compiler } from './compiler.ts'
import { type Edit, type Editor, map, mapOf, onMap, pattern } from './editor.ts'
import { KeyVerdicts } from './key-verdicts.ts'
import { isEntry, keyText, readEntry, setEntry } from './map-target.ts'
import { asValue, Encoded, intoValue, listItems, mapEntries, type Ottl, ottlOf } from './ottl-value.ts'
import type { Node } from './tree.ts'

/** Editors of maps: which entries there are. */
export const mapEditors: Readonly<Record<string, Editor>> = {
  delete_key: {
    summary: 'removes an entry of a map',
    parameters: [map, { name: 'key', takes: 'text' }],
    make(compiler, [node, key]) {
      const bytes = Buffer.from(compiler.text(key!))
      return onMap(compiler, node!, (_, opened, draft) => {
        draft.removeAll(opened.field, bytes)
        if (opened.deprecated !== undefined) draft.removeAll(opened.deprecated, bytes)
      })
    },
  },
  delete_matching_keys: {
    summary: 'removes the entries whose keys match a regular expression',
    parameters: [map, pattern],
    make: (compiler, [node, regex]) => keyFilter(compiler, node!, matcher(compiler, regex!, false)),
  },
  keep_keys: {
    summary: 'removes the entries whose keys are not in a list',
    parameters: [map, { name: 'keys', takes: 'list' }],
    make(compiler, [node, keys]) {
      const kept = new Set(compiler.texts(keys!))
      return keyFilter(compiler, node!, (key) => kept.has(key))
    },
  },
  keep_matching_keys: {
    summary: 'removes the entries whose keys do not match a regular expression',
    parameters: [map, pattern],
    make: (compiler, [node, regex]) => keyFilter(compiler, node!, matcher(compiler, regex!, true)),
  },
  limit: {
    summary: 'leaves so many entries of a map, those of a list first, then in their order',
    parameters: [map, { name: 'limit', takes: 'integer' }, { name: 'priority_keys', takes: 'list' }],
    make(compiler, [node, limit, first]) {
      const most = compiler.integer(limit!)
      const priority = new Set(compiler.texts(first!))
      if (priority.size > most) throw compiler.error(first!.at, `there are more keys than the ${most} that may stay`)
      const isFirst = new KeyVerdicts((key) => (priority.has(key) ? 1 : 0))
      return onMap(compiler, node!, (_, opened, draft) => {
        let entries = 0
        let left = most
        for (let i = 0; i < draft.count; i++) {
          if (!isEntry(opened, draft, i)) continue
          entries++
          if (isFirst.of(draft.bufOf(i), draft.keyStart(i), draft.keyEnd(i)) === 1) left--
        }
        if (entries <= most) return
        for (let i = 0; i < draft.count; i++) {
          if (!isEntry(opened, draft, i)) continue
          if (isFirst.of(draft.bufOf(i), draft.keyStart(i), draft.keyEnd(i)) === 1) continue
          if (left-- <= 0) draft.remove(i)
        }
      })
    },
  },
  merge_maps: {
    summary:
      'puts the entries of another map into a map: "insert" those it lacks, "update" those it has, or "upsert" all',
    parameters: [map, { name: 'source', takes: 'value' }, { name: 'strategy', takes: 'text' }],
    make(compiler, [node, source, strategy]) {
      const { get } = compiler.expression(source!)
      const how = compiler.text(strategy!)
      if (!['insert', 'update', 'upsert'].includes(how))
        throw compiler.error(strategy!.at, 'expected "insert", "update" or "upsert"')
      const value = new Value()
      return onMap(compiler, node!, (site, opened, draft) => {
        for (const [key, each] of mapEntries(mapOf('merge_maps', get(site)))) {
          const bytes = Buffer.from(key)
          const has = draft.findKey(opened.field, bytes) >= 0
          if ((how === 'insert' && has) || (how === 'update' && !has)) continue
          intoValue(each, value)
          setEntry(opened, draft, bytes, value)
        }
      })
    },
  },
  flatten: {
    summary: 'puts the entries of maps and lists in a map into the map itself, as `outer.inner` and `outer.0`',
    parameters: [
      map,
      { name: 'prefix', takes: 'text', optional: true },
      { name: 'depth', takes: 'integer', optional: true },
    ],
    make(compiler, [node, prefix, depth]) {
      const before = prefix ? `${compiler.text(prefix)}.` : ''
      const deepest = depth ? compiler.integer(depth) : Number.POSITIVE_INFINITY
      const value = new Value()
      return onMap(compiler, node!, (_, opened, draft) => {
        const flat: [string, Ottl][] = []
        const count = draft.count
        for (let i = 0; i < count; i++) {
          if (!isEntry(opened, draft, i)) continue
          readEntry(opened, draft, i, value)
          const nests = value.type === ValueType.map || value.type === ValueType.other
          if (!nests && before === '') continue
          flatten(flat, before + keyText(draft, i), ottlOf(value), deepest)
          draft.remove(i)
        }
        for (const [key, each] of flat) setEntry(opened, draft, Buffer.from(key), asValue(each))
      })
    },
  },
}

function keyFilter(compiler: Compiler, node: Node, keeps: (key: string) => boolean): Edit {
  const verdicts = new KeyVerdicts((key) => (keeps(key) ? 1 : 0))
  return onMap(compiler, node, (_, opened, draft) => {
    for (let i = 0; i < draft.count; i++) {
      if (!isEntry(opened, draft, i)) continue
      if (verdicts.of(draft.bufOf(i), draft.keyStart(i), draft.keyEnd(i)) === 0) draft.remove(i)
    }
  })
}

function matcher(compiler: Compiler, node: Node, keeps: boolean): (key: string) => boolean {
  const regex = compiler.pattern(node)
  return (key) => regex.test(key) === keeps
}

function flatten(into: [string, Ottl][], key: string, value: Ottl, depth: number): void {
  if (!(value instanceof Encoded) || depth <= 0) into.push([key, value])
  else if (value.kind === 'map')
    for (const [name, each] of mapEntries(value)) flatten(into, `${key}.${name}`, each, depth - 1)
  else for (const [i, each] of listItems(value).entries()) flatten(into, `${key}.${i}`, each, depth - 1)
}
