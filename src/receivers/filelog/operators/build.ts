import type { NestedIssue } from '../../../config/field.ts'
import { nearest } from '../../../config/nearest.ts'
import { Substituted } from '../../../config/substituted.ts'
import { GoRegex, PatternError } from '../../../ottl/go-regex.ts'
import { goLayout, LayoutError, strptimeLayout } from '../../../wire/times/layout.ts'
import { type Location, locationOf, locationOfLayout, utc } from '../../../wire/times/location.ts'
import { type EntryMap, type EntryValue, put } from './entry.ts'
import { type EntryField, parseField } from './entry-field.ts'
import { compileExpression, compileIf, type EntryCondition, type Expression } from './expression.ts'
import { ExpressionError } from './expression-tokens.ts'
import {
  add,
  copy,
  filter,
  jsonParser,
  move,
  type Operator,
  type ParserOptions,
  parser,
  regexParser,
  remove,
  severityParser,
  timeParser,
} from './operator.ts'
import type { OperatorSettings, SeveritySettings, TimeSettings } from './operators-field.ts'
import { type SeverityOptions, severityTable } from './severity.ts'
import { type EpochLayout, epochLayouts, type TimestampOptions } from './timestamp.ts'

/** Makes an operator; `now` is wall time, for times without a year. */
export type OperatorMaker = (now: () => number) => Operator

/** Compiles one operator; what is wrong with it is added to `issues` below `path`. */
export function buildOperator(
  settings: OperatorSettings,
  path: readonly PropertyKey[],
  issues: NestedIssue[],
): OperatorMaker {
  const builder = new Builder(path, issues)
  const { type, id = type, on_error: onError } = settings
  const condition = settings.if === undefined ? undefined : builder.condition(settings.if, 'if')
  const run = builder.run(settings)
  return (now) => ({ type, id, onError, condition, run: run(now) })
}

const nowhere: EntryField = { text: 'body', root: 'body', keys: [] }
type Run = (now: () => number) => Operator['run']

/** Reads settings, and goes on with something harmless where they are wrong: then all faults are found in one run. */
class Builder {
  private readonly path: readonly PropertyKey[]
  private readonly issues: NestedIssue[]

  constructor(path: readonly PropertyKey[], issues: NestedIssue[]) {
    this.path = path
    this.issues = issues
  }

  run(settings: OperatorSettings): Run {
    switch (settings.type) {
      case 'regex_parser': {
        const parse = regexParser(this.regex(settings.regex))
        const options = this.parsing(settings)
        return (now) => parser(options(now), parse)
      }
      case 'json_parser': {
        const parse = jsonParser(settings.parse_ints)
        const options = this.parsing(settings)
        return (now) => parser(options(now), parse)
      }
      case 'time_parser': {
        const options = this.times(settings, [])
        return (now) => timeParser(options(now))
      }
      case 'severity_parser': {
        const run = severityParser(this.severities(settings, []))
        return () => run
      }
      case 'move':
      case 'copy': {
        const make = settings.type === 'move' ? move : copy
        const run = make(this.field(settings.from, ['from']), this.field(settings.to, ['to']))
        return () => run
      }
      case 'add': {
        const run = add(this.field(settings.field, ['field']), this.value(settings.value))
        return () => run
      }
      case 'remove': {
        const run = remove(this.field(settings.field, ['field'], true))
        return () => run
      }
      case 'filter': {
        const run = filter(this.condition(settings.expr, 'expr'))
        return () => run
      }
      case 'noop':
        return () => () => true
    }
  }

  condition(source: string, key: string): EntryCondition {
    return this.compiled(() => compileIf(source), key) ?? (() => true)
  }

  private parsing(settings: Extract<OperatorSettings, { parse_to: string }>): (now: () => number) => ParserOptions {
    const { parse_from, parse_to, body, timestamp, severity } = settings
    const times = timestamp && this.times(timestamp, ['timestamp'])
    const common = {
      from: this.field(parse_from, ['parse_from'], true),
      to: this.field(parse_to, ['parse_to'], true),
      body: body === undefined ? undefined : this.field(body, ['body']),
      severity: severity && this.severities(severity, ['severity']),
    }
    return (now) => ({ ...common, timestamp: times?.(now) })
  }

