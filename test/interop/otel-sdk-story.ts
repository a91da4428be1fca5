import type { Ids } from './otel-sdk-senders.ts'
import { type Found, type Json, plainAttributes, plainValue, records } from './otlp-lines.ts'

/** What one SDK writes otherwise than the others; all else is the same for all of them. */
export interface Ways {
  /** Attributes of the scope: JavaScript has none. */
  scope: Record<string, string>
  /** Flags of spans, of links and of log records: W3C's bits, and whether the parent is remote where the SDK says so. */
  flags: { span: number; link: number; log: number }
  /** The trace state of a link: JavaScript alone writes it. */
  linkState: string | undefined
  /** Whether points carry samples of what was measured, with the span it was measured in. */
  exemplars: boolean
}

const start = 1_700_000_000_100_000_000n
const at = (ms: number) => String(start + BigInt(ms) * 1_000_000n)

const around = ({ scope }: Ways): Omit<Found, 'record'> => ({
  resource: { 'service.name': 'shop', 'service.version': '2.1', 'host.cores': 4n, zones: ['a', 'b'] },
  resourceSchema: 'https://opentelemetry.io/schemas/1.38.0',
  scope: { name: 'checkout', version: '1.2.0', attributes: scope },
  scopeSchema: 'https://opentelemetry.io/schemas/1.37.0',
})

/** The two spans of the story, the inner one first, as `spansOf` reads them. */
export function expectedSpans({ traceId, server, client }: Ids, ways: Ways): Found[] {
  const { flags, linkState } = ways
  const inner = {
    traceId,
    spanId: client,
    parentSpanId: server,
    name: 'SELECT',
    kind: 3,
    startTimeUnixNano: at(20),
    endTimeUnixNano: at(30),
    flags: flags.span,
    status: {},
    links: [
      {
        traceId: '0af7651916cd43dd8448eb211c80319c',
        spanId: 'b7ad6b7169203331',
        ...(linkState === undefined ? {} : { traceState: linkState }),
        attributes: { why: 'retry' },
        flags: flags.link,
      },
    ],
  }
  const outer = {
    traceId,
    spanId: server,
    name: 'GET /cart',
    kind: 2,
    startTimeUnixNano: at(0),
    endTimeUnixNano: at(250),
    flags: flags.span,
    status: { code: 2, message: 'out of stock' },
    attributes: { 'http.route': '/cart', ok: true, items: 3n, price: 9.5, tags: ['x', 'ü'], sizes: [1n, 2n] },
    events: [{ timeUnixNano: at(10), name: 'cache miss', attributes: { key: 'cart:1' } }],
  }
  return [inner, outer].map((record) => ({ ...around(ways), record }))
}

const withPlainAttributes = (record: Json): Json =>
  record.attributes ? { ...record, attributes: plainAttributes(record.attributes) } : record

/** The spans in these lines, attributes as plain values. */
export const spansOf = (lines: readonly string[]): Found[] =>
  records(lines, 'traces').map(({ record, ...rest }) => {
    const span = withPlainAttributes(record)
    for (const list of ['events', 'links']) if (span[list]) span[list] = span[list].map(withPlainAttributes)
    return { ...rest, record: span }
  })

/** The log records of the story, as `logsOf` reads them. */
export function expectedLogs({ traceId, server }: Ids, ways: Ways): Found[] {
  const failed = {
    timeUnixNano: at(5),
    observedTimeUnixNano: at(6),
    severityNumber: 13,
    severityText: 'WARN',
    eventName: 'order.failed',
    body: { msg: 'ünï', n: 7n, list: [1n, 'two', true], nested: { deep: 1.5 } },
    attributes: { user: 'a', delta: -1n },
    flags: ways.flags.log,
    traceId,
    spanId: server,
  }
  const plain = {
    timeUnixNano: at(7),
    observedTimeUnixNano: at(7),
    severityNumber: 9,
    severityText: 'INFO',
    body: 'plain',
  }
  return [failed, plain].map((record) => ({ ...around(ways), record }))
}

/** The log records in these lines, bodies and attributes as plain values. */
export const logsOf = (lines: readonly string[]): Found[] =>
  records(lines, 'logs').map(({ record, ...rest }) => ({
    ...rest,
    record: { ...withPlainAttributes(record), body: plainValue(record.body) },
  }))

const cumulative = { aggregationTemporality: 2 }

