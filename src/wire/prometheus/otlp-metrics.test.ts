import { describe, expect, test } from 'vitest'
import { BackwardWriter, Reader } from '../protobuf.ts'
import { encodeResource, type OtlpOptions, writePageOtlp } from './otlp-metrics.ts'
import { parsePage } from './parse.ts'

/** Fields by number: numbers of 64 bits as BigInt, the rest as bytes. */
type Fields = Record<number, (bigint | Buffer)[]>

function fieldsOf(bytes: Buffer): Fields {
  const fields: Fields = {}
  const reader = new Reader(bytes)
  while (reader.next()) {
    const { field, wire } = reader
    fields[field] ??= []
    if (wire === 2 && reader.span()) fields[field].push(bytes.subarray(reader.start, reader.stop))
    else if (wire === 1 || wire === 0) {
      if (wire === 1) reader.fixed64()
      else reader.varint64()
      fields[field].push((BigInt(reader.hi) << 32n) | BigInt(reader.lo))
    }
  }
  expect(reader.ok).toBe(true)
  return fields
}

const message = (fields: Fields, number: number, at = 0) => fieldsOf(fields[number]![at] as Buffer)
const text = (fields: Fields, number: number) => fields[number]?.map(String)[0]
const longs = (packed: Buffer) =>
  Array.from({ length: packed.length / 8 }, (_, i) => Number(packed.readBigUInt64LE(i * 8)))
const doubles = (packed: Buffer) => Array.from({ length: packed.length / 8 }, (_, i) => packed.readDoubleLE(i * 8))

function double(value: bigint | Buffer | undefined): number {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value as bigint)
  return bytes.readDoubleLE()
}

function attributes(fields: Fields, number: number): Record<string, string> {
  const found: Record<string, string> = {}
  for (const pair of fields[number] ?? []) {
    const entry = fieldsOf(pair as Buffer)
    found[text(entry, 1)!] = text(message(entry, 2), 1)!
  }
  return found
}

function metricsOf(page: string | Buffer, openMetrics = false, more: Partial<OtlpOptions> = {}) {
  const parsed = parsePage(Buffer.isBuffer(page) ? page : Buffer.from(page), { openMetrics })
  expect(parsed.error).toBeNull()
  const out = new BackwardWriter()
  const options = {
    resource: encodeResource([
      ['service.name', 'router'],
      ['server.port', '9100'],
    ]),
    scope: { name: 'tailrace', version: '1' },
    timeLo: 7,
    timeHi: 1,
    startLo: 0,
    startHi: 0,
    ...more,
  }
  const outcome = writePageOtlp(parsed.page!, options, out)
  const resource = message(fieldsOf(out.take()), 1)
  expect(attributes(message(resource, 1), 1)).toEqual({ 'service.name': 'router', 'server.port': '9100' })
  const scope = message(resource, 2)
  expect(text(message(scope, 1), 1)).toBe('tailrace')
  return { outcome, metrics: (scope[2] ?? []).map((metric) => fieldsOf(metric as Buffer)) }
}

const NOW = (1n << 32n) | 7n

