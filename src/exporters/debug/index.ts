import { int, object, oneOf } from '../../config/fields.ts'
import { defineExporter } from '../../plugin.ts'
import { newDebugExporter } from './exporter.ts'

/** Prints records for people to read. */
export default defineExporter({
  type: 'debug',
  stability: 'beta',
  summary: 'Prints records on the standard output, for people to read.',
  takes: ['envelopes', 'dropsonde', 'logs', 'metrics', 'traces'],
  delivery: { semantics: 'none', order: 'kept', on_kill: 'nothing: it holds no records' },
  config: object({
    verbosity: oneOf(['basic', 'normal', 'detailed'])
      .default('normal')
      .describe('basic: a line per batch. normal: a line per record. detailed: a second line with its tags.'),
    format: oneOf(['cf', 'json'])
      .default('cf')
      .describe('cf: the columns of "cf logs" and "cf tail". json: one envelope in JSON per line.'),
    max_lines_per_second: int({ min: 1, max: 1_000_000 })
      .default(200)
      .describe('What comes beyond that is counted as sent and summed up in a line such as "... 1,234 more".'),
  }),
  create: ({ config, host }) => newDebugExporter(config, host, process.stdout),
})
