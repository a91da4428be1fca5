import { encodeList, encodeMap, type Ottl } from './ottl-value.ts'

/** A value of a configuration as one of telemetry: whole numbers are integers, others doubles. */
export function fromYaml(value: unknown): Ottl {
  if (value === null || value === undefined) return undefined
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value
  if (Array.isArray(value)) return encodeList(value.map(fromYaml))
  if (typeof value === 'object')
    return encodeMap(Object.entries(value).map(([key, each]) => [key, fromYaml(each)] as const))
  return value as string | boolean
}
