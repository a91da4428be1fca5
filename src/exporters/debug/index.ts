import { bool, int, list, object, oneOf, text } from '../../config/fields.ts'
import { defineExporter } from '../../plugin.ts'
import { newDebugExporter } from './exporter.ts'
import { streamFor } from './streams.ts'

/** Prints records for people to read. */
export default defineExporter({
  type: 'debug',
  stability: 'beta',
  summary: 'Prints records on the standard output, for people to read.',
  takes: ({ format }) =>
    format === 'otel' ? ['logs', 'metrics', 'traces'] : ['envelopes', 'dropsonde', 'logs', 'metrics', 'traces'],
  delivery: { semantics: 'none', order: 'kept', on_kill: 'nothing: it holds no records' },
  config: object({
    verbosity: oneOf(['basic', 'normal', 'detailed'])
      .default('normal')
      .describe(
        'basic: a line per batch. normal: a line per record. detailed: a second line with its tags; with otel every field.',
      ),
    format: oneOf(['cf', 'json', 'otel'])
      .default('cf')
      .describe(
        'cf: the columns of "cf logs" and "cf tail". json: one envelope in JSON per line. otel: as the Collector prints OTLP.',
      ),
    sampling_initial: int({ min: 0 })
      .optional()
      .describe(
        'Batches of each format that are printed in a second. Default 2 when `sampling_thereafter` is written.',
      ),
    sampling_thereafter: int({ min: 0 })
      .optional()
      .describe('Of those beyond, every so many-th is printed; 0: none, 1 (the default): all.'),
    use_internal_logger: bool().default(false).describe("Whether the text goes into the agent's log."),
    output_paths: list(text({ notEmpty: true }))
      .default(['stdout'])
      .refine((paths) => paths.length > 0, 'name one at least, such as stdout')
      .describe('Where the text goes otherwise: `stdout`, `stderr` or files, which are added to.'),
    max_lines_per_second: int({ min: 1, max: 1_000_000 })
      .default(200)
      .describe('What comes beyond that is counted as sent and summed up in a line such as "... 1,234 more".'),
  }),
  create: ({ config, host }) =>
    newDebugExporter(config, host, streamFor(config.use_internal_logger, config.output_paths, host.log)),
})
