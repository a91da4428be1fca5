import { describe, expect, test } from 'vitest'
import {
  gauge,
  histogram,
  histogramPoint,
  metricsOf,
  numberPoint,
  type PlainMetric,
  sum,
  summary,
  summaryPoint,
} from '../../ottl/testing/metrics.ts'
import { faults, processorOf } from '../../ottl/testing/run.ts'
import { fixed64, metricRequest } from '../../ottl/testing/samples.ts'
import { double, field, int, type Part } from '../../telemetry/testing/encode.ts'
import transform from './index.ts'

const times = { start: 1n, time: 7n }

function processor(statements: readonly unknown[], error_mode = 'propagate') {
  return processorOf(transform, { error_mode, metric_statements: statements }, 'metrics')
}

/** The metrics of a request after statements of one group. */
function metricsAfter(statements: string[], ...metrics: Part[]): PlainMetric[] {
  const { run } = processor([{ context: 'metric', statements }])
  return metricsOf(run(metricRequest(...metrics))!.bytes())
}

const twoGauges = gauge('g', numberPoint(1, { k: 'a' }), numberPoint(2n, { k: 'b' }))
const counted = sum('s', 2, true, numberPoint(5n, { k: 'a' }))
const hist = histogram(
  'h',
  1,
  histogramPoint({ counts: [1, 2, 3], bounds: [10, 20], sum: 60, more: [double(11, 1), double(12, 30)] }, { k: 'a' }),
  histogramPoint({ counts: [4, 0, 0], bounds: [10, 20] }, { k: 'b' }),
)
const exponential = [
  field(1, 'e'),
  field(3, 'ms'),
  field(10, [
    field(1, [
      field(1, [field(1, 'k'), field(2, field(1, 'a'))]),
      fixed64(2, 1n),
      fixed64(3, 7n),
      fixed64(4, 9n),
      double(5, 4.5),
    ]),
    int(2, 2),
  ]),
]
const summed = summary('y', summaryPoint(4n, 2.5, { k: 'a' }), summaryPoint(0n, 0))

describe('convert_sum_to_gauge', () => {
  test('keeps the points of a sum', () => {
    expect(metricsAfter(['convert_sum_to_gauge()'], counted)).toEqual([
      { name: 's', unit: 'ms', kind: 'gauge', points: [{ k: 'a', ...times, int: 5n }] },
    ])
  })

  test('leaves other metrics alone', () => {
    const bytes = metricRequest(twoGauges, hist, exponential, summed)
    expect(processor(['convert_sum_to_gauge()']).run(bytes)!.bytes()).toEqual(bytes)
  })

  test('changes what statements behind it see, and what stands behind their group', () => {
    const statements = [
      {
        context: 'metric',
        statements: [
          'set(name, Concat([name, type], "."))',
          'convert_sum_to_gauge() where type == METRIC_DATA_TYPE_SUM and is_monotonic == true',
          'set(is_monotonic, true)',
          'set(description, type)',
          'set(unit, "s") where HasAttrOnDatapoint("k", "a")',
        ],
      },
      'set(datapoint.value_double, 1.5) where metric.type == "gauge"',
    ]
    const { run } = processor(statements)
    expect(metricsOf(run(metricRequest(counted, counted))!.bytes())).toEqual(
      [1, 2].map(() => ({
        name: 's.sum',
        description: 'gauge',
        unit: 's',
        kind: 'gauge',
        points: [{ k: 'a', ...times, double: 1.5 }],
      })),
    )
  })
})

describe('convert_gauge_to_sum', () => {
  test.each([
    ['"cumulative", true', 2, true],
    ['"delta", false', 1, undefined],
  ])('(%s)', (args, temporality, monotonic) => {
    const [metric] = metricsAfter([`convert_gauge_to_sum(${args})`], twoGauges)
    const points = [
      { k: 'a', ...times, double: 1 },
      { k: 'b', ...times, int: 2n },
    ]
    const wanted = { name: 'g', description: 'about', unit: 'ms', kind: 'sum', temporality, points }
    expect(metric).toEqual(monotonic === undefined ? wanted : { ...wanted, monotonic })
  })

  test('what is written before and behind it counts', () => {
    const statements = [
      'set(unit, "s")',
      'convert_gauge_to_sum("delta", false)',
      'set(aggregation_temporality, 2)',
      'set(is_monotonic, true)',
    ]
    expect(metricsAfter(statements, twoGauges)).toMatchObject([
      { kind: 'sum', unit: 's', temporality: 2, monotonic: true },
    ])
  })

  test('and back', () => {
    expect(metricsAfter(['convert_gauge_to_sum("delta", true)', 'convert_sum_to_gauge()'], twoGauges)).toEqual(
      metricsOf(metricRequest(twoGauges)),
    )
  })
})

