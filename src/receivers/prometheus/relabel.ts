import { createHash } from 'node:crypto'
import { GoRegex, patternFault, replacementOf } from '../../ottl/go-regex.ts'

export const relabelActions = [
  'replace',
  'keep',
  'drop',
  'keepequal',
  'dropequal',
  'hashmod',
  'labelmap',
  'labeldrop',
  'labelkeep',
  'lowercase',
  'uppercase',
] as const

/** One rule as Prometheus writes it. */
export interface RelabelRule {
  source_labels: readonly string[]
  separator: string
  target_label?: string | undefined
  regex: string
  modulus?: number | undefined
  replacement: string
  action: (typeof relabelActions)[number]
}

export type LabelMap = Map<string, string>
/** Changes the labels in place; false when what has them is dropped. */
export type Relabel = (labels: LabelMap) => boolean

const labelNames = /^[a-zA-Z_][a-zA-Z0-9_]*$/
const needsTarget = new Set(['replace', 'hashmod', 'lowercase', 'uppercase', 'keepequal', 'dropequal'])

/** What is wrong with a rule, or undefined. */
export function relabelFault(rule: RelabelRule): string | undefined {
  const { action, target_label, modulus } = rule
  if (needsTarget.has(action) && !target_label) return `the action ${action} needs a target_label`
  if (action === 'hashmod' && !(modulus !== undefined && modulus > 0))
    return 'the action hashmod needs a modulus above 0'
  if (target_label && action !== 'replace' && !labelNames.test(target_label))
    return `${JSON.stringify(target_label)} is no name of a label`
  return patternFault(anchored(rule.regex))
}

/** Expressions match from end to end, as in Prometheus. */
const anchored = (source: string) => `^(?:${source})$`

/** All rules, one after the other. Throws what `relabelFault` says. */
export function compileRelabel(rules: readonly RelabelRule[]): Relabel | undefined {
  if (rules.length === 0) return undefined
  const steps = rules.map((rule) => {
    const fault = relabelFault(rule)
    if (fault) throw new Error(fault)
    return step(rule)
  })
  return (labels) => steps.every((apply) => apply(labels))
}

function step(rule: RelabelRule): Relabel {
  const { action, source_labels: sources, separator, target_label: target = '' } = rule
  const regex = new GoRegex(anchored(rule.regex))
  const joined = (labels: LabelMap) => sources.map((name) => labels.get(name) ?? '').join(separator)
  switch (action) {
    case 'keep':
      return (labels) => regex.test(joined(labels))
    case 'drop':
      return (labels) => !regex.test(joined(labels))
    case 'keepequal':
      return (labels) => joined(labels) === (labels.get(target) ?? '')
    case 'dropequal':
      return (labels) => joined(labels) !== (labels.get(target) ?? '')
    case 'hashmod':
      return (labels) => set(labels, target, hashOf(joined(labels), rule.modulus!))
    case 'lowercase':
      return (labels) => set(labels, target, joined(labels).toLowerCase())
    case 'uppercase':
      return (labels) => set(labels, target, joined(labels).toUpperCase())
    case 'labeldrop':
      return (labels) => removeNames(labels, (name) => regex.test(name))
    case 'labelkeep':
      return (labels) => removeNames(labels, (name) => !regex.test(name))
    case 'labelmap':
      return labelMap(regex, rule.replacement)
    case 'replace':
      return replace(regex, joined, target, rule.replacement)
  }
}

function replace(regex: GoRegex, joined: (labels: LabelMap) => string, target: string, replacement: string): Relabel {
  const nameOf = replacementOf(target, regex)
  const textOf = replacementOf(replacement, regex)
  return (labels) => {
    const match = regex.exec(joined(labels))
    if (!match) return true
    const name = nameOf(match)
    return labelNames.test(name) ? set(labels, name, textOf(match)) : true
  }
}

function labelMap(regex: GoRegex, replacement: string): Relabel {
  const nameOf = replacementOf(replacement, regex)
  return (labels) => {
    for (const [name, value] of [...labels]) {
      const match = regex.exec(name)
      if (match) set(labels, nameOf(match), value)
    }
    return true
  }
}

/** An empty label is none. */
function set(labels: LabelMap, name: string, value: string): true {
  if (value === '') labels.delete(name)
  else labels.set(name, value)
  return true
}

function removeNames(labels: LabelMap, isRemoved: (name: string) => boolean): true {
  for (const name of [...labels.keys()]) if (isRemoved(name)) labels.delete(name)
  return true
}

/** The last eight bytes of the MD5, as a number. */
const hashOf = (text: string, modulus: number) =>
  String(createHash('md5').update(text).digest().readBigUInt64BE(8) % BigInt(modulus))
