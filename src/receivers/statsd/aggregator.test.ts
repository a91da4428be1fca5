import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeOtlpMetrics, type Message } from '../../../test/support/decode.ts'
import { Budget } from '../../delivery/budget.ts'
import { Aggregator } from './aggregator.ts'
import { config } from './config.ts'
import { writeMetrics } from './metrics-writer.ts'

const times = { startLo: 1, startHi: 0, lo: 2, hi: 0 }

function folded(packets: readonly (string | Buffer)[], written: Record<string, unknown> = {}) {
  const aggregator = new Aggregator(config.parse(written), new Budget('test', 1 << 20))
  for (const packet of packets) aggregator.take(Buffer.from(packet), 0)
  const touched = aggregator.touched()
  const requests = [...writeMetrics(touched, times, false, (series) => aggregator.numberOf(series))]
  const metrics = requests
    .flatMap(({ bytes }) => decodeOtlpMetrics(bytes).resourceMetrics as Message[])
    .flatMap((resource) => resource.scopeMetrics[0].metrics as Message[])
  return { aggregator, touched, requests, metrics }
}

describe('series', () => {
  test.each([
    ['tags in another order', 'a:1|c|#x:1,y:2', 'a:1|c|#y:2,x:1', 1],
    ['the same key twice: the last value counts', 'a:1|c|#x:1,x:2', 'a:1|c|#x:2', 1],
    ['another value', 'a:1|c|#x:1', 'a:1|c|#x:2', 2],
    ['another type', 'a:1|c', 'a:1|g', 2],
    ['another container', 'a:1|c|c:ci-1', 'a:1|c|c:ci-2', 2],
    ['a tag that looks like a name', 'a:1|c|#b:1', 'ab:1|c|#:1', 2],
    ['empty tags', 'a:1|c|#', 'a:1|c|#,,', 1],
  ])('%s', (_, one, other, series) => {
    expect(folded([one, other]).touched).toHaveLength(series)
  })

  test('tags beyond 128 are left out and counted', () => {
    const tags = Array.from({ length: 130 }, (_, i) => `t${String(i).padStart(3, '0')}:v`)
    const { metrics, aggregator } = folded([`a:1|c|#${tags.join(',')}`])
    expect(metrics[0]!.sum.dataPoints[0].attributes).toHaveLength(128)
    expect(aggregator.key.skippedTags).toBe(2)
  })
})

test('a sum that is not whole is a double', () => {
  const { metrics } = folded(['a:1|c|@0.4', 'b:0.5|c', 'b:0.5|c'])
  const points = Object.fromEntries(metrics.map(({ name, sum }) => [name, sum.dataPoints[0]]))
  expect(points).toMatchObject({ a: { asDouble: 2.5 }, b: { asInt: 1n } })
})

test('points carry the start and the end of the interval', () => {
  const [metric] = folded(['a:1|c']).metrics
  expect(metric!.sum.dataPoints[0]).toMatchObject({ startTimeUnixNano: 1n, timeUnixNano: 2n })
})

test('whatever bytes arrive become valid metrics, within the bound of series', () => {
  const piece = fc.constantFrom(
    'a',
    'é',
    ':',
    '|',
    '1',
    '-2',
    '.5',
    'c',
    'g',
    'ms',
    'h',
    'd',
    's',
    '|#',
    ',',
    '\n',
    '|@',
    '0.1',
    '\xff',
    '_e{',
  )
  const packet = fc.oneof(
    fc.array(piece, { maxLength: 40 }).map((parts) => Buffer.from(parts.join(''), 'latin1')),
    fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    fc
      .record({
        name: fc.constantFrom('x', 'y', 'z\xfe'),
        type: fc.constantFrom('c', 'g', 'ms', 'h', 'd', 's'),
        value: fc.double(),
      })
      .map(({ name, type, value }) => Buffer.from(`${name}:${value}|${type}`, 'latin1')),
  )
  const mapping = (observer_type: string) =>
    ['timer', 'histogram', 'distribution'].map((statsd_type) => ({
      statsd_type,
      observer_type,
      histogram: { max_size: 4 },
    }))
  fc.assert(
    fc.property(
      fc.array(packet, { maxLength: 20 }),
      fc.constantFrom('summary', 'histogram', 'gauge'),
      (packets, observer) => {
        const { requests, touched } = folded(packets, { max_series: 3, timer_histogram_mapping: mapping(observer) })
        expect(touched.length).toBeLessThanOrEqual(3)
        expect(requests.every(({ points }) => points > 0)).toBe(true)
      },
    ),
  )
})