describe('extract_count_metric', () => {
  test.each<[string, Part, number, object[]]>([
    [
      'a histogram',
      hist,
      1,
      [
        { k: 'a', int: 6n },
        { k: 'b', int: 4n },
      ],
    ],
    ['an exponential histogram', exponential, 2, [{ k: 'a', int: 9n }]],
    ['a summary', summed, 2, [{ k: 'a', int: 4n }, { int: 0n }]],
  ])('adds the counts of %s', (_, metric, temporality, points) => {
    const [own, added] = metricsAfter(['extract_count_metric(true)'], metric)
    expect(own).toEqual(metricsOf(metricRequest(metric))[0])
    expect(added).toEqual({
      name: `${own!.name}_count`,
      ...(own!.description && { description: own!.description }),
      unit: '1',
      kind: 'sum',
      temporality,
      monotonic: true,
      points: points.map((point) => ({ ...times, ...point })),
    })
  })

  test.each([
    ['a gauge', twoGauges],
    ['a sum', counted],
  ])('fails on %s', (_, metric) => {
    const { run, account } = processor(['extract_count_metric(true)'])
    expect(run(metricRequest(metric))).toBeUndefined()
    expect(account.droppedTotal).toBeGreaterThan(0)
    expect(account.made).toBe(0)
  })
})

describe('extract_sum_metric', () => {
  test.each<[string, Part, number, object[]]>([
    ['a histogram, of points that have one', hist, 1, [{ k: 'a', double: 60 }]],
    ['an exponential histogram', exponential, 2, [{ k: 'a', double: 4.5 }]],
    ['a summary', summed, 2, [{ k: 'a', double: 2.5 }, { double: 0 }]],
  ])('adds the sums of %s', (_, metric, temporality, points) => {
    const [own, added] = metricsAfter(['extract_sum_metric(false, ".sum")'], metric)
    expect(added).toMatchObject({ name: `${own!.name}.sum`, unit: 'ms', kind: 'sum', temporality })
    expect(added!.points).toEqual(points.map((point) => ({ ...times, ...point })))
  })

  test('adds nothing where no point has a sum', () => {
    const without = histogram('h', 1, histogramPoint({ counts: [1], bounds: [] }))
    expect(metricsAfter(['extract_sum_metric(true)'], without)).toHaveLength(1)
  })
})

describe('of a summary', () => {
  test.each([
    ['convert_summary_count_val_to_sum("delta", true)', 'y_count', [{ k: 'a', int: 4n }, { int: 0n }]],
    ['convert_summary_sum_val_to_sum("cumulative", false, ".s")', 'y.s', [{ k: 'a', double: 2.5 }, { double: 0 }]],
  ])('%s adds a sum', (statement, name, points) => {
    const [, added] = metricsAfter([statement], summed)
    expect(added).toMatchObject({ name, unit: 'ms', kind: 'sum', temporality: statement.includes('delta') ? 1 : 2 })
    expect(added!.points).toEqual(points.map((point) => ({ ...times, ...point })))
    expect(metricsAfter([statement], hist)).toHaveLength(1)
    const asPoints = processor([{ context: 'datapoint', statements: [`${statement} where metric.name == "y"`] }])
    expect(metricsOf(asPoints.run(metricRequest(summed))!.bytes())).toHaveLength(2)
  })
})

describe('copy_metric', () => {
  test('adds a copy, with what is given', () => {
    const [own, copy] = metricsAfter(
      ['copy_metric(name="c", unit=Concat([name, "s"], "")) where name == "g"'],
      twoGauges,
    )
    expect(own).toEqual(metricsOf(metricRequest(twoGauges))[0])
    expect(copy).toEqual({ ...own, name: 'c', unit: 'gs' })
  })

  test('a copy goes through the statements behind, if the conditions hold for it', () => {
    const statements = [
      'copy_metric(name="c")',
      'set(description, Concat([name, "!"], ""))',
      'copy_metric(desc="twice") where name == "c"',
    ]
    const names = (conditions: string[]) => {
      const { run } = processor([{ context: 'metric', conditions, statements }])
      return metricsOf(run(metricRequest(twoGauges, counted))!.bytes()).map(({ name, description }) => [
        name,
        description,
      ])
    }
    expect(names([])).toEqual([
      ['g', 'g!'],
      ['s', 's!'],
      ['c', 'c!'],
      ['c', 'twice'],
      ['c', 'c!'],
      ['c', 'twice'],
    ])
    expect(names(['name == "g"'])).toEqual([
      ['g', 'g!'],
      ['s', undefined],
      ['c', 'about'],
    ])
  })

  test('more than a thousand of one metric are a mistake', () => {
    const statements = Array.from({ length: 12 }, () => 'copy_metric()')
    const { run, account } = processor([{ context: 'metric', statements }])
    expect(run(metricRequest(twoGauges))!.count).toBeLessThanOrEqual(2002)
    expect(account.droppedTotal).toBe(0)
  })
})

