import { Value, ValueType } from '../telemetry/value.ts'
import type { Compiler } from './compiler.ts'
import { type Edit, type Editor, fieldOf, map, onMap, target } from './editor.ts'
import { type GoRegex, replacementOf } from './go-regex.ts'
import { KeyVerdicts } from './key-verdicts.ts'
import { isEntry, keyBytes, readEntry, setEntry, setOn, writeEntry } from './map-target.ts'
import type { Node } from './tree.ts'

/** Editors of texts, of one field or all of a map. */
export const textEditors: Readonly<Record<string, Editor>> = {
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
      const regex = compiler.glob(glob!)
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
      const regex = compiler.glob(glob!)
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
