import { doubleField, fixedField, type Times, timeFields } from '../../wire/otlp/points.ts'
import type { BackwardWriter } from '../../wire/protobuf.ts'
import type { Distribution } from './distribution.ts'

/** Finest resolution: 2^20 buckets for each doubling. */
const finest = 20

/**
 * An OTLP exponential histogram: bucket `i` holds values in (base^i, base^(i+1)] with base 2^(2^-scale). It begins with the
 * finest scale and halves the resolution whenever more than `maxSize` buckets would be needed.
 */
export class ExponentialHistogram implements Distribution {
  readonly points = 1
  readonly lost = 0
  private readonly maxSize: number
  private scale = finest
  private positive: Map<number, number> = new Map()
  private negative: Map<number, number> = new Map()
  private zeros = 0
  private count = 0
  private sum = 0
  private min = 0
  private max = 0

  constructor(maxSize: number) {
    this.maxSize = maxSize
  }

  add(value: number, weight: number): void {
    const times = Math.max(1, Math.round(weight))
    this.min = this.count === 0 ? value : Math.min(this.min, value)
    this.max = this.count === 0 ? value : Math.max(this.max, value)
    this.count += times
    this.sum += value * times
    if (value === 0) this.zeros += times
    else this.bucket(value > 0 ? 'positive' : 'negative', Math.abs(value), times)
  }

  write(out: BackwardWriter, attributes: Uint8Array, times: Times): void {
    const end = out.length
    doubleField(out, 13, this.max)
    doubleField(out, 12, this.min)
    writeBuckets(out, 9, this.negative)
    writeBuckets(out, 8, this.positive)
    fixedField(out, 7, this.zeros)
    out.varint(zigzag(this.scale))
    out.tag(6, 0)
    doubleField(out, 5, this.sum)
    fixedField(out, 4, this.count)
    timeFields(out, times)
    out.raw(attributes)
    out.message(1, end)
  }

  clear(): void {
    this.positive.clear()
    this.negative.clear()
    this.scale = finest
    this.zeros = this.count = this.sum = this.min = this.max = 0
  }

  release(): void {}

  private bucket(side: 'positive' | 'negative', size: number, times: number): void {
    let index = Math.ceil(Math.log2(size) * 2 ** this.scale) - 1
    const shift = this.excess(this[side], index)
    if (shift > 0) {
      this.scale -= shift
      this.positive = coarser(this.positive, shift)
      this.negative = coarser(this.negative, shift)
      index >>= shift
    }
    this[side].set(index, (this[side].get(index) ?? 0) + times)
  }

  /** By how many halvings the buckets and this new one become few enough. */
  private excess(buckets: Map<number, number>, index: number): number {
    if (buckets.has(index)) return 0
    let { low, high } = extent(buckets, index)
    let shift = 0
    for (; high - low >= this.maxSize; shift++) {
      low >>= 1
      high >>= 1
    }
    return shift
  }
}

function extent(buckets: Map<number, number>, index: number): { low: number; high: number } {
  let low = index
  let high = index
  for (const each of buckets.keys()) {
    if (each < low) low = each
    if (each > high) high = each
  }
  return { low, high }
}

function coarser(buckets: Map<number, number>, shift: number): Map<number, number> {
  const next = new Map<number, number>()
  for (const [index, count] of buckets) next.set(index >> shift, (next.get(index >> shift) ?? 0) + count)
  return next
}

function writeBuckets(out: BackwardWriter, field: number, buckets: Map<number, number>): void {
  const first = buckets.keys().next()
  if (first.done) return
  const end = out.length
  const { low, high } = extent(buckets, first.value)
  const counts = out.length
  for (let index = high; index >= low; index--) out.varint(buckets.get(index) ?? 0)
  out.message(2, counts)
  out.varint(zigzag(low))
  out.tag(1, 0)
  out.message(field, end)
}

/** sint32 on the wire. */
const zigzag = (value: number) => ((value << 1) ^ (value >> 31)) >>> 0
