import { describe, expect, test } from 'vitest'
import { faults } from '../../ottl/testing/run.ts'
import {
  any,
  at,
  entries,
  fixed64,
  logRequest,
  metricRequest,
  type Plain,
  plainAny,
  plainEntries,
  resource,
  scope,
  traceRequest,
} from '../../ottl/testing/samples.ts'
import { Batch, type Format, Receipt } from '../../plugin.ts'
import type { Outcome } from '../../telemetry/receipt.ts'
import { double, field, int, type Part } from '../../telemetry/testing/encode.ts'
import { processorHost } from '../../telemetry/testing/processor-host.ts'
import { fieldsOf } from '../../telemetry/testing/strict-decoder.ts'
import count from './index.ts'

function newCount(config: unknown = {}) {
  const { host, account, metric } = processorHost('count')
  const got: Batch[] = []
  let madeBefore = 0
  const next = {
    consume(batch: Batch) {
      account.passed += batch.count - (account.made - madeBefore)
      madeBefore = account.made
      got.push(batch)
    },
  }
  const connector = count.create({ config: count.config.parse(config), host, next, into: () => next })
  const run = (format: Format, bytes: Buffer, options = {}) => {
    const batch = Batch.of(format, bytes, options)
    account.received += batch.count
    connector.consume(batch)
    expect(account.imbalance()).toBe(0)
    expect(account.consumed).toBe(account.received)
    return got.at(-1)
  }
  return { run, got, metric, connector }
}

interface Point {
  resource: { [key: string]: Plain }
  metric: string
  description: string
  value: bigint
  start: bigint
  end: bigint
  attributes: { [key: string]: Plain }
}

const parts = (bytes: Buffer, number: number) =>
  fieldsOf(bytes)
    .filter((each) => each.field === number)
    .map((each) => each.value as Buffer)
const big = (bytes: Buffer, number: number) =>
  (fieldsOf(bytes).find((each) => each.field === number)!.value as Buffer).readBigUInt64LE()

/** The data points of a request, the plain way; checks what is the same for all of them. */
function pointsOf(batch: Batch | undefined): Point[] {
  if (!batch) return []
  expect(batch.format).toBe('metrics')
  const all = parts(batch.bytes(), 1).flatMap((resourceMetrics) =>
    parts(resourceMetrics, 2).flatMap((scopeMetrics) => {
      expect(String(at(scopeMetrics, 1, 1))).toBe('tailrace/connectors/count')
      return parts(scopeMetrics, 2).flatMap((metric) => {
        const sum = at(metric, 7)
        const number = (n: number) => fieldsOf(sum).find((each) => each.field === n)!.value
        expect([number(2), number(3)]).toEqual([1n, 1n])
        return parts(sum, 1).map((point) => ({
          resource: plainEntries(at(resourceMetrics, 1), 1),
          metric: String(at(metric, 1)),
          description: String(at(metric, 2)),
          value: big(point, 6),
          start: big(point, 2),
          end: big(point, 3),
          attributes: plainEntries(point, 7),
        }))
      })
    }),
  )
  expect(batch.count).toBe(all.length)
  return all
}
const short = (batch: Batch | undefined) =>
  pointsOf(batch).map(({ metric, value, attributes }) => [metric, Number(value), attributes])

const record = (values: Record<string, Plain>, severity = 9, time = 0n): Part => [
  fixed64(1, time),
  int(2, severity),
  entries(6, values),
]
const from = (tenant: string, ...records: Part[]) =>
  field(1, [resource({ tenant }), field(2, [scope('lib'), ...records.map((each) => field(2, each))])])

test('what was counted of a batch that failed half way is not counted with the next', () => {
  const { run, connector } = newCount()
  const records = logRequest(field(5, any('x')), field(5, any('y')))
  const broken = Batch.of('logs', records)
  const rowAt = broken.rowAt.bind(broken)
  broken.rowAt = (i) => {
    if (i === 1) throw new Error('bug')
    return rowAt(i)
  }
  expect(() => connector.consume(broken)).toThrow('bug')
  expect(pointsOf(run('logs', records)).map(({ value }) => value)).toEqual([2n])
})

