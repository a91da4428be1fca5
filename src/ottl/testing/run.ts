import { Batch, type Format, type Processor } from '../../plugin.ts'
import { processorHost } from '../../telemetry/testing/processor-host.ts'

interface Spec {
  type: string
  config: {
    safeParse(config: unknown): { data?: unknown; error?: { issues: { path: PropertyKey[]; message: string }[] } }
  }
  create(use: never): unknown
}

/** Creates a processor and hands out what it did, and its books. */
export function processorOf(spec: unknown, config: unknown, format: Format, memory?: number) {
  const { type, config: schema, create } = spec as Spec
  const { data, error } = schema.safeParse(config)
  if (error) throw new Error(messages(error.issues))
  const { host, ...books } = processorHost(type, memory)
  const made = create({ config: data, host, format } as never) as Processor | Processor['process']
  const process = typeof made === 'function' ? made : made.process
  const run = (bytes: Buffer, options = {}) => process(Batch.of(format, bytes, options))
  return { run, made, ...books }
}

/** What a person reads who wrote a wrong configuration: `actions.0.key: ...`. */
export function faults(spec: unknown, config: unknown): string {
  const { error } = (spec as Spec).config.safeParse(config)
  return error ? messages(error.issues) : ''
}

const messages = (issues: { path: PropertyKey[]; message: string }[]) =>
  issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n')
