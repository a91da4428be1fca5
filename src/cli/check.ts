import { type GateChoice, unknownGatesWarning } from '../config/feature-gates.ts'
import { findingsText, readConfiguration } from './configuration.ts'
import { ExitCode } from './exit-codes.ts'

/** Reports every problem of a configuration without starting anything; says so when there are none, unless `quiet`. */
export async function check(
  files: readonly string[],
  set: readonly string[],
  gates?: GateChoice,
  quiet = false,
): Promise<number> {
  const configuration = await readConfiguration(files, set, gates)
  process.stderr.write(findingsText(configuration))
  const unknown = gates && unknownGatesWarning(gates)
  if (unknown) process.stderr.write(`warning: ${unknown}\n`)
  const { length } = configuration.problems
  if (length > 0) {
    process.stderr.write(`\n${length} ${length === 1 ? 'problem' : 'problems'}\n`)
    return ExitCode.config
  }
  if (!quiet) process.stdout.write('the configuration is valid\n')
  return ExitCode.ok
}
