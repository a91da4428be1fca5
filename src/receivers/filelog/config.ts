import {
  bool,
  type ConfigOf,
  duration,
  extensionId,
  int,
  list,
  map,
  number,
  object,
  oneOf,
  path,
  size,
  text,
} from '../../config/fields.ts'
import { globFault } from './glob-pattern.ts'
import { operators } from './operators/operators-field.ts'
import { patternFault } from './pattern.ts'

const glob = () => text({ notEmpty: true }).refine(isGlob, { error: ({ input }) => globFault(String(input)) ?? '' })
const isGlob = (pattern: string) => globFault(pattern) === undefined
const pattern = () =>
  text({ notEmpty: true }).refine((source) => patternFault(source) === undefined, {
    error: ({ input }) => patternFault(String(input)) ?? '',
  })

/** Settings of the receiver. */
export const config = object({
  include: list(glob()).describe('Files to read: globs with `*`, `?`, `[a-z]`, `{a,b}` and `**` for any depth.'),
  exclude: list(glob()).default([]).describe('Paths among them to leave alone, as globs.'),
  exclude_older_than: duration().default(0).describe('Leave files alone whose last change is longer ago; 0: none.'),
  start_at: oneOf(['beginning', 'end'])
    .default('end')
    .describe('Where to begin with files that are there at the first start. Files that appear later are read whole.'),
  poll_interval: duration({ min: '1ms' }).default('200ms').describe('How often files are looked at.'),
  fingerprint_size: size({ min: 16, max: 1 << 20 })
    .default('1kb')
    .describe('First bytes of a file that, with its inode, tell which file it is.'),
  max_log_size: size({ min: 16, max: 64 << 20 })
    .default('1MiB')
    .describe('Longest entry.'),
  max_log_size_behavior: oneOf(['split', 'truncate'])
    .default('split')
    .describe('Longer entries. split: cut into records of max_log_size; truncate: the rest is left out.'),
  max_concurrent_files: int({ min: 2 }).default(1024).describe('Files that are held open at once.'),
  encoding: oneOf(['utf-8', 'ascii', 'nop', 'utf-16le', 'utf-16be'])
    .default('utf-8')
    .describe('How text is written. nop: bodies are bytes as they stand in the file.'),
  multiline: object({
    line_start_pattern: pattern().optional().describe('Regular expression that begins an entry.'),
    line_end_pattern: pattern().optional().describe('Regular expression that ends an entry.'),
    omit_pattern: bool().default(false).describe('Leave what the pattern matched out of the entry.'),
  })
    .refine((it) => (it.line_start_pattern === undefined) !== (it.line_end_pattern === undefined), {
      message: 'write either line_start_pattern or line_end_pattern',
    })
    .optional()
    .describe('Entries of several lines; left out: every line is one.'),
  force_flush_period: duration()
    .default('500ms')
    .describe('An entry without its end is sent after so long without growth; 0: only once its file is gone.'),
  preserve_leading_whitespaces: bool().default(false).describe('Keep white space at the beginning of entries.'),
  preserve_trailing_whitespaces: bool().default(false).describe('Keep white space at the end of entries.'),
  include_file_name: bool().default(true).describe('Add the attribute `log.file.name`.'),
  include_file_path: bool().default(false).describe('Add the attribute `log.file.path`.'),
  include_file_name_resolved: bool()
    .default(false)
    .describe('Add `log.file.name_resolved`: the name behind symbolic links.'),
  include_file_path_resolved: bool()
    .default(false)
    .describe('Add `log.file.path_resolved`: the path behind symbolic links.'),
  attributes: map().default({}).describe('Attributes for every record.'),
  resource: map().default({}).describe('Attributes of the resource of all records.'),
  checkpoints: path()
    .optional()
    .describe('File that keeps how far each file was read and delivered. Without it every start begins by start_at.'),
  delete_after_read: bool()
    .default(false)
    .describe('Delete files once they were read to the end and everything of them was delivered.'),
  retry_on_failure: object({
    enabled: bool().default(true).describe('As if true.'),
    initial_interval: duration().default('1s').describe('Ignored.'),
    max_interval: duration().default('30s').describe('Ignored.'),
    max_elapsed_time: duration().default('5m').describe('Ignored.'),
    multiplier: number().optional().describe('Ignored.'),
    randomization_factor: number().optional().describe('Ignored.'),
  })
    .optional()
    .describe('Accepted for the sake of Collector files: what is refused is always kept and tried again.'),
  operators: operators()
    .default([])
    .describe('What is made of every entry before it is a record, in order: see above.'),
  storage: extensionId()
    .optional()
    .describe(
      'Id of the extension in whose directory the checkpoints stand: `file_storage`. In place of `checkpoints`.',
    ),
})
  .refine((it) => it.checkpoints === undefined || it.storage === undefined, {
    message: 'checkpoints and storage are two places for the same thing: write one of them',
    path: ['storage'],
  })
  .refine((it) => it.include.length > 0, { message: 'include is empty: write the files to read', path: ['include'] })
  .refine((it) => !it.delete_after_read || it.start_at === 'beginning', {
    message: 'delete_after_read needs start_at: beginning, else files are deleted that nobody read',
    path: ['delete_after_read'],
  })
  .refine((it) => !it.multiline || !it.encoding.startsWith('utf-16'), {
    message: 'multiline does not work with utf-16',
    path: ['multiline'],
  })

export type FilelogConfig = ConfigOf<typeof config>
