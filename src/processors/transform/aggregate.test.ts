import { describe, expect, test } from 'vitest'
import {
  exponential,
  exponentialPoint,
  gauge,
  histogram,
  histogramPoint,
  metricsOf,
  numberPoint,
  sum,
  summary,
  summaryPoint,
} from '../../ottl/testing/metrics.ts'
import { faults, processorOf } from '../../ottl/testing/run.ts'
import { metricRequest, type Plain } from '../../ottl/testing/samples.ts'
import { double, field, type Part } from '../../telemetry/testing/encode.ts'
import transform from './index.ts'

const times = { start: 1n, time: 7n }

function pointsAfter(statement: string, metric: Part): { [key: string]: Plain }[] {
  const { run } = processorOf(transform, { metric_statements: [statement] }, 'metrics')
  return metricsOf(run(metricRequest(metric))!.bytes())[0]!.points
}

describe('aggregate_on_attributes makes of numbers', () => {
  const doubles = gauge('g', ...[4, 1, 7, 2].map((value, i) => numberPoint(value, { k: 'a', i: BigInt(i) })))
  const integers = gauge('g', ...[4n, 1n, 7n, 3n].map((value, i) => numberPoint(value, { i: BigInt(i), k: 'a' })))
  test.each<[string, number, bigint]>([
    ['sum', 14, 15n],
    ['max', 7, 7n],
    ['min', 1, 1n],
    ['mean', 3.5, 3n],
    ['median', 3, 3n],
    ['count', 4, 4n],
  ])('a %s', (how, double, integer) => {
    const statement = `aggregate_on_attributes("${how}", ["k"])`
    expect(pointsAfter(statement, doubles)).toEqual([{ k: 'a', ...times, double }])
    expect(pointsAfter(statement, integers)).toEqual([{ k: 'a', ...times, int: integer }])
  })

  test('the middle one of three', () => {
    const three = gauge('g', ...[9, 1, 5].map((value) => numberPoint(value)))
    expect(pointsAfter('aggregate_on_attributes("median")', three)).toEqual([{ ...times, double: 5 }])
  })

  test('the type of the first one', () => {
    const mixed = (...points: Part[]) => pointsAfter('aggregate_on_attributes("sum")', gauge('g', ...points))
    expect(mixed(numberPoint(1.5), numberPoint(2n))).toEqual([{ ...times, double: 3.5 }])
    expect(mixed(numberPoint(2n), numberPoint(1.5))).toEqual([{ ...times, int: 3n }])
  })
})

describe('points are one', () => {
  const total = (metric: Part, args = '"sum"') => pointsAfter(`aggregate_on_attributes(${args})`, metric)

  test('with the same attributes in any order, and none without a list removed', () => {
    const metric = gauge(
      'g',
      numberPoint(1, { a: 'x', b: 2n }),
      numberPoint(2, { b: 2n, a: 'x' }),
      numberPoint(4, { b: 2, a: 'x' }),
    )
    expect(total(metric).map(({ double: value }) => value)).toEqual([3, 4])
    expect(total(metric, '"sum", []')).toEqual([{ ...times, double: 7 }])
    expect(total(metric, '"sum", ["a"]')).toEqual([{ a: 'x', ...times, double: 7 }])
  })

  test('of the same time', () => {
    const metric = gauge('g', numberPoint(1, {}, 7n), numberPoint(2, {}, 8n), numberPoint(4, {}, 7n))
    expect(total(metric).map(({ time, double: value }) => [time, value])).toEqual([
      [7n, 5],
      [8n, 2],
    ])
  })

  test.each([
    [
      1,
      [
        [1n, 1n],
        [2n, 2n],
      ],
    ],
    [2, [[1n, 3n]]],
  ])('of the same start only when they are deltas: temporality %i', (temporality, wanted) => {
    const metric = sum('s', temporality, true, numberPoint(2n, {}, 7n, 2n), numberPoint(1n, {}, 7n, 1n))
    const points = total(metric).map(({ start, int: value }) => [start, value] as [bigint, bigint])
    expect(points.sort(([a], [b]) => Number(a - b))).toEqual(wanted)
  })

  test('and what the metric says besides stays', () => {
    const { run, account } = processorOf(
      transform,
      { metric_statements: ['aggregate_on_attributes("sum")'] },
      'metrics',
    )
    const out = run(metricRequest(sum('s', 1, true, numberPoint(2n), numberPoint(1n)), gauge('g', numberPoint(1))))!
    const [first] = metricsOf(out.bytes())
    expect(first).toEqual({
      name: 's',
      unit: 'ms',
      kind: 'sum',
      temporality: 1,
      monotonic: true,
      points: [{ ...times, int: 3n }],
    })
    expect([out.count, account.consumed, account.made]).toEqual([2, 1, 0])
  })
})

