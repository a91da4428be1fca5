import type { Budget } from '../../delivery/budget.ts'
import { doubleField, fixedField, numberPoint, type Times, timeFields } from '../../wire/otlp/points.ts'
import type { BackwardWriter } from '../../wire/protobuf.ts'
import type { Distribution } from './distribution.ts'

const firstRoom = 8
/** Most values that one series keeps; from then on they are a random sample of all (Vitter's algorithm R). */
const mostValues = 4096
/** A value and its weight. */
const bytesPerValue = 16

/** Values with weights, bounded per series and by the memory budget. */
class Samples {
  values = new Float64Array(firstRoom)
  weights = new Float64Array(firstRoom)
  size = 0
  /** Values added, those not kept included. */
  seen = 0
  private readonly budget: Budget

  constructor(budget: Budget) {
    this.budget = budget
    budget.take(firstRoom * bytesPerValue)
  }

  add(value: number, weight: number): void {
    this.seen++
    let at = this.size
    if (at < this.values.length || this.grow()) this.size++
    else {
      at = Math.floor(Math.random() * this.seen)
      if (at >= this.size) return
    }
    this.values[at] = value
    this.weights[at] = weight
  }

  /** Keeps twice of what was used: the next interval will be like this one. */
  clear(): void {
    if (this.size * 4 < this.values.length && this.values.length > firstRoom) this.resize(this.values.length / 2)
    this.size = this.seen = 0
  }

  release(): void {
    this.resize(0)
    this.size = this.seen = 0
  }

  private grow(): boolean {
    const room = this.values.length
    if (room * 2 > mostValues || !this.budget.fits(room * bytesPerValue)) return false
    this.resize(room * 2)
    return true
  }

  private resize(room: number): void {
    const kept = Math.min(this.size, room)
    this.budget.give(this.values.length * bytesPerValue)
    this.budget.take(room * bytesPerValue)
    const values = new Float64Array(room)
    const weights = new Float64Array(room)
    values.set(this.values.subarray(0, kept))
    weights.set(this.weights.subarray(0, kept))
    this.values = values
    this.weights = weights
  }
}

/** An OTLP summary: count and sum are exact, percentiles are those of the kept values. */
export class Summary implements Distribution {
  readonly points = 1
  readonly lost = 0
  private readonly samples: Samples
  private readonly percentiles: readonly number[]
  private count = 0
  private sum = 0

  constructor(percentiles: readonly number[], budget: Budget) {
    this.percentiles = percentiles
    this.samples = new Samples(budget)
  }

  add(value: number, weight: number): void {
    this.count += weight
    this.sum += value * weight
    this.samples.add(value, weight)
  }

  write(out: BackwardWriter, attributes: Uint8Array, times: Times): void {
    const end = out.length
    const quantiles = weightedQuantiles(this.samples, this.percentiles)
    out.raw(attributes)
    for (let i = quantiles.length - 1; i >= 0; i--) {
      const quantile = out.length
      doubleField(out, 2, quantiles[i]!)
      doubleField(out, 1, this.percentiles[i]! / 100)
      out.message(6, quantile)
    }
    doubleField(out, 5, this.sum)
    fixedField(out, 4, Math.round(this.count))
    timeFields(out, times)
    out.message(1, end)
  }

  clear(): void {
    this.count = this.sum = 0
    this.samples.clear()
  }

  release(): void {
    this.samples.release()
  }
}

/** Every value as a gauge point of its own, as long as there is room. */
export class GaugeSamples implements Distribution {
  private readonly samples: Samples

  constructor(budget: Budget) {
    this.samples = new Samples(budget)
  }

  get points(): number {
    return this.samples.size
  }

  get lost(): number {
    return this.samples.seen - this.samples.size
  }

  add(value: number, weight: number): void {
    this.samples.add(value, weight)
  }

  write(out: BackwardWriter, attributes: Uint8Array, times: Times): void {
    const { values, size } = this.samples
    for (let i = size - 1; i >= 0; i--) numberPoint(out, attributes, times, values[i]!, false)
  }

  clear(): void {
    this.samples.clear()
  }

  release(): void {
    this.samples.release()
  }
}

interface Weighted {
  readonly values: Float64Array
  readonly weights: Float64Array
  readonly size: number
}

/** For each percentile the least value that is not below so much of the weight; 0 for no values. */
export function weightedQuantiles({ values, weights, size }: Weighted, percentiles: readonly number[]): number[] {
  const order = Array.from({ length: size }, (_, i) => i).sort((a, b) => values[a]! - values[b]!)
  let total = 0
  for (let i = 0; i < size; i++) total += weights[i]!
  return percentiles.map((percentile) => {
    const wanted = (percentile / 100) * total
    let reached = 0
    for (const i of order) {
      reached += weights[i]!
      // A sum of weights may miss the total by rounding.
      if (reached >= wanted - total * 1e-12) return values[i]!
    }
    return size === 0 ? 0 : values[order[size - 1]!]!
  })
}
