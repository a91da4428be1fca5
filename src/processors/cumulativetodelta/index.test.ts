import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { faults, processorOf } from '../../ottl/testing/run.ts'
import { at, entries, fixed64, metricRequest, type Plain, resource } from '../../ottl/testing/samples.ts'
import { double, field, int, type Part, varint } from '../../telemetry/testing/encode.ts'
import { fieldsOf } from '../../telemetry/testing/strict-decoder.ts'
import toDelta from './index.ts'

/** The wall clock of the test host. */
const madeNs = 1_700_000_000_000_000_000n
const second = 1_000_000_000n

interface PointParts {
  value?: bigint | number
  start?: bigint
  time?: bigint
  attributes?: Record<string, Plain>
  flags?: number
}
const times = ({ start = madeNs + second, time = madeNs + 2n * second }: PointParts) => [
  fixed64(2, start),
  fixed64(3, time),
]
const point = (parts: PointParts): Part => [
  ...times(parts),
  typeof parts.value === 'number' ? double(4, parts.value) : fixed64(6, BigInt.asUintN(64, parts.value ?? 0n)),
  entries(7, parts.attributes ?? {}),
  ...(parts.flags === undefined ? [] : [int(8, parts.flags)]),
]
interface SumParts {
  name?: string
  temporality?: number
  monotonic?: boolean
}
const sum = ({ name = 'm', temporality = 2, monotonic = true }: SumParts, ...points: PointParts[]): Part => [
  field(1, name),
  field(7, [...points.map((each) => field(1, point(each))), int(2, temporality), ...(monotonic ? [int(3, 1)] : [])]),
]

const start = (config: object = { initial_value: 'keep' }) => processorOf(toDelta, config, 'metrics')
type Started = ReturnType<typeof start>

const all = (body: Buffer, number: number) =>
  fieldsOf(body)
    .filter((each) => each.field === number)
    .map((each) => each.value as Buffer)
const last = (body: Buffer, number: number) => fieldsOf(body).findLast((each) => each.field === number)?.value
const u64 = (body: Buffer, number: number) => (last(body, number) as Buffer | undefined)?.readBigUInt64LE()

/** Values of all points of sums, and seconds since the test host was made at which they start. */
function valuesOf(bytes: Buffer | undefined): [value: bigint | number, start: bigint][] {
  if (!bytes) return []
  return all(bytes, 1)
    .flatMap((each) => all(each, 2))
    .flatMap((scope) => all(scope, 2))
    .flatMap((metric) => all(metric, 7))
    .flatMap((data) => all(data, 1))
    .map((body) => {
      const asInt = last(body, 6) as Buffer | undefined
      const value = asInt ? asInt.readBigInt64LE() : (last(body, 4) as Buffer).readDoubleLE()
      return [value, (u64(body, 2)! - madeNs) / second]
    })
}
const temporalityOf = (bytes: Buffer) => last(at(bytes, 1, 2, 2, 7), 2)

/** Hands over one sum with these points, a second after the one before; answers their values. */
function next(processor: Started, ...values: (bigint | number | PointParts)[]) {
  processor.clock.advance(1000)
  const time = madeNs + BigInt(processor.clock.monotonic()) * 1_000_000n + second
  const points = values.map((each) => ({ time, ...(typeof each === 'object' ? each : { value: each }) }))
  return valuesOf(processor.run(metricRequest(sum({}, ...points)))?.bytes())
}

