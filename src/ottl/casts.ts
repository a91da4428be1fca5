import { describe, isNumber, type Ottl, StatementError } from './ottl-value.ts'

/** Text in decimal, a double without its fraction, true as 1; else nil. */
export function toInt(given: Ottl): Ottl {
  if (typeof given === 'bigint') return given
  if (typeof given === 'boolean') return given ? 1n : 0n
  if (typeof given === 'number')
    return Number.isFinite(given) ? BigInt.asIntN(64, BigInt(Math.trunc(given))) : undefined
  if (typeof given !== 'string' || !/^[-+]?\d+$/.test(given)) return undefined
  const parsed = BigInt(given.replace('+', ''))
  return BigInt.asIntN(64, parsed) === parsed ? parsed : undefined
}

/** Text, an integer, true as 1; else nil. */
export function toDouble(given: Ottl): Ottl {
  if (isNumber(given)) return Number(given)
  if (typeof given === 'boolean') return given ? 1 : 0
  if (typeof given !== 'string' || !/^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(given)) return undefined
  return Number(given)
}

const truths: Readonly<Record<string, boolean>> = {
  ...Object.fromEntries(['1', 't', 'T', 'true', 'TRUE', 'True'].map((text) => [text, true])),
  ...Object.fromEntries(['0', 'f', 'F', 'false', 'FALSE', 'False'].map((text) => [text, false])),
}

/** Text such as "true" and "0", numbers by whether they are not 0. Throws StatementError. */
export function toBool(given: Ottl): Ottl {
  if (typeof given === 'boolean') return given
  if (isNumber(given)) return Number(given) !== 0
  if (typeof given === 'string' && Object.hasOwn(truths, given)) return truths[given]
  if (given === undefined) return undefined
  throw new StatementError(`Bool cannot read ${describe(given)}`)
}
