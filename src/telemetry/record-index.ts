/** Numbers kept per record, in this order. */
export const Row = {
  /** Position of the record's tag in its parent. */
  frame: 0,
  /** First byte of the record's body. */
  start: 1,
  /** Byte behind the record's body. */
  end: 2,
  /** Envelopes: kind and flags. OTLP: number of the parent group. */
  info: 3,
  /** Envelopes: extent of the source id. */
  sourceStart: 4,
  sourceEnd: 5,
} as const
export const rowSize = 6

/** Numbers kept per enclosing message (resource, scope, metric, its data), in this order. */
export const Group = { frame: 0, start: 1, end: 2, parent: 3 } as const
export const groupSize = 4
/** The parent of a top-level group. */
export const noGroup = 0xffffffff

const chunkSize = 1 << 15
const firstRows = 16 * rowSize

/**
 * Where the records of a batch lie: one flat run of numbers inside a chunk shared with other batches.
 * Row `i` begins at `rows[base + i * rowSize]`.
 */
export class RecordIndex {
  rows: Uint32Array
  base: number
  count = 0
  /** All `info` values or-ed: tells in one test whether any record has a flag. */
  seen = 0
  /** OTLP only: the enclosing messages. */
  groups: Uint32Array = noGroups
  groupCount = 0
  /** End of the run that is reserved for this index. */
  private limit: number

  constructor(over?: RecordIndex) {
    if (!over && chunkUsed + firstRows > chunkSize) nextChunk()
    this.rows = over ? over.rows : chunk
    this.base = over ? over.base : chunkUsed
    this.limit = over ? over.base : chunkUsed + firstRows
    if (!over) chunkUsed = this.limit
  }

  add(frame: number, start: number, end: number, info: number, sourceStart: number, sourceEnd: number): void {
    let at = this.base + this.count * rowSize
    if (at + rowSize > this.limit) {
      this.grow()
      at = this.base + this.count * rowSize
    }
    const rows = this.rows
    rows[at] = frame
    rows[at + 1] = start
    rows[at + 2] = end
    rows[at + 3] = info
    rows[at + 4] = sourceStart
    rows[at + 5] = sourceEnd
    this.seen |= info
    this.count++
  }

  /** Rows `[first, first + count)` as an index of their own over the same numbers, to be read only. */
  part(first: number, count: number): RecordIndex {
    const part = new RecordIndex(this)
    part.base += first * rowSize
    part.count = count
    part.seen = this.seen
    part.groups = this.groups
    part.groupCount = this.groupCount
    return part
  }

  /** Moves every place by `by` bytes: the records were copied elsewhere. */
  shift(by: number): void {
    const end = this.base + this.count * rowSize
    for (let at = this.base; at < end; at += rowSize) {
      this.rows[at]! += by
      this.rows[at + 1]! += by
      this.rows[at + 2]! += by
      this.rows[at + 4]! += by
      this.rows[at + 5]! += by
    }
  }

  /** Ends the writing and gives back what was reserved and not used. */
  close(): void {
    const end = this.base + this.count * rowSize
    if (this.rows === chunk && this.limit === chunkUsed) chunkUsed = end
    this.limit = end
  }

  addGroup(frame: number, start: number, end: number, parent: number): number {
    const at = this.groupCount * groupSize
    if (at + groupSize > this.groups.length) {
      const wider = new Uint32Array(Math.max(64, this.groups.length * 2))
      wider.set(this.groups)
      this.groups = wider
    }
    this.groups[at] = frame
    this.groups[at + 1] = start
    this.groups[at + 2] = end
    this.groups[at + 3] = parent
    return this.groupCount++
  }

  /** Doubles the reservation: in place when nothing follows it, else by moving. */
  private grow(): void {
    const size = this.limit - this.base
    if (this.rows === chunk && this.limit === chunkUsed && chunkUsed + size <= chunkSize) {
      chunkUsed += size
      this.limit = chunkUsed
      return
    }
    const from = this.rows.subarray(this.base, this.limit)
    if (size * 2 > chunkSize >> 1) {
      this.rows = new Uint32Array(size * 2)
      this.base = 0
    } else {
      if (chunkUsed + size * 2 > chunkSize) nextChunk()
      this.rows = chunk
      this.base = chunkUsed
      chunkUsed += size * 2
    }
    this.rows.set(from, this.base)
    this.limit = this.base + size * 2
  }
}

const noGroups = new Uint32Array(0)
let chunk = new Uint32Array(chunkSize)
let chunkUsed = 0

function nextChunk(): void {
  chunk = new Uint32Array(chunkSize)
  chunkUsed = 0
}
