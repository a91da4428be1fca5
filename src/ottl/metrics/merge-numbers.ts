import type { Draft } from '../../telemetry/draft.ts'
import { doubleAt, putDouble, putEarliestStart, putFixed, signedAt } from './point-fields.ts'

/** What is made of the values of several points. */
export const aggregations = ['sum', 'max', 'min', 'mean', 'median', 'count'] as const
export type Aggregation = (typeof aggregations)[number]

const doubleField = 4
const integerField = 6

/** One point of several of a gauge or sum: the first with a value, whose type counts for all. */
export function mergedNumber(points: readonly Draft[], how: Aggregation): Draft {
  const valued = points.filter((point) => isDouble(point) || isInteger(point))
  const [first] = valued
  if (!first) return points[0]!
  if (isDouble(first)) putDouble(first, doubleField, ofDoubles(valued.map(doubleOf), how))
  else putFixed(first, integerField, BigInt.asIntN(64, ofIntegers(valued.map(integerOf), how)))
  putEarliestStart(first, points)
  return first
}

const isDouble = (point: Draft) => point.find(doubleField) >= 0
const isInteger = (point: Draft) => point.find(integerField) >= 0
const doubleOf = (point: Draft): number => doubleAt(point, doubleField) ?? Number(signedAt(point, integerField))

/** A double without its fraction; what is no number counts as 0. */
function integerOf(point: Draft): bigint {
  const double = doubleAt(point, doubleField)
  if (double === undefined) return signedAt(point, integerField)
  return Number.isFinite(double) ? BigInt(Math.trunc(double)) : 0n
}

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
