import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Catalogue } from '../components.ts'
import { formatProblems, type Problem } from '../config/diagnostics.ts'
import type { GateChoice } from '../config/feature-gates.ts'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import type { Config, ServiceSettings } from '../config/schema.ts'
import { validate } from '../config/validate.ts'
import { checkEdges } from '../engine/check-edges.ts'
import type { Instance, Plan } from '../engine/plan.ts'
import type { AnySpec, ProcessorSpec } from '../plugin.ts'
import { otelPlan } from '../runtime/otel-settings.ts'
import { loadPlugins } from './plugins.ts'

/** What came of reading a configuration: a plan when nothing is wrong. */
export interface Configuration {
  readonly plan?: Plan
  readonly service?: ServiceSettings
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
  /** What was read, before anything is known of its meaning; the values of secrets are marked as hidden. */
  readonly loaded: LoadedConfig
  /** Paths of the files that were read, those that files name included. */
  readonly files: readonly string[]
}

/** What queues, connections, messages under way and tables may hold together unless `service.memory_limit` says otherwise. */
const defaultMemoryLimit = 256 << 20

/** Reads, merges and checks the files, loads the plugins they name. Never throws: what is wrong is in `problems`. */
export async function readConfiguration(
  files: readonly string[],
  set: readonly string[],
  { on: gates }: Pick<GateChoice, 'on'> = { on: new Set() },
): Promise<Configuration> {
  const appendLists = gates.has('confmap.enableMergeAppendOption')
  const read = new Set<string>()
  const readFile = (path: string) => {
    read.add(resolve(path))
    return readFileSync(path, 'utf8')
  }
  const loaded = loadConfig(files, { set, env: process.env, appendLists, readFile })
  const found = { loaded, files: [...read] }
  const catalogue = new Catalogue()
  const pluginProblems = await loadPlugins(loaded, files, catalogue)
  const { config, problems, warnings } = await validate(loaded, catalogue, gates)
  if (pluginProblems.length > 0) return { problems: [...pluginProblems, ...problems], warnings, ...found }
  if (!config) return { problems, warnings, ...found }
  const plan = planOf(config)
  const edges = checkEdges(plan).map(({ pipeline, message }): Problem => {
    const path = ['service', 'pipelines', pipeline]
    return { code: 'TR_CONFIG_FORMAT', location: loaded.at(path), path: path.join('.'), message }
  })
  const telemetry = otelPlan(config.service).faults.map(({ path, ...fault }): Problem => {
    return { code: 'TR_CONFIG_VALUE', location: loaded.at(path), path: path.join('.'), ...fault }
  })
  const faults = [...edges, ...telemetry]
  return faults.length > 0
    ? { problems: faults, warnings, ...found }
    : { plan, service: config.service, problems, warnings, ...found }
}

/** Every problem and warning as people read them; empty when there are none. */
export function findingsText({ problems, warnings }: Pick<Configuration, 'problems' | 'warnings'>): string {
  const parts = [formatProblems(problems)]
  if (warnings.length > 0) parts.push(formatProblems(warnings).replace(/^(\S)/gm, 'warning: $1'))
  const text = parts.filter((part) => part !== '').join('\n\n')
  return text === '' ? '' : `${text}\n`
}

function planOf(config: Config): Plan {
  const { receivers, processors, exporters, connectors, extensions, pipelines, service } = config
  const instances = [...receivers, ...processors, ...exporters, ...connectors, ...extensions].map(
    ({ key, entry, config, required }): Instance => ({ id: key, spec: entry as AnySpec, config, required }),
  )
  return {
    instances,
    pipelines: pipelines.map(({ key, kind, receivers, processors, exporters }) => ({
      id: key,
      format: kind,
      receivers,
      processors,
      exporters,
    })),
    extensions: service.extensions,
    ...memoryOf(instances, pipelines, service.memory_limit),
    shutdownTimeoutMs: service.shutdown_timeout,
  }
}

/** The least of what `service.memory_limit` and the `memory_limiter` processors of pipelines say. */
function memoryOf(instances: readonly Instance[], pipelines: Config['pipelines'], written: number | undefined) {
  const used = new Set(pipelines.flatMap(({ processors }) => processors))
  const asked = instances.flatMap(({ id, spec, config }) => {
    const memory = spec.kind === 'processor' && used.has(id) && (spec as ProcessorSpec).memory?.(config as never)
    return memory ? [memory] : []
  })
  const limits = [...asked.map(({ limit }) => limit), ...(written === undefined ? [] : [written])]
  const memoryLimit = limits.length > 0 ? Math.min(...limits) : defaultMemoryLimit
  return { memoryLimit, softMemoryLimit: Math.min(memoryLimit, ...asked.map(({ soft }) => soft)) }
}