describe('scale_metric', () => {
  test.each<[string, Part, object[]]>([
    [
      'a gauge',
      twoGauges,
      [
        { k: 'a', ...times, double: 2.5 },
        { k: 'b', ...times, int: 5n },
      ],
    ],
    ['a sum, integers without their fraction', counted, [{ k: 'a', ...times, int: 12n }]],
    [
      'a histogram',
      hist,
      [
        { k: 'a', ...times, count: 6n, sum: 150, counts: [1, 2, 3], bounds: [25, 50], min: 2.5, max: 75 },
        { k: 'b', ...times, count: 4n, counts: [4, 0, 0], bounds: [25, 50] },
      ],
    ],
  ])('multiplies %s', (_, metric, points) => {
    expect(metricsAfter(['scale_metric(2.5, "kWh")'], metric)).toMatchObject([{ unit: 'kWh', points }])
    expect(metricsAfter(['scale_metric(2.5)'], metric)).toMatchObject([{ unit: 'ms', points }])
  })

  test('multiplies a summary with its quantiles', () => {
    const [metric] = metricsAfter(['scale_metric(2)'], summed)
    expect(metric!.points[0]).toMatchObject({ count: 4n, sum: 5 })
    expect(metric!.points[0]![6]).toEqual(Buffer.concat([double(1, 0.5), double(2, 6)]))
  })

  test('fails on exponential histograms', () => {
    const { run, account } = processor(['scale_metric(2.0)'])
    expect([run(metricRequest(exponential)), account.dropped('rule')]).toEqual([undefined, 1])
  })
})

describe('the books', () => {
  test('count what was made', () => {
    const { run, account } = processor(['extract_count_metric(true) where metric.name == "h"'])
    expect(run(metricRequest(hist, twoGauges))!.count).toBe(6)
    expect([account.made, account.consumed, account.droppedTotal]).toEqual([2, 0, 0])
  })

  test('of a metric that is given up: nothing is added, and only its points are dropped', () => {
    const statements = ['copy_metric(name="c")', 'extract_sum_metric(true) where name != "c"']
    const { run, account } = processor([{ context: 'metric', statements }])
    const out = run(metricRequest(twoGauges, hist, counted))!
    expect(metricsOf(out.bytes()).map(({ name }) => name)).toEqual(['h', 'c', 'h_sum'])
    expect([out.count, account.made, account.dropped('rule')]).toEqual([5, 3, 3])
  })

  test('with error_mode ignore the metric goes on', () => {
    const { run, account } = processor(['extract_sum_metric(true)'], 'ignore')
    const bytes = metricRequest(twoGauges)
    expect(run(bytes)!.bytes()).toEqual(bytes)
    expect(account.droppedTotal).toBe(0)
  })
})

test('resource, scope and neighbours are written in the same group', () => {
  const statements = [
    'set(resource.attributes["from"], name)',
    'convert_sum_to_gauge()',
    'set(scope.attributes["kind"], type)',
    'extract_count_metric(true) where type == METRIC_DATA_TYPE_HISTOGRAM',
  ]
  const { run } = processor([{ context: 'metric', statements }])
  const out = run(metricRequest(counted, hist))!.bytes()
  expect(metricsOf(out).map(({ name, kind }) => [name, kind])).toEqual([
    ['s', 'gauge'],
    ['h', 'histogram'],
    ['h_count', 'sum'],
  ])
  expect(out.toString('latin1')).toContain('h_count')
})

test.each([
  [
    'metric_statements',
    [{ context: 'resource', statements: ['convert_sum_to_gauge()'] }],
    'convert_sum_to_gauge changes a metric as a whole: it stands in the context metric',
  ],
  ['metric_statements', ['convert_sum_to_gauge() where datapoint.flags == 1'], 'it stands in the context metric'],
  ['log_statements', ['convert_sum_to_gauge()'], 'it stands in the context metric'],
  ['metric_statements', ['convert_gauge_to_sum("both", true)'], 'expected "cumulative" or "delta", at position 22'],
  ['metric_statements', ['convert_gauge_to_sum("delta", 1)'], 'expected true or false'],
  ['metric_statements', ['scale_metric(metric.name)'], 'expected a number'],
  ['metric_statements', ['extract_sum_metric()'], 'write extract_sum_metric(is_monotonic, [suffix])'],
])('%s %j is refused', (key, statements, message) => {
  expect(faults(transform, { [key]: statements })).toContain(message)
})
