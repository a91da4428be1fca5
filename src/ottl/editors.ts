import type { FieldPath } from '../telemetry/paths.ts'
import type { Site } from '../telemetry/site.ts'
import { Value, ValueType } from '../telemetry/value.ts'
import type { Compiler, Parameter } from './expression.ts'
import { globRegex } from './glob-regex.ts'
import { type GoRegex, replacementOf } from './go-regex.ts'
import { KeyVerdicts } from './key-verdicts.ts'
import {
  fail,
  isEntry,
  keyBytes,
  keyText,
  type MapTarget,
  mapTarget,
  readEntry,
  setEntry,
  setOn,
  writeEntry,
} from './map-target.ts'
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
import type { Node } from './tree.ts'

/** A function that changes something. */
export interface Editor {
  readonly parameters: readonly Parameter[]
  /** What it does, for the table in the README. */
  readonly summary: string
  make(compiler: Compiler, args: readonly (Node | undefined)[]): Edit
}

/** What an editor does to the record the site stands on. Throws StatementError. */
export interface Edit {
  run(site: Site): void
  /** What it writes to. */
  readonly writes: FieldPath
}

const target: Parameter = { name: 'target', takes: 'field' }
const map: Parameter = { name: 'target', takes: 'map' }
const pattern: Parameter = { name: 'pattern', takes: 'pattern' }

