import { double, field, int, type Part, varint } from '../../telemetry/testing/encode.ts'
import { fieldsOf } from '../../telemetry/testing/strict-decoder.ts'
import { at, entries, fixed64, type Plain, plainEntries } from './samples.ts'

/** Metrics of OTLP for tests, written and read the plain way. */
export interface PlainMetric {
  name: string
  description?: string
  unit?: string
  kind: 'gauge' | 'sum' | 'histogram' | 'exponential' | 'summary' | undefined
  temporality?: number
  monotonic?: boolean
  points: { [key: string]: Plain }[]
}

const kinds = { 5: 'gauge', 7: 'sum', 9: 'histogram', 10: 'exponential', 11: 'summary' } as const

/** The metrics of a request, scope after scope. */
export function metricsOf(request: Buffer): PlainMetric[] {
  const all = (bytes: Buffer, number: number) =>
    fieldsOf(bytes)
      .filter((each) => each.field === number)
      .map((each) => each.value as Buffer)
  return all(request, 1)
    .flatMap((resource) => all(resource, 2))
    .flatMap((scope) => all(scope, 2))
    .map(plainMetric)
}

function plainMetric(metric: Buffer): PlainMetric {
  const data = fieldsOf(metric).findLast((each) => each.field in kinds)
  const number = data?.field as keyof typeof kinds | undefined
  const body = (data?.value ?? Buffer.alloc(0)) as Buffer
  const inner = fieldsOf(body)
  const value = (of: number) => inner.findLast((each) => each.field === of)?.value as bigint | undefined
  const texts = { description: String(at(metric, 2)), unit: String(at(metric, 3)) }
  return {
    name: String(at(metric, 1)),
    ...(texts.description !== '' && { description: texts.description }),
    ...(texts.unit !== '' && { unit: texts.unit }),
    kind: number && kinds[number],
    ...(value(2) !== undefined && { temporality: Number(value(2)) }),
    ...(value(3) !== undefined && { monotonic: value(3) === 1n }),
    points: inner.filter((each) => each.field === 1).map((each) => plainPoint(each.value as Buffer, number ?? 0)),
  }
}

/** Field names of points, by kind; those that are not here stand under their number. */
const names: Readonly<Record<number, Readonly<Record<number, string>>>> = {
  5: { 2: 'start', 3: 'time', 4: 'double', 6: 'int', 8: 'flags' },
  7: { 2: 'start', 3: 'time', 4: 'double', 6: 'int', 8: 'flags' },
  9: { 2: 'start', 3: 'time', 4: 'count', 5: 'sum', 6: 'counts', 7: 'bounds', 10: 'flags', 11: 'min', 12: 'max' },
  10: { 2: 'start', 3: 'time', 4: 'count', 5: 'sum', 6: 'scale', 7: 'zero', 10: 'flags', 12: 'min', 13: 'max' },
  11: { 2: 'start', 3: 'time', 4: 'count', 5: 'sum', 8: 'flags' },
}
const doubles = ['double', 'sum', 'min', 'max']

function plainPoint(point: Buffer, kind: number): { [key: string]: Plain } {
  const attributes = kind === 10 ? 1 : kind === 9 ? 9 : 7
  const out: { [key: string]: Plain } = { ...plainEntries(point, attributes) }
  for (const { field: number, value } of fieldsOf(point)) {
    if (number === attributes) continue
    const name = names[kind]?.[number] ?? String(number)
    if (name === 'counts') out[name] = packed(value as Buffer, (body, at) => Number(body.readBigUInt64LE(at)))
    else if (name === 'bounds') out[name] = packed(value as Buffer, (body, at) => body.readDoubleLE(at))
    else if (typeof value === 'bigint') out[name] = value
    else if (doubles.includes(name)) out[name] = value.readDoubleLE()
    else out[name] = value.length === 8 ? value.readBigInt64LE() : value
  }
  return out
}

const packed = (body: Buffer, read: (body: Buffer, at: number) => number): number[] =>
  Array.from({ length: body.length / 8 }, (_, i) => read(body, i * 8))

