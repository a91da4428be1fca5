/** Writes text format 0.0.4, for our own metrics endpoint. */
import { floatText } from './float-text.ts'

export interface Sample {
  /** Label pairs, in the order they are to be written. */
  labels: readonly (readonly [name: string, value: string])[]
  value: number
  /** `_sum`, `_bucket`...: put behind the family's name. */
  suffix?: string
}

export interface Family {
  name: string
  help: string
  type: 'counter' | 'gauge' | 'histogram' | 'summary' | 'untyped'
  samples: readonly Sample[]
}

/** The content type of what `writeFamilies` makes. */
export const TEXT_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * All families, sorted by name: `# HELP`, `# TYPE`, then one line a sample, `name{a="b"} 1`. A family without samples is
 * left out, as the format asks. Names are written as they are: they must be legacy names.
 */
export function writeFamilies(families: Iterable<Family>): string {
  const sorted = [...families].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  let text = ''
  for (const family of sorted) if (family.samples.length > 0) text += writeFamily(family)
  return text
}

function writeFamily({ name, help, type, samples }: Family): string {
  let text = help === '' ? '' : `# HELP ${name} ${escapeHelp(help)}\n`
  text += `# TYPE ${name} ${type}\n`
  for (const { suffix = '', labels, value } of samples) {
    text += `${name}${suffix}${writeLabels(labels)} ${valueText(suffix, value)}\n`
  }
  return text
}

/** Counts of observations are written as whole numbers, everything else as a float. */
function valueText(suffix: string, value: number): string {
  const isCount = suffix === '_count' || suffix === '_bucket'
  return isCount && Number.isSafeInteger(value) ? String(value) : floatText(value)
}

/** `{a="b",c="d"}`, or nothing when there are no labels. */
export function writeLabels(labels: Sample['labels']): string {
  if (labels.length === 0) return ''
  return `{${labels.map(([name, value]) => `${name}="${escapeLabelValue(value)}"`).join(',')}}`
}

/** `\`, `"` and newline become `\\`, `\"` and `\n`. */
export function escapeLabelValue(value: string): string {
  return /[\\"\n]/.test(value) ? escapeHelp(value).replaceAll('"', '\\"') : value
}

/** `\` and newline become `\\` and `\n`; quotes stay. */
export function escapeHelp(help: string): string {
  return help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}