describe('histograms are added', () => {
  const limits = (min: number, max: number) => [double(11, min), double(12, max)]
  const point = (counts: number[], sumOfAll: number | undefined, more: Part[] = [], bounds = [5, 10]) =>
    histogramPoint({ counts, bounds, more, ...(sumOfAll !== undefined && { sum: sumOfAll }) })

  test('with their buckets, sums, limits and exemplars', () => {
    const example = [field(8, double(3, 1)), field(8, double(3, 2))]
    const metric = histogram(
      'h',
      2,
      point([1, 2, 3], 40, [...limits(2, 20), example[0]!]),
      point([0, 1, 0], 7, [...limits(1, 7), example[1]!]),
    )
    const [one, ...none] = pointsAfter('aggregate_on_attributes("sum")', metric)
    expect(none).toEqual([])
    expect(one).toMatchObject({ ...times, count: 7n, sum: 47, counts: [1, 3, 3], bounds: [5, 10], min: 1, max: 20 })
  })

  test('unless their bounds differ, or one has no limits', () => {
    const all = [
      point([1, 2, 3], 1),
      point([1, 2, 3], 1, [], [5, 11]),
      point([1, 2, 3], 1, limits(1, 2)),
      point([1, 2], 1, [], [5]),
    ]
    expect(pointsAfter('aggregate_on_attributes("sum")', histogram('h', 2, ...all))).toHaveLength(4)
  })

  test('exponential ones with the same scale and offsets', () => {
    const parts = {
      scale: -1,
      zeros: 2,
      positive: { offset: -3, counts: [1, 300] },
      negative: { offset: 4, counts: [5] },
    }
    const longer = { ...parts, positive: { offset: -3, counts: [1, 1, 1] } }
    const other = { ...parts, scale: 2 }
    const points = pointsAfter(
      'aggregate_on_attributes("sum")',
      exponential('e', 2, exponentialPoint(parts), exponentialPoint(longer), exponentialPoint(other)),
    )
    expect(points).toHaveLength(2)
    expect(points[0]).toMatchObject({ count: 318n, sum: 636, scale: 1n, zero: 4n })
    const again = metricsOf(
      metricRequest(
        exponential(
          'e',
          2,
          exponentialPoint({
            ...parts,
            zeros: 4,
            positive: { offset: -3, counts: [2, 301, 1] },
            negative: { offset: 4, counts: [10] },
          }),
        ),
      ),
    )
    expect(points[0]).toEqual(again[0]!.points[0])
  })
})

test('aggregate_on_attribute_value makes one of the points whose values it names', () => {
  const metric = gauge(
    'g',
    numberPoint(1, { k: 'a' }),
    numberPoint(2, { k: 'b' }),
    numberPoint(4, { k: 'c' }),
    numberPoint(8, { other: 'a' }),
  )
  expect(pointsAfter('aggregate_on_attribute_value("sum", "k", ["a", "b"], "ab")', metric)).toEqual([
    { k: 'ab', ...times, double: 3 },
    { k: 'c', ...times, double: 4 },
    { other: 'a', ...times, double: 8 },
  ])
})

