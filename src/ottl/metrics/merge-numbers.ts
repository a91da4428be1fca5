import { Draft } from '../../telemetry/draft.ts'
import { doubleAt, fixedAt, putDouble, putFixed, signedAt } from './point-fields.ts'

/** What is made of the values of several points. */
export const aggregations = ['sum', 'max', 'min', 'mean', 'median', 'count'] as const
export type Aggregation = (typeof aggregations)[number]

const doubleField = 4
const integerField = 6

/** One point of several of a gauge or sum: the first with a value, whose type counts for all. */
export function mergedNumber(points: readonly Uint8Array[], how: Aggregation): Draft {
  const [first, point] = [new Draft(), new Draft()]
  const doubles: number[] = []
  const integers: bigint[] = []
  let start: bigint | undefined
  for (const body of points) {
    point.load(body, 0, body.length, 0)
    if (start === undefined || fixedAt(point, 2) < start) start = fixedAt(point, 2)
    const isDouble = point.find(doubleField) >= 0
    if (!isDouble && point.find(integerField) < 0) continue
    if (doubles.length === 0 && integers.length === 0) first.load(body, 0, body.length, 0)
    if (first.find(doubleField) >= 0) doubles.push(isDouble ? doubleOf(point) : Number(signedAt(point, integerField)))
    else integers.push(isDouble ? integerOf(doubleOf(point)) : signedAt(point, integerField))
  }
  if (doubles.length > 0) putDouble(first, doubleField, ofDoubles(doubles, how))
  else if (integers.length > 0) putFixed(first, integerField, BigInt.asIntN(64, ofIntegers(integers, how)))
  else first.load(points[0]!, 0, points[0]!.length, 0)
  if (start !== fixedAt(first, 2)) putFixed(first, 2, start!)
  return first
}

const doubleOf = (point: Draft): number => doubleAt(point, doubleField) ?? 0
/** A double without its fraction; what is no number counts as 0. */
const integerOf = (double: number): bigint => (Number.isFinite(double) ? BigInt(Math.trunc(double)) : 0n)

function ofDoubles(values: number[], how: Aggregation): number {
  const { length } = values
  const sum = () => values.reduce((all, each) => all + each, 0)
  switch (how) {
    case 'sum':
      return sum()
    case 'mean':
      return sum() / length
    case 'count':
      return length
    case 'max':
      return values.reduce((most, each) => Math.max(most, each))
    case 'min':
      return values.reduce((least, each) => Math.min(least, each))
    case 'median': {
      const sorted = values.sort((a, b) => a - b)
      const middle = length >> 1
      return length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
    }
  }
}

function ofIntegers(values: bigint[], how: Aggregation): bigint {
  const { length } = values
  const sum = () => values.reduce((all, each) => all + each, 0n)
  switch (how) {
    case 'sum':
      return sum()
    case 'mean':
      return sum() / BigInt(length)
    case 'count':
      return BigInt(length)
    case 'max':
      return values.reduce((most, each) => (each > most ? each : most))
    case 'min':
      return values.reduce((least, each) => (each < least ? each : least))
    case 'median': {
      const sorted = values.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
      const middle = length >> 1
      return length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2n
    }
  }
}
