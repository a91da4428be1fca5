import { describe, expect, test } from 'vitest'
import {
  exponential as exponentialMetric,
  exponentialPoint,
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
import { entries, fixed64, metricRequest } from '../../ottl/testing/samples.ts'
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

describe('convert_summary_quantile_val_to_gauge', () => {
  const quantiles = (...pairs: [number, number][]) =>
    pairs.map(([quantile, value]) => field(6, [double(1, quantile), double(2, value)]))
  const point = (attributes: Record<string, string>, ...pairs: [number, number][]) =>
    field(1, [fixed64(2, 1n), fixed64(3, 7n), quantiles(...pairs), entries(7, attributes)])

  test('adds a point for each quantile, with the attributes of its own', () => {
    const some = summary('y', point({ k: 'a', quantile: 'old' }, [0, 1], [0.5, 2], [0.999, 3], [1, 4]), point({}))
    expect(metricsAfter(['convert_summary_quantile_val_to_gauge()'], some)[1]).toEqual({
      name: 'y.quantiles',
      unit: 'ms',
      kind: 'gauge',
      points: [
        ['0', 1],
        ['0.50', 2],
        ['0.999', 3],
        ['1', 4],
      ].map(([quantile, value]) => ({ k: 'a', quantile, ...times, double: value })),
    })
  })

  test('takes a key and a suffix; other metrics stay without', () => {
    const after = metricsAfter(['convert_summary_quantile_val_to_gauge("q", "_q")'], hist, summed)
    expect(after.map(({ name }) => name)).toEqual(['h', 'y', 'y_q'])
    expect(after[2]!.points[0]).toEqual({ k: 'a', q: '0.50', ...times, double: 3 })
  })
})

describe('extract_percentile_metric', () => {
  const percentileOf = (percentile: number, metric: Part) =>
    metricsAfter([`extract_percentile_metric(${percentile})`], metric)[1]?.points[0]?.double
  const ofCounts = (counts: number[], bounds: number[], ...more: Part[]) =>
    histogram('h', 1, histogramPoint({ counts, bounds, more }))
  const ends = [double(11, 4), double(12, 50)]

  test('makes a gauge beside the histogram', () => {
    expect(metricsAfter(['extract_percentile_metric(99.9)'], hist)[1]).toEqual({
      name: 'h_p99.9',
      description: 'about (p99.9)',
      unit: 'ms',
      kind: 'gauge',
      points: [
        { k: 'a', ...times, double: 30 },
        { k: 'b', ...times, double: 10 },
      ],
    })
    expect(metricsAfter(['extract_percentile_metric(50, ".median")'], hist)[1]!.name).toBe('h.median')
  })

  test.each<[string, number, Part, number | undefined]>([
    ['in the middle of a bucket', 50, ofCounts([0, 10, 0], [10, 20]), 15],
    ['at the end of one', 30, ofCounts([3, 7], [10]), 10],
    ['in the first, from 0', 50, ofCounts([10, 0], [10]), 5],
    ['in the first, from the least value', 50, ofCounts([10, 0], [10], ...ends), 7],
    ['in the first, below 0', 50, ofCounts([10, 0], [-10]), -10],
    ['in the last, to the greatest value', 50, ofCounts([0, 10], [10], ...ends), 30],
    ['in the last, which has no end', 50, ofCounts([0, 10], [10]), 10],
    ['of nothing', 50, ofCounts([0, 0], [10]), undefined],
    ['without bounds', 50, ofCounts([4], []), undefined],
  ])('of a histogram, %s', (_, percentile, metric, expected) => expect(percentileOf(percentile, metric)).toBe(expected))

  const powers = (scale: number, zeros: number, positive: number[], negative: number[] = []) => {
    const below = negative.length > 0 && { negative: { offset: 0, counts: negative } }
    const point = exponentialPoint({ scale, zeros, positive: { offset: 0, counts: positive }, ...below })
    return exponentialMetric('e', 1, point)
  }
  test.each<[string, number, Part, number | undefined]>([
    ['within a bucket, by its exponent', 50, powers(0, 0, [0, 4]), 2 ** 1.5],
    ['of a finer scale', 50, powers(1, 0, [4]), 2 ** 0.25],
    ['of zeros', 10, powers(0, 5, [5]), 0],
    ['the most negative first', 25, powers(0, 0, [2], [1, 1]), -2],
    ['then those near 0', 50, powers(0, 0, [2], [1, 1]), -1],
    ['of nothing', 50, powers(0, 0, []), undefined],
  ])('of an exponential histogram, %s', (_, percentile, metric, expected) => {
    const value = percentileOf(percentile, metric)
    if (expected === undefined) expect(value).toBeUndefined()
    else expect(value).toBeCloseTo(expected, 12)
  })

  test('fails where the buckets hold fewer than the count says', () => {
    const wrong = histogram('h', 1, histogramPoint({ counts: [1, 1], bounds: [5], more: [fixed64(4, 9n)] }))
    const { run, account } = processor(['extract_percentile_metric(90)'])
    expect([run(metricRequest(wrong)), account.dropped('rule')]).toEqual([undefined, 1])
  })
})

describe('merge_histogram_buckets', () => {
  test.each<[number, number[], number[]]>([
    [10, [20], [3, 3]],
    [20, [10], [1, 5]],
    [15, [10, 20], [1, 2, 3]],
  ])('takes the bound %d out', (bound, bounds, counts) => {
    const [after] = metricsAfter([`merge_histogram_buckets(${bound}.0)`], hist)
    expect(after!.points[0]).toMatchObject({ k: 'a', count: 6n, sum: 60, bounds, counts })
  })

  test('leaves what is no histogram, and points without buckets', () => {
    const bare = histogram('b', 1, histogramPoint({ counts: [], bounds: [] }))
    const bytes = metricRequest(bare, counted, summed)
    expect(processor(['merge_histogram_buckets(10)']).run(bytes)!.bytes()).toEqual(bytes)
  })
})

test('at most a thousand metrics are made of one: those behind fail', () => {
  const statements = Array.from({ length: 10 }, () => 'copy_metric()')
  const { run, account, metric } = processor([{ context: 'metric', statements }], 'ignore')
  const out = run(metricRequest(counted, summed))!
  expect(metricsOf(out.bytes()).filter(({ name }) => name === 's')).toHaveLength(1001)
  expect([out.count, account.made, account.droppedTotal]).toEqual([3003, 3000, 0])
  expect(metric('failed_statements_total')).toBeGreaterThan(0)
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
  [
    'metric_statements',
    ['convert_gauge_to_sum("both", true)'],
    'expected one of "cumulative", "delta", at position 22',
  ],
  ['metric_statements', ['convert_gauge_to_sum("delta", 1)'], 'expected true or false'],
  ['metric_statements', ['scale_metric(metric.name)'], 'expected a number'],
  ['metric_statements', ['extract_percentile_metric(100)'], 'expected a number between 0 and 100, at position 27'],
  ['metric_statements', ['merge_histogram_buckets("5")'], 'expected a number'],
  ['metric_statements', ['extract_sum_metric()'], 'write extract_sum_metric(is_monotonic, [suffix])'],
])('%s %j is refused', (key, statements, message) => {
  expect(faults(transform, { [key]: statements })).toContain(message)
})
