import type { NestedIssue } from '../../../config/field.ts'
import { container, partsOfLines } from './container.ts'
import { add, copy, flatten, move, remove, retain } from './edits.ts'
import { type EntryField, getField } from './entry-field.ts'
import { type Holder, type Operator, parser } from './operator.ts'
import type { OperatorSettings, ParsingSettings, SettingsOf } from './operator-settings.ts'
import type { Ways } from './outputs.ts'
import { type RecombineOptions, Recombiner } from './recombine.ts'
import { router } from './router.ts'
import { type OperatorClock, SettingsReader } from './settings-reader.ts'
import { readSeverity } from './severity.ts'
import { csvParser, jsonParser, keyValueParser, type ParseValue, regexParser, uriParser } from './text-parsers.ts'
import { readTimestamp } from './timestamp.ts'
import { readTrace } from './trace.ts'

/** Makes an operator, with a state of its own where it has one. */
export type OperatorMaker = (clock: OperatorClock) => Operator

/** Compiles one operator, whose entries go `ways`; what is wrong with it is added to `issues` below `path`. */
export function buildOperator(
  settings: OperatorSettings,
  ways: Ways,
  path: readonly PropertyKey[],
  issues: NestedIssue[],
): OperatorMaker {
  const read = new SettingsReader(path, issues)
  const { type, id = type } = settings
  const common = { type, id, outputs: ways.outputs, ...handling(settings, read) }
  const work = workOf(settings, ways, read)
  return (clock) => ({ ...common, ...work(clock) })
}

/** Which entries an operator is meant for, and what becomes of those it fails on: from a router they have no way to go. */
function handling(settings: OperatorSettings, read: SettingsReader): Pick<Operator, 'condition' | 'onError'> {
  if (settings.type === 'router') return { condition: undefined, onError: 'drop' }
  const condition = settings.if === undefined ? undefined : read.condition(settings.if, ['if'])
  return { condition, onError: settings.on_error }
}

type Work = (clock: OperatorClock) => { run: Operator['run']; holder?: Holder }

const goesOn = () => true
const always = (run: Operator['run']): Work => {
  const work = { run }
  return () => work
}

function workOf(settings: OperatorSettings, ways: Ways, read: SettingsReader): Work {
  switch (settings.type) {
    case 'regex_parser':
      return parsing(settings, regexParser(read.regex(settings.regex)), read)
    case 'json_parser':
      return parsing(settings, jsonParser(settings.parse_ints), read)
    case 'csv_parser':
      return parsing(settings, csv(settings), read)
    case 'key_value_parser':
      return parsing(settings, keyValueParser(settings.delimiter, settings.pair_delimiter || undefined), read)
    case 'uri_parser':
      return parsing(settings, uriParser, read)
    case 'time_parser': {
      const options = read.times(settings, [])
      return (clock) => ({ run: running(options(clock), readTimestamp) })
    }
    case 'severity_parser':
      return always(running(read.severities(settings, []), readSeverity))
    case 'trace_parser':
      return always(running(read.trace(settings, []), readTrace))
    case 'container':
      return containers(settings, read)
    case 'recombine':
      return recombining(settings, read)
    case 'move':
    case 'copy': {
      const make = settings.type === 'move' ? move : copy
      return always(make(read.field(settings.from, ['from']), read.field(settings.to, ['to'])))
    }
    case 'add':
      return always(add(read.field(settings.field, ['field']), read.value(settings.value, ['value'])))
    case 'remove':
      return always(remove(read.field(settings.field, ['field'], true)))
    case 'retain':
      return always(retain(settings.fields.map((field, i) => read.field(field, ['fields', i], true))))
    case 'flatten':
      return always(flatten(read.below(settings.field, ['field'])))
    case 'filter': {
      const drops = read.condition(settings.expr, ['expr'])
      return always((entry) => !drops(entry))
    }
    case 'router':
      return always(routing(settings, ways, read))
    case 'noop':
      return always(goesOn)
  }
}

function parsing(settings: ParsingSettings, parse: ParseValue, read: SettingsReader): Work {
  const options = read.parsing(settings)
  return (clock) => ({ run: parser(options(clock), parse) })
}

/** An operator that reads something of an entry into its record. */
const running =
  <T>(options: T, work: (options: T, entry: Parameters<Operator['run']>[0]) => void): Operator['run'] =>
  (entry) => {
    work(options, entry)
    return true
  }

function csv(settings: SettingsOf<'csv_parser'>): ParseValue {
  const {
    header,
    header_attribute: attribute = '',
    delimiter,
    header_delimiter: headerDelimiter = delimiter,
  } = settings
  const quotes = settings.ignore_quotes ? 'none' : settings.lazy_quotes ? 'lazy' : 'strict'
  return csvParser({ header: header ?? { attribute }, headerDelimiter, delimiter, quotes })
}

function containers(settings: SettingsOf<'container'>, read: SettingsReader): Work {
  const { format, max_log_size: maxBytes, add_metadata_from_filepath: readsPath } = settings
  const to = read.field(settings.parse_to, ['parse_to'], true)
  if (to.root === 'body') read.wrong(['parse_to'], 'the body is the text of the line: write attributes or resource')
  const options = {
    format,
    readsPath,
    to,
    from: read.field(settings.parse_from, ['parse_from']),
    severity: settings.severity && read.severities(settings.severity, ['severity']),
  }
  return ({ now, monotonic }) => ({
    run: container({ ...options, now }),
    holder: partsOfLines(to, { maxBytes, now: monotonic }),
  })
}

function recombining(settings: SettingsOf<'recombine'>, read: SettingsReader): Work {
  const { is_first_entry: first, is_last_entry: last } = settings
  const from = read.field(settings.source_identifier, ['source_identifier'])
  const options = {
    isFirst: first === undefined ? undefined : read.condition(first, ['is_first_entry']),
    isLast: last === undefined ? undefined : read.condition(last, ['is_last_entry']),
    field: read.field(settings.combine_field, ['combine_field']),
    between: settings.combine_with,
    base: settings.overwrite_with,
    source: sourceBy(from),
    maxEntries: settings.max_batch_size,
    maxUnmatched: settings.max_unmatched_batch_size,
    maxBytes: settings.max_log_size,
    maxSources: settings.max_sources,
    flushMs: settings.force_flush_period,
  }
  return ({ monotonic }) => ({ run: goesOn, holder: new Recombiner({ ...options, now: monotonic }) })
}

/** The text in a field; entries without are told apart by their file. */
const sourceBy =
  (from: EntryField): RecombineOptions['source'] =>
  (entry, tail) => {
    const text = getField(entry, from)
    return typeof text === 'string' && text !== '' ? text : tail
  }

function routing(settings: SettingsOf<'router'>, { routes, others }: Ways, read: SettingsReader): Operator['run'] {
  const all = settings.routes.map(({ expr, attributes }, i) => ({
    meets: read.condition(expr, ['routes', i, 'expr']),
    outputs: routes[i]!,
    attributes: Object.entries(attributes).map(
      ([key, text]) => [key, read.value(text, ['routes', i, 'attributes', key])] as const,
    ),
  }))
  return router(all, others)
}
