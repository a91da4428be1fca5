import { quoted } from './quoted.ts'

/** Gates of the Collector that change something here, with what they do. */
export const featureGates = {
  'confmap.enableMergeAppendOption':
    'Lists of service::extensions and of the receivers and exporters of pipelines are appended to when several files set them.',
  'service.AllowNoPipelines': 'A configuration without a pipeline is no fault.',
} as const

export type FeatureGate = keyof typeof featureGates

/** What the `--feature-gates` arguments ask for. */
export interface GateChoice {
  readonly on: ReadonlySet<FeatureGate>
  /** Gates that are not known here, as written but for their sign. */
  readonly unknown: readonly string[]
  /** What is wrong with the arguments: an item without a name. */
  readonly fault?: string
}

/** Reads `a,-b,+c`: `-` turns a gate off, `+` or nothing turns it on; the last one of a name counts. */
export function readFeatureGates(texts: readonly string[]): GateChoice {
  const on = new Set<FeatureGate>()
  const unknown = new Set<string>()
  for (const text of texts.filter((each) => each !== '')) {
    for (const [index, item] of text.split(',').entries()) {
      const [, sign, name] = /^([-+]?)(.*)$/s.exec(item.trim())!
      if (name === '') return { on, unknown: [...unknown], fault: `empty feature gate identifier at index ${index}` }
      if (!isGate(name!)) unknown.add(name!)
      else if (sign === '-') on.delete(name)
      else on.add(name)
    }
  }
  return { on, unknown: [...unknown] }
}

const isGate = (name: string): name is FeatureGate => Object.hasOwn(featureGates, name)

/** The warning for gates that mean nothing here; undefined when all are known. */
export function unknownGatesWarning({ unknown }: GateChoice): string | undefined {
  if (unknown.length === 0) return undefined
  const known = Object.keys(featureGates).join(' ')
  return `no such feature gate ${unknown.map(quoted).join(', ')}. valid gates: [${known}]; it is ignored`
}