describe('a sum', () => {
  test('says what came since the point before it, and when that was', () => {
    const processor = start()
    expect(next(processor, 5n)).toEqual([[5n, 1n]])
    expect(next(processor, 7n)).toEqual([[2n, 2n]])
    expect(next(processor, 7n)).toEqual([[0n, 3n]])
    expect(next(processor, 2n ** 62n)).toEqual([[2n ** 62n - 7n, 4n]])
  })

  test('of doubles as well', () => {
    const processor = start()
    expect(next(processor, 0.5)).toEqual([[0.5, 1n]])
    expect(next(processor, 2)).toEqual([[1.5, 2n]])
  })

  test('that began anew says what it has counted since', () => {
    const processor = start()
    next(processor, 10n)
    expect(next(processor, 3n)).toEqual([[3n, 2n]])
    expect(next(processor, 4n)).toEqual([[1n, 3n]])
    expect(next(processor, 0.5)).toEqual([[0.5, 1n]])
    expect(processor.metric('resets_total')).toBe(1)
  })

  test('with another start is another stream', () => {
    const processor = start({})
    next(processor, { value: 10n, start: madeNs - second })
    expect(next(processor, { value: 3n, start: madeNs + second })).toEqual([[3n, 1n]])
    expect(next(processor, { value: 12n, start: madeNs - second })).toEqual([[2n, 2n]])
  })

  test('that comes late is not passed on, and changes nothing', () => {
    const processor = start()
    next(processor, 10n)
    next(processor, 20n)
    expect(next(processor, { value: 5n, time: madeNs + second })).toEqual([])
    expect(next(processor, 25n)).toEqual([[5n, 3n]])
    expect(processor.account.dropped('not_representable')).toBe(1)
  })

  test('is told from others by attributes in any order', () => {
    const processor = start()
    const [a, b] = [
      { one: 1n, two: 'x', six: true },
      { six: true, one: 1n, two: 'x' },
    ]
    next(processor, { value: 1n, attributes: a }, { value: 10n, attributes: { one: 2n } })
    expect(next(processor, { value: 13n, attributes: { one: 2n } }, { value: 2n, attributes: b })).toEqual([
      [3n, 2n],
      [1n, 2n],
    ])
  })

  test('keeps everything else as it was', () => {
    const processor = start()
    const parts = { attributes: { k: 'v' }, time: madeNs + 9n * second }
    const before = metricRequest(
      sum({ name: 'other', monotonic: false }, { value: 1n }),
      sum({}, { value: 5n, ...parts }),
    )
    const first = processor.run(before)!.bytes()
    const data = [field(1, point({ value: 5n, ...parts })), int(2, 1), int(3, 1)]
    const own = [field(1, 'm'), field(7, data)]
    expect(first).toEqual(metricRequest(sum({ name: 'other', monotonic: false }, { value: 1n }), own))
  })

  test.each<[string, Part]>([
    ['a delta', sum({ temporality: 1 }, { value: 1n })],
    ['one that can fall', sum({ monotonic: false }, { value: 1n })],
    ['a gauge', [field(1, 'm'), field(5, field(1, point({ value: 1n })))]],
    ['a summary', [field(1, 'm'), field(11, field(1, [fixed64(3, 5n), fixed64(4, 5n)]))]],
  ])('that is %s stays as it is', (_, metric) => {
    const processor = start()
    const input = metricRequest(metric)
    expect(processor.run(input)!.bytes()).toEqual(input)
    expect(processor.run(input)!.bytes()).toEqual(input)
    expect(processor.metric('streams')).toBe(0)
  })

  test('without a recorded value is not passed on', () => {
    const processor = start()
    expect(next(processor, { value: 1n, flags: 1 })).toEqual([])
    expect(processor.account.dropped('not_representable')).toBe(1)
  })

  test('that is not a number passes, and changes nothing', () => {
    const processor = start()
    next(processor, 1)
    expect(next(processor, Number.NaN)).toEqual([[Number.NaN, 1n]])
    expect(next(processor, 3)).toEqual([[2, 2n]])
  })
})

describe('the first point of a stream', () => {
  const [before, after] = [madeNs - second, madeNs + second]
  test.each<[string, PointParts, boolean]>([
    ['keep', { start: before }, true],
    ['drop', { start: after }, false],
    ['auto', { start: after }, true],
    ['auto', { start: madeNs }, true],
    ['auto', { start: before }, false],
    ['auto', { start: 0n }, false],
    ['auto', { start: after, time: after }, false],
  ])('with initial_value %s, %o: passes %s', (initial, parts, passes) => {
    const processor = start({ initial_value: initial })
    expect(next(processor, { value: 5n, ...parts }).map(([value]) => value)).toEqual(passes ? [5n] : [])
    expect(processor.account.consumed).toBe(passes ? 0 : 1)
    expect(next(processor, { value: 8n, start: parts.start! }).map(([value]) => value)).toEqual([3n])
  })
})