  private times(settings: TimeSettings, at: readonly string[]): (now: () => number) => TimestampOptions {
    const { parse_from, layout, layout_type: type, location: name, time_zone_locations: zones } = settings
    const from = this.field(parse_from, [...at, 'parse_from'])
    const location = name === undefined ? locationOfLayout(layout) : this.location(name, [...at, 'location'])
    const byZone = new Map<string, Location>()
    for (const [zone, place] of Object.entries(zones)) {
      byZone.set(zone, this.location(place, [...at, 'time_zone_locations', zone]))
    }
    const compiled = this.layout(layout, type, [...at, 'layout'])
    return (now) => ({ from, layout: compiled, context: { location, zones: byZone, now } })
  }

  private layout(layout: string, type: TimeSettings['layout_type'], at: readonly string[]): TimestampOptions['layout'] {
    if (type === 'epoch') {
      const found = epochLayouts.find((each) => each === layout)
      if (!found)
        this.wrong(
          at,
          `there is no layout ${JSON.stringify(layout)} of the type epoch`,
          `write one of ${epochLayouts.join(', ')}`,
        )
      return found ?? ('s' satisfies EpochLayout)
    }
    try {
      return type === 'gotime' ? goLayout(layout) : strptimeLayout(layout)
    } catch (error) {
      if (!(error instanceof LayoutError)) throw error
      this.wrong(at, error.message)
      return []
    }
  }

  private location(name: string, at: readonly string[]): Location {
    const found = locationOf(name)
    if (!found) {
      const meant = nearest(name, Intl.supportedValuesOf('timeZone'))
      this.wrong(at, `there is no location ${JSON.stringify(name)}`, meant && `did you mean "${meant}"?`)
    }
    return found ?? utc
  }

  private severities(settings: SeveritySettings, at: readonly string[]): SeverityOptions {
    const { parse_from, preset, mapping, overwrite_text: overwritesText } = settings
    const { table, faults } = severityTable(preset, plain(mapping) as Record<string, unknown>)
    for (const { path, message } of faults) this.wrong([...at, 'mapping', ...path], message)
    return { from: this.field(parse_from, [...at, 'parse_from']), table, overwritesText }
  }

  private regex(source: string): GoRegex {
    try {
      const regex = new GoRegex(source)
      if (regex.groups.some((name) => name !== '')) return regex
      this.wrong(
        ['regex'],
        'no named capture groups in the regular expression',
        'name what is to be kept: (?P<name>...)',
      )
    } catch (error) {
      if (!(error instanceof PatternError)) throw error
      this.wrong(['regex'], error.message)
    }
    return new GoRegex('(?P<all>.*)')
  }

  private field(text: string, at: readonly string[], rootable = false): EntryField {
    const found = parseField(text, rootable)
    if (typeof found !== 'string') return found
    this.wrong(at, found)
    return nowhere
  }

  /** A value as it is written, or `EXPR(...)`. */
  private value(written: unknown): EntryValue | Expression {
    const value = plain(written)
    const [, source] = (typeof value === 'string' && /^EXPR\((.*)\)$/s.exec(value)) || []
    if (source === undefined) return entryValue(value)
    return this.compiled(() => compileExpression(source), 'value') ?? null
  }

  private compiled<T>(compile: () => T, key: string): T | undefined {
    try {
      return compile()
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error
      this.wrong([key], error.message)
      return undefined
    }
  }

  private wrong(at: readonly PropertyKey[], message: string, hint?: string): void {
    this.issues.push({ path: [...this.path, ...at], message, ...(hint !== undefined && { params: { hint } }) })
  }
}

/** A value of the configuration with the texts of its variables in place. */
function plain(value: unknown): unknown {
  if (value instanceof Substituted) return value.value
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]))
}

/** Whole numbers are integers. */
function entryValue(value: unknown): EntryValue {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value
  if (Array.isArray(value)) return value.map(entryValue)
  if (typeof value !== 'object' || value === null) return (value ?? null) as EntryValue
  const made: EntryMap = {}
  for (const [key, each] of Object.entries(value)) put(made, key, entryValue(each))
  return made
}
