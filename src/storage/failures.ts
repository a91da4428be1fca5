import { SpoolFailed, SpoolFull } from './contract.ts'

const full = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

const advice: Readonly<Record<string, string>> = {
  ENOENT: '; the folder of the queue was moved away or removed: put it back, or start the agent anew',
}

export const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'UNKNOWN'

/** What a call of the file system threw, as one of the two errors of a queue. */
export function failure(what: string, error: unknown): SpoolFull | SpoolFailed {
  if (error instanceof SpoolFull || error instanceof SpoolFailed) return error
  const code = codeOf(error)
  const message = `${what}: ${error instanceof Error ? error.message : String(error)}${advice[code] ?? ''}`
  return full.has(code) ? new SpoolFull(message, code) : new SpoolFailed(message, code)
}
