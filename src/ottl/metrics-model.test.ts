import fc from 'fast-check'
import { expect, test } from 'vitest'
import transform from '../processors/transform/index.ts'
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
} from './testing/metrics.ts'
import { processorOf } from './testing/run.ts'
import { metricRequest, type Plain } from './testing/samples.ts'

const name = fc.constantFrom('a', 'b', 'c')
const attributes = fc.record({ k: fc.constantFrom('x', 'y') })
const value = fc.oneof(fc.integer({ min: -1000, max: 1000 }), fc.bigInt({ min: -1000n, max: 1000n }))
const number = fc.tuple(value, attributes).map(([each, keys]) => numberPoint(each, keys))
const few = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: 1, maxLength: 3 })
const counts = fc.array(fc.nat(50), { minLength: 3, maxLength: 3 })
const metric = fc.oneof(
  fc.tuple(name, few(number)).map(([each, points]) => gauge(each, ...points)),
  fc.tuple(name, few(number)).map(([each, points]) => sum(each, 2, true, ...points)),
  fc
    .tuple(name, few(fc.tuple(counts, attributes)))
    .map(([each, all]) =>
      histogram(
        each,
        1,
        ...all.map(([buckets, keys]) => histogramPoint({ counts: buckets, bounds: [1, 2], sum: 3 }, keys)),
      ),
    ),
  fc.tuple(name, fc.bigInt({ min: 0n, max: 9n })).map(([each, count]) => summary(each, summaryPoint(count, 1))),
)
/** Several resources. */
const request = fc.array(fc.array(metric, { maxLength: 4 }), { minLength: 1, maxLength: 3 })

type Point = { [key: string]: Plain }
/** What a statement does to a metric in the plain model; it answers what it adds. Throws what fails. */
type Change = (metric: PlainMetric) => PlainMetric[]

function convert(metric: PlainMetric, kind: 'gauge' | 'sum'): void {
  metric.kind = kind
  delete metric.temporality
  delete metric.monotonic
  if (kind === 'sum') metric.temporality = 1
}

const extracted = (metric: PlainMetric): PlainMetric => ({
  name: `${metric.name}_count`,
  ...(metric.description && { description: metric.description }),
  unit: '1',
  kind: 'sum',
  temporality: metric.kind === 'summary' ? 2 : 1,
  monotonic: true,
  points: metric.points.map(
    ({ count, k, start, time }) => ({ ...(k !== undefined && { k }), start, time, int: count }) as Point,
  ),
})

const statements: [source: string, change: Change][] = [
  [
    'convert_sum_to_gauge() where metric.type == METRIC_DATA_TYPE_SUM and metric.name != "c"',
    (each) => {
      if (each.kind === 'sum' && each.name !== 'c') convert(each, 'gauge')
      return []
    },
  ],
  [
    'convert_gauge_to_sum("delta", false) where metric.name == "b"',
    (each) => {
      if (each.kind === 'gauge' && each.name === 'b') convert(each, 'sum')
      return []
    },
  ],
  [
    'copy_metric(name="c") where metric.name == "a"',
    (each) => (each.name === 'a' ? [{ ...each, name: 'c', points: each.points.map((point) => ({ ...point })) }] : []),
  ],
  [
    'extract_count_metric(true) where metric.name != "b"',
    (each) => {
      if (each.name === 'b') return []
      if (each.kind === 'gauge' || each.kind === 'sum') throw new Error('no count')
      return [extracted(each)]
    },
  ],
  [
    'set(metric.unit, Concat([metric.type, metric.name], ""))',
    (each) => {
      each.unit = `${each.kind}${each.name}`
      return []
    },
  ],
  [
    'scale_metric(2) where metric.type == "gauge" or metric.type == "sum"',
    (each) => {
      if (each.kind !== 'gauge' && each.kind !== 'sum') return []
      for (const point of each.points) {
        if (typeof point.double === 'number') point.double *= 2
        else point.int = (point.int as bigint) * 2n
      }
      return []
    },
  ],
]

/** What becomes of a metric in one group, and what is added; undefined when it is given up. */
function group(
  own: PlainMetric,
  changes: readonly Change[],
  ignores: boolean,
): { own: PlainMetric | undefined; added: PlainMetric[] } {
  const waiting: { metric: PlainMetric; from: number }[] = []
  const run = (each: PlainMetric, from: number): PlainMetric | undefined => {
    for (let i = from; i < changes.length; i++) {
      try {
        for (const added of changes[i]!(each)) waiting.push({ metric: added, from: i + 1 })
      } catch {
        if (!ignores) return undefined
      }
    }
    return each
  }
  if (!run(own, 0)) return { own: undefined, added: [] }
  const added: PlainMetric[] = []
  for (let i = 0; i < waiting.length; i++) {
    const became = run(waiting[i]!.metric, waiting[i]!.from)
    if (became) added.push(became)
  }
  return { own, added }
}

test('statements do to metrics in bytes what they do to plain ones, in one group and in groups of their own', () => {
  const several = fc.array(fc.constantFrom(...statements), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(request, several, fc.boolean(), fc.boolean(), (resources, chosen, isOne, ignores) => {
      const bytes = Buffer.concat(resources.map((metrics) => metricRequest(...metrics)))
      const sources = chosen.map(([source]) => source)
      const groups = isOne ? [{ context: 'metric', statements: sources }] : sources
      let model = resources.map((metrics) => metricsOf(metricRequest(...metrics)))
      const steps = isOne ? [chosen] : chosen.map((each) => [each])
      for (const step of steps) {
        model = model.map((scope) => {
          const done = scope.map((each) =>
            group(
              each,
              step.map(([, change]) => change),
              ignores,
            ),
          )
          return [...done.flatMap(({ own }) => (own ? [own] : [])), ...done.flatMap(({ added }) => added)]
        })
      }
      const { run, account } = processorOf(
        transform,
        { error_mode: ignores ? 'ignore' : 'propagate', metric_statements: groups },
        'metrics',
      )
      const before = resources.flat().length === 0 ? 0 : countOf(metricsOf(bytes))
      const out = run(bytes)
      expect(out ? metricsOf(out.bytes()) : []).toEqual(model.flat())
      expect(out?.count ?? 0).toBe(countOf(model.flat()))
      expect(before + account.made - account.consumed - account.droppedTotal).toBe(out?.count ?? 0)
    }),
    { numRuns: 400 },
  )
})

const countOf = (metrics: readonly PlainMetric[]) => metrics.reduce((all, { points }) => all + points.length, 0)
