import { featureGates } from '../config/feature-gates.ts'
import { ExitCode } from './exit-codes.ts'

/** Lists the gates, or shows one. All are off by default. */
export function featuregate(id: string | undefined): number {
  const rows = Object.entries(featureGates).filter(([name]) => id === undefined || name === id)
  if (rows.length === 0) {
    process.stderr.write(`tailrace: feature ${JSON.stringify(id)} not found\n`)
    return ExitCode.failed
  }
  const width = Math.max(...rows.map(([name]) => name.length))
  const lines = rows.map(([name, text]) => `${name.padEnd(width)}  false    Alpha  ${text}`)
  process.stdout.write(`${['ID'.padEnd(width), 'Enabled', 'Stage', 'Description'].join('  ')}\n${lines.join('\n')}\n`)
  return ExitCode.ok
}
