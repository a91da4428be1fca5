import { stringify } from 'yaml'
import { effectiveConfig } from '../config/effective.ts'
import { type GateChoice, unknownGatesWarning } from '../config/feature-gates.ts'
import { findingsText, readConfiguration } from './configuration.ts'
import { ExitCode } from './exit-codes.ts'

export interface PrintFlags {
  mode: string
  format: string
  validate: string | boolean
}

const modes = ['redacted', 'unredacted']
const formats = ['yaml', 'json']

/** Prints the merged configuration with all references replaced; secrets are masked unless asked for. */
export async function printConfig(
  files: readonly string[],
  set: readonly string[],
  { validate, gates, ...flags }: PrintFlags & { gates: GateChoice },
): Promise<number> {
  const [mode, format] = [flags.mode.toLowerCase(), flags.format.toLowerCase()]
  if (!modes.includes(mode)) return refuse(`invalid mode ${JSON.stringify(mode)}: modes are: ${modes.join(', ')}`)
  if (!formats.includes(format)) return refuse(`unrecognized print format: ${format}`)
  const configuration = await readConfiguration(files, set, gates)
  const unknown = unknownGatesWarning(gates)
  if (unknown) process.stderr.write(`warning: ${unknown}\n`)
  // What cannot be read or replaced is not printed as if it were nothing.
  const problems = String(validate) === 'false' ? configuration.loaded.problems : configuration.problems
  if (problems.length > 0) {
    process.stderr.write(findingsText({ ...configuration, problems }))
    return ExitCode.config
  }
  const effective = effectiveConfig(configuration.loaded, { masked: mode === 'redacted' })
  const text = format === 'json' ? `${JSON.stringify(effective, null, 2)}\n` : stringify(effective, { lineWidth: 0 })
  process.stdout.write(text)
  return ExitCode.ok
}

function refuse(message: string): number {
  process.stderr.write(`tailrace: ${message}\n`)
  return ExitCode.usage
}
