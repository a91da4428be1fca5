import { CommanderError } from 'commander'
import { ExitCode } from './exit-codes.ts'

/** A number of the command line; one that cannot be is a wrong command line, told in a sentence. */
export function flagNumber(name: string, text: string, least: number, most: number): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (value >= least && value <= most) return value
  const message = `${name} is a number from ${least} to ${most}, not "${text}"`
  process.stderr.write(`error: ${message}\n`)
  throw new CommanderError(ExitCode.usage, 'commander.invalidArgument', message)
}
