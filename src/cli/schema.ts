import { Catalogue } from '../components.ts'
import { configJsonSchema } from '../config/json-schema.ts'
import { ExitCode } from './exit-codes.ts'

/** Prints the JSON Schema of the configuration with the options of every component. */
export async function schema(): Promise<number> {
  const entries = await new Catalogue().all()
  process.stdout.write(`${JSON.stringify(configJsonSchema(entries), null, 2)}\n`)
  return ExitCode.ok
}
