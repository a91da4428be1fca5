import { configJsonSchema } from '../config/json-schema.ts'
import { ExitCode } from './exit-codes.ts'
import { catalogueWith } from './plugins.ts'

/** Prints the JSON Schema of the configuration with the options of every component, those of the files' plugins too. */
export async function schema(files: readonly string[] = []): Promise<number> {
  const { catalogue, problems } = await catalogueWith(files)
  if (problems !== '') {
    process.stderr.write(problems)
    return ExitCode.config
  }
  process.stdout.write(`${JSON.stringify(configJsonSchema(await catalogue.all()), null, 2)}\n`)
  return ExitCode.ok
}
