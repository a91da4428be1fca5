import { Catalogue } from '../components.ts'
import { formatProblems, type Problem } from '../config/diagnostics.ts'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import type { Config, ServiceSettings } from '../config/schema.ts'
import { validate } from '../config/validate.ts'
import { checkEdges } from '../engine/check-edges.ts'
import type { Instance, Plan } from '../engine/plan.ts'
import type { AnySpec } from '../plugin.ts'
import { otelPlan } from '../runtime/otel-settings.ts'
import { loadPlugins } from './plugins.ts'

/** What came of reading a configuration: a plan when nothing is wrong. */
export interface Configuration {
  readonly plan?: Plan
  readonly service?: ServiceSettings
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
}

/** What all queues together may hold unless `service.memory_limit` says otherwise. */
const defaultMemoryLimit = 256 << 20

/** Reads, merges and checks the files, loads the plugins they name. Never throws: what is wrong is in `problems`. */
export async function readConfiguration(files: readonly string[], set: readonly string[]): Promise<Configuration> {
  const loaded = loadConfig(files, { set, env: process.env })
  const catalogue = new Catalogue()
  const pluginProblems = await loadPlugins(loaded, files, catalogue)
  const { config, problems, warnings } = await validate(loaded, catalogue)
  if (pluginProblems.length > 0) return { problems: [...pluginProblems, ...problems], warnings }
  if (!config) return { problems, warnings }
  const plan = planOf(config)
  const edges = checkEdges(plan).map(({ pipeline, message }): Problem => {
    const path = ['service', 'pipelines', pipeline]
    return { code: 'TR_CONFIG_FORMAT', location: loaded.at(path), path: path.join('.'), message }
  })
  const telemetry = otelPlan(config.service).faults.map(({ path, ...fault }): Problem => {
    return { code: 'TR_CONFIG_VALUE', location: loaded.at(path), path: path.join('.'), ...fault }
  })
  const found = [...edges, ...telemetry]
  const all = [...warnings, ...unserved(config.service, loaded)]
  return found.length > 0
    ? { problems: found, warnings: all }
    : { plan, service: config.service, problems, warnings: all }
}

/** Pages that a Collector would serve with these settings, and tailrace does not. */
function unserved({ telemetry: { metrics } }: ServiceSettings, loaded: LoadedConfig): Problem[] {
  const base = ['service', 'telemetry', 'metrics']
  const paths = [
    ...(metrics.address ? [[...base, 'address']] : []),
    ...metrics.readers.flatMap(({ pull }, i) => (pull ? [[...base, 'readers', i, 'pull']] : [])),
  ]
  return paths.map((path) => ({
    code: 'TR_CONFIG_UNUSED',
    location: loaded.at(path),
    path: path.join('.'),
    message: 'nothing is served here for scraping',
    hint: 'use the extension metrics_endpoint',
  }))
}

/** Every problem and warning as people read them; empty when there are none. */
export function findingsText({ problems, warnings }: Configuration): string {
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
    memoryLimit: service.memory_limit ?? defaultMemoryLimit,
    shutdownTimeoutMs: service.shutdown_timeout,
  }
}