describe('OTLP metrics of a page', () => {
  test.each([
    ['# TYPE c_total counter\nc_total 1\n', false, 'c'],
    ['# TYPE total counter\ntotal 1\n', false, 'total'],
    ['# TYPE g_total gauge\ng_total 1\n', false, 'g_total'],
    ['# TYPE c_bytes counter\n# UNIT c_bytes bytes\nc_bytes_total 1\n# EOF\n', true, 'c'],
    ['# TYPE c_a_b counter\n# UNIT c_a_b a_b\nc_a_b_total 1\n# EOF\n', true, 'c'],
    ['# TYPE g_seconds gauge\ng_seconds 1\n# EOF\n', true, 'g_seconds'],
    ['# TYPE h_seconds histogram\n# UNIT h_seconds seconds\nh_seconds_count 1\n# EOF\n', true, 'h'],
    ['# TYPE i info\ni_info 1\n# EOF\n', true, 'i_info'],
  ])('lose suffixes of their names where that is asked: %j', (page, openMetrics, name) => {
    const { metrics } = metricsOf(page, openMetrics, { trimSuffixes: true })
    expect(metrics.map((metric) => text(metric, 1))).toEqual([name])
  })

  test('that end say which buckets and quantiles end with them', () => {
    const { metrics } = metricsOf(
      '# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 3\nh_sum 4\nh_count 3\n' +
        '# TYPE s summary\ns{quantile="0.5"} 7\ns_sum 8\ns_count 9\n',
      false,
      { stale: true },
    )
    const histogram = message(message(metrics[0]!, 9), 1)
    expect([histogram[10], longs(histogram[6]![0] as Buffer), doubles(histogram[7]![0] as Buffer)]).toEqual([
      [1n],
      [0, 0],
      [1],
    ])
    expect([histogram[4], histogram[5]]).toEqual([undefined, undefined])
    const summary = message(message(metrics[1]!, 11), 1)
    expect([summary[8], summary[4], summary[5]]).toEqual([[1n], undefined, undefined])
    const quantile = message(summary, 6)
    expect([double(quantile[1]![0]), quantile[2]]).toEqual([0.5, undefined])
  })

  test('a counter is a cumulative monotonic sum under its own name', () => {
    const { metrics, outcome } = metricsOf(
      '# HELP c_total Help.\n# TYPE c_total counter\nc_total{a="b",e=""} 2.5\nc_total 3\n',
    )
    expect(outcome).toEqual({ points: 2, skipped: 0 })
    expect([text(metrics[0]!, 1), text(metrics[0]!, 2)]).toEqual(['c_total', 'Help.'])
    const sum = message(metrics[0]!, 7)
    expect([sum[2], sum[3]]).toEqual([[2n], [1n]])
    const point = message(sum, 1, 0)
    expect(attributes(point, 7)).toEqual({ a: 'b' })
    expect([point[2], point[3]]).toEqual([undefined, [NOW]])
    expect([double(point[4]![0]), double(message(sum, 1, 1)[4]![0])]).toEqual([2.5, 3])
  })

  test('gauges and untyped metrics are gauges, in the order of the page', () => {
    const { metrics } = metricsOf('# TYPE g gauge\ng 1\nu 2\n')
    expect(metrics.map((metric) => [text(metric, 1), double(message(message(metric, 5), 1)[4]![0])])).toEqual([
      ['g', 1],
      ['u', 2],
    ])
  })

  test.each([
    ['h_bucket{le="1"} 2\nh_bucket{le="2"} 5\nh_bucket{le="+Inf"} 9\nh_sum 4\nh_count 9\n', [1, 2], [2, 3, 4], 9],
    ['h_bucket{le="2"} 5\nh_bucket{le="1"} 2\nh_count 9\n', [1, 2], [2, 3, 4], 9],
    ['h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 9\n', [1], [2, 7], 9],
    ['h_bucket{le="+Inf"} 9\n', undefined, [9], 9],
    ['h_bucket{le="1"} 5\nh_bucket{le="2"} 3\nh_count 4\n', [1, 2], [3, 0, 1], 4],
    ['h_bucket{le="1"} 5\nh_count 4\n', [1], [5, 0], 5],
    ['h_bucket{le="1"} 2\nh_bucket{le="1"} 3\nh_count 4\n', [1], [3, 1], 4],
    ['h_sum 1\nh_count 4\n', undefined, undefined, 4],
  ])('histogram %j', (rows, bounds, counts, count) => {
    const { metrics } = metricsOf(`# TYPE h histogram\n${rows}`)
    const data = message(metrics[0]!, 9)
    expect(data[2]).toEqual([2n])
    const point = message(data, 1)
    expect(point[4]).toEqual([BigInt(count)])
    expect(point[7] && doubles(point[7][0] as Buffer)).toEqual(bounds)
    expect(point[6] && longs(point[6][0] as Buffer)).toEqual(counts)
    expect(point[5] && double(point[5][0])).toBe(
      rows.includes('h_sum') ? Number(/h_sum (\d)/.exec(rows)![1]) : undefined,
    )
  })

  test('a summary keeps its quantiles', () => {
    const { metrics } = metricsOf('# TYPE s summary\ns{quantile="0.5"} 1\ns{quantile="0.9"} NaN\ns_sum 3\ns_count 2\n')
    const point = message(message(metrics[0]!, 11), 1)
    expect([point[4], double(point[5]![0])]).toEqual([[2n], 3])
    const quantiles = point[6]!.map((bytes) => fieldsOf(bytes as Buffer))
    expect(quantiles.map((at) => [double(at[1]![0]), double(at[2]![0])])).toEqual([
      [0.5, 1],
      [0.9, Number.NaN],
    ])
  })

  test('OpenMetrics gives units, start times and exemplars', () => {
    const trace = '0123456789abcdef0123456789abcdef'
    const rows = [
      '# TYPE a_seconds counter',
      '# UNIT a_seconds seconds',
      `a_seconds_total 4 # {trace_id="${trace}",span_id="0123456789abcdef",x="y"} 2.5 1.5`,
      'a_seconds_created 3.25',
      '# TYPE i info',
      'i_info{v="1"} 1',
      '# EOF',
    ]
    const { metrics } = metricsOf(`${rows.join('\n')}\n`, true)
    expect([text(metrics[0]!, 1), text(metrics[0]!, 3)]).toEqual(['a_seconds_total', 's'])
    const point = message(message(metrics[0]!, 7), 1)
    expect(point[2]).toEqual([3_250_000_000n])
    const exemplar = message(point, 5)
    expect([double(exemplar[3]![0]), exemplar[2]]).toEqual([2.5, [1_500_000_000n]])
    expect((exemplar[5]![0] as Buffer).toString('hex')).toBe(trace)
    expect((exemplar[4]![0] as Buffer).toString('hex')).toBe('0123456789abcdef')
    expect(attributes(exemplar, 7)).toEqual({ x: 'y' })
    expect([text(metrics[1]!, 1), message(metrics[1]!, 7)[3]]).toEqual(['i_info', undefined])
  })

  test('a help text that is not UTF-8 is repaired', () => {
    const { metrics } = metricsOf(Buffer.from('# HELP a b\xff\na 1\n', 'latin1'))
    expect(text(metrics[0]!, 2)).toBe('b\ufffd')
  })

  test('gauge histograms are counted as skipped', () => {
    const { metrics, outcome } = metricsOf('# TYPE gh gaugehistogram\ngh_bucket{le="1"} 5\ngh_bucket{a="b",le="1"} 5\n')
    expect(outcome).toEqual({ points: 0, skipped: 2 })
    expect(metrics).toEqual([])
  })
})
