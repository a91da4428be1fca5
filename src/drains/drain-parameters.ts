/** Which envelopes a drain gets; `classTakes` has the table. */
export type DrainClass = 'logs' | 'logs_no_events' | 'metrics' | 'logs_and_metrics' | 'traces' | 'all'

/** What the query of a drain URL asks for. */
export interface DrainParameters {
  readonly drainClass: DrainClass
  /** Tags are written into the structured data. */
  readonly metadata: boolean
  /** `ssl-strict-internal=true`: the TLS profile of the platform's own peers. */
  readonly strictInternal: boolean
  /** Log types (`APP`, `RTR`: the source type up to its first slash, in upper case) that pass; logs only. */
  readonly includeLogTypes?: ReadonlySet<string>
  /** Log types that do not pass; logs only. */
  readonly excludeLogTypes?: ReadonlySet<string>
}

/** The kind of an envelope, as far as drains tell them apart. */
export type DrainKind = 'log' | 'counter' | 'gauge' | 'timer' | 'event'

const kindsOf: Record<DrainClass, readonly DrainKind[]> = {
  logs: ['log', 'event'],
  logs_no_events: ['log'],
  metrics: ['counter', 'gauge'],
  logs_and_metrics: ['log', 'counter', 'gauge'],
  traces: ['timer'],
  all: ['log', 'counter', 'gauge', 'timer', 'event'],
}

/** Whether a drain of this class gets envelopes of this kind. */
export const classTakes = (drainClass: DrainClass, kind: DrainKind): boolean => kindsOf[drainClass].includes(kind)

const byType: Record<string, DrainClass> = { logs: 'logs_no_events', metrics: 'metrics', all: 'logs_and_metrics' }
const byData: Record<string, DrainClass> = { logs: 'logs', metrics: 'metrics', traces: 'traces', all: 'all' }

/**
 * Reads the query of a drain URL (`drain-data=all&disable-metadata=true`, without the `?`). Names and values are
 * case-sensitive, the first of two counts, unknown ones mean nothing. `conflict`: both kinds of log type filter.
 */
export function readDrainParameters(query: string, defaultMetadata: boolean): DrainParameters | 'conflict' {
  const values = firstValues(query)
  const include = logTypes(values.get('include-log-types'))
  const exclude = logTypes(values.get('exclude-log-types'))
  if (include && exclude) return 'conflict'
  return {
    drainClass: classOf(values),
    metadata: metadataOf(values, defaultMetadata),
    strictInternal: values.get('ssl-strict-internal') === 'true',
    ...(include && { includeLogTypes: include }),
    ...(exclude && { excludeLogTypes: exclude }),
  }
}

function classOf(values: ReadonlyMap<string, string>): DrainClass {
  if (values.get('include-metrics-deprecated')) return 'all'
  return own(byData, values.get('drain-data')) ?? own(byType, values.get('drain-type')) ?? 'logs'
}

const own = (table: Record<string, DrainClass>, key: string | undefined): DrainClass | undefined =>
  key !== undefined && Object.hasOwn(table, key) ? table[key] : undefined

function metadataOf(values: ReadonlyMap<string, string>, defaultMetadata: boolean): boolean {
  const omit = values.get('disable-metadata') || values.get('omit-metadata')
  return defaultMetadata ? omit !== 'true' : omit === 'false'
}

function logTypes(text: string | undefined): Set<string> | undefined {
  const names = (text ?? '').split(',').flatMap((name) => name.trim().toUpperCase() || [])
  return names.length > 0 ? new Set(names) : undefined
}

/** As Go reads a query: pairs with a `;` or a broken escape are left out, `+` is a space. */
function firstValues(query: string): Map<string, string> {
  const values = new Map<string, string>()
  for (const pair of query.split('&')) {
    if (pair === '' || pair.includes(';')) continue
    const at = pair.indexOf('=')
    const key = unescaped(at < 0 ? pair : pair.slice(0, at))
    const value = unescaped(at < 0 ? '' : pair.slice(at + 1))
    if (key !== undefined && value !== undefined && !values.has(key)) values.set(key, value)
  }
  return values
}

function unescaped(text: string): string | undefined {
  if (/%(?![0-9a-f]{2})/i.test(text)) return undefined
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    // Bytes that are no UTF-8: no parameter of ours has such a name or value.
    return undefined
  }
}
