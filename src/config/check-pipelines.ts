import { article, type Declared, type Findings, report } from './check-components.ts'
import { isMap } from './containers.ts'
import type { Problem } from './diagnostics.ts'
import { anything } from './fields.ts'
import { keyHint, problemsOf } from './issues.ts'
import { nearest } from './nearest.ts'
import {
  formatId,
  type Kind,
  type PipelineConfig,
  type PipelineKind,
  parseId,
  pipelineFields,
  pipelineKinds,
  type ServiceSettings,
  sectionOf,
  serviceFields,
} from './schema.ts'
import { eachSecret } from './schema-walk.ts'
import { unwrapped } from './substituted.ts'

/** Parses `service` but for its pipelines. */
export function checkService(findings: Findings, declared: Declared): ServiceSettings | undefined {
  const { loaded, problems } = findings
  const schema = serviceFields.extend({ pipelines: anything().optional() })
  const given = loaded.value.service ?? {}
  eachSecret(schema, given, ['service'], (path) => loaded.hide(path))
  let result = schema.safeParse(given)
  if (!result.success) {
    const faults = problemsOf(result.error, schema, ['service'], loaded, ['service'])
    problems.push(...faults.map((fault) => pipelineTooHigh(fault, given) ?? fault))
    // The extensions are checked all the same: what is wrong with them is to be said in the same run.
    result = schema.safeParse({ extensions: isMap(given) ? given.extensions : undefined })
    if (!result.success) return undefined
  }
  const { pipelines: _, ...data } = result.data
  const extensions = data.extensions.map((id, index) =>
    reference(findings, declared, ['extension'], id, ['service', 'extensions', index], 'service::extensions'),
  )
  return { ...data, extensions }
}

/** Says of a key of `service` that looks like a pipeline where pipelines stand. */
function pipelineTooHigh(fault: Problem, service: unknown): Problem | undefined {
  const [, key = ''] = /^service\.(.*)$/.exec(fault.path) ?? []
  const settings = isMap(service) ? unwrapped(service[key]) : undefined
  if (fault.code !== 'TR_CONFIG_KEY' || !isMap(settings) || !('exporters' in settings)) return undefined
  return { ...fault, hint: `it belongs into a block: did you mean "pipelines.${key}"?` }
}

/** Parses the pipelines and checks every id they name. */
export function checkPipelines(findings: Findings, declared: Declared): PipelineConfig[] {
  const service = unwrapped(findings.loaded.value.service)
  const given = isMap(service) ? (unwrapped(service.pipelines) ?? {}) : {}
  const base = ['service', 'pipelines']
  if (!isMap(given)) {
    report(findings, 'TR_CONFIG_TYPE', base, 'expected a map of pipelines', {
      hint: 'write "logs:" with receivers and exporters below it',
    })
    return []
  }
  const pipelines: PipelineConfig[] = []
  for (const [written, settings] of Object.entries(given)) {
    const id = pipelineId(findings, written)
    if (!id) continue
    if (pipelines.some(({ key }) => key === id.key)) {
      report(findings, 'TR_CONFIG_DUPLICATE', base, `duplicate name "${id.key}" after unmarshaling pipelines`, {
        key: written,
      })
      continue
    }
    pipelines.push({ ...id, path: [...base, written], ...members(findings, declared, written, id.key, settings) })
  }
  return pipelines
}

function pipelineId(
  findings: Findings,
  written: string,
): { kind: PipelineKind; name: string; key: string } | undefined {
  const base = ['service', 'pipelines']
  const id = parseId(written)
  if (typeof id === 'string') {
    report(findings, 'TR_CONFIG_ID', base, id, { key: written, hint: 'a pipeline is "logs" or "logs/name"' })
    return undefined
  }
  const kind = pipelineKinds.find((known) => known === id.type)
  if (kind) return { kind, name: id.name, key: formatId(id) }
  const meant = nearest(id.type, pipelineKinds)
  const hint = meant === undefined ? `pipelines are ${pipelineKinds.join(', ')}` : `did you mean "${meant}"?`
  report(findings, 'TR_CONFIG_PIPELINE', base, `unknown pipeline signal: "${id.type}"`, { key: written, hint })
  return undefined
}

