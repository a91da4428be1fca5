import type { Signal } from '../otlp-signals.ts'
import { dataOf, levels } from './otlp-brief.ts'
import { kindedText, numbers, said, sub, subs, type Tree, timeText } from './otlp-tree.ts'

// What the Collector's debug exporter prints with verbosity detailed: every field, in its order.

const titles = {
  logs: { resource: 'ResourceLog', scope: 'ScopeLogs', record: 'LogRecord' },
  metrics: { resource: 'Resource', scope: 'ScopeMetrics', record: 'Metric' },
  traces: { resource: 'ResourceSpans', scope: 'ScopeSpans', record: 'Span' },
} as const

export function detailLines(signal: Signal, tree: Tree): string[] {
  const [outer, middle, inner] = levels[signal].lists
  const title = titles[signal]
  const lines: string[] = []
  for (const [i, resource] of subs(tree, outer).entries()) {
    lines.push(`${title.resource} #${i}`, `Resource SchemaURL: ${said(resource, 'schemaUrl')}`)
    lines.push(...attributes('Resource attributes', sub(resource, 'resource')))
    for (const [j, group] of subs(resource, middle).entries()) {
      const scope = sub(group, 'scope')
      lines.push(`${title.scope} #${j}`, `${title.scope} SchemaURL: ${said(group, 'schemaUrl')}`)
      lines.push(`InstrumentationScope ${said(scope, 'name')} ${said(scope, 'version')}`)
      lines.push(...attributes('InstrumentationScope attributes', scope))
      for (const [k, record] of subs(group, inner).entries())
        lines.push(`${title.record} #${k}`, ...details[signal](record))
    }
  }
  return lines
}

const details: Record<Signal, (record: Tree) => string[]> = {
  logs: logDetails,
  metrics: metricDetails,
  traces: spanDetails,
}

function attributes(title: string, tree: Tree, name = 'attributes'): string[] {
  const found = subs(tree, name)
  if (found.length === 0) return []
  return [`${title}:`, ...found.map((each) => `     -> ${said(each, 'key')}: ${kindedText(sub(each, 'value'))}`)]
}

const time = (tree: Tree, name: string) => timeText(said(tree, name, '0'))

function logDetails(log: Tree): string[] {
  const number = Number(log.severityNumber ?? 0)
  return [
    `ObservedTimestamp: ${time(log, 'observedTimeUnixNano')}`,
    `Timestamp: ${time(log, 'timeUnixNano')}`,
    `SeverityText: ${said(log, 'severityText')}`,
    `SeverityNumber: ${severityName(number)}(${number})`,
    ...(log.eventName ? [`EventName: ${said(log, 'eventName')}`] : []),
    `Body: ${kindedText(sub(log, 'body'))}`,
    ...attributes('Attributes', log),
    `Trace ID: ${said(log, 'traceId')}`,
    `Span ID: ${said(log, 'spanId')}`,
    `Flags: ${said(log, 'flags', '0')}`,
  ]
}

/** `Info`, `Info2`. */
function severityName(number: number): string {
  const name = ['Trace', 'Debug', 'Info', 'Warn', 'Error', 'Fatal'][Math.floor((number - 1) / 4)]
  return name === undefined ? 'Unspecified' : `${name}${(number - 1) % 4 === 0 ? '' : ((number - 1) % 4) + 1}`
}

const spanKinds = ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer']
const statusCodes = ['Unset', 'Ok', 'Error']

function spanDetails(span: Tree): string[] {
  const status = sub(span, 'status')
  const row = (title: string, text: string) => `    ${title.padEnd(15)}: ${text}`
  return [
    row('Trace ID', said(span, 'traceId')),
    row('Parent ID', said(span, 'parentSpanId')),
    row('ID', said(span, 'spanId')),
    row('Name', said(span, 'name')),
    row('Kind', spanKinds[Number(span.kind ?? 0)] ?? said(span, 'kind')),
    ...(span.traceState ? [row('TraceState', said(span, 'traceState'))] : []),
    row('Start time', time(span, 'startTimeUnixNano')),
    row('End time', time(span, 'endTimeUnixNano')),
    row('Status code', statusCodes[Number(status.code ?? 0)] ?? said(status, 'code')),
    row('Status message', said(status, 'message')),
    ...attributes('Attributes', span),
    ...several('Events', 'SpanEvent', subs(span, 'events'), eventDetails),
    ...several('Links', 'SpanLink', subs(span, 'links'), linkDetails),
  ]
}

