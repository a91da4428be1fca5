import { checkComponents, type Declared, type Findings, report } from './check-components.ts'
import { checkExtensionIds } from './check-extension-ids.ts'
import { checkConnectors, checkCycles, checkResources, checkRoutes, usedComponents } from './check-graph.ts'
import { checkPipelines, checkService } from './check-pipelines.ts'
import type { Problem } from './diagnostics.ts'
import type { FeatureGate } from './feature-gates.ts'
import { keyHint, unknownKeyMessage } from './issues.ts'
import type { LoadedConfig } from './load.ts'
import {
  type Catalogue,
  type Config,
  type Kind,
  type PipelineConfig,
  rootKeys,
  type ServiceSettings,
} from './schema.ts'
import { unwrapped } from './substituted.ts'

export interface Validation {
  /** Only when there are no problems. */
  config?: Config
  problems: Problem[]
  warnings: Problem[]
}

/** Checks a loaded tree against the components there are. Finds all problems in one run, those of loading included. */
export async function validate(
  loaded: LoadedConfig,
  catalogue: Catalogue,
  gates: ReadonlySet<FeatureGate> = new Set(),
): Promise<Validation> {
  const findings: Findings = {
    loaded,
    problems: [...loaded.problems],
    warnings: [...loaded.warnings],
    misnamed: new Set(),
  }
  const { problems, warnings } = findings
  // A file that is missing as a whole would make everything that it should hold a problem.
  if (loaded.problems.some(({ code, path }) => path === '' && code !== 'TR_CONFIG_SET')) return { problems, warnings }
  if (Object.keys(loaded.value).length === 0) {
    report(findings, 'TR_CONFIG_EMPTY', [], 'empty configuration file', {
      hint: 'it needs receivers, exporters and service.pipelines',
    })
    return { problems, warnings }
  }
  const inside = wrappedAt(loaded.value)
  if (inside !== undefined) {
    report(findings, 'TR_CONFIG_EMPTY', [], `not a configuration: it seems to stand below ${inside}`, {
      hint: `write what stands below ${inside} into a file of its own`,
    })
    return { problems, warnings }
  }
  checkRoot(findings)
  const declared = await checkComponents(findings, catalogue)
  const service = checkService(findings, declared)
  const pipelines = checkPipelines(findings, declared)
  if (!gates.has('service.AllowNoPipelines')) checkEnough(findings, declared, pipelines, service)
  checkConnectors(findings, declared, pipelines)
  checkRoutes(findings, declared, pipelines)
  checkCycles(findings, declared, pipelines)
  const used = usedComponents(findings, declared, pipelines, service)
  checkResources(findings, used)
  checkExtensionIds(findings, declared, used, service)
  if (problems.length > 0 || !service) return blamingVariables(problems, warnings)
  return { config: configOf(declared, pipelines, service), problems, warnings }
}

/** Where the configuration stands in a file that is for something else: a ConfigMap, an operator's resource, Helm values. */
function wrappedAt(value: Readonly<Record<string, unknown>>): string | undefined {
  if (rootKeys.some((key) => Object.hasOwn(value, key))) return undefined
  const search = (given: unknown, path: readonly string[]): string | undefined => {
    const inner = unwrapped(given)
    if (typeof inner === 'string') return /^(receivers|exporters):/m.test(inner) ? path.join('.') : undefined
    if (typeof inner !== 'object' || inner === null || path.length > 8) return undefined
    if (Object.hasOwn(inner, 'service') && Object.hasOwn(inner, 'exporters')) return path.join('.')
    for (const [key, child] of Object.entries(inner)) {
      const found = search(child, [...path, key])
      if (found !== undefined) return found
    }
    return undefined
  }
  return search(value, [])
}

function checkRoot(findings: Findings): void {
  for (const key of Object.keys(findings.loaded.value)) {
    if (!rootKeys.includes(key))
      report(findings, 'TR_CONFIG_KEY', [], unknownKeyMessage(key, []), { key, hint: keyHint(key, rootKeys) })
  }
}

/** A process without pipelines is fine when it runs an extension; else it would do nothing. */
function checkEnough(
  findings: Findings,
  declared: Declared,
  pipelines: PipelineConfig[],
  service: ServiceSettings | undefined,
): void {
  const written = Object.keys(findings.loaded.value.service ?? {}).includes('pipelines')
  if (pipelines.length > 0 || !service || service.extensions.length > 0) return
  for (const kind of ['receiver', 'exporter'] as const) {
    if (declared[kind].size === 0)
      report(findings, 'TR_CONFIG_PIPELINE', [], `no ${kind} configuration specified in config`)
  }
  if (written && findings.problems.some(({ path }) => path.startsWith('service.pipelines'))) return
  report(findings, 'TR_CONFIG_PIPELINE', ['service'], 'service::pipelines: service must have at least one pipeline', {
    hint: 'write service: {pipelines: {logs: {receivers: [...], exporters: [...]}}}',
  })
}

function configOf(declared: Declared, pipelines: PipelineConfig[], service: ServiceSettings): Config {
  const all = (kind: Kind) => [...declared[kind].values()].filter((component) => component !== undefined)
  return {
    receivers: all('receiver'),
    processors: all('processor'),
    exporters: all('exporter'),
    connectors: all('connector'),
    extensions: all('extension'),
    pipelines,
    service,
  }
}

/** A value that is wrong because a variable of it is not set, or is none: the problem says it, for that is what to mend. */
function blamingVariables(problems: Problem[], warnings: Problem[]): Validation {
  const variables = warnings.filter(({ code, message }) => {
    return code === 'TR_CONFIG_UNSET' || message.includes(' is taken as text')
  })
  const byPath = Map.groupBy(variables, ({ path }) => path)
  const byBlock = Map.groupBy(variables, ({ path }) => path.replace(/\.[^.]*$/, ''))
  const blamed = new Set<Problem>()
  const explained = problems.map((problem) => {
    const around = problem.code === 'TR_CONFIG_VALUE' ? byBlock.get(problem.path) : undefined
    const causes = byPath.get(problem.path) ?? around ?? []
    for (const cause of causes) blamed.add(cause)
    if (causes.length === 0) return problem
    return { ...problem, hint: causes.map(({ message, hint }) => `${plainly(message)}: ${hint}`).join('; ') }
  })
  return { problems: explained, warnings: warnings.filter((warning) => !blamed.has(warning)) }
}

const plainly = (message: string) => message.replace(/^.* unset environment variable (\S+)$/, '$1 is not set')
