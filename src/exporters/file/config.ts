import { block, bool, duration, int, object, oneOf, path, text } from '../../config/fields.ts'
import { deliveryFields } from '../../delivery/fields.ts'
import type { ConfigOf } from '../../plugin.ts'

/** The Collector's options of its file exporter, and ours. */
export const config = object({
  path: path().describe('The file to write, relative to the working directory.'),
  format: oneOf(['json', 'proto'])
    .default('json')
    .describe('json: one OTLP request a line. proto: OTLP requests, each behind its length (4 bytes, big-endian).'),
  compression: oneOf(['none', 'zstd'])
    .default('none')
    .describe('zstd: each request is compressed and stands behind its length, in both formats.'),
  append: bool()
    .default(false)
    .describe('Whether a file that is there at start is kept. With `rotation` it always is.'),
  rotation: block({
    max_megabytes: int({ min: 0 }).default(100).describe('A file that would become larger is put aside; 0: 100.'),
    max_days: int({ min: 0 }).default(0).describe('Files put aside so long ago are deleted; 0: never.'),
    max_backups: int({ min: 0 }).default(100).describe('Most files put aside; older ones are deleted. 0: no bound.'),
    localtime: bool().default(false).describe('Whether names of files put aside have local time instead of UTC.'),
  }).describe('Off by default: the file grows.'),
  flush_interval: duration({ min: '1ms' })
    .default('1s')
    .describe('Accepted for the sake of Collector files: nothing waits in the process, each write goes to the system.'),
  fsync: bool()
    .default(false)
    .describe('Each write waits for the disk: what counts as sent survives a power cut. Costs a disk write each.'),
  create_directory: bool().default(false).describe('Whether a missing directory is made.'),
  directory_permissions: text({ matches: /^0?[0-7]{3}$/, expected: 'an octal mode such as 0755' })
    .default('0755')
    .describe('Mode of directories that are made, octal.'),
  group_by: object({
    enabled: bool()
      .default(false)
      .refine((on) => !on, '`group_by` is not supported: use the connector routing and one file exporter for each file')
      .describe('Only false: one exporter writes one file.'),
    resource_attribute: text().default('fileexporter.path_segment').describe('Accepted while it is off.'),
    max_open_files: int({ min: 1 }).default(100).describe('Accepted while it is off.'),
  })
    .default({})
    .describe('The Collector writes several files by an attribute; here that is what routing is for.'),
  encoding: text()
    .refine(() => false, '`encoding` is not supported: write `format: json` or `format: proto`')
    .optional()
    .describe('Refused: there are no encoding extensions.'),
  ...deliveryFields({ queue_requests: 1000, timeout: 0 }),
}).superRefine(({ append, compression, rotation }, report) => {
  const fault = (message: string) => report.addIssue({ code: 'custom', path: ['append'], message })
  if (append && compression !== 'none') fault('`append` and `compression` cannot be used together')
  if (append && rotation) fault('`append` and `rotation` cannot be used together: with rotation files are kept anyway')
})

export type FileConfig = ConfigOf<typeof config>