function several(title: string, each: string, trees: readonly Tree[], make: (tree: Tree) => string[]): string[] {
  if (trees.length === 0) return []
  return [`${title}:`, ...trees.flatMap((tree, i) => [`${each} #${i}`, ...make(tree)])]
}

const eventDetails = (event: Tree) => [
  `     -> Name: ${said(event, 'name')}`,
  `     -> Timestamp: ${time(event, 'timeUnixNano')}`,
  ...attributes('     -> Attributes', event),
]

const linkDetails = (link: Tree) => [
  `     -> Trace ID: ${said(link, 'traceId')}`,
  `     -> ID: ${said(link, 'spanId')}`,
  ...attributes('     -> Attributes', link),
]

const dataTypes: Record<string, [type: string, points: string]> = {
  gauge: ['Gauge', 'NumberDataPoints'],
  sum: ['Sum', 'NumberDataPoints'],
  histogram: ['Histogram', 'HistogramDataPoints'],
  exponentialHistogram: ['ExponentialHistogram', 'ExponentialHistogramDataPoints'],
  summary: ['Summary', 'SummaryDataPoints'],
}
const temporalities = ['Unspecified', 'Delta', 'Cumulative']

function metricDetails(metric: Tree): string[] {
  const { kind, data, points } = dataOf(metric)
  const [type, title] = dataTypes[kind] ?? ['Empty', '']
  return [
    'Descriptor:',
    `     -> Name: ${said(metric, 'name')}`,
    `     -> Description: ${said(metric, 'description')}`,
    `     -> Unit: ${said(metric, 'unit')}`,
    `     -> DataType: ${type}`,
    ...(kind === 'sum' ? [`     -> IsMonotonic: ${said(data, 'isMonotonic', 'false')}`] : []),
    ...(kind === 'gauge' || kind === 'summary' || kind === 'none'
      ? []
      : [`     -> AggregationTemporality: ${temporalities[Number(data.aggregationTemporality ?? 0)] ?? ''}`]),
    ...points.flatMap((point, i) => [`${title} #${i}`, ...pointDetails(point)]),
  ]
}

function pointDetails(point: Tree): string[] {
  const value = point.asInt ?? point.asDouble
  const row = (title: string, name: string) => (point[name] === undefined ? [] : [`${title}: ${said(point, name)}`])
  const half = (title: string, name: string) => [
    ...(point[name] ? [`${title} offset: ${said(sub(point, name), 'offset', '0')}`] : []),
    ...numbers(sub(point, name), 'bucketCounts').map((count, i) => `${title} #${i}, Count: ${count}`),
  ]
  return [
    ...attributes('Data point attributes', point),
    `StartTimestamp: ${time(point, 'startTimeUnixNano')}`,
    `Timestamp: ${time(point, 'timeUnixNano')}`,
    ...(value === undefined ? [`Count: ${said(point, 'count', '0')}`] : [`Value: ${value}`]),
    ...row('Sum', 'sum'),
    ...row('Min', 'min'),
    ...row('Max', 'max'),
    ...row('Scale', 'scale'),
    ...row('ZeroCount', 'zeroCount'),
    ...numbers(point, 'explicitBounds').map((bound, i) => `ExplicitBounds #${i}: ${bound}`),
    ...numbers(point, 'bucketCounts').map((count, i) => `Buckets #${i}, Count: ${count}`),
    ...half('Positive', 'positive'),
    ...half('Negative', 'negative'),
    ...subs(point, 'quantileValues').map(
      (each, i) => `QuantileValue #${i}: Quantile ${said(each, 'quantile', '0')}, Value ${said(each, 'value', '0')}`,
    ),
    ...several('Exemplars', 'Exemplar', subs(point, 'exemplars'), exemplarDetails),
  ]
}

const exemplarDetails = (exemplar: Tree) => [
  `     -> Trace ID: ${said(exemplar, 'traceId')}`,
  `     -> Span ID: ${said(exemplar, 'spanId')}`,
  `     -> Timestamp: ${time(exemplar, 'timeUnixNano')}`,
  `     -> Value: ${exemplar.asInt ?? exemplar.asDouble ?? 0}`,
  ...attributes('     -> FilteredAttributes', exemplar, 'filteredAttributes'),
]
