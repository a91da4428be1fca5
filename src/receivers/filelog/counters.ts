import type { Host } from '../../plugin.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { Files } from './files.ts'
import type { Reader } from './reader.ts'

/** Shows what is counted. */
export function showCounters(host: Host, { counts: read }: Reader, files: Files, saved: Checkpoints | undefined): void {
  const { counts } = files
  host.total('entries', 'Entries read.', () => read.entries)
  host.total('read_bytes', 'Bytes of files that were cut into entries.', () => read.bytes)
  host.total('repaired_entries', 'Entries in which invalid text was replaced.', () => read.repaired)
  host.total('cut_entries', 'Entries that were longer than max_log_size.', () => read.cut)
  host.total('looks', 'Times that all files were looked at.', () => counts.looks)
  host.total('files', 'Files that were found.', () => counts.files)
  host.total('rotated_files', 'Files that went from their path.', () => counts.rotated)
  host.total('truncated_files', 'Files that were truncated or replaced in place.', () => counts.truncated)
  host.total(
    'lost_bytes',
    'Bytes known to have been there that were gone before they could be read.',
    () => counts.lostBytes,
  )
  host.total('unreadable_files', 'Attempts to open or read a file that failed.', () => counts.unreadable)
  host.gauge('watched_files', 'Files that are looked at.', () => files.known.size)
  host.gauge('open_files', 'Files held open.', () => files.opened.size)
  host.gauge('departed_files', 'Files that went from their path and are still held.', () => files.departed.size)
  if (saved) host.total('checkpoint_failures', 'Checkpoints that could not be written.', () => saved.failures)
}