describe('without settings', () => {
  test('log records, by resource, from the first to the last', () => {
    const { run } = newCount()
    const out = run(
      'logs',
      Buffer.concat([
        from('a', record({}, 9, 70n), record({}, 9, 0n), record({}, 9, 1n << 40n)),
        from('b', record({})),
      ]),
    )
    const now = 1_700_000_000_000_000_000n
    const points = pointsOf(out)
    expect(points[0]).toEqual({
      resource: { tenant: 'a' },
      metric: 'log.record.count',
      description: 'The number of log records observed.',
      value: 3n,
      start: 70n,
      end: 1n << 40n,
      attributes: {},
    })
    expect(points[1]).toMatchObject({ resource: { tenant: 'b' }, value: 1n })
    expect(points[1]!.start).toBe(points[1]!.end)
    expect(points[1]!.start).toBeLessThan(2n * now)
  })

  test('spans and their events', () => {
    const event = (time: bigint) => field(11, [fixed64(1, time), field(2, 'e')])
    const out = newCount().run(
      'traces',
      traceRequest([fixed64(7, 5n), fixed64(8, 9n), event(6n), event(7n)], [fixed64(7, 4n), fixed64(8, 8n), event(3n)]),
    )
    expect(pointsOf(out)).toMatchObject([
      { metric: 'trace.span.count', value: 2n, start: 4n, end: 9n, resource: { 'service.name': 'shop' } },
      { metric: 'trace.span.event.count', value: 3n, start: 3n, end: 7n },
    ])
  })

  test('spans without events make no count of events', () => {
    expect(short(newCount().run('traces', traceRequest([field(5, 'a')])))).toEqual([['trace.span.count', 1, {}]])
  })

  test('metrics and their points', () => {
    const point = (value: number) => field(1, [fixed64(3, 7n), double(4, value)])
    const out = newCount().run(
      'metrics',
      metricRequest([field(1, 'a'), field(5, [point(1), point(2)])], [field(1, 'b'), field(7, [point(3)])]),
    )
    expect(pointsOf(out)).toMatchObject([
      { metric: 'metric.count', value: 2n },
      { metric: 'metric.datapoint.count', value: 3n, start: 7n, end: 7n },
    ])
  })
})

describe('conditions', () => {
  test('any is enough; what is not met makes no point', () => {
    const config = {
      logs: {
        errors: { conditions: ['severity_number >= SEVERITY_NUMBER_ERROR', 'attributes["error"] == true'] },
        none: { conditions: ['false'] },
      },
    }
    const out = newCount(config).run('logs', logRequest(record({}, 17), record({ error: true }), record({})))
    expect(short(out)).toEqual([['errors', 2, {}]])
  })

  test('on metrics, points and events', () => {
    const config = {
      metrics: { sums: { conditions: ['type == METRIC_DATA_TYPE_SUM'] } },
      datapoints: { high: { conditions: ['value_double > 1.5'] } },
      spanevents: { x: { conditions: ['name == "x" and span.name == "a"'], attributes: [{ key: 'k' }] } },
      spans: {},
    }
    const { run } = newCount(config)
    const point = (value: number) => field(1, [double(4, value)])
    const metrics = metricRequest(
      [field(1, 'a'), field(5, [point(1), point(2)])],
      [field(1, 'b'), field(7, [point(3), point(4)])],
    )
    expect(short(run('metrics', metrics))).toEqual([
      ['sums', 1, {}],
      ['high', 3, {}],
    ])
    const event = (name: string, values = {}) => field(11, [fixed64(1, 5n), field(2, name), entries(3, values)])
    const spans = traceRequest(
      [field(5, 'a'), event('x', { k: 1n }), event('y', { k: 1n }), event('x', { k: 2n }), event('x')],
      [field(5, 'b'), event('x', { k: 1n })],
    )
    const out = run('traces', spans)
    expect(short(out)).toEqual([
      ['x', 1, { k: 1n }],
      ['x', 1, { k: 2n }],
    ])
    expect(pointsOf(out)[0]).toMatchObject({ start: 5n, end: 5n })
  })

  test('that fail count nothing, and are counted', () => {
    const { run, got, metric } = newCount({ logs: { x: { conditions: ['ToLowerCase(body) == "x"'] } } })
    run('logs', logRequest(field(5, any(5n))))
    expect(got).toEqual([])
    expect(metric('failed_statements_total')).toBe(1)
  })
})

