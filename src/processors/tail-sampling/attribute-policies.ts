import { GoRegex } from '../../ottl/go-regex.ts'
import type { Cursor } from '../../plugin.ts'
import { pathOf } from '../../telemetry/paths.ts'
import { Value, ValueType } from '../../telemetry/value.ts'
import { Decision, type Evaluate, sampledIf } from './decision.ts'
import { someResource, someSpan } from './trace.ts'

/** A policy that samples traces of which an attribute of a span or resource passes the test; inverted: none does. */
function attributePolicy(key: string, inverted: boolean, passes: (value: Value) => boolean): Evaluate {
  const value = new Value()
  const testOf = (path: string) => {
    const { read } = pathOf(path, [key], 'traces')
    return (cursor: Cursor) => {
      read(cursor, value, false)
      return passes(value)
    }
  }
  const ofResource = testOf('resource.attributes')
  const ofSpan = testOf('attributes')
  return (trace) => {
    const matches = someResource(trace, ofResource) || someSpan(trace, ofSpan)
    if (!inverted) return sampledIf(matches)
    return matches ? Decision.invertNotSampled : Decision.invertSampled
  }
}

export interface NumericConfig {
  key: string
  min_value?: number | undefined
  max_value?: number | undefined
  invert_match: boolean
}

/** Integers and doubles in a range, ends included. A bound of 0 is none, as in the Collector. */
export function numericPolicy({
  key,
  min_value: min,
  max_value: max,
  invert_match: inverted,
}: NumericConfig): Evaluate {
  const least = min || Number.NEGATIVE_INFINITY
  const most = max || Number.POSITIVE_INFINITY
  return attributePolicy(key, inverted, (value) => {
    if (value.type !== ValueType.int && value.type !== ValueType.double) return false
    const number = value.type === ValueType.double ? value.double : (value.hi | 0) * 4294967296 + value.lo
    return number >= least && number <= most
  })
}

export interface StringConfig {
  key: string
  values: readonly string[]
  enabled_regex_matching: boolean
  cache_max_size: number
  invert_match: boolean
}

/** Texts; the empty one never matches. What patterns answered is remembered for the last `cache_max_size` texts. */
export function stringPolicy(config: StringConfig): Evaluate {
  const { key, values, invert_match: inverted } = config
  if (config.enabled_regex_matching) {
    const matches = remembered(
      config.cache_max_size,
      values.map((each) => new GoRegex(each)),
    )
    return attributePolicy(key, inverted, (value) => isText(value) && matches(value.toString()))
  }
  const wanted = values.filter((each) => each !== '').map((each) => Buffer.from(each))
  return attributePolicy(key, inverted, (value) => {
    if (!isText(value)) return false
    for (let i = 0; i < wanted.length; i++) if (value.equals(wanted[i]!)) return true
    return false
  })
}

const isText = ({ type, start, end }: Value) => type === ValueType.text && end > start
const usualCache = 128
/** In UTF-16 units: longer texts are tested each time, so that the cache has a bound in bytes. */
const longestKnown = 1024

/** Exported for its tests. */
export function remembered(size: number, regexes: readonly Pick<GoRegex, 'test'>[]): (text: string) => boolean {
  const most = size > 0 ? size : usualCache
  const known = new Map<string, boolean>()
  return (text) => {
    const answer = known.get(text)
    if (answer !== undefined) return answer
    const found = regexes.some((regex) => regex.test(text))
    if (text.length > longestKnown) return found
    if (known.size >= most) known.delete(known.keys().next().value!)
    known.set(text, found)
    return found
  }
}

/** A truth value. */
export function booleanPolicy({ key, value: wanted, invert_match: inverted }: BooleanConfig): Evaluate {
  return attributePolicy(key, inverted, ({ type, lo }) => type === ValueType.bool && (lo === 1) === wanted)
}

export interface BooleanConfig {
  key: string
  value: boolean
  invert_match: boolean
}
