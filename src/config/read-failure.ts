import { isAbsolute } from 'node:path'

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: 'permission denied',
}

/** Why a file cannot be read, in a sentence, and where a relative path is looked for. */
export function readFailure(path: string, error: unknown): [message: string, hint?: string] {
  const { message } = error as Error
  const code = (error as NodeJS.ErrnoException).code ?? /^[A-Z]+/.exec(message)?.[0] ?? ''
  const text = `unable to read the file ${path}: ${reasons[code] ?? message}`
  if (code === 'ENOENT' && !isAbsolute(path)) return [text, `it is looked for in ${process.cwd()}`]
  if (code === 'EACCES')
    return [text, `tailrace runs as the user with the number ${process.getuid?.()}: let that one read it`]
  return [text]
}
