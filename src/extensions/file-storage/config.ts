import { bool, duration, int, object, path, size, text } from '../../config/fields.ts'
import type { ConfigOf } from '../../plugin.ts'

const noCompaction = 'Accepted: files are removed when all in them is delivered, so there is nothing to compact.'

/** The Collector's options of its file_storage, and ours. */
export const fileStorageConfig = object({
  directory: path()
    .default('/var/lib/otelcol/file_storage')
    .describe('Where the queues stand, a folder for each exporter and signal. It must exist: see `create_directory`.'),
  create_directory: bool().default(false).describe('Whether a missing directory is made.'),
  directory_permissions: text({ matches: /^0?[0-7]{3}$/, expected: 'an octal mode such as 0750' })
    .default('0750')
    .describe('Mode of directories that are made, octal. Folders of queues are 0700, their files 0600.'),
  timeout: duration({ min: '0s' })
    .default('1s')
    .describe('How long a folder that another process still has is waited for at start.'),
  max_loss: duration({ min: '0s' })
    .optional()
    .describe(
      'What a power cut may cost: written data is synced at most this long after. A kill of the process costs nothing. 0: senders are answered when their data is synced. Default: 500ms, with `fsync: true` 0.',
    ),
  max_bytes: size({ min: 0 })
    .default('1GiB')
    .describe('Bound of each queue on disk; 0: none. A full one does what `when_full` of its exporter says.'),
  max_size: int({ min: 0 }).default(0).describe("The Collector's name of `max_bytes`, in bytes; 0: `max_bytes`."),
  max_age: duration({ min: '0s' })
    .default(0)
    .describe('What waits longer is lost as `expired`, file by file (8 MiB); 0: nothing is.'),
  fsync: bool().default(false).describe("The Collector's word for `max_loss: 0`."),
  recreate: bool()
    .default(false)
    .describe('Accepted: damaged parts are put aside and the rest goes on, so there is nothing to make anew.'),
  compaction: object({
    on_start: bool().default(false).describe(noCompaction),
    on_rebound: bool().default(false).describe(noCompaction),
    directory: path().optional().describe(noCompaction),
    rebound_needed_threshold_mib: int({ min: 0 }).default(100).describe(noCompaction),
    rebound_trigger_threshold_mib: int({ min: 0 }).default(10).describe(noCompaction),
    max_transaction_size: int({ min: 0 }).default(65_536).describe(noCompaction),
    check_interval: duration({ min: '0s' }).default('5s').describe(noCompaction),
    cleanup_on_start: bool().default(false).describe(noCompaction),
  })
    .default({})
    .describe('Accepted for the sake of Collector files.'),
})

export type FileStorageConfig = ConfigOf<typeof fileStorageConfig>