describe('streams', () => {
  const of = (n: number, value = 1n) => ({ value, attributes: { n: BigInt(n) } })

  test('are forgotten when nothing came for max_staleness', () => {
    const processor = start({ initial_value: 'drop', max_staleness: '10s' })
    next(processor, of(1), of(2))
    for (let i = 0; i < 25; i++) next(processor, of(2))
    expect(processor.metric('streams')).toBe(1)
    expect(processor.metric('expired_streams_total')).toBe(1)
    expect(next(processor, of(1, 5n), of(2, 5n))).toHaveLength(1)
  })

  test('are at most max_streams: points of others are dropped, and those that are known go on', () => {
    const processor = start({ initial_value: 'drop', max_streams: 2 })
    next(processor, of(1), of(2), of(3))
    expect(processor.account.dropped('series_limit')).toBe(1)
    expect(next(processor, of(1, 3n), of(2, 4n), of(3, 5n)).map(([value]) => value)).toEqual([2n, 3n])
    expect(processor.account.dropped('series_limit')).toBe(2)
    expect(processor.metric('streams')).toBe(2)
  })

  test('of which nothing came for an hour make room', () => {
    const processor = start({ initial_value: 'keep', max_streams: 2 })
    next(processor, of(1), of(2))
    processor.clock.advance(3_700_000)
    expect(next(processor, of(3))).toHaveLength(1)
    expect(processor.metric('streams')).toBe(1)
  })

  test('differ by resource, scope, name and unit', () => {
    const processor = start({ initial_value: 'drop' })
    const data = field(7, [field(1, point({ value: 1n })), int(2, 2), int(3, 1)])
    const metric = (name: string, unit: string) => field(2, [field(1, name), field(3, unit), data])
    const scoped = (name: string, ...metrics: Buffer[]) => field(2, [field(1, field(1, name)), ...metrics])
    const request = Buffer.concat([
      field(1, [
        resource({ a: '1' }),
        scoped('s', metric('m', 'By'), metric('m', 's'), metric('n', 's')),
        scoped('t', metric('m', 's')),
      ]),
      field(1, [resource({ a: '2' }), scoped('s', metric('m', 'By'))]),
      field(1, [scoped('s', metric('m', 'By'))]),
    ])
    expect(processor.run(request)).toBeUndefined()
    expect(processor.metric('streams')).toBe(6)
    expect(processor.run(request)!.count).toBe(6)
    expect(processor.metric('streams')).toBe(6)
  })
})

test.each<[object, string[]]>([
  [{}, ['a.b', 'a.c', 'x']],
  [{ include: { metrics: ['a.b'], match_type: 'strict' } }, ['a.b']],
  [{ include: { metrics: ['^a'], match_type: 'regexp' } }, ['a.b', 'a.c']],
  [
    { include: { metrics: ['^a'], match_type: 'regexp' }, exclude: { metrics: ['a.c'], match_type: 'strict' } },
    ['a.b'],
  ],
  [{ exclude: { metrics: ['a', 'b'], match_type: 'regexp' } }, ['x']],
  [{ include: { metric_types: ['histogram'] } }, []],
  [{ include: { metric_types: ['sum'] } }, ['a.b', 'a.c', 'x']],
  [{ exclude: { metric_types: ['sum'] } }, []],
])('%j converts %j', (config, expected) => {
  const processor = start({ initial_value: 'drop', ...config })
  const names = ['a.b', 'a.c', 'x']
  const out = processor.run(metricRequest(...names.map((name) => sum({ name }, { value: 1n }))))
  const left = out ? all(at(out.bytes(), 1, 2), 2).map((metric) => at(metric, 1).toString()) : []
  expect(names.filter((name) => !left.includes(name))).toEqual(expected)
  if (out) expect(temporalityOf(out.bytes())).toBe(2n)
})