const metrics: Json[] = [
  {
    name: 'orders',
    unit: '{order}',
    description: 'Orders placed.',
    sum: {
      ...cumulative,
      isMonotonic: true,
      dataPoints: [
        { asInt: '3', attributes: { region: 'eu' } },
        { asInt: '4', attributes: { region: 'us' } },
      ],
    },
  },
  { name: 'cart.items', sum: { ...cumulative, dataPoints: [{ asInt: '-2' }] } },
  { name: 'load', gauge: { dataPoints: [{ asDouble: 0.25 }] } },
  {
    name: 'cpu.time',
    unit: 's',
    sum: { ...cumulative, isMonotonic: true, dataPoints: [{ asDouble: 1.5, attributes: { cpu: '0' } }] },
  },
  {
    name: 'latency',
    unit: 'ms',
    histogram: {
      ...cumulative,
      dataPoints: [
        {
          count: '4',
          sum: 1010.5,
          min: 0.5,
          max: 1000,
          explicitBounds: [1, 10, 100],
          bucketCounts: ['1', '2', '0', '1'],
        },
      ],
    },
  },
  {
    name: 'spread',
    exponentialHistogram: {
      ...cumulative,
      dataPoints: [
        {
          count: '4',
          sum: 7,
          min: 0,
          max: 4,
          scale: 6,
          zeroCount: '1',
          positive: { '-1': '1', '63': '1', '127': '1' },
          negative: {},
        },
      ],
    },
  },
]

/** The metrics of the story by name, as `metricsOf` reads them. */
export const expectedMetrics = (ways: Ways): Record<string, Found> =>
  Object.fromEntries(metrics.map((record) => [record.name, { ...around(ways), record }]))

const kinds = ['sum', 'gauge', 'histogram', 'exponentialHistogram'] as const

/** The metrics in these lines by name, without times and exemplars: `timesOf` and `samplesOf` have those. */
export const metricsOf = (lines: readonly string[]): Record<string, Found> =>
  Object.fromEntries(
    records(lines, 'metrics').map(({ record, ...rest }) => {
      const kind = kinds.find((each) => record[each])!
      // Go draws the order of points.
      const dataPoints = record[kind].dataPoints.map(plainPoint).toSorted((a: Json, b: Json) => a.asInt - b.asInt)
      const data = { ...record[kind], dataPoints }
      return [record.name, { ...rest, record: { ...record, [kind]: data } }]
    }),
  )

function plainPoint(point: Json): Json {
  const { timeUnixNano, startTimeUnixNano, exemplars, positive, negative, ...rest } = withPlainAttributes(point)
  return { ...rest, ...(positive && { positive: buckets(positive) }), ...(negative && { negative: buckets(negative) }) }
}

/** The buckets that hold something, by their index. */
const buckets = ({ offset = 0, bucketCounts = [] }: { offset?: number; bucketCounts?: string[] }) =>
  Object.fromEntries(bucketCounts.map((count, i) => [offset + i, count]).filter(([, count]) => count !== '0'))

const pointsOf = (lines: readonly string[]): [name: string, point: Json][] =>
  records(lines, 'metrics').flatMap(({ record }) =>
    kinds.flatMap((kind) => (record[kind]?.dataPoints ?? []).map((point: Json) => [record.name, point])),
  )

/** Of each point and exemplar the start, where it has one, and the time. */
export const timesOf = (lines: readonly string[]): [start: bigint, time: bigint][] =>
  pointsOf(lines)
    .flatMap(([, point]) => [point, ...(point.exemplars ?? [])])
    .map((each) => [BigInt(each.startTimeUnixNano ?? each.timeUnixNano), BigInt(each.timeUnixNano)])

/** What an exemplar may be of, by metric: every value that was measured within the outer span. */
const measured: Record<string, number[]> = {
  orders: [3, 4],
  'cart.items': [5, -7],
  load: [0.25],
  latency: [0.5, 5, 1000],
  spread: [0, 1, 2, 4],
}

/** Names of the metrics that have exemplars. Throws at one that is not of the story. */
export function sampledMetrics(lines: readonly string[], { traceId, server }: Ids): string[] {
  const names = new Set<string>()
  for (const [name, { exemplars = [] }] of pointsOf(lines))
    for (const { asInt, asDouble = Number(asInt), timeUnixNano, ...rest } of exemplars) {
      names.add(name)
      const isTrue = rest.traceId === traceId && rest.spanId === server && Object.keys(rest).length === 2
      if (!isTrue || !measured[name]?.includes(asDouble)) throw new Error(`${name}: ${JSON.stringify(exemplars)}`)
    }
  return [...names].toSorted()
}
