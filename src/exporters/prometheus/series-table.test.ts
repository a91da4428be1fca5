import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parsePage } from '../../wire/prometheus/parse.ts'
import prometheus from './index.ts'
import { at, batchOf, exporting, gauge, nanos, point, sum } from './test-kit.ts'

describe('a metric that cannot stand beside another', () => {
  test('is counted and told: same name, other type', async () => {
    const { take, text, account, lines } = await exporting()
    take(gauge('a.b', [point(1)]))
    take(sum('a.b', [point(1)], 2, false), { name: 'a_b', summary: { dataPoints: [{ timeUnixNano: nanos(at) }] } })
    expect(account.dropped('not_representable')).toBe(1)
    expect(lines.join('')).toContain('metric "a_b" is not on the page: a_b is a gauge already')
    expect(await text()).not.toContain('summary')
  })

  test('same series of another metric', async () => {
    const { take, text, account } = await exporting()
    take(gauge('a.b', [point(1)]), gauge('a_b', [point(2), point(3, { c: 'd' })]))
    expect(account.dropped('not_representable')).toBe(1)
    expect(await text()).toBe('# TYPE a_b gauge\na_b 1\na_b{c="d"} 3\n')
  })

  test('no name', async () => {
    const { take, account } = await exporting()
    take(gauge('日本', [point(1)]))
    expect([account.dropped('not_representable'), account.sent]).toEqual([1, 0])
  })
})

test('beyond max_series the culprit is named and counted; what is known goes on', async () => {
  const { take, text, account, lines, metrics } = await exporting({ max_series: 10 })
  take(gauge('good', [point(1)]))
  take(
    gauge(
      'bad',
      Array.from({ length: 30 }, (_, i) => point(i, { user: String(i) })),
    ),
  )
  take(gauge('good', [point(2)]))
  expect(account.dropped('series_limit')).toBe(21)
  expect(lines.join('')).toContain('max_series (10) is reached')
  expect(lines.join('')).toContain('bad has most, 9 lines')
  const refused = metrics.find('tailrace_prometheus_refused_points_total')!.series
  expect(refused.map(({ labels, value }) => [labels.metric, value])).toEqual([['bad', 21]])
  expect((await text()).match(/^bad\{/gm)).toHaveLength(9)
  expect(await text()).toContain('good 2\n')
})

test('100,000 series are one page, and requests in between are answered', async () => {
  const { take, page } = await exporting()
  for (let from = 0; from < 100_000; from += 5000) {
    take(
      gauge(
        'g',
        Array.from({ length: 5000 }, (_, i) => point(i, { n: String(from + i) })),
      ),
    )
  }
  const [{ text }, packed] = await Promise.all([page(), page({ 'accept-encoding': 'gzip' })])
  expect(text.match(/\n/g)).toHaveLength(100_001)
  expect(packed.text).toBe(text)
})

test('any label value comes back from the page as it was', async () => {
  const { exporter, text } = await exporting()
  const values = fc.sample(fc.string({ unit: 'binary', minLength: 1 }), 300)
  exporter.consume(
    batchOf([
      gauge(
        'g',
        values.map((value, i) => point(i, { value, i: String(i) })),
      ),
    ]),
  )
  const { page, error } = parsePage(Buffer.from(await text()))
  expect(error).toBeNull()
  const found = new Map<string, string>()
  for (let metric = 0; metric < page!.metricCount; metric++) {
    const from = page!.metricLabelFrom[metric]!
    const label = (at: number) => page!.string(page!.labelStart[at]!, page!.labelEnd[at]!)
    found.set(label(from), label(from + 1))
  }
  for (const [i, value] of values.entries()) expect(found.get(String(i))).toBe(Buffer.from(value).toString())
})

test('a histogram that is called target_info has no lines of ours among its own', async () => {
  const { exporter, text } = await exporting()
  const histogram = { dataPoints: [{ timeUnixNano: '1700000000000000000', count: '1', bucketCounts: ['1'] }] }
  const metrics = [{ name: 'target.info', histogram: { aggregationTemporality: 2, ...histogram } }]
  exporter.consume(batchOf(metrics, { 'service.name': 'a' }))
  exporter.consume(batchOf(metrics, { 'service.name': 'a', le: 'x' }))
  const lines = (await text()).split('\n').filter((line) => line.startsWith('target_info'))
  expect(lines.filter((line) => line.includes('le="x"'))).toEqual([])
  expect(lines).toContain('target_info_bucket{job="a",le="+Inf"} 1')
})

test('const_labels that are no labels are no configuration: they would break the page', () => {
  const parse = (name: string) =>
    prometheus.config.safeParse({ endpoint: '127.0.0.1:0', const_labels: { [name]: 'x' } })
  expect(parse('a').success).toBe(true)
  expect(parse('a.b').error?.issues[0]?.message).toBe('"a.b" is no name of a label')
  expect(parse('__name__').error?.issues[0]?.path).toEqual(['const_labels'])
})
