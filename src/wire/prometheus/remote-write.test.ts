import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeOtlpJson } from '../otlp/json-decode.ts'
import { Reader } from '../protobuf.ts'
import { RemoteWriter } from './remote-write.ts'

const writer = (maxKnown = 1000, maxBytes = 1 << 20) =>
  new RemoteWriter({
    naming: { namespace: '', addSuffixes: true },
    labels: { resourceToTelemetry: true, excludeService: false, scopeInfo: true, fixed: [['zone', 'z']] },
    targetInfo: true,
    metadata: true,
    maxBytes,
    maxKnown,
  })

const attributes = [{ key: 'le', value: { stringValue: 'x' } }]
const timeUnixNano = '1700000000000000000'
const sound = Buffer.from(
  decodeOtlpJson(
    'metrics',
    Buffer.from(
      JSON.stringify({
        resourceMetrics: [
          {
            resource: {
              attributes: [
                { key: 'service.name', value: { stringValue: 's' } },
                { key: 'a', value: { intValue: '1' } },
              ],
            },
            scopeMetrics: [
              {
                scope: { name: 'lib', version: '1' },
                metrics: [
                  { name: 'g', unit: 's', gauge: { dataPoints: [{ timeUnixNano, asDouble: 1, attributes }] } },
                  {
                    name: 'h',
                    histogram: {
                      aggregationTemporality: 2,
                      dataPoints: [
                        {
                          timeUnixNano,
                          count: '3',
                          sum: 1,
                          bucketCounts: ['1', '2'],
                          explicitBounds: [1],
                          attributes,
                          exemplars: [{ asDouble: 1, traceId: '0'.repeat(31) + 1, filteredAttributes: attributes }],
                        },
                      ],
                    },
                  },
                  {
                    name: 'e',
                    exponentialHistogram: {
                      aggregationTemporality: 2,
                      dataPoints: [
                        { timeUnixNano, count: '3', scale: 3, positive: { offset: 1, bucketCounts: ['1', '2'] } },
                      ],
                    },
                  },
                  {
                    name: 'q',
                    summary: {
                      dataPoints: [{ timeUnixNano, count: '3', quantileValues: [{ quantile: 1, value: 2 }] }],
                    },
                  },
                ],
              },
            ],
          },
        ],
      }),
    ),
  ) as Buffer,
)

/** A request with one point that has three observations in its buckets. */
function exponential(more: object): Buffer {
  const point = { timeUnixNano, sum: 1, positive: { bucketCounts: ['1', '1'] }, negative: { bucketCounts: ['1'] } }
  const exponentialHistogram = { aggregationTemporality: 2, dataPoints: [{ ...point, ...more }] }
  const all = { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'e', exponentialHistogram }] }] }] }
  return decodeOtlpJson('metrics', Buffer.from(JSON.stringify(all))) as Buffer
}

/** Whether a message consists of whole fields. */
function isMessage(bytes: Uint8Array): boolean {
  const reader = new Reader(bytes)
  while (reader.next()) if (!reader.skip()) return false
  return reader.ok
}

describe('a request', () => {
  test('is the same again when its labels are known, and when they had to be forgotten', () => {
    const one = writer()
    const few = writer(3)
    const first = one.write(sound)
    expect(first.map(({ points }) => points)).toEqual([4, 0])
    const without = (pieces: { body: Buffer }[]) => Buffer.concat(pieces.map(({ body }) => body)).length
    // target_info stands in it for every new time alone.
    expect(without(one.write(sound))).toBeLessThan(without(first))
    expect(few.write(sound)[0]!.body).toEqual(first[0]!.body)
  })

  test('is in a later step when a series of it is in an earlier one, forgotten meanwhile or not', () => {
    const metric = (i: number, by: string) => ({
      name: 'g',
      gauge: {
        dataPoints: [
          {
            timeUnixNano,
            asDouble: 1,
            attributes: [{ key: `a${by}b`, value: { stringValue: `${i}${'x'.repeat(200)}` } }],
          },
        ],
      },
    })
    const metrics = (by: string) => Array.from({ length: 20 }, (_, i) => metric(i, by))
    // Both become a_b.
    const twice = { resourceMetrics: [{ scopeMetrics: [{ metrics: [...metrics('.'), ...metrics('-')] }] }] }
    const bytes = decodeOtlpJson('metrics', Buffer.from(JSON.stringify(twice))) as Buffer
    const steps = (maxKnown: number) =>
      writer(maxKnown, 2000)
        .write(bytes)
        .map(({ step }) => step)
    expect(steps(1000)).toEqual([0, 0, 1, 1, 2, 2])
    const forgetful = steps(10)
    expect(forgetful).toEqual(forgetful.toSorted((a, b) => a - b))
    expect(forgetful.at(-1)).toBeGreaterThan(0)
  })

  test('that ends a histogram ends all its lines, though it does not name them', () => {
    const point = (more: object) => ({ timeUnixNano, attributes, ...more })
    const one = writer()
    const request = (more: object) => {
      const histogram = { aggregationTemporality: 2, dataPoints: [point(more)] }
      const all = { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'h', histogram }] }] }] }
      return decodeOtlpJson('metrics', Buffer.from(JSON.stringify(all))) as Buffer
    }
    const bounded = { count: '3', sum: 1, bucketCounts: ['1', '2'], explicitBounds: [1] }
    const before = one.write(request(bounded))[0]!.body
    expect(one.write(request({ flags: 1 }))[0]!.body.length).toBe(before.length)
  })

  test('does not mix up a label of a point with the one that buckets have', () => {
    expect(writer().write(sound)[0]!.body.toString('latin1')).toContain('exported_le')
  })

  test.each([
    ['with more in buckets than its count', { count: '3', zeroCount: '1' }, 0],
    ['with less in buckets than its count', { count: '5', zeroCount: '1' }, 0],
    ['that saw numbers that are none', { count: '5', zeroCount: '1', sum: 'NaN' }, 1],
    ['that counts more than can be', { count: '18446744073709551615', sum: 'NaN' }, 0],
    ['that ends', { count: '5', flags: 1 }, 1],
    ['that adds up', { count: '4', zeroCount: '1' }, 1],
  ])('has an exponential histogram %s, or not: the receiver would refuse the rest with it', (_name, more, points) => {
    const one = writer()
    const pieces = one.write(exponential(more))
    expect(pieces.reduce((sum, piece) => sum + piece.points, 0)).toBe(points)
    expect([one.lost, one.why]).toEqual(
      points === 1 ? [0, ''] : [1, expect.stringMatching(/more than 2\^63|more or less than its count/)],
    )
  })

  test('that ends an exponential histogram has no buckets of it', () => {
    const ends = (more: object) => writer().write(exponential({ ...more, flags: 1 }))[0]!.body
    expect(ends({})).toEqual(ends({ positive: {}, negative: {} }))
  })

  test('of any bytes, or of bytes that broke on the way, is sound or empty', () => {
    const shared = writer()
    const broken = fc.array(fc.record({ at: fc.nat(sound.length - 1), to: fc.nat(255) }), { maxLength: 12 })
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)),
      broken.map((changes) => {
        const copy = Buffer.from(sound)
        for (const { at, to } of changes) copy[at] = to
        return copy
      }),
    )
    fc.assert(
      fc.property(bytes, (input) => {
        for (const { body } of shared.write(input)) expect(isMessage(body)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })
})
