/**
 * The subfolder of one exporter's queue, as the Collector names its files: `exporter_otlp_eu_logs` for ('exporter', 'otlp/eu',
 * 'logs'), `exporter_otlp__logs` without a name. Other characters than letters, digits, `.`, `-` and `_` become `~` and four
 * hexadecimal digits of their UTF-16 code, `~` itself and `/` in a name too.
 */
export function queueFolderName(kind: string, id: string, signal: string): string {
  const slash = id.indexOf('/')
  const type = slash < 0 ? id : id.slice(0, slash)
  const name = slash < 0 ? '' : id.slice(slash + 1)
  return [kind, type, name, signal].map(plain).join('_')
}

/** Folder of what the backend of a queue refused for good, beside the queue's. */
export const deadLetterName = (queue: string): string => queue + deadLetterEnd
export const deadLetterEnd = '.dead'

/** The reverse: the queue that a folder of dead letters belongs to; undefined for any other folder. */
export const queueOfDeadLetters = (folder: string): string | undefined =>
  folder.endsWith(deadLetterEnd) ? folder.slice(0, -deadLetterEnd.length) : undefined

const plain = (part: string) =>
  part.replace(/[^A-Za-z0-9._-]/g, (char) => `~${char.charCodeAt(0).toString(16).padStart(4, '0').toUpperCase()}`)
