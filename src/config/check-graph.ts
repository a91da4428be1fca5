import { type Declared, type Findings, report } from './check-components.ts'
import { keyHint } from './issues.ts'
import { type ComponentConfig, type Kind, type PipelineConfig, type ServiceSettings, sectionOf } from './schema.ts'

/** A connector must be an exporter of one pipeline and a receiver of another, and its id must be its own. */
export function checkConnectors(findings: Findings, declared: Declared, pipelines: readonly PipelineConfig[]): void {
  for (const key of declared.connector.keys()) {
    for (const kind of ['exporter', 'receiver'] as const)
      if (declared[kind].has(key)) ambiguous(findings, declared, kind, key)
    const from = pipelines.filter(({ exporters }) => exporters.includes(key)).map((pipeline) => pipeline.key)
    const to = pipelines.filter(({ receivers }) => receivers.includes(key)).map((pipeline) => pipeline.key)
    if (from.length > 0 && to.length === 0) oneSided(findings, declared, key, 'exporter', 'receiver', from)
    if (to.length > 0 && from.length === 0) oneSided(findings, declared, key, 'receiver', 'exporter', to)
  }
}

function ambiguous(findings: Findings, declared: Declared, kind: Kind, key: string): void {
  const message =
    `connectors::${key}: ambiguous ID: Found both "${key}" ${kind} and "${key}" connector. ` +
    `Change one of the components' IDs to eliminate ambiguity (e.g. rename "${key}" connector to "${key}/connector")`
  report(findings, 'TR_CONFIG_AMBIGUOUS', ['connectors'], message, { key: writtenKey(declared, 'connector', key) })
}

function oneSided(
  findings: Findings,
  declared: Declared,
  key: string,
  used: string,
  missing: string,
  pipelines: string[],
): void {
  const message = `connector "${key}" used as ${used} in [${pipelines.join(' ')}] pipeline but not used in any supported ${missing} pipeline`
  const hint = `name it among the ${missing}s of the pipeline it should ${missing === 'receiver' ? 'feed' : 'be fed by'}`
  report(findings, 'TR_CONFIG_CONNECTOR', ['connectors'], message, {
    key: writtenKey(declared, 'connector', key),
    hint,
  })
}

/** Pipelines that the settings of a connector name must be there and receive from it. */
export function checkRoutes(findings: Findings, declared: Declared, pipelines: readonly PipelineConfig[]): void {
  for (const [key, component] of declared.connector) {
    const named = component?.entry.pipelines?.(component.config)
    if (!named) continue
    const behind = pipelines.filter(({ receivers }) => receivers.includes(key))
    for (const { path, id } of named) {
      if (behind.some((pipeline) => pipeline.key === id)) continue
      const known = pipelines.find((pipeline) => pipeline.key === id)
      const keys = (behind.length > 0 ? behind : pipelines).map((pipeline) => pipeline.key)
      const message = known
        ? `connectors::${key}: pipeline "${id}" does not receive from "${key}"`
        : `connectors::${key}: references pipeline "${id}" which is not configured`
      const hint = known ? `write receivers: [${key}] in service.pipelines.${id}` : keyHint(id, keys)
      report(findings, 'TR_CONFIG_REFERENCE', [...component!.path, ...path], message, { hint })
    }
    for (const pipeline of behind) {
      if (named.some(({ id }) => id === pipeline.key)) continue
      const message = `pipeline "${pipeline.key}" gets nothing from connector "${key}": none of its routes names it`
      const hint = `name it in connectors.${component!.path[1]}, or take the connector out of its receivers`
      const { problems: _, ...rest } = findings
      report({ ...rest, problems: findings.warnings }, 'TR_CONFIG_UNUSED', pipeline.path, message, { hint })
    }
  }
}

const writtenKey = (declared: Declared, kind: Kind, key: string) => declared[kind].get(key)?.path[1] ?? key

interface Hop {
  connector: string
  from: PipelineConfig
  to: PipelineConfig
}

