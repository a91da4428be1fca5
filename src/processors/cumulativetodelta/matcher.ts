import { GoRegex } from '../../ottl/go-regex.ts'
import { Data } from './point.ts'

export interface MatchConfig {
  metrics: readonly string[]
  match_type?: 'strict' | 'regexp' | undefined
  metric_types: readonly string[]
}

const typeOf: Readonly<Record<string, number>> = {
  sum: Data.sum,
  histogram: Data.histogram,
  exponentialhistogram: Data.exponential,
}

/** Whether a metric is to be converted, by its name and the field of its data. */
export function newMatcher(include: MatchConfig, exclude: MatchConfig): (name: string, data: number) => boolean {
  const [wanted, unwanted] = [namesOf(include), namesOf(exclude)]
  const [types, otherTypes] = [typesOf(include), typesOf(exclude)]
  return (name, data) =>
    (!wanted || wanted(name)) &&
    (types.length === 0 || types.includes(data)) &&
    !unwanted?.(name) &&
    !otherTypes.includes(data)
}

const typesOf = ({ metric_types: types }: MatchConfig) => types.map((each) => typeOf[each.toLowerCase()]!)

function namesOf({ metrics, match_type: how }: MatchConfig): ((name: string) => boolean) | undefined {
  if (metrics.length === 0) return undefined
  if (how === 'strict') {
    const names = new Set(metrics)
    return (name) => names.has(name)
  }
  const patterns = metrics.map((each) => new GoRegex(each))
  return (name) => patterns.some((pattern) => pattern.test(name))
}
