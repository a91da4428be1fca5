import { Secret } from '../config/secret.ts'

/**
 * Whether two parsed configurations say the same. Secrets are compared by what they hide, expressions by their text,
 * functions by identity: what cannot be compared has changed.
 */
export function sameSettings(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
  if (a instanceof Secret) return a.reveal() === (b as Secret).reveal()
  if (a instanceof RegExp) return String(a) === String(b)
  if (a instanceof Map) return sameSettings([...a], [...(b as Map<unknown, unknown>)])
  if (a instanceof Set) return sameSettings([...a], [...(b as Set<unknown>)])
  if (ArrayBuffer.isView(a)) return sameBytes(a, b as ArrayBufferView)
  if (a instanceof Date) return a.getTime() === (b as Date).getTime()
  if (isExpression(a)) return a.source === (b as typeof a).source
  const keys = written(a)
  return (
    keys.length === written(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && sameSettings(settingOf(a, key), settingOf(b, key)))
  )
}

/** Compiled from a text: what else it holds follows from that, and comes with its use. */
function isExpression(settings: object): settings is { source: string } {
  const prototype = Object.getPrototypeOf(settings)
  const isPlain = prototype === Object.prototype || prototype === Array.prototype || prototype === null
  return !isPlain && 'source' in settings && typeof settings.source === 'string'
}

/** A key without a value is as good as none. */
const written = (settings: object): string[] =>
  Object.keys(settings).filter((key) => settingOf(settings, key) !== undefined)

const settingOf = (settings: object, key: string) => (settings as Record<string, unknown>)[key]

const sameBytes = (a: ArrayBufferView, b: ArrayBufferView) =>
  Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(Buffer.from(b.buffer, b.byteOffset, b.byteLength))
