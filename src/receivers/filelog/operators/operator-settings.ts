import type { z } from 'zod'
import { anything, bool, duration, int, list, map, object, oneOf, size, text } from '../../../config/fields.ts'

const named = { type: text(), id: text().optional() }
const common = {
  ...named,
  output: anything().optional(),
  on_error: oneOf(['send', 'send_quiet', 'drop', 'drop_quiet']).default('send'),
  if: text().optional(),
}
const times = {
  parse_from: text(),
  layout: text(),
  layout_type: oneOf(['strptime', 'gotime', 'epoch']).default('strptime'),
  location: text().optional(),
  time_zone_locations: map().default({}),
}
const severities = {
  parse_from: text(),
  preset: oneOf(['default', 'otel', 'none']).default('default'),
  mapping: map(anything()).default({}),
  overwrite_text: bool().default(false),
}
const idFrom = (field: string) => object({ parse_from: text().default(field) }).optional()
const traces = {
  trace_id: idFrom('body.trace_id'),
  span_id: idFrom('body.span_id'),
  trace_flags: idFrom('body.trace_flags'),
}
const parsing = {
  ...common,
  parse_from: text().default('body'),
  parse_to: text().default('attributes'),
  body: text().optional(),
  timestamp: object(times).optional(),
  severity: object(severities).optional(),
  trace: object(traces).optional(),
}
const route = object({ output: anything(), expr: text(), attributes: map().default({}) })

/** The settings of every operator there is. */
export const operatorSettings = {
  regex_parser: object({ ...parsing, regex: text(), cache: object({ size: int({ min: 0 }).default(0) }).optional() }),
  json_parser: object({ ...parsing, parse_ints: bool().default(false) }),
  csv_parser: object({
    ...parsing,
    header: text().optional(),
    header_attribute: text().optional(),
    header_delimiter: text().optional(),
    delimiter: text({ notEmpty: true }).default(','),
    lazy_quotes: bool().default(false),
    ignore_quotes: bool().default(false),
  })
    .refine((it) => (it.header === undefined) !== (it.header_attribute === undefined), {
      message: 'write either header or header_attribute',
    })
    .refine((it) => !it.lazy_quotes || !it.ignore_quotes, { message: 'write either lazy_quotes or ignore_quotes' }),
  key_value_parser: object({
    ...parsing,
    delimiter: text({ notEmpty: true }).default('='),
    pair_delimiter: text().optional(),
  }).refine((it) => it.delimiter !== it.pair_delimiter, { message: 'delimiter and pair_delimiter are the same' }),
  uri_parser: object(parsing),
  time_parser: object({ ...common, ...times }),
  severity_parser: object({ ...common, ...severities }),
  trace_parser: object({ ...common, ...traces }),
  container: object({
    ...common,
    format: oneOf(['docker', 'crio', 'containerd']).optional(),
    add_metadata_from_filepath: bool().default(true),
    max_log_size: size({ min: 0 }).default('1MiB'),
    parse_from: text().default('body'),
    parse_to: text().default('attributes'),
    severity: object(severities).optional(),
  }),
  recombine: object({
    ...common,
    is_first_entry: text().optional(),
    is_last_entry: text().optional(),
    combine_field: text(),
    combine_with: text().default('\n'),
    overwrite_with: oneOf(['oldest', 'newest']).default('newest'),
    max_batch_size: int({ min: 0 }).default(1000),
    max_unmatched_batch_size: int({ min: 0 }).default(100),
    max_log_size: size({ min: 0 }).default(0),
    max_sources: int({ min: 1 }).default(1000),
    force_flush_period: duration({ min: '1ms' }).default('5s'),
    source_identifier: text().default('attributes["log.file.path"]'),
  }).refine((it) => (it.is_first_entry === undefined) !== (it.is_last_entry === undefined), {
    message: 'write either is_first_entry or is_last_entry',
  }),
  move: object({ ...common, from: text(), to: text() }),
  copy: object({ ...common, from: text(), to: text() }),
  add: object({ ...common, field: text(), value: anything() }),
  remove: object({ ...common, field: text() }),
  retain: object({ ...common, fields: list(text()) }),
  flatten: object({ ...common, field: text() }),
  filter: object({ ...common, expr: text() }),
  router: object({ ...named, routes: list(route), default: anything().optional() }),
  noop: object(common),
} as const
export type OperatorType = keyof typeof operatorSettings
export type OperatorSettings = {
  [T in OperatorType]: z.output<(typeof operatorSettings)[T]> & { type: T }
}[OperatorType]
export type SettingsOf<T extends OperatorType> = Extract<OperatorSettings, { type: T }>
export type ParsingSettings = z.output<z.ZodObject<typeof parsing>>
export type TimeSettings = z.output<z.ZodObject<typeof times>>
export type SeveritySettings = z.output<z.ZodObject<typeof severities>>
export type TraceSettings = z.output<z.ZodObject<typeof traces>>
