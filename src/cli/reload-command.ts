import { readFileSync } from 'node:fs'
import { ExitCode } from './exit-codes.ts'

export interface ReloadFlags {
  /** File that `tailrace run --pid-file` wrote. */
  pidFile?: string
}

/** Asks a running process to read its configuration anew; its log says what came of it. */
export function signalReload(given: string | undefined, { pidFile }: ReloadFlags): number {
  try {
    const pid = pidOf(given, pidFile)
    process.kill(pid, 'SIGHUP')
    process.stdout.write(`process ${pid} was asked to reload; its log says what came of it\n`)
    return ExitCode.ok
  } catch (error) {
    process.stderr.write(`tailrace: ${reasonOf(error as NodeJS.ErrnoException)}\n`)
    return ExitCode.failed
  }
}

function pidOf(given: string | undefined, pidFile: string | undefined): number {
  const text = given ?? (pidFile === undefined ? '' : readFileSync(pidFile, 'utf8').trim())
  if (/^[1-9]\d*$/.test(text)) return Number(text)
  if (given !== undefined) throw new Error(`"${given}" is no process id`)
  throw new Error(
    pidFile === undefined
      ? 'name the process: tailrace reload PID, or --pid-file with the file that `tailrace run --pid-file` wrote'
      : `${pidFile} holds no process id`,
  )
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ESRCH') return 'there is no such process (any more)'
  if (code === 'EPERM') return 'the process belongs to another user'
  return message
}
