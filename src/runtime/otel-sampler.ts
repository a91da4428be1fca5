import type { OtelFault } from './otel-target.ts'

/** Which traces are made, as the Collector's configuration says it. */
export type SamplerPlan =
  | { readonly kind: 'always_on' }
  | { readonly kind: 'always_off' }
  | { readonly kind: 'trace_id_ratio_based'; readonly ratio: number }
  | ParentBased

/** The parent's answer, and what to do where there is none. */
export interface ParentBased extends Partial<Record<ParentCase, SamplerPlan>> {
  readonly kind: 'parent_based'
  readonly root: SamplerPlan
}

/** What a sampler that looks at the parent can be told apart for. */
export const parentCases = [
  'remote_parent_sampled',
  'remote_parent_not_sampled',
  'local_parent_sampled',
  'local_parent_not_sampled',
] as const
export type ParentCase = (typeof parentCases)[number]

const always: SamplerPlan = { kind: 'always_on' }
/** The SDKs' own: what the parent says, and everything that has none. */
const usual: SamplerPlan = { kind: 'parent_based', root: always }
const hint = 'write {trace_id_ratio_based: {ratio: 0.1}}, {always_on: {}}, {always_off: {}} or parent_based around them'
/** Deeper than anybody writes. */
const deepest = 12

/** Reads `{parent_based: {root: {trace_id_ratio_based: {ratio: 0.1}}}}`; what it cannot read is told to `faults`. */
export function readSampler(
  written: unknown,
  path: OtelFault['path'],
  faults: OtelFault[],
  fallback: SamplerPlan = usual,
): SamplerPlan {
  if (written === undefined || written === null) return fallback
  const entries = typeof written === 'object' && !Array.isArray(written) ? Object.entries(written) : []
  const [kind, settings] = entries[0] ?? []
  const fault = (message: string, at: OtelFault['path'] = path, help = hint): SamplerPlan => {
    faults.push({ path: at, message, hint: help })
    return fallback
  }
  if (entries.length !== 1) return fault('expected one sampler')
  if (kind === 'always_on' || kind === 'always_off') return { kind }
  const given = (settings ?? {}) as Readonly<Record<string, unknown>>
  if (kind === 'trace_id_ratio_based') {
    const { ratio = 1 } = given
    if (typeof ratio === 'number' && ratio >= 0 && ratio <= 1) return { kind, ratio }
    return fault('ratio must be a number from 0 to 1', [...path, kind, 'ratio'], 'write ratio: 0.1')
  }
  if (kind !== 'parent_based') return fault(`sampler "${kind}" is not here`, [...path, kind!])
  if (path.length > deepest) return fault('samplers are nested too deeply')
  const unknown = Object.keys(given).find((key) => key !== 'root' && !parentCases.includes(key as ParentCase))
  if (unknown !== undefined)
    return fault(`"${unknown}" is unknown`, [...path, kind, unknown], `write root or ${parentCases.join(', ')}`)
  const inner = (key: string) => readSampler(given[key], [...path, kind, key], faults, always)
  const named = parentCases.filter((name) => given[name] !== undefined && given[name] !== null)
  return { kind, root: inner('root'), ...Object.fromEntries(named.map((name) => [name, inner(name)])) }
}

/** Whether it never says yes, whatever comes. */
export function isOff(plan: SamplerPlan): boolean {
  if (plan.kind === 'always_off') return true
  if (plan.kind === 'trace_id_ratio_based') return plan.ratio === 0
  if (plan.kind === 'always_on') return false
  // Nothing here has a parent of this process.
  const { root, remote_parent_sampled: sampled = always, remote_parent_not_sampled: other } = plan
  return [root, sampled, ...(other ? [other] : [])].every(isOff)
}