describe('attributes', () => {
  const key = (name: string, value?: unknown) => ({ key: name, ...(value !== undefined && { default_value: value }) })
  test('every set of values is counted by itself, types are kept', () => {
    const config = { logs: { n: { attributes: [key('a'), key('b', 'none')] } } }
    const out = newCount(config).run(
      'logs',
      logRequest(
        record({ a: 'x', b: 1n }),
        record({ a: 'x', b: 1n }),
        record({ a: 'x', b: 1 }),
        record({ a: 'x', b: '1' }),
        record({ a: 'x' }),
        record({ a: true }),
        record({ a: 2.5 }),
        record({ a: -5n }),
        record({ a: ['list'] }),
        record({ b: 1n }),
      ),
    )
    expect(short(out)).toEqual([
      ['n', 2, { a: 'x', b: 1n }],
      ['n', 1, { a: 'x', b: 1 }],
      ['n', 1, { a: 'x', b: '1' }],
      ['n', 1, { a: 'x', b: 'none' }],
      ['n', 1, { a: true, b: 'none' }],
      ['n', 1, { a: 2.5, b: 'none' }],
      ['n', 1, { a: -5n, b: 'none' }],
      ['n', 1, { a: '', b: 'none' }],
    ])
  })

  test('are looked for in the record, the scope, the resource', () => {
    const config = { logs: { n: { attributes: [key('a'), key('tenant')] } } }
    const bytes = field(1, [
      resource({ tenant: 't', a: 'of the resource' }),
      field(2, [
        field(1, [entries(3, { a: 'of the scope' })]),
        field(2, record({ a: 'of the record' })),
        field(2, record({})),
      ]),
    ])
    expect(short(newCount(config).run('logs', bytes))).toEqual([
      ['n', 1, { a: 'of the record', tenant: 't' }],
      ['n', 1, { a: 'of the scope', tenant: 't' }],
    ])
  })

  test.each<[unknown, Plain]>([
    ['x', 'x'],
    [7, 7n],
    [-7, -7n],
    [5e12, 5000000000000n],
    [0.5, 0.5],
  ])('default %j', (given, expected) => {
    const config = { datapoints: { n: { attributes: [key('a', given)] } }, metrics: {} }
    const metrics = metricRequest([field(1, 'a'), field(5, [field(1, double(4, 1))])])
    expect(short(newCount(config).run('metrics', metrics))).toEqual([['n', 1, { a: expected }]])
  })

  test('thousands of values, one batch after the other', () => {
    const { run } = newCount({ logs: { n: { attributes: [key('a')] } } })
    for (const size of [3000, 10]) {
      const records = Array.from({ length: size }, (_, i) => record({ a: `${'v'.repeat(i % 400)}${i % (size / 2)}` }))
      const values = pointsOf(run('logs', logRequest(...records))).map(({ value }) => Number(value))
      expect(values.reduce((sum, value) => sum + value, 0)).toBe(size)
      expect(plainAny(any('x'))).toBe('x')
    }
  })
})

describe('receipts', () => {
  const told: Outcome[] = []
  const receipts = () => [new Receipt((outcome) => told.push(outcome))]
  test('go on with the counts, and are settled when there are none', () => {
    const { run, got } = newCount({ logs: { x: { conditions: ['body == "x"'] } } })
    run('logs', logRequest(field(5, any('x'))), { receipts: receipts() })
    expect(told).toEqual([])
    got[0]!.receipts[0]!.settle('durable')
    run('logs', logRequest(field(5, any('y'))), { receipts: receipts() })
    expect(told).toEqual(['durable', 'delivered'])
  })
})

test.each<[string, object, string]>([
  ['no condition', { logs: { n: { conditions: ['body = 1'] } } }, 'logs.n.conditions.0: expected "=="'],
  ['a field of another kind', { spans: { n: { conditions: ['body == "x"'] } } }, 'traces have no field "body"'],
  [
    'attributes of metrics',
    { metrics: { n: { attributes: [{ key: 'a' }] } } },
    'metrics.n.attributes: metrics have no attributes',
  ],
  ['an attribute without a key', { logs: { n: { attributes: [{ key: '' }] } } }, 'logs.n.attributes.0.key'],
  [
    'a default that is a list',
    { logs: { n: { attributes: [{ key: 'a', default_value: [] }] } } },
    'expected text or a number',
  ],
  ['a metric without a name', { logs: { '': {} } }, 'logs: metric name missing'],
])('%s is named in the configuration', (_, config, message) => expect(faults(count, config)).toContain(message))
