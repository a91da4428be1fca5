/** Names that metrics of OTLP have in Prometheus (OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility"). */

/** What decides about a suffix: counters end in `_total`, gauges of unit 1 in `_ratio`. */
export type NamedAs = 'counter' | 'gauge' | 'other'

export interface NamingOptions {
  /** Put in front, with an underscore. */
  namespace: string
  /** Whether unit and kind become suffixes. */
  addSuffixes: boolean
}

/** UCUM codes that are spelled out. */
const UNITS: ReadonlyMap<string, string> = new Map([
  ['d', 'days'],
  ['h', 'hours'],
  ['min', 'minutes'],
  ['s', 'seconds'],
  ['ms', 'milliseconds'],
  ['us', 'microseconds'],
  ['ns', 'nanoseconds'],
  ['By', 'bytes'],
  ['KiBy', 'kibibytes'],
  ['MiBy', 'mebibytes'],
  ['GiBy', 'gibibytes'],
  ['TiBy', 'tibibytes'],
  ['KBy', 'kilobytes'],
  ['MBy', 'megabytes'],
  ['GBy', 'gigabytes'],
  ['TBy', 'terabytes'],
  ['m', 'meters'],
  ['V', 'volts'],
  ['A', 'amperes'],
  ['J', 'joules'],
  ['W', 'watts'],
  ['g', 'grams'],
  ['Cel', 'celsius'],
  ['Hz', 'hertz'],
  ['1', ''],
  ['%', 'percent'],
])

/** Units behind a slash. */
const PER: ReadonlyMap<string, string> = new Map([
  ['s', 'second'],
  ['m', 'minute'],
  ['h', 'hour'],
  ['d', 'day'],
  ['w', 'week'],
  ['mo', 'month'],
  ['y', 'year'],
])

/**
 * `http.server.duration` with unit `s` is `http_server_duration_seconds`; the counter `requests` is `requests_total`. Empty
 * when nothing of the name can stay.
 */
export function metricName(name: string, unit: string, as: NamedAs, options: NamingOptions): string {
  const { namespace, addSuffixes } = options
  const plain = addSuffixes ? withSuffixes(name, unit, as) : words(name, /[^a-zA-Z0-9:_]+/).join('_')
  if (/^_*$/.test(plain)) return ''
  const full = namespace === '' ? plain : `${words(namespace, /[^a-zA-Z0-9:_]+/).join('_')}_${plain}`
  return /^[0-9]/.test(full) ? `_${full}` : full
}

function withSuffixes(name: string, unit: string, as: NamedAs): string {
  let parts = words(name, /[^a-zA-Z0-9:]+/)
  if (parts.length === 0) return ''
  for (const suffix of unitSuffixes(unit)) if (suffix !== '' && !parts.includes(suffix)) parts.push(suffix)
  const last = as === 'counter' ? 'total' : as === 'gauge' && unit === '1' ? 'ratio' : ''
  if (last !== '') parts = [...parts.filter((part) => part !== last), last]
  return parts.join('_')
}

/** `By/s` is `bytes` and `per_second`; annotations such as `{request}` are no units. */
function unitSuffixes(unit: string): string[] {
  const slash = unit.indexOf('/')
  const main = (slash < 0 ? unit : unit.slice(0, slash)).trim()
  const per = slash < 0 ? '' : unit.slice(slash + 1).trim()
  const mainWord = cleaned(isUnit(main) ? (UNITS.get(main) ?? main) : '')
  const perWord = cleaned(isUnit(per) ? (PER.get(per) ?? per) : '')
  return [mainWord, perWord === '' ? '' : `per_${perWord}`]
}

/** `By/s` as one word, `bytes_per_second`; empty when there is none. */
export const unitName = (unit: string): string =>
  unitSuffixes(unit)
    .filter((word) => word !== '')
    .join('_')

const isUnit = (unit: string) => unit !== '' && !/[{}]/.test(unit)
const cleaned = (unit: string) => words(unit, /[^a-zA-Z0-9:]+/).join('_')
const words = (text: string, apart: RegExp) => text.split(apart).filter((word) => word !== '')

/**
 * `http.method` is `http_method`, `2xx` is `key_2xx`, `_x` is `key_x`, `__x` stays. Empty when nothing of the name can stay.
 */
export function labelName(key: string): string {
  const name = key.replace(/[^a-zA-Z0-9_]/gu, '_')
  if (name !== key && /^_*$/.test(name)) return ''
  if (/^[0-9]/.test(name)) return `key_${name}`
  return name.startsWith('_') && !name.startsWith('__') ? `key${name}` : name
}