interface HistogramParts extends PointParts {
  counts: number[]
  bounds?: number[]
  sum?: number
  min?: number
}
const packed = (number: number, values: Buffer[]) => field(number, Buffer.concat(values))
const fixed = (value: number) => fixed64(1, BigInt(value)).subarray(1)
const real = (value: number) => double(1, value).subarray(1)
const histogram = (parts: HistogramParts): Part => [
  field(1, 'h'),
  field(9, [
    field(1, [
      ...times(parts),
      fixed64(4, BigInt(parts.counts.reduce((a, b) => a + b, 0))),
      ...(parts.sum === undefined ? [] : [double(5, parts.sum)]),
      packed(6, parts.counts.map(fixed)),
      packed(7, (parts.bounds ?? parts.counts.slice(1).map((_, i) => i)).map(real)),
      ...(parts.min === undefined ? [] : [double(11, parts.min), double(12, parts.min)]),
    ]),
    int(2, 2),
  ]),
]
function nextHistogram(processor: Started, parts: HistogramParts) {
  processor.clock.advance(1000)
  const time = madeNs + BigInt(processor.clock.monotonic()) * 1_000_000n + second
  const out = processor.run(metricRequest(histogram({ time, ...parts })))
  if (!out) return undefined
  const body = at(out.bytes(), 1, 2, 2, 9, 1)
  expect(last(at(out.bytes(), 1, 2, 2, 9), 2)).toBe(1n)
  const counts = at(body, 6)
  return {
    start: (u64(body, 2)! - madeNs) / second,
    count: Number(u64(body, 4)),
    sum: (last(body, 5) as Buffer | undefined)?.readDoubleLE(),
    counts: Array.from({ length: counts.length / 8 }, (_, i) => Number(counts.readBigUInt64LE(i * 8))),
    hasMin: last(body, 11) !== undefined || last(body, 12) !== undefined,
  }
}

test('what is kept of buckets, names and resources is charged, and given back at the end', async () => {
  const processor = start()
  const { budget } = processor
  const counts = Array<number>(1000).fill(0)
  nextHistogram(processor, { counts: counts.slice(0, 10) })
  const little = budget.used
  nextHistogram(processor, { counts })
  expect(budget.used - little).toBe(990 * 2 * 8)
  processor.run(
    Buffer.concat([field(1, [resource({ a: 'x'.repeat(5000) }), field(2, field(2, sum({}, { value: 1n })))])]),
  )
  expect(budget.used - little).toBeGreaterThan(990 * 16 + 5000)
  await (processor.made as unknown as { stop(): Promise<void> }).stop()
  expect(budget.used).toBe(0)
})

test('buckets that there is no memory for are not kept', () => {
  const processor = processorOf(toDelta, { initial_value: 'keep' }, 'metrics', 100_000)
  const counts = Array<number>(10_000).fill(0)
  expect(nextHistogram(processor, { counts })).toBeUndefined()
  expect(processor.account.dropped('memory')).toBe(1)
  expect(nextHistogram(processor, { counts: [1] })).toBeDefined()
})

describe('a histogram', () => {
  test('says what came since the point before it, without its least and most', () => {
    const processor = start()
    const first = { start: 1n, count: 3, sum: 4.5, counts: [1, 2], hasMin: true }
    expect(nextHistogram(processor, { counts: [1, 2], sum: 4.5, min: 1 })).toEqual(first)
    const second = { start: 2n, count: 4, sum: 1.5, counts: [0, 4], hasMin: false }
    expect(nextHistogram(processor, { counts: [1, 6], sum: 6, min: 1 })).toEqual(second)
    expect(nextHistogram(processor, { counts: [1, 6] })).toMatchObject({ count: 0, sum: undefined, counts: [0, 0] })
  })

  test.each<[string, HistogramParts]>([
    ['its count', { counts: [1, 1], sum: 2 }],
    ['a bucket', { counts: [9, 0], sum: 2 }],
  ])('that began anew says all it has: %s fell', (_, parts) => {
    const processor = start()
    nextHistogram(processor, { counts: [1, 2], sum: 4.5, min: 1 })
    const reset = nextHistogram(processor, { ...parts, min: 1 })
    expect(reset).toEqual({
      start: 2n,
      count: parts.counts[0]! + parts.counts[1]!,
      sum: 2,
      counts: parts.counts,
      hasMin: false,
    })
    expect(processor.metric('resets_total')).toBe(1)
  })

  test('with other buckets than before is not passed on, and what follows is', () => {
    const processor = start()
    nextHistogram(processor, { counts: [1, 2], bounds: [5] })
    expect(nextHistogram(processor, { counts: [1, 3], bounds: [6] })).toBeUndefined()
    expect(nextHistogram(processor, { counts: [1, 4], bounds: [6] })).toMatchObject({ counts: [0, 1], start: 3n })
    expect(nextHistogram(processor, { counts: [1, 4, 1], bounds: [6, 7] })).toBeUndefined()
    expect(processor.account.dropped('not_representable')).toBe(2)
  })

  test('whose sum is not a number keeps that, and the next delta is counted from the last one that was', () => {
    const processor = start()
    nextHistogram(processor, { counts: [1], sum: 2 })
    expect(nextHistogram(processor, { counts: [2], sum: Number.NaN })).toMatchObject({ count: 1, sum: Number.NaN })
    expect(nextHistogram(processor, { counts: [3], sum: 7 })).toMatchObject({ count: 1, sum: 5 })
  })
})

