import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'

/** Few enough to say so: files and outgoing connections need some too. */
const fewLeft = 4

let highest = -1
let limit = Number.POSITIVE_INFINITY

/**
 * Whether this connection has one of the last file descriptors, which are given lowest first. Node closes connections that
 * it has none for without a word, so it must be said before. The limit is read again whenever more are in use than ever.
 */
export function isOfTheLast(socket: Socket): boolean {
  const { _handle: handle } = socket as Socket & { _handle?: { fd?: number } }
  const fd = handle?.fd ?? -1
  if (fd > highest) {
    highest = fd
    limit = readLimit()
  }
  return fd >= limit - fewLeft
}

export const descriptorsText = (): string =>
  `hardly any file descriptor is left of ${limit}: connections that there is none for are closed at once; raise the limit (ulimit -n)`

/** The soft limit; what was known before where there is no such file, or no descriptor to read it with. */
function readLimit(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return Number(soft ?? limit)
  } catch {
    return limit
  }
}
