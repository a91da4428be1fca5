import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { goProgram } from './go-program.ts'

/** The ids that an SDK drew for its two spans, in hexadecimal. */
export interface Ids {
  traceId: string
  server: string
  client: string
}

/** A program of this folder that tells the story with one of OpenTelemetry's SDKs. */
export interface Sender {
  /** Why it cannot be run here. Where CI is set that is an error. */
  missing: string | undefined
  /** Runs it to its end, with these variables (OTEL_EXPORTER_OTLP_*). */
  tell(env: Record<string, string>): Promise<Ids>
}

const at = (path: string) => join(import.meta.dirname, path)

/** Where .ci/run installs Python's packages. */
export const pythonPackages = at('../../node_modules/.cache/otel-python')

function sender(command: string, args: string[], missing?: string, env: Record<string, string> = {}): Sender {
  return {
    missing,
    async tell(more) {
      const options = { env: { PATH: process.env.PATH ?? '', ...env, ...more }, timeout: 60_000 }
      const { stdout, stderr } = await promisify(execFile)(command, args, options)
      if (stderr !== '') throw new Error(`${command} ${args.join(' ')} complained:\n${stderr}`)
      return JSON.parse(stdout)
    },
  }
}

function pythonSender(): Sender {
  if (existsSync(join(pythonPackages, 'opentelemetry')))
    return sender('python3', [at('python-otel-sdk/main.py')], undefined, { PYTHONPATH: pythonPackages })
  const missing =
    'the packages of python-otel-sdk/requirements.txt are not in node_modules/.cache/otel-python: .ci/run puts them there'
  if (process.env.CI) throw new Error(missing)
  console.warn(`\n*** OpenTelemetry's Python SDK is NOT tested: ${missing} ***\n`)
  return sender('python3', [], missing)
}

function goSender(): Sender {
  const { path, missing } = goProgram('go-otel-sdk')
  return sender(path ?? '', [], missing)
}

/** Every SDK, by its language. */
export const senders = {
  JavaScript: () => sender(process.execPath, [at('js-otel-sdk/main.ts')]),
  Python: pythonSender,
  Go: goSender,
}