/** Finds one cycle of pipelines that feed each other. */
export function checkCycles(findings: Findings, declared: Declared, pipelines: readonly PipelineConfig[]): void {
  const hops = pipelines.flatMap((from) =>
    from.exporters
      .filter((id) => declared.connector.has(id))
      .flatMap((connector) =>
        pipelines.filter((to) => to.receivers.includes(connector)).map((to): Hop => ({ connector, from, to })),
      ),
  )
  const done = new Set<PipelineConfig>()
  const visit = (pipeline: PipelineConfig, trail: Hop[]): Hop[] | undefined => {
    const start = trail.findIndex((hop) => hop.from === pipeline)
    if (start >= 0) return trail.slice(start)
    if (done.has(pipeline)) return undefined
    for (const hop of hops) {
      const cycle = hop.from === pipeline ? visit(hop.to, [...trail, hop]) : undefined
      if (cycle) return cycle
    }
    done.add(pipeline)
    return undefined
  }
  for (const pipeline of pipelines) {
    const cycle = visit(pipeline, [])
    if (!cycle) continue
    cycleFound(findings, cycle)
    return
  }
}

function cycleFound(findings: Findings, cycle: Hop[]): void {
  const name = ({ connector, from, to }: Hop) => `connector "${connector}" (${from.kind} to ${to.kind})`
  const steps = cycle.flatMap((hop) => [
    name(hop),
    ...hop.to.processors.map((id) => `processor "${id}" in pipeline "${hop.to.key}"`),
  ])
  const [first] = cycle as [Hop]
  const path = [...first.from.path, 'exporters', first.from.exporters.indexOf(first.connector)]
  report(findings, 'TR_CONFIG_CYCLE', path, `cycle detected: ${[...steps, name(first)].join(' -> ')}`, {
    hint: 'take the connector out of one of these pipelines',
  })
}

/** Two components that run must not want the same address or file. */
export function checkResources(findings: Findings, used: readonly ComponentConfig[]): void {
  const owners = new Map<string, ComponentConfig>()
  for (const component of used) {
    const name = component.path.join('.')
    for (const resource of component.entry.resources?.(component.config) ?? []) {
      const owner = owners.get(resource)
      owners.set(resource, owner ?? component)
      // Port 0 is another one each time.
      if (!owner || /:0$/.test(resource)) continue
      if (owner === component) {
        const message = `${name} wants ${resource} twice`
        const [section, id] = component.path
        report(findings, 'TR_CONFIG_RESOURCE', [section!], message, {
          key: id!,
          hint: 'write another port for one of them',
        })
        continue
      }
      const { file, line } = findings.loaded.at(owner.path.slice(0, 1), owner.path[1]!)
      const message = `${owner.path.join('.')} and ${name} both want ${resource}`
      const hint = `change one of them (the other one is at ${file}:${line})`
      report(findings, 'TR_CONFIG_RESOURCE', component.path.slice(0, 1), message, { key: component.path[1]!, hint })
    }
  }
}

/** The components that run: named by a pipeline or by `service.extensions`. The others get a warning. */
export function usedComponents(
  findings: Findings,
  declared: Declared,
  pipelines: readonly PipelineConfig[],
  service: ServiceSettings | undefined,
): ComponentConfig[] {
  const named: Record<Kind, Set<string>> = {
    receiver: new Set(pipelines.flatMap(({ receivers }) => receivers)),
    processor: new Set(pipelines.flatMap(({ processors }) => processors)),
    exporter: new Set(pipelines.flatMap(({ exporters }) => exporters)),
    connector: new Set(pipelines.flatMap(({ receivers, exporters }) => [...receivers, ...exporters])),
    extension: new Set(service?.extensions),
  }
  const components = Object.values(declared)
    .flatMap((ids) => [...ids.values()])
    .filter((component) => component !== undefined)
  for (const { kind, key, path } of components) {
    if (named[kind].has(key)) continue
    const place = kind === 'extension' ? 'service.extensions' : 'any pipeline'
    report(
      { ...findings, problems: findings.warnings },
      'TR_CONFIG_UNUSED',
      [sectionOf[kind]],
      `${kind} "${key}" is configured but not used by ${place}`,
      {
        key: path[1]!,
        hint:
          kind === 'extension' ? 'add it to service.extensions, or delete it' : 'name it in a pipeline, or delete it',
      },
    )
  }
  return components.filter(({ kind, key }) => named[kind].has(key))
}
