import type { Signal } from '../otlp-signals.ts'
import { numbers, pairs, said, sub, subs, type Tree, valueText } from './otlp-tree.ts'

// What the Collector's debug exporter prints with verbosity basic and normal.

/** Names of the lists of each signal, outermost first, and what the Collector calls them. */
export const levels = {
  logs: { lists: ['resourceLogs', 'scopeLogs', 'logRecords'], title: 'ResourceLog', scope: 'ScopeLog' },
  metrics: { lists: ['resourceMetrics', 'scopeMetrics', 'metrics'], title: 'ResourceMetrics', scope: 'ScopeMetrics' },
  traces: { lists: ['resourceSpans', 'scopeSpans', 'spans'], title: 'ResourceTraces', scope: 'ScopeTraces' },
} as const

/** `Logs {"resource logs": 1, "log records": 10}`. */
export function summaryLine(signal: Signal, tree: Tree, records: number): string {
  const [outer, middle, inner] = levels[signal].lists
  const resources = subs(tree, outer)
  if (signal === 'logs') return `Logs {"resource logs": ${resources.length}, "log records": ${records}}`
  if (signal === 'traces') return `Traces {"resource spans": ${resources.length}, "spans": ${records}}`
  const metrics = resources.flatMap((each) => subs(each, middle)).flatMap((each) => subs(each, inner)).length
  return `Metrics {"resource metrics": ${resources.length}, "metrics": ${metrics}, "data points": ${records}}`
}

/** About one line for each record. */
export function briefLines(signal: Signal, tree: Tree): string[] {
  const { lists, title, scope } = levels[signal]
  const lines: string[] = []
  for (const [i, resource] of subs(tree, lists[0]).entries()) {
    lines.push(joined([`${title} #${i}`, bracketed(resource), ...pairs(sub(resource, 'resource'))]))
    for (const [j, group] of subs(resource, lists[1]).entries()) {
      const { name, version } = {
        name: said(sub(group, 'scope'), 'name'),
        version: said(sub(group, 'scope'), 'version'),
      }
      const who = version ? `${name}@${version}` : name
      lines.push(joined([`${scope} #${j}`, who, bracketed(group), ...pairs(sub(group, 'scope'))]))
      for (const record of subs(group, lists[2])) lines.push(...recordLines[signal](record))
    }
  }
  return lines
}

const joined = (words: readonly string[]) => words.filter((word) => word !== '').join(' ')
const bracketed = (tree: Tree) => (tree.schemaUrl ? `[${said(tree, 'schemaUrl')}]` : '')

const recordLines: Record<Signal, (record: Tree) => string[]> = {
  logs: (record) => [joined([valueText(sub(record, 'body')), ...pairs(record)])],
  traces: (span) => [joined([said(span, 'name'), said(span, 'traceId'), said(span, 'spanId'), ...pairs(span)])],
  metrics: (metric) => {
    const name = said(metric, 'name')
    return dataOf(metric).points.map((point) => `${name}{${pairs(point).join(',')}} ${pointText(point)}`)
  },
}

/** The data of a metric: what kind it is, and its points. */
export function dataOf(metric: Tree): { kind: string; data: Tree; points: readonly Tree[] } {
  const kind = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'].find((each) => metric[each]) ?? 'none'
  const data = sub(metric, kind)
  return { kind, data, points: subs(data, 'dataPoints') }
}

function pointText(point: Tree): string {
  const value = point.asInt ?? point.asDouble
  if (value !== undefined) return String(value)
  const bounds = numbers(point, 'explicitBounds')
  const buckets = numbers(point, 'bucketCounts').map((count, i) => (bounds[i] ? `le${bounds[i]}=${count}` : count))
  const quantiles = subs(point, 'quantileValues').map(
    (each) => `q${said(each, 'quantile', '0')}=${said(each, 'value', '0')}`,
  )
  const parts = ['sum', 'min', 'max'].map((name) => (point[name] === undefined ? '' : `${name}=${said(point, name)}`))
  return joined([`count=${said(point, 'count', '0')}`, ...parts, ...buckets, ...quantiles])
}