/** The functions that change something, by name (Collector: pkg/ottl/ottlfuncs). */
export const editors: Readonly<Record<string, Editor>> = {
  set: {
    summary: 'sets a field or an entry of a map; nil changes nothing',
    parameters: [target, { name: 'value', takes: 'value' }],
    make(compiler, [field, source]) {
      const writes = fieldOf(compiler, field!)
      return { writes, run: setter(compiler, writes, source!) }
    },
  },
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
  append: {
    summary: 'adds a value, or the values of a list, behind a list; what is no list becomes its first value',
    parameters: [
      target,
      { name: 'value', takes: 'value', optional: true },
      { name: 'values', takes: 'value', optional: true },
    ],
    make(compiler, [node, one, more]) {
      const writes = fieldOf(compiler, node!)
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
  replace_pattern: {
    summary:
      'replaces every match in a text; `$1` in the replacement is a group, in braces by number or name. What is no text stays',
    parameters: [target, { name: 'regex', takes: 'pattern' }, { name: 'replacement', takes: 'text' }],
    make(compiler, [node, regex, replacement]) {
      const compiled = compiler.pattern(regex!)
      return onText(compiler, node!, replacer(compiler, compiled, replacement!))
    },
  },
  replace_match: {
    summary: 'replaces a text that matches a glob (`*`, `?`, `{a,b}`, `[a-z]`) as a whole',
    parameters: [target, { name: 'pattern', takes: 'text' }, { name: 'replacement', takes: 'text' }],
    make(compiler, [node, glob, replacement]) {
      const regex = globRegex(compiler.text(glob!))
      const text = compiler.text(replacement!)
      return onText(compiler, node!, (given) => (regex.test(given) ? text : given))
    },
  },
  replace_all_patterns: {
    summary: 'does replace_pattern to all values (mode "value") or keys (mode "key") of a map',
    parameters: [
      map,
      { name: 'mode', takes: 'text' },
      { name: 'regex', takes: 'pattern' },
      { name: 'replacement', takes: 'text' },
    ],
    make(compiler, [node, mode, regex, replacement]) {
      const replace = replacer(compiler, compiler.pattern(regex!), replacement!)
      const which = compiler.text(mode!)
      if (which !== 'value' && which !== 'key') throw compiler.error(mode!.at, 'expected "value" or "key"')
      return which === 'value' ? onValues(compiler, node!, replace) : onKeys(compiler, node!, replace)
    },
  },
  replace_all_matches: {
    summary: 'does replace_match to all values of a map',
    parameters: [map, { name: 'pattern', takes: 'text' }, { name: 'replacement', takes: 'text' }],
    make(compiler, [node, glob, replacement]) {
      const regex = globRegex(compiler.text(glob!))
      const text = compiler.text(replacement!)
      return onValues(compiler, node!, (given) => (regex.test(given) ? text : given))
    },
  },
  truncate_all: {
    summary: 'cuts all texts of a map to so many bytes, at the end of a character',
    parameters: [map, { name: 'limit', takes: 'integer' }],
    make(compiler, [node, limit]) {
      const most = compiler.integer(limit!)
      const value = new Value()
      return onMap(compiler, node!, (_, opened, draft) => {
        for (let i = 0; i < draft.count; i++) {
          if (!isEntry(opened, draft, i)) continue
          readEntry(opened, draft, i, value)
          if (value.type !== ValueType.text || value.end - value.start <= most) continue
          value.end = value.start + most
          while (value.end > value.start && (value.buf[value.end]! & 0xc0) === 0x80) value.end--
          writeEntry(opened, draft, i, value)
        }
      })
    },
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

function fieldOf(compiler: Compiler, node: Node): FieldPath {
  if (node.kind !== 'path')
    throw compiler.error(node.at, 'expected a field that can be written, such as attributes["key"]')
  const path = compiler.pathOf(node)
  if (!path.write && !path.map) throw compiler.error(node.at, `${path.text} can be read but not written`)
  return path
}

/** Texts cannot be told from code that runs per record, so what can be known before is done before. */
function setter(compiler: Compiler, field: FieldPath, node: Node): (site: Site) => void {
  const source = compiler.expression(node)
  if (field.map) return wholeSetter(compiler, field, source.get)
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
function wholeSetter(_: Compiler, field: FieldPath, get: (site: Site) => Ottl): (site: Site) => void {
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

function mapOf(name: string, given: Ottl): Encoded {
  if (given instanceof Encoded && given.kind === 'map') return given
  throw new StatementError(`${name} takes a map, got ${describe(given)}`)
}

const itemsOf = (given: Ottl): Ottl[] =>
  given === undefined ? [] : given instanceof Encoded && given.kind === 'list' ? listItems(given) : [given]

type OnMap = (site: Site, opened: MapTarget, draft: ReturnType<MapTarget['open']>) => void

function onMap(compiler: Compiler, node: Node, edit: OnMap): Edit {
  const writes = fieldOf(compiler, node)
  const opened = mapTarget(writes)
  if (!opened) throw compiler.error(node.at, `${writes.text} is no map`)
  return {
    writes,
    run(site) {
      edit(site, opened, opened.open(site))
      opened.close(site)
    },
  }
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

function replacer(compiler: Compiler, regex: GoRegex, node: Node): (text: string) => string {
  if (node.kind === 'call' || node.kind === 'path')
    throw compiler.error(node.at, 'expected "text" in quotes: functions are not supported here')
  const make = replacementOf(compiler.text(node), regex)
  return (text) => (regex.test(text) ? regex.replaceAll(text, make) : text)
}

/** Changes a field that is text; what is not stays as it is. */
function onText(compiler: Compiler, node: Node, change: (text: string) => string): Edit {
  const writes = fieldOf(compiler, node)
  if (!writes.write) throw compiler.error(node.at, `${writes.text} is a map; name a key, or use replace_all_patterns`)
  const value = new Value()
  return {
    writes,
    run(site) {
      writes.read(site, value, false)
      if (value.type !== ValueType.text && !(writes.textual && value.type === ValueType.bytes)) return
      const before = value.toString()
      const after = change(before)
      if (after === before) return
      value.text(Buffer.from(after))
      setOn(writes, site, value)
    },
  }
}

function onValues(compiler: Compiler, node: Node, change: (text: string) => string): Edit {
  const value = new Value()
  return onMap(compiler, node, (_, opened, draft) => {
    for (let i = 0; i < draft.count; i++) {
      if (!isEntry(opened, draft, i)) continue
      readEntry(opened, draft, i, value)
      if (value.type !== ValueType.text) continue
      const before = value.toString()
      const after = change(before)
      if (after === before) continue
      value.text(Buffer.from(after))
      writeEntry(opened, draft, i, value)
    }
  })
}

function onKeys(compiler: Compiler, node: Node, change: (text: string) => string): Edit {
  const value = new Value()
  const changes = new KeyVerdicts((key) => (change(key) === key ? 0 : 1))
  return onMap(compiler, node, (_, opened, draft) => {
    const { count } = draft
    for (let i = 0; i < count; i++) {
      if (!isEntry(opened, draft, i)) continue
      if (changes.of(draft.bufOf(i), draft.keyStart(i), draft.keyEnd(i)) === 0) continue
      readEntry(opened, draft, i, value)
      const key = keyBytes(draft, i).toString()
      draft.remove(i)
      setEntry(opened, draft, Buffer.from(change(key)), value)
    }
  })
}

function flatten(into: [string, Ottl][], key: string, value: Ottl, depth: number): void {
  if (!(value instanceof Encoded) || depth <= 0) into.push([key, value])
  else if (value.kind === 'map')
    for (const [name, each] of mapEntries(value)) flatten(into, `${key}.${name}`, each, depth - 1)
  else for (const [i, each] of listItems(value).entries()) flatten(into, `${key}.${i}`, each, depth - 1)
}