interface Exponential {
  scale: number
  zero?: number
  threshold?: number
  /** Bucket by number, and how often. */
  positive?: Record<number, number>
  negative?: Record<number, number>
}
const zigzag = (value: number) => (value << 1) ^ (value >> 31)
function buckets(number: number, counts: Record<number, number> = {}): Part {
  const indexes = Object.keys(counts).map(Number)
  if (indexes.length === 0) return []
  const offset = Math.min(...indexes)
  const list = Array.from({ length: Math.max(...indexes) - offset + 1 }, (_, i) => counts[offset + i] ?? 0)
  return field(number, [int(1, zigzag(offset) >>> 0), packed(2, list.map(varint))])
}
const countOf = (counts: Record<number, number> = {}) => Object.values(counts).reduce((a, b) => a + b, 0)
function nextExponential(processor: Started, parts: Exponential) {
  processor.clock.advance(1000)
  const time = madeNs + BigInt(processor.clock.monotonic()) * 1_000_000n + second
  const { scale, zero = 0, threshold = 0, positive, negative } = parts
  const body = [
    ...times({ time }),
    fixed64(4, BigInt(zero + countOf(positive) + countOf(negative))),
    double(5, 1),
    int(6, zigzag(scale) >>> 0),
    fixed64(7, BigInt(zero)),
    buckets(8, positive),
    buckets(9, negative),
    double(12, 1),
    double(13, 1),
    double(14, threshold),
  ]
  const out = processor.run(metricRequest([field(1, 'e'), field(10, [field(1, body), int(2, 2)])]))!
  const data = at(out.bytes(), 1, 2, 2, 10)
  expect(last(data, 2)).toBe(1n)
  const left = at(data, 1)
  return {
    count: Number(u64(left, 4)),
    sum: (last(left, 5) as Buffer).readDoubleLE(),
    zero: Number(u64(left, 7)),
    positive: bucketsOf(at(left, 8)),
    negative: bucketsOf(at(left, 9)),
    hasMin: last(left, 12) !== undefined || last(left, 13) !== undefined,
  }
}
function bucketsOf(body: Buffer): Record<number, number> {
  const raw = Number((last(body, 1) as bigint | undefined) ?? 0n)
  const offset = (raw >>> 1) ^ -(raw & 1)
  const counts: Record<number, number> = {}
  let index = offset
  const bytes = at(body, 2)
  for (let pos = 0; pos < bytes.length; index++) {
    let value = 0
    let shift = 0
    for (; bytes[pos]! >= 0x80; pos++, shift += 7) value += (bytes[pos]! & 0x7f) * 2 ** shift
    value += bytes[pos++]! * 2 ** shift
    if (value > 0) counts[index] = value
  }
  return counts
}

