import type { LoadedConfig } from './load.ts'
import { Substituted } from './substituted.ts'

const mask = '[REDACTED]'

// Keys that sound like a secret where no schema knows better.
const telling = /^(?:.*[_.-])?(?:passw(?:or)?d|secret|token|credentials?|api_?key|authorization|key_pem|private_key)$/i
const userInfo = /:\/\/[^\s/@]*@/g

/**
 * The configuration as plain values, with every reference replaced. `masked`: secrets read `[REDACTED]`, those that a
 * schema knows and those that a key or a URL gives away.
 */
export function effectiveConfig({ value, hidden }: LoadedConfig, { masked }: { masked: boolean }): unknown {
  const secret = new Set(masked ? hidden.map(keyOf) : [])
  const walk = (node: unknown, path: readonly PropertyKey[]): unknown => {
    if (secret.has(keyOf(path))) return mask
    const plain = node instanceof Substituted ? plainOf(node) : node
    if (Array.isArray(plain)) return plain.map((item, i) => walk(item, [...path, i]))
    if (typeof plain === 'object' && plain !== null) {
      return Object.fromEntries(Object.entries(plain).map(([key, inner]) => [key, walk(inner, [...path, key])]))
    }
    if (!masked || plain === null) return plain
    if (typeof plain === 'string' && telling.test(String(path.at(-1)))) return mask
    return typeof plain === 'string' ? plain.replace(userInfo, `://${mask}@`) : plain
  }
  return walk(value, [])
}

const keyOf = (path: readonly PropertyKey[]): string => JSON.stringify(path.map(String))

/** What a reader of the printed file would get again: a text whose meaning as YAML is another one stays a text. */
function plainOf({ text, value }: Substituted): unknown {
  return typeof value === 'number' && String(value) !== text ? text : value
}
