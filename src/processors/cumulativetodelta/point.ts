import { joinDouble, Reader } from '../../wire/protobuf.ts'

/** Field numbers of metric data. */
export const Data = { sum: 7, histogram: 9, exponential: 10 } as const

const fieldsOf = {
  [Data.sum]: { attributes: 7, flags: 8 },
  [Data.histogram]: { attributes: 9, flags: 10 },
  [Data.exponential]: { attributes: 1, flags: 10 },
} as const
const noRecordedValue = 1

/** Counts of an exponential histogram: that of bucket `offset + i` at `i`. */
export interface Buckets {
  offset: number
  counts: number[]
}

const reader = new Reader()
const inner = new Reader()

/** What a point says. One is read after the other; what is kept of it must be copied. */
export class Point {
  startLo = 0
  startHi = 0
  timeLo = 0
  timeHi = 0
  /** A sum: its halves, or its double. */
  isDouble = false
  lo = 0
  hi = 0
  double = 0
  /** Histograms. Counts beyond 2^53 are not exact. */
  count = 0
  hasSum = false
  sum = 0
  readonly counts: number[] = []
  readonly bounds: number[] = []
  scale = 0
  zeroCount = 0
  zeroThreshold = 0
  readonly positive: Buckets = { offset: 0, counts: [] }
  readonly negative: Buckets = { offset: 0, counts: [] }
  isStale = false
  /** Attribute messages: start and end of each. */
  readonly attributes: number[] = []

  /** Reads the point `[start, end)` of data `field`; false when it does not parse. */
  read(buf: Buffer, start: number, end: number, field: 7 | 9 | 10): boolean {
    this.clear()
    const known = fieldsOf[field]
    reader.reset(buf, start, end)
    while (reader.next()) {
      const { field: number, wire } = reader
      if (wire === 2) {
        if (!reader.skip()) break
        if (number === known.attributes) this.attributes.push(reader.start, reader.stop)
        else if (field === Data.histogram && number === 6) packedCounts(buf, reader.start, reader.stop, this.counts)
        else if (field === Data.histogram && number === 7) packedDoubles(buf, reader.start, reader.stop, this.bounds)
        else if (field === Data.exponential && number === 8) readBuckets(buf, reader.start, reader.stop, this.positive)
        else if (field === Data.exponential && number === 9) readBuckets(buf, reader.start, reader.stop, this.negative)
      } else if (wire === 1) {
        reader.fixed64()
        this.take64(number, reader.lo, reader.hi, field)
      } else if (wire === 0) {
        reader.varint64()
        if (number === known.flags) this.isStale = (reader.lo & noRecordedValue) !== 0
        else if (field === Data.exponential && number === 6) this.scale = zigzag(reader.lo)
      } else if (!reader.skip()) break
    }
    return reader.ok
  }

  /** What its buckets take when they are kept. */
  get bucketBytes(): number {
    return (this.counts.length + this.bounds.length + this.positive.counts.length + this.negative.counts.length) * 8
  }

  private clear(): void {
    this.startLo = this.startHi = this.timeLo = this.timeHi = 0
    this.isDouble = this.hasSum = this.isStale = false
    this.lo = this.hi = this.double = this.count = this.sum = this.scale = this.zeroCount = this.zeroThreshold = 0
    this.attributes.length = 0
    this.counts.length = this.bounds.length = 0
    this.positive.offset = this.negative.offset = 0
    this.positive.counts.length = this.negative.counts.length = 0
  }

  private take64(number: number, lo: number, hi: number, field: number): void {
    if (number === 2) {
      this.startLo = lo
      this.startHi = hi
    } else if (number === 3) {
      this.timeLo = lo
      this.timeHi = hi
    } else if (field === Data.sum) {
      if (number !== 4 && number !== 6) return
      this.isDouble = number === 4
      this.lo = lo
      this.hi = hi
      this.double = this.isDouble ? joinDouble(lo, hi) : 0
    } else if (number === 4) this.count = whole(lo, hi)
    else if (number === 5) {
      this.hasSum = true
      this.sum = joinDouble(lo, hi)
    } else if (field === Data.histogram && number === 6) this.counts.push(whole(lo, hi))
    else if (field === Data.histogram && number === 7) this.bounds.push(joinDouble(lo, hi))
    else if (field === Data.exponential && number === 7) this.zeroCount = whole(lo, hi)
    else if (field === Data.exponential && number === 14) this.zeroThreshold = joinDouble(lo, hi)
  }
}

const whole = (lo: number, hi: number) => hi * 4294967296 + lo
const zigzag = (value: number) => (value >>> 1) ^ -(value & 1)

function packedCounts(buf: Buffer, start: number, end: number, into: number[]): void {
  for (let pos = start; pos + 8 <= end; pos += 8) into.push(whole(buf.readUInt32LE(pos), buf.readUInt32LE(pos + 4)))
}

function packedDoubles(buf: Buffer, start: number, end: number, into: number[]): void {
  for (let pos = start; pos + 8 <= end; pos += 8) into.push(buf.readDoubleLE(pos))
}

/** `{1 offset, 2 counts}`; counts may be packed or not. */
function readBuckets(buf: Buffer, start: number, end: number, into: Buckets): void {
  inner.reset(buf, start, end)
  while (inner.next()) {
    const { field, wire } = inner
    if (field === 1 && wire === 0) into.offset = zigzag(inner.varint32())
    else if (field === 2 && wire === 0) {
      inner.varint64()
      into.counts.push(whole(inner.lo, inner.hi))
    } else if (!inner.skip()) return
    else if (field === 2 && wire === 2) packedVarints(buf, inner.start, inner.stop, into.counts)
  }
}

const counts = new Reader()

function packedVarints(buf: Buffer, start: number, end: number, into: number[]): void {
  counts.reset(buf, start, end)
  while (counts.ok && counts.pos < end) {
    counts.varint64()
    if (counts.ok) into.push(whole(counts.lo, counts.hi))
  }
}