describe('an exponential histogram', () => {
  test('says what came since the point before it', () => {
    const processor = start()
    nextExponential(processor, { scale: 1, zero: 1, positive: { [-3]: 2, 5: 300 }, negative: { 0: 1 } })
    expect(
      nextExponential(processor, {
        scale: 1,
        zero: 3,
        positive: { [-3]: 2, [-2]: 1, 5: 500, 7: 1 },
        negative: { 0: 2 },
      }),
    ).toEqual({ count: 205, sum: 0, zero: 2, positive: { [-2]: 1, 5: 200, 7: 1 }, negative: { 0: 1 }, hasMin: false })
  })

  test('with a lower scale than before is compared in that', () => {
    const processor = start()
    nextExponential(processor, { scale: 2, positive: { [-1]: 1, 0: 1, 3: 1, 4: 2 } })
    expect(nextExponential(processor, { scale: 1, positive: { [-1]: 1, 0: 2, 1: 3, 2: 2 } })).toMatchObject({
      positive: { 0: 1, 1: 2 },
    })
  })

  test('with a wider zero bucket than before counts what fell into it as there', () => {
    const processor = start()
    nextExponential(processor, { scale: 0, zero: 1, positive: { [-2]: 2, 1: 1, 2: 1 }, negative: { 0: 1 } })
    // Up to 4: the buckets from 1/4, from 2 (exclusive) to 4, and the negative one from 1 to 2.
    expect(nextExponential(processor, { scale: 0, zero: 6, threshold: 4, positive: { 2: 3 } })).toMatchObject({
      zero: 1,
      positive: { 2: 2 },
      negative: {},
    })
  })

  test.each<[string, Exponential]>([
    ['its count fell', { scale: 1, positive: { 1: 1 } }],
    ['a bucket fell', { scale: 1, positive: { 0: 9 } }],
    ['its scale grew', { scale: 2, positive: { 0: 9, 1: 9 } }],
    ['its zero bucket shrank', { scale: 1, threshold: 0.25, positive: { 0: 9, 1: 9 } }],
  ])('that began anew says all it has: %s', (_, parts) => {
    const processor = start()
    nextExponential(processor, { scale: 1, threshold: 0.5, positive: { 0: 1, 1: 2 } })
    expect(nextExponential(processor, { threshold: 0.5, ...parts })).toMatchObject({
      count: countOf(parts.positive),
      positive: parts.positive,
    })
    expect(processor.metric('resets_total')).toBe(1)
  })

  test('gives what was observed in between, at whatever scale it comes', () => {
    const step = fc.record({
      observed: fc.array(fc.integer({ min: -40, max: 40 }), { maxLength: 12 }),
      coarser: fc.integer({ min: 0, max: 2 }),
    })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
        const processor = start()
        const finest = 8
        let scale = finest
        const seen: number[] = []
        const at = (values: readonly number[]) => {
          const counts: Record<number, number> = {}
          for (const value of values) {
            const bucket = value >> (finest - scale)
            counts[bucket] = (counts[bucket] ?? 0) + 1
          }
          return counts
        }
        for (const { observed, coarser } of steps) {
          scale -= coarser
          seen.push(...observed)
          const delta = nextExponential(processor, { scale, positive: at(seen), negative: at(seen) })
          expect(delta.positive).toEqual(at(observed))
          expect(delta.negative).toEqual(at(observed))
          expect(delta.count).toBe(observed.length * 2)
        }
        expect(processor.metric('resets_total')).toBe(0)
      }),
    )
  })
})

test('deltas add up to what the counter shows, whatever comes in between', () => {
  const step = fc.record({ n: fc.nat(2), by: fc.nat(1000), resets: fc.boolean(), asDouble: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
      const processor = start()
      const totals = new Map<string, number>()
      const counted = new Map<string, number>()
      const added = new Map<string, number>()
      for (const { n, by, resets, asDouble } of steps) {
        const key = `${n}${asDouble}`
        const total = (resets ? 0 : (totals.get(key) ?? 0)) + by
        // A counter that began anew and already is past where it was cannot be told from one that went on.
        const isSeen = resets && total < (totals.get(key) ?? 0)
        counted.set(key, (counted.get(key) ?? 0) + (isSeen || !totals.has(key) ? total : total - totals.get(key)!))
        totals.set(key, total)
        const value = asDouble ? total : BigInt(total)
        const [got] = next(processor, { value, attributes: { n: BigInt(n) } })
        added.set(key, (added.get(key) ?? 0) + Number(got![0]))
      }
      expect(added).toEqual(counted)
    }),
    { numRuns: 50 },
  )
})

test('bytes of any kind in a point never break it', () => {
  fc.assert(
    fc.property(fc.constantFrom(7, 9, 10), fc.uint8Array({ maxLength: 40 }), (data, bytes) => {
      const processor = start()
      const input = metricRequest([field(1, 'x'), field(data, [field(1, Buffer.from(bytes)), int(2, 2), int(3, 1)])])
      for (let i = 0; i < 2; i++) processor.run(input)?.bytes()
    }),
    { numRuns: 300 },
  )
})

test.each<[string, object, string]>([
  ['names without how to match', { include: { metrics: ['a'] } }, 'include.match_type: match_type must be set'],
  ['how to match without names', { exclude: { match_type: 'strict' } }, 'exclude.metrics: metrics must be supplied'],
  ['a pattern that is none', { include: { metrics: ['('], match_type: 'regexp' } }, 'include.metrics.0'],
  ['another type', { include: { metric_types: ['gauge'] } }, 'include.metric_types.0: expected one of'],
  ['another initial value', { initial_value: 'maybe' }, 'initial_value: expected one of'],
])('%s is named in the configuration', (_, config, message) => expect(faults(toDelta, config)).toContain(message))
