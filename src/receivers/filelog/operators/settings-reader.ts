import type { NestedIssue } from '../../../config/field.ts'
import { nearest } from '../../../config/nearest.ts'
import { Substituted } from '../../../config/substituted.ts'
import { GoRegex, PatternError } from '../../../ottl/go-regex.ts'
import type { Clock } from '../../../runtime/clock.ts'
import { goLayout, LayoutError, strptimeLayout } from '../../../wire/times/layout.ts'
import { type Location, locationOf, locationOfLayout, utc } from '../../../wire/times/location.ts'
import { type EntryMap, type EntryValue, put } from './entry.ts'
import { type EntryField, parseField } from './entry-field.ts'
import { compileExpression, compileIf, type EntryCondition, type Expression } from './expression.ts'
import { ExpressionError } from './expression-tokens.ts'
import type { ParserOptions } from './operator.ts'
import type { ParsingSettings, SeveritySettings, TimeSettings, TraceSettings } from './operator-settings.ts'
import { type SeverityOptions, severityTable } from './severity.ts'
import { type EpochLayout, epochLayouts, type TimestampOptions } from './timestamp.ts'
import type { TraceOptions } from './trace.ts'

/** Wall time, for times without a year; monotonic time, for entries that wait. */
export type OperatorClock = Pick<Clock, 'now' | 'monotonic'>

const nowhere: EntryField = { text: 'body', root: 'body', keys: [] }

/**
 * Reads what settings of operators have in common; what is wrong is added to `issues` below `path`. It goes on with
 * something harmless then, so that all faults are found in one run.
 */
export class SettingsReader {
  private readonly path: readonly PropertyKey[]
  private readonly issues: NestedIssue[]

  constructor(path: readonly PropertyKey[], issues: NestedIssue[]) {
    this.path = path
    this.issues = issues
  }

  condition(source: string, at: readonly PropertyKey[]): EntryCondition {
    return this.compiled(() => compileIf(source), at) ?? (() => true)
  }

  trace(settings: TraceSettings, at: readonly string[]): TraceOptions {
    const { trace_id: traceId, span_id: spanId, trace_flags: flags } = settings
    const field = (key: keyof TraceSettings, from: string) => this.field(from, [...at, key, 'parse_from'])
    return {
      traceId: field('trace_id', traceId?.parse_from ?? 'body.trace_id'),
      spanId: field('span_id', spanId?.parse_from ?? 'body.span_id'),
      flags: field('trace_flags', flags?.parse_from ?? 'body.trace_flags'),
    }
  }

  parsing(settings: ParsingSettings): (clock: OperatorClock) => ParserOptions {
    const { parse_from, parse_to, body, timestamp, severity, trace } = settings
    const times = timestamp && this.times(timestamp, ['timestamp'])
    const common = {
      from: this.field(parse_from, ['parse_from'], true),
      to: this.field(parse_to, ['parse_to'], true),
      body: body === undefined ? undefined : this.field(body, ['body']),
      severity: severity && this.severities(severity, ['severity']),
      trace: trace && this.trace(trace, ['trace']),
    }
    return (clock) => ({ ...common, timestamp: times?.(clock) })
  }

  times(settings: TimeSettings, at: readonly string[]): (clock: OperatorClock) => TimestampOptions {
    const { parse_from, layout, layout_type: type, location: name, time_zone_locations: zones } = settings
    const from = this.field(parse_from, [...at, 'parse_from'])
    const location = name === undefined ? locationOfLayout(layout) : this.location(name, [...at, 'location'])
    const byZone = new Map<string, Location>()
    for (const [zone, place] of Object.entries(zones)) {
      byZone.set(zone, this.location(place, [...at, 'time_zone_locations', zone]))
    }
    const compiled = this.layout(layout, type, [...at, 'layout'])
    return ({ now }) => ({ from, layout: compiled, context: { location, zones: byZone, now } })
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

  severities(settings: SeveritySettings, at: readonly string[]): SeverityOptions {
    const { parse_from, preset, mapping, overwrite_text: overwritesText } = settings
    const { table, faults } = severityTable(preset, plain(mapping) as Record<string, unknown>)
    for (const { path, message } of faults) this.wrong([...at, 'mapping', ...path], message)
    return { from: this.field(parse_from, [...at, 'parse_from']), table, overwritesText }
  }

  regex(source: string): GoRegex {
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

  field(text: string, at: readonly PropertyKey[], rootable = false): EntryField {
    const found = parseField(text, rootable)
    if (typeof found !== 'string') return found
    this.wrong(at, found)
    return nowhere
  }

  /** A field that is not the whole of body, attributes or resource. */
  below(text: string, at: readonly PropertyKey[]): EntryField {
    const found = this.field(text, at)
    if (found.text === text && found.keys.length === 0) this.wrong(at, `write a field of the body, such as ${text}.key`)
    return found
  }

  /** A value as it is written, or `EXPR(...)`. */
  value(written: unknown, at: readonly PropertyKey[]): Expression {
    const value = plain(written)
    const [, source] = (typeof value === 'string' && /^EXPR\((.*)\)$/s.exec(value)) || []
    const constant = entryValue(value)
    if (source === undefined) return () => constant
    return this.compiled(() => compileExpression(source), at) ?? (() => null)
  }

  private compiled<T>(compile: () => T, at: readonly PropertyKey[]): T | undefined {
    try {
      return compile()
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error
      this.wrong(at, error.message)
      return undefined
    }
  }

  wrong(at: readonly PropertyKey[], message: string, hint?: string): void {
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