function members(findings: Findings, declared: Declared, written: string, key: string, settings: unknown) {
  const path = ['service', 'pipelines', written]
  const result = pipelineFields.safeParse(settings)
  if (!result.success) {
    findings.problems.push(...problemsOf(result.error, pipelineFields, path, findings.loaded, [`[${key}]`]))
    return { receivers: [], processors: [], exporters: [] }
  }
  const label = `service::pipelines::${key}`
  const checked = (list: 'receivers' | 'processors' | 'exporters', kinds: Kind[]) =>
    result.data[list].map((id, index) => reference(findings, declared, kinds, id, [...path, list, index], label))
  const receivers = checked('receivers', ['receiver', 'connector'])
  const processors = checked('processors', ['processor'])
  const exporters = checked('exporters', ['exporter', 'connector'])
  for (const [kind, list] of [
    ['receiver', receivers],
    ['exporter', exporters],
  ] as const) {
    if (list.length === 0)
      report(findings, 'TR_CONFIG_PIPELINE', ['service', 'pipelines'], `${label}: must have at least one ${kind}`, {
        key: written,
        hint: missingHint(declared, kind),
      })
  }
  repeated(findings, processors, [...path, 'processors'], label)
  return { receivers: [...new Set(receivers)], processors, exporters: [...new Set(exporters)] }
}

function missingHint(declared: Declared, kind: 'receiver' | 'exporter'): string {
  const [first] = declared[kind].keys()
  return first === undefined
    ? `configure ${article(kind)} under ${sectionOf[kind]} and name it here`
    : `write ${sectionOf[kind]}: [${first}]`
}

function repeated(findings: Findings, processors: string[], path: string[], label: string): void {
  processors.forEach((id, index) => {
    if (processors.indexOf(id) === index) return
    const hint = `name a second one "${id}/2" and configure it under processors`
    report(findings, 'TR_CONFIG_DUPLICATE', [...path, index], `${label}: references processor "${id}" multiple times`, {
      hint,
    })
  })
}

/** Checks one id that stands in a list; answers its usual spelling. */
function reference(
  findings: Findings,
  declared: Declared,
  kinds: Kind[],
  id: string,
  path: PropertyKey[],
  label: string,
): string {
  const parsed = parseId(id)
  const key = typeof parsed === 'string' ? id : formatId(parsed)
  const [kind] = kinds as [Kind]
  if (typeof parsed === 'string')
    report(findings, 'TR_CONFIG_ID', path, parsed, { hint: 'an id is "type" or "type/name"' })
  else if (!kinds.some((each) => declared[each].has(key)) && !isConsequence(findings, kinds, parsed.type)) {
    const message = `${label}: references ${kind} "${key}" which is not configured`
    report(findings, 'TR_CONFIG_REFERENCE', path, message, { hint: referenceHint(declared, kinds, key) })
  }
  return key
}

/** Whether a name leads nowhere for a reason that was told already. */
const isConsequence = ({ misnamed }: Findings, kinds: readonly Kind[], type: string): boolean =>
  kinds.some((kind) => misnamed.has(kind) || misnamed.has(`${kind}/${type}`))

function referenceHint(declared: Declared, kinds: Kind[], key: string): string {
  const known = kinds.flatMap((kind) => [...declared[kind].keys()])
  const [kind] = kinds as [Kind]
  const elsewhere = (Object.keys(declared) as Kind[]).find((other) => declared[other].has(key))
  if (elsewhere)
    return `"${key}" is ${article(elsewhere)}; add it under ${sectionOf[kind]} as well, or name ${article(kind)} here`
  if (known.length === 0) return `add it under ${sectionOf[kind]}, where there is nothing yet`
  const more = known.length > mostNamed ? ` and ${known.length - mostNamed} more` : ''
  const names = known.slice(0, mostNamed)
  return nearest(key, names) === undefined
    ? `configured are: ${names.join(', ')}${more}`
    : `${keyHint(key, names)} Configured are: ${names.join(', ')}${more}`
}

/** Beyond it a list helps nobody, and comparing thousands of names with thousands takes minutes. */
const mostNamed = 50
