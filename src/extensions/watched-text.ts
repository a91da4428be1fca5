import { readFileSync, statSync } from 'node:fs'
import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'

/** How often a file that is asked for is looked at. */
const lookMs = 1000

/**
 * What is made of a file's text, made anew when the file has changed. Throws when it cannot be read at first; later a
 * file that is gone or of no use leaves what was made before, with a line in the log.
 */
export function newWatchedText<T>(path: string, use: { clock: Clock; log: Log }, make: (text: string) => T): () => T {
  const { clock, log } = use
  const load = () => make(readFileSync(path, 'utf8'))
  let version = versionOf(path)
  let looked = clock.monotonic()
  let made = load()
  return () => {
    if (clock.monotonic() - looked < lookMs) return made
    looked = clock.monotonic()
    const seen = versionOf(path)
    if (seen === version) return made
    version = seen
    try {
      made = load()
      log.info('file read again', { path })
    } catch (error) {
      log.error(`the new content of ${path} is of no use, the old one stays: ${(error as Error).message}`)
    }
    return made
  }
}

/** What identifies the present state of a file; changes when it is replaced or written. */
function versionOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat ? `${stat.ino}:${stat.size}:${stat.mtimeMs}` : ''
}
