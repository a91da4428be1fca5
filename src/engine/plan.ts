import type { AnySpec, ExtensionSpec } from '../plugin.ts'
import type { Log } from '../runtime/log.ts'
import type { Format } from '../telemetry/format.ts'

/** A configured component: its spec, its parsed settings. */
export interface Instance<S extends AnySpec = AnySpec> {
  /** As written: `statsd` or `statsd/second`. */
  readonly id: string
  readonly spec: S
  readonly config: unknown
  /** Whether the process may run without it when it cannot start. */
  readonly required: boolean
}

/** A pipeline with the ids it names, in order. */
export interface PipelinePlan {
  /** As written: `logs/app`. */
  readonly id: string
  readonly format: Format
  readonly receivers: readonly string[]
  readonly processors: readonly string[]
  readonly exporters: readonly string[]
}

/** A checked configuration: everything the engine needs to build the graph. Ids are unique within their kind. */
export interface Plan {
  readonly instances: readonly Instance[]
  readonly pipelines: readonly PipelinePlan[]
  /** Ids of extensions in start order. */
  readonly extensions: readonly string[]
  /** Bytes that all queues and assembly buffers together may hold. */
  readonly memoryLimit: number
  /** From here on receivers that can push back refuse; default: `memoryLimit`. */
  readonly softMemoryLimit?: number
  /** How long a stop may take before what is left is dropped and counted, in milliseconds. */
  readonly shutdownTimeoutMs: number
}

/** The plan after every extension that wants to has looked at it, in start order. */
export async function prepared(plan: Plan, log: Log): Promise<Plan> {
  let all = plan.instances
  for (const id of plan.extensions) {
    const instance = all.find((each) => each.spec.kind === 'extension' && each.id === id)
    const spec = instance?.spec as ExtensionSpec | undefined
    if (spec?.prepare) all = await spec.prepare({ config: instance!.config, all, log: log.named(id) })
  }
  return { ...plan, instances: all }
}
