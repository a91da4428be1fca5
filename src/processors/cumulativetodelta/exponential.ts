import type { Buckets, Point } from './point.ts'

/** An exponential histogram as it was last seen. */
export interface Exponential {
  count: number
  sum: number
  scale: number
  zeroCount: number
  zeroThreshold: number
  positive: Buckets
  negative: Buckets
}

export const copyOfExponential = (point: Point): Exponential => ({
  count: point.count,
  sum: point.sum,
  scale: point.scale,
  zeroCount: point.zeroCount,
  zeroThreshold: point.zeroThreshold,
  positive: copyOf(point.positive),
  negative: copyOf(point.negative),
})

const copyOf = ({ offset, counts }: Buckets): Buckets => ({ offset, counts: counts.slice() })

/**
 * What came to `point` since `before`: the same buckets with smaller counts. Undefined when it is no continuation: counts
 * fell, or the scale grew, or the zero bucket shrank, which do not happen unless it began anew.
 */
export function exponentialDelta(point: Point, before: Exponential): Exponential | undefined {
  if (point.count < before.count || point.zeroThreshold < before.zeroThreshold || point.scale > before.scale) {
    return undefined
  }
  let { zeroCount } = before
  let { positive, negative } = before
  if (point.zeroThreshold > before.zeroThreshold) {
    const last = lastBelow(point.zeroThreshold, before.scale)
    zeroCount += countUpTo(positive, last) + countUpTo(negative, last)
    positive = without(positive, last)
    negative = without(negative, last)
  }
  const shift = before.scale - point.scale
  const positiveDelta = difference(point.positive, coarser(positive, shift))
  const negativeDelta = difference(point.negative, coarser(negative, shift))
  if (!positiveDelta || !negativeDelta || point.zeroCount < zeroCount) return undefined
  return {
    count: point.count - before.count,
    sum: point.sum - before.sum,
    scale: point.scale,
    zeroCount: point.zeroCount - zeroCount,
    zeroThreshold: point.zeroThreshold,
    positive: positiveDelta,
    negative: negativeDelta,
  }
}

/** The last bucket that lies in the zero bucket: those of a scale end at `2 ** ((i + 1) * 2 ** -scale)`. */
const lastBelow = (threshold: number, scale: number) => Math.ceil(Math.log2(threshold) * 2 ** scale) - 1

function countUpTo({ offset, counts }: Buckets, last: number): number {
  let sum = 0
  for (let i = 0; i < counts.length && offset + i <= last; i++) sum += counts[i]!
  return sum
}

function without({ offset, counts }: Buckets, last: number): Buckets {
  const cut = Math.max(0, Math.min(counts.length, last - offset + 1))
  return { offset: offset + cut, counts: counts.slice(cut) }
}

/** Each step of scale joins two buckets. */
function coarser(buckets: Buckets, shift: number): Buckets {
  const { offset, counts } = buckets
  if (shift === 0 || counts.length === 0) return buckets
  const unit = 2 ** shift
  const first = Math.floor(offset / unit)
  const joined = new Array<number>(Math.floor((offset + counts.length - 1) / unit) - first + 1).fill(0)
  for (let i = 0; i < counts.length; i++) joined[Math.floor((offset + i) / unit) - first]! += counts[i]!
  return { offset: first, counts: joined }
}

function difference({ offset, counts }: Buckets, before: Buckets): Buckets | undefined {
  const out = counts.slice()
  for (let i = 0; i < before.counts.length; i++) {
    const count = before.counts[i]!
    if (count === 0) continue
    const at = before.offset + i - offset
    if (at < 0 || at >= out.length || out[at]! < count) return undefined
    out[at]! -= count
  }
  return { offset, counts: out }
}
