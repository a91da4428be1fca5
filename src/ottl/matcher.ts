import type { Cursor } from '../telemetry/cursor.ts'
import type { Format } from '../telemetry/format.ts'
import { pathOf } from '../telemetry/paths.ts'
import { Value, ValueType } from '../telemetry/value.ts'
import type { Condition } from './expression.ts'
import { GoRegex } from './go-regex.ts'
import { keysFor, type MatchConfig } from './match-fields.ts'
import { equals, ottlOf, textOf } from './ottl-value.ts'
import { fromYaml } from './yaml-value.ts'

/**
 * Compiles `include` or `exclude` for one format: everything that is written must match. Throws an Error when something
 * is written that records of the format do not have, or nothing.
 */
export function compileMatch(config: MatchConfig, format: Format, name: string): Condition {
  const known = keysFor[format]
  for (const key of Object.keys(config) as (keyof MatchConfig)[]) {
    if (key === 'match_type' || key === 'regexp' || known.includes(key) || !isWritten(config[key])) continue
    throw new Error(`${name}.${key} says nothing about ${format}: write ${known.join(', ')}`)
  }
  const tests = testsOf(config, format)
  if (tests.length === 0) throw new Error(`${name} needs one of ${known.join(', ')} in a pipeline of ${format}`)
  return (cursor) => {
    for (let i = 0; i < tests.length; i++) if (!tests[i]!(cursor)) return false
    return true
  }
}

const isWritten = (value: unknown) => (Array.isArray(value) ? value.length > 0 : value !== undefined)

const kinds = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'].map((kind) => `SPAN_KIND_${kind}`)

function testsOf(config: MatchConfig, format: Format): Condition[] {
  const tests: Condition[] = []
  const isRegex = config.match_type === 'regexp'
  const anyOf = (names: readonly string[], path: string, keys: readonly string[] = []) => {
    if (names.length > 0) tests.push(textTest(names, isRegex, path, keys, format))
  }
  anyOf(config.services, 'resource.attributes', ['service.name'])
  anyOf(config.span_names, 'span.name')
  if (config.span_kinds.length > 0) tests.push(kindTest(config.span_kinds, isRegex))
  anyOf(config.log_bodies, 'body')
  anyOf(config.log_severity_texts, 'severity_text')
  if (config.log_severity_number) tests.push(severityTest(config.log_severity_number))
  anyOf(config.metric_names, 'name')
  for (const each of config.attributes) tests.push(attributeTest(each, 'attributes', isRegex, format))
  for (const each of config.resources) tests.push(attributeTest(each, 'resource.attributes', isRegex, format))
  if (config.libraries.length > 0) {
    const libraries = config.libraries.map(({ name, version }) => {
      const isName = textTest([name], isRegex, 'scope.name', [], format)
      if (version === undefined) return isName
      const isVersion = textTest([version], isRegex, 'scope.version', [], format)
      return (cursor: Cursor) => isName(cursor) && isVersion(cursor)
    })
    tests.push((cursor) => libraries.some((library) => library(cursor)))
  }
  return tests
}

function textTest(
  names: readonly string[],
  isRegex: boolean,
  path: string,
  keys: readonly string[],
  format: Format,
): Condition {
  const { read, textual } = pathOf(path, keys, format)
  const value = new Value()
  const bytes = names.map((name) => Buffer.from(name))
  const regexes = isRegex ? names.map((name) => new GoRegex(name)) : []
  return (cursor) => {
    for (let again = false; read(cursor, value, again); again = true) {
      if (value.type !== ValueType.text && !(textual && value.type === ValueType.bytes)) continue
      if (!isRegex) {
        for (let i = 0; i < bytes.length; i++) if (value.equals(bytes[i]!)) return true
      } else {
        const text = value.toString()
        for (let i = 0; i < regexes.length; i++) if (regexes[i]!.test(text)) return true
      }
    }
    return false
  }
}

function kindTest(names: readonly string[], isRegex: boolean): Condition {
  const { read } = pathOf('span.kind', [], 'traces')
  const value = new Value()
  const tests = names.map((name) => {
    const regex = isRegex ? new GoRegex(name) : undefined
    return (kind: string) => (regex ? regex.test(kind) : kind === name)
  })
  const matching = kinds.map((kind) => tests.some((test) => test(kind)))
  return (cursor) => {
    read(cursor, value, false)
    return matching[value.lo] ?? false
  }
}

function severityTest({
  min,
  match_undefined: matchUndefined,
}: NonNullable<MatchConfig['log_severity_number']>): Condition {
  const { read } = pathOf('severity_number', [], 'logs')
  const value = new Value()
  return (cursor) => {
    read(cursor, value, false)
    return value.lo === 0 ? matchUndefined : value.lo >= min
  }
}

function attributeTest(
  { key, value: expected }: MatchConfig['attributes'][number],
  path: string,
  isRegex: boolean,
  format: Format,
): Condition {
  const { read } = pathOf(path, [key], format)
  const value = new Value()
  if (expected === undefined || expected === null) {
    return (cursor) => {
      read(cursor, value, false)
      return value.type !== ValueType.none
    }
  }
  if (!isRegex) {
    const wanted = fromYaml(expected)
    const bytes = typeof wanted === 'string' ? Buffer.from(wanted) : undefined
    return (cursor) => {
      read(cursor, value, false)
      return bytes ? value.equals(bytes) : value.type !== ValueType.none && equals(ottlOf(value), wanted)
    }
  }
  const regex = new GoRegex(String(expected))
  return (cursor) => {
    read(cursor, value, false)
    return value.type !== ValueType.none && regex.test(textOf(ottlOf(value)) ?? '')
  }
}