const sfixed64 = (number: number, value: bigint) => fixed64(number, BigInt.asUintN(64, value))

/** A point of a gauge or sum: a bigint is an integer. */
export const numberPoint = (value: number | bigint, attributes: Record<string, Plain> = {}, time = 7n, start = 1n) =>
  field(1, [
    fixed64(2, start),
    fixed64(3, time),
    typeof value === 'bigint' ? sfixed64(6, value) : double(4, value),
    entries(7, attributes),
  ])

const doublesOf = (number: number, values: readonly number[]) => {
  const body = Buffer.alloc(values.length * 8)
  values.forEach((value, i) => void body.writeDoubleLE(value, i * 8))
  return field(number, body)
}
const fixeds = (number: number, values: readonly number[]) => {
  const body = Buffer.alloc(values.length * 8)
  values.forEach((value, i) => void body.writeBigUInt64LE(BigInt(value), i * 8))
  return field(number, body)
}

/** A point of a histogram. */
export const histogramPoint = (
  { counts, bounds, sum, more = [] }: { counts: number[]; bounds: number[]; sum?: number; more?: Part[] },
  attributes: Record<string, Plain> = {},
) =>
  field(1, [
    fixed64(2, 1n),
    fixed64(3, 7n),
    fixed64(4, BigInt(counts.reduce((all, each) => all + each, 0))),
    sum === undefined ? [] : double(5, sum),
    fixeds(6, counts),
    doublesOf(7, bounds),
    ...more,
    entries(9, attributes),
  ])

export const summaryPoint = (count: bigint, sum: number, attributes: Record<string, Plain> = {}) =>
  field(1, [
    fixed64(2, 1n),
    fixed64(3, 7n),
    fixed64(4, count),
    sum === 0 ? [] : double(5, sum),
    field(6, [double(1, 0.5), double(2, 3)]),
    entries(7, attributes),
  ])

export const gauge = (name: string, ...points: Part[]) => [
  field(1, name),
  field(2, 'about'),
  field(3, 'ms'),
  field(5, points),
]
export const sum = (name: string, temporality: number, monotonic: boolean, ...points: Part[]) => [
  field(1, name),
  field(3, 'ms'),
  field(7, [...points, int(2, temporality), int(3, monotonic ? 1 : 0)]),
]
export const histogram = (name: string, temporality: number, ...points: Part[]) => [
  field(1, name),
  field(2, 'about'),
  field(3, 'ms'),
  field(9, [...points, int(2, temporality)]),
]
export const summary = (name: string, ...points: Part[]) => [field(1, name), field(3, 'ms'), field(11, points)]

/** A bucket list of an exponential histogram: counts from bucket `offset` on. */
const buckets = (number: number, offset: number, counts: readonly number[]) =>
  field(number, [
    int(1, offset < 0 ? -2 * offset - 1 : 2 * offset),
    field(
      2,
      counts.map((count) => varint(count)),
    ),
  ])

/** A point of an exponential histogram. */
export const exponentialPoint = (
  { scale, zeros = 0, positive, negative, more = [] }: ExponentialParts,
  attributes: Record<string, Plain> = {},
) => {
  const all = [...positive.counts, ...(negative?.counts ?? [])].reduce((sum, each) => sum + each, zeros)
  return field(1, [
    entries(1, attributes),
    fixed64(2, 1n),
    fixed64(3, 7n),
    fixed64(4, BigInt(all)),
    double(5, all * 2),
    int(6, scale < 0 ? -2 * scale - 1 : 2 * scale),
    fixed64(7, BigInt(zeros)),
    buckets(8, positive.offset, positive.counts),
    negative ? buckets(9, negative.offset, negative.counts) : [],
    ...more,
  ])
}

interface ExponentialParts {
  scale: number
  zeros?: number
  positive: { offset: number; counts: number[] }
  negative?: { offset: number; counts: number[] }
  more?: Part[]
}

export const exponential = (name: string, temporality: number, ...points: Part[]) => [
  field(1, name),
  field(3, 'ms'),
  field(10, [...points, int(2, temporality)]),
]
