import { entryFrame } from '../../telemetry/frames.ts'
import { type Value, ValueType } from '../../telemetry/value.ts'
import { hashBytes, sameBytes } from '../../wire/byte-runs.ts'
import type { BackwardWriter } from '../../wire/protobuf.ts'

/** One set of attribute values, and how often it came. */
interface Series {
  readonly hash: number
  /** The values, told apart by type. */
  readonly key: Buffer
  /** Encoded attributes of its data point. */
  readonly attributes: Buffer
  count: number
  /** Another one with the same hash. */
  readonly next: Series | undefined
}

/** Field of a NumberDataPoint. */
const attributesField = 7

/** Counts by attribute values. Nothing is made for a set of values that was seen before. */
export class SeriesTable {
  private readonly byHash = new Map<number, Series>()
  private readonly all: Series[] = []
  private scratch = Buffer.allocUnsafe(256)

  get size(): number {
    return this.all.length
  }

  /** `values[i]` is the value of `keys[i]`; none of them is absent. */
  add(keys: readonly Buffer[], values: readonly Value[]): void {
    let size = 0
    for (let i = 0; i < values.length; i++) size = this.put(size, values[i]!)
    const { scratch } = this
    const hash = hashBytes(scratch, 0, size)
    const first = this.byHash.get(hash)
    for (let each = first; each; each = each.next) {
      if (!sameBytes(each.key, 0, each.key.length, scratch, 0, size)) continue
      each.count++
      return
    }
    const attributes = Buffer.concat(values.map((value, i) => entryFrame(attributesField, keys[i]!, value, 'any')))
    const made = { hash, key: Buffer.from(scratch.subarray(0, size)), attributes, count: 1, next: first }
    this.byHash.set(hash, made)
    this.all.push(made)
  }

  /** Writes a data point for each as field 1, first come first. Answers how many. */
  write(out: BackwardWriter, start: readonly [number, number], end: readonly [number, number]): number {
    for (let i = this.all.length - 1; i >= 0; i--) {
      const { attributes, count } = this.all[i]!
      const mark = out.length
      out.raw(attributes)
      out.fixed64(count, 0)
      out.tag(6, 1)
      out.fixed64(end[0], end[1])
      out.tag(3, 1)
      out.fixed64(start[0], start[1])
      out.tag(2, 1)
      out.message(1, mark)
    }
    return this.all.length
  }

  clear(): void {
    this.byHash.clear()
    this.all.length = 0
  }

  /** Writes what tells a value apart at `at` of the scratch. */
  private put(at: number, value: Value): number {
    const isSpan = value.type === ValueType.text
    const size = isSpan ? value.end - value.start : 8
    if (at + 5 + size > this.scratch.length) {
      const wider = Buffer.allocUnsafe(2 * (at + 5 + size))
      this.scratch.copy(wider, 0, 0, at)
      this.scratch = wider
    }
    const { scratch } = this
    scratch[at] = value.type
    scratch.writeUInt32LE(size, at + 1)
    const to = at + 5
    if (isSpan) scratch.set(value.buf.subarray(value.start, value.end), to)
    else if (value.type === ValueType.double) scratch.writeDoubleLE(value.double, to)
    else {
      scratch.writeInt32LE(value.lo | 0, to)
      scratch.writeInt32LE(value.hi | 0, to + 4)
    }
    return to + size
  }
}
