import { doubleField, fixedField, type Times, timeFields, wholeFixed64 } from '../../wire/otlp/points.ts'
import type { BackwardWriter } from '../../wire/protobuf.ts'
import type { Distribution } from './distribution.ts'

/** An OTLP histogram with given bounds: a value belongs to the first bucket whose bound is not below it. */
export class ExplicitHistogram implements Distribution {
  readonly points = 1
  readonly lost = 0
  private readonly bounds: readonly number[]
  private readonly counts: Float64Array
  private count = 0
  private sum = 0
  private min = 0
  private max = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Float64Array(bounds.length + 1)
  }

  add(value: number, weight: number): void {
    const times = Math.max(1, Math.round(weight))
    let bucket = 0
    while (bucket < this.bounds.length && value > this.bounds[bucket]!) bucket++
    this.counts[bucket]! += times
    this.min = this.count === 0 ? value : Math.min(this.min, value)
    this.max = this.count === 0 ? value : Math.max(this.max, value)
    this.count += times
    this.sum += value * times
  }

  write(out: BackwardWriter, attributes: Uint8Array, times: Times): void {
    const end = out.length
    doubleField(out, 12, this.max)
    doubleField(out, 11, this.min)
    out.raw(attributes)
    const bounds = out.length
    for (let i = this.bounds.length - 1; i >= 0; i--) out.double(this.bounds[i]!)
    if (this.bounds.length > 0) out.message(7, bounds)
    const counts = out.length
    for (let i = this.counts.length - 1; i >= 0; i--) wholeFixed64(out, this.counts[i]!)
    out.message(6, counts)
    doubleField(out, 5, this.sum)
    fixedField(out, 4, this.count)
    timeFields(out, times)
    out.message(1, end)
  }

  clear(): void {
    this.counts.fill(0)
    this.count = this.sum = this.min = this.max = 0
  }

  release(): void {}
}