describe('convert_exponential_histogram_to_histogram', () => {
  /** Buckets (1,2] 4, (2,4] 5, (4,8] 6; [-2,-1) 3; 2 zeros. */
  const parts = { scale: 0, zeros: 2, positive: { offset: 0, counts: [4, 5, 6] }, negative: { offset: 0, counts: [3] } }
  const more = [double(12, -1.5), double(13, 7), field(11, double(3, 1))]

  test.each<[string, number[], number[]]>([
    ['upper', [0, 3, 8], [5, 4, 11, 0]],
    ['upper', [-1, 2], [3, 6, 11]],
    ['midpoint', [0, 3, 6], [5, 9, 6, 0]],
    ['uniform', [0, 3, 6], [5, 7, 5, 3]],
    ['uniform', [1, 2, 4, 8], [5, 4, 5, 6, 0]],
    ['uniform', [100], [20, 0]],
    ['midpoint', [-5, -3], [0, 0, 20]],
  ])('%s, bounds %j', (how, bounds, counts) => {
    const metric = exponential('e', 2, exponentialPoint({ ...parts, more }, { k: 'a' }))
    const statement = `convert_exponential_histogram_to_histogram("${how}", [${bounds.join(', ')}])`
    expect(pointsAfter(statement, metric)).toEqual([
      { k: 'a', ...times, count: 20n, sum: 40, min: -1.5, max: 7, 8: double(3, 1), counts, bounds },
    ])
  })

  test.each(['upper', 'midpoint', 'uniform'])('%s, a scale whose buckets have no end keeps every count', (how) => {
    const coarse = {
      scale: -2000,
      zeros: 2,
      positive: { offset: -1, counts: [5] },
      negative: { offset: -1, counts: [3] },
    }
    const [point] = pointsAfter(
      `convert_exponential_histogram_to_histogram("${how}", [-2, -1, 0, 1])`,
      exponential('e', 2, exponentialPoint(coarse)),
    ) as { counts: number[] }[]
    expect(point!.counts.reduce((sum, count) => sum + count, 0)).toBe(10)
  })

  test('leaves other metrics alone, and keeps what the metric says besides', () => {
    const statement = 'convert_exponential_histogram_to_histogram("upper", [1.0])'
    const { run } = processorOf(transform, { metric_statements: [statement] }, 'metrics')
    const [first, second] = metricsOf(
      run(
        metricRequest(gauge('g', numberPoint(1)), exponential('e', 1, exponentialPoint({ ...parts, scale: 20 }))),
      )!.bytes(),
    )
    expect(first!.kind).toBe('gauge')
    expect(second).toMatchObject({ kind: 'histogram', unit: 'ms', temporality: 1 })
  })
})

test.each<[string, Part]>([
  ['aggregate_on_attributes("sum")', summary('y', summaryPoint(1n, 1))],
  ['aggregate_on_attributes("max")', histogram('h', 2, histogramPoint({ counts: [1], bounds: [] }))],
  [
    'aggregate_on_attribute_value("mean", "k", [], "x")',
    exponential('e', 2, exponentialPoint({ scale: 0, positive: { offset: 0, counts: [1] } })),
  ],
])('%s fails on some metrics', (statement, metric) => {
  const { run, account } = processorOf(transform, { metric_statements: [statement] }, 'metrics')
  expect([run(metricRequest(metric)), account.dropped('rule')]).toEqual([undefined, 1])
})

test.each([
  ['aggregate_on_attributes("avg")', 'expected one of "sum", "max", "min", "mean", "median", "count"'],
  ['aggregate_on_attributes("sum", "k")', 'expected a list such as ["a", "b"]'],
  ['convert_exponential_histogram_to_histogram("random", [1.0])', 'expected one of "upper", "midpoint", "uniform"'],
  ['convert_exponential_histogram_to_histogram("upper", [2, 1])', 'expected bounds that rise'],
  ['convert_exponential_histogram_to_histogram("upper", [])', 'expected bounds that rise'],
  ['convert_exponential_histogram_to_histogram("upper", ["a"])', 'expected a number'],
  ['aggregate_on_attribute_value("sum", "k", ["a"])', 'the argument new_value is missing'],
])('%s is refused', (statement, message) => {
  expect(faults(transform, { metric_statements: [statement] })).toContain(message)
})
