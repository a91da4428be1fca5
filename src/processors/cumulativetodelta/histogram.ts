import type { Point } from './point.ts'

/** A histogram as it was last seen. */
export interface Histogram {
  count: number
  sum: number
  counts: readonly number[]
  bounds: readonly number[]
}

export const copyOfHistogram = ({ count, sum, counts, bounds }: Point): Histogram => ({
  count,
  sum,
  counts: counts.slice(),
  bounds: bounds.slice(),
})

/** Whether both have the same buckets. */
export const sameBuckets = (point: Point, before: Histogram): boolean =>
  same(point.bounds, before.bounds) && point.counts.length === before.counts.length

function same(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** What came to `point` since `before`, with the same buckets; undefined when a count fell: it began anew. */
export function histogramDelta(point: Point, before: Histogram): Histogram | undefined {
  if (point.count < before.count) return undefined
  const counts = point.counts.slice()
  for (let i = 0; i < counts.length; i++) {
    counts[i]! -= before.counts[i]!
    if (counts[i]! < 0) return undefined
  }
  return { count: point.count - before.count, sum: point.sum - before.sum, counts, bounds: point.bounds }
}
