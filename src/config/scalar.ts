const words: Record<string, boolean | null> = {
  '': null,
  '~': null,
  null: null,
  Null: null,
  NULL: null,
  true: true,
  True: true,
  TRUE: true,
  false: false,
  False: false,
  FALSE: false,
}

const infinities: Record<string, number> = {
  '.inf': Infinity,
  '.Inf': Infinity,
  '.INF': Infinity,
  '+.inf': Infinity,
  '+.Inf': Infinity,
  '+.INF': Infinity,
  '-.inf': -Infinity,
  '-.Inf': -Infinity,
  '-.INF': -Infinity,
  '.nan': NaN,
  '.NaN': NaN,
  '.NAN': NaN,
}

/**
 * What an unquoted YAML scalar means to the Collector (Go's yaml.v3, which reads numbers as YAML 1.1 does): `0123` is 83,
 * `0x1f` 31, `1_000` 1000; `yes`, `on` and dates are text.
 */
export function plainScalar(text: string): string | number | boolean | null {
  const word = Object.hasOwn(words, text) ? words[text] : undefined
  if (word !== undefined) return word
  if (Object.hasOwn(infinities, text)) return infinities[text]!
  if (!/^[-+.\d]/.test(text)) return text
  return integer(text.replaceAll('_', '')) ?? float(text.replaceAll('_', '')) ?? text
}

const bases: Record<string, number> = { '0x': 16, '0o': 8, '0b': 2 }

function integer(text: string): number | undefined {
  const [, sign, prefix, digits] = /^([-+]?)(0[xob]|0(?=\d)|)([\da-f]+)$/i.exec(text) ?? []
  if (digits === undefined) return undefined
  const base = prefix === '' ? 10 : (bases[prefix!.toLowerCase()] ?? 8)
  const allowed = { 2: /^[01]+$/, 8: /^[0-7]+$/, 10: /^\d+$/, 16: /^[\da-f]+$/i }[base]!
  if (!allowed.test(digits)) return undefined
  const value = base === 10 ? Number(digits) : Number.parseInt(digits, base)
  return sign === '-' && value !== 0 ? -value : value
}

function float(text: string): number | undefined {
  return /^[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$/.test(text) ? Number(text) : undefined
}
