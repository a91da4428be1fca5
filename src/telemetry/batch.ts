import { Edits } from './edits.ts'
import type { Format } from './format.ts'
import { indexRecords } from './index-records.ts'
import type { Origin } from './origin.ts'
import type { Receipt } from './receipt.ts'
import { type RecordIndex, Row, rowSize } from './record-index.ts'
import { claim, headroom } from './slab.ts'
import { cutAllBut, packRows } from './subset.ts'

/** Optional parts of a new batch. */
export interface BatchOptions {
  /** The records' places, when the maker already knows them; else they are found when first needed. */
  index?: RecordIndex
  /** How many records there are, when known without an index. */
  count?: number
  origin?: Origin | undefined
  receipts?: readonly Receipt[]
  /** The five bytes before `start` belong to this batch alone and may take a message prefix. */
  ownsHeadroom?: boolean
}

/**
 * An immutable run of records in the bytes they arrived in. Nobody may write to `source` once a batch was made of it.
 * Edits recorded on a batch are applied in one pass when its bytes or records are next asked for.
 */
export class Batch {
  readonly format: Format
  readonly count: number
  readonly origin: Origin | undefined
  readonly receipts: readonly Receipt[]
  private source: Buffer
  private from: number
  private to: number
  private ownsHeadroom: boolean
  private places: RecordIndex | undefined
  /** Numbers of the rows that belong to this batch; undefined means all of the index. */
  private rows: Uint32Array | undefined
  private edits: Edits | undefined
  private message: Buffer | undefined

  private constructor(format: Format, source: Buffer, from: number, to: number, options: BatchOptions) {
    this.format = format
    this.source = source
    this.from = from
    this.to = to
    this.places = options.index
    this.rows = undefined
    this.edits = undefined
    this.message = undefined
    this.origin = options.origin
    this.receipts = options.receipts ?? noReceipts
    // Copies of a batch share its headroom: they would write the same prefix there.
    this.ownsHeadroom = options.ownsHeadroom ?? false
    this.count = options.count ?? this.index().count
  }

  /** A batch over the container `[from, to)` of `source`, which it borrows for good. */
  static of(format: Format, source: Buffer, options: BatchOptions = {}, from = 0, to: number = source.length): Batch {
    return new Batch(format, source, from, to, options)
  }

  /** A batch over a copy of `bytes`. */
  static copyOf(format: Format, bytes: Uint8Array, options: Omit<BatchOptions, 'index' | 'ownsHeadroom'> = {}): Batch {
    const room = claim(bytes.length)
    room.buffer.set(bytes, room.start)
    return new Batch(format, room.buffer, room.start, room.start + bytes.length, { ...options, ownsHeadroom: true })
  }

  /** Joins batches of one format (one at least) into one, in order: their bytes are concatenated. */
  static join(batches: readonly Batch[]): Batch {
    const first = batches[0]!
    if (batches.length === 1) return first
    let size = 0
    let count = 0
    for (const batch of batches) {
      size += batch.size
      count += batch.count
    }
    const room = claim(size)
    let pos = room.start
    for (const batch of batches) pos = batch.copyTo(room.buffer, pos)
    const receipts = batches.some((batch) => batch.receipts.length > 0)
      ? batches.flatMap((batch) => batch.receipts)
      : noReceipts
    const origin = batches.every((batch) => batch.origin === first.origin) ? first.origin : undefined
    return new Batch(first.format, room.buffer, room.start, pos, { count, origin, receipts, ownsHeadroom: true })
  }

  /** Bytes of the container. */
  get size(): number {
    this.settleBytes()
    return this.to - this.from
  }

  /** The container's bytes: a message of the batch's format. Shared: do not write to it. */
  bytes(): Buffer {
    this.settleBytes()
    return this.source.subarray(this.from, this.to)
  }

  /** Copies the container's bytes to `target` at `pos`; answers the position behind them. */
  copyTo(target: Buffer, pos: number): number {
    this.settleBytes()
    return pos + this.source.copy(target, pos, this.from, this.to)
  }

  /** The bytes as one uncompressed gRPC message with its five-byte prefix: made once, shared by all takers. */
  grpcMessage(): Buffer {
    if (this.message) return this.message
    this.settleBytes()
    if (!this.ownsHeadroom) this.moveTo(claim(this.to - this.from))
    const at = this.from - headroom
    this.source[at] = 0
    this.source.writeUInt32BE(this.to - this.from, at + 1)
    this.message = this.source.subarray(at, this.to)
    return this.message
  }

  /** Where the records lie, edits applied. For row `i` read `index.rows` at `rowAt(i)`, and the bytes in `buffer`. */
  index(): RecordIndex {
    if (this.edits) this.settleBytes()
    this.places ??= indexRecords(this.format, this.source, this.from, this.to)
    return this.places
  }

  /** The buffer that the index points into. Call `index()` first. */
  get buffer(): Buffer {
    return this.source
  }

  /** Position in `index().rows` of record `i` of this batch. */
  rowAt(i: number): number {
    const { base } = this.places!
    return base + (this.rows ? this.rows[i]! : i) * rowSize
  }

  /**
   * Or-ed flags of all records (envelopes): cheap to ask, applies no pending edits. A flag that is not set is on no
   * record; one that is set may belong to a record that was filtered away or edited since.
   */
  get seen(): number {
    this.places ??= indexRecords(this.format, this.source, this.from, this.to)
    return this.places.seen
  }

  /** The records for which `keep` answers true, over the same bytes. `row` is a position in `index().rows`. */
  where(keep: (row: number) => boolean): Batch {
    this.index()
    const rows = new Uint32Array(this.count)
    let kept = 0
    for (let i = 0; i < this.count; i++) {
      const row = this.rowAt(i)
      if (keep(row)) rows[kept++] = (row - this.places!.base) / rowSize
    }
    return kept === this.count ? this : this.subset(rows.subarray(0, kept))
  }

  /** Records `[first, end)` over the same bytes. */
  slice(first: number, end: number = this.count): Batch {
    if (first <= 0 && end >= this.count) return this
    this.index()
    const begin = Math.max(0, first)
    const rows = new Uint32Array(Math.max(0, Math.min(end, this.count) - begin))
    for (let i = 0; i < rows.length; i++) rows[i] = this.rows ? this.rows[begin + i]! : begin + i
    return this.subset(rows)
  }

  /** Starts recording changes. Only then read places from `index()`; hand the changes to `with`. */
  edit(): Edits {
    this.settleBytes()
    return new Edits()
  }

  /**
   * This batch with `edits`, which began with `edit()` on it, to be applied; with `rows` only these records of it, the
   * rest being cut out in the same pass. No edit may lie in what is cut.
   */
  with(edits: Edits, rows?: Uint32Array): Batch {
    if (edits.empty || rows?.length === 0) return rows ? this.subset(rows) : this
    const edited = this.clone(rows?.length ?? this.count)
    edited.edits = edits
    edited.rows = rows
    return edited
  }

  /** The same bytes, counted again: what was edited are not only records, but how many there are. */
  recounted(): Batch {
    return this.clone(this.index().count)
  }

  /** The same records carrying other receipts. */
  withReceipts(receipts: readonly Receipt[]): Batch {
    return this.clone(this.count, receipts)
  }

  /**
   * Moves the bytes out of the slab they arrived in into `room`, so that this batch pins nothing else. The `headroom`
   * bytes in front of `room.start` must belong to the room, as those of a claim do.
   */
  moveTo(room: { buffer: Buffer; start: number }): void {
    this.settleBytes()
    const end = this.copyTo(room.buffer, room.start)
    this.replaceBytes(room.buffer, room.start, end)
  }

  private clone(count: number, receipts: readonly Receipt[] = this.receipts): Batch {
    const { format, source, from, to, origin, ownsHeadroom } = this
    const copy = new Batch(format, source, from, to, { count, origin, receipts, ownsHeadroom })
    copy.places = this.places
    copy.rows = this.rows
    copy.edits = this.edits
    return copy
  }

  private subset(rows: Uint32Array): Batch {
    const part = this.clone(rows.length)
    part.rows = rows
    return part
  }

  /** Makes `[from, to)` exactly the bytes of this batch: applies edits, cuts out what was filtered away. */
  private settleBytes(): void {
    if (this.edits) {
      const { edits, rows, from, to } = this
      // Copies of a batch share its edits.
      if (rows && !edits.hasCuts) cutAllBut(rows, this.places!, from, to, edits)
      const { buffer, start, end } = edits.apply(this.source, from, to)
      this.edits = undefined
      this.replaceBytes(buffer, start, end)
    }
    if (this.rows) this.settleRows()
  }

  private settleRows(): void {
    const rows = this.rows!
    const index = this.index()
    this.rows = undefined
    if (rows.length === 0) {
      const none = claim(0)
      this.replaceBytes(none.buffer, none.start, none.start)
      return
    }
    const first = rows[0]!
    const last = rows[rows.length - 1]!
    if (index.groupCount > 0) {
      const cut = cutAllBut(rows, index, this.from, this.to).apply(this.source, this.from, this.to)
      this.replaceBytes(cut.buffer, cut.start, cut.end)
    } else if (last - first === rows.length - 1) {
      // A run of whole frames: still the same bytes, only fewer of them.
      this.from = index.rows[index.base + first * rowSize + Row.frame]!
      this.to = index.rows[index.base + last * rowSize + Row.end]!
      this.ownsHeadroom = false
      this.places = index.part(first, rows.length)
    } else {
      const packed = packRows(this.source, rows, index)
      this.replaceBytes(packed.buffer, packed.start, packed.end)
      this.places = packed.index
    }
  }

  private replaceBytes(buffer: Buffer, start: number, end: number): void {
    this.source = buffer
    this.from = start
    this.to = end
    this.ownsHeadroom = true
    this.message = undefined
    this.places = undefined
    this.rows = undefined
  }
}

const noReceipts: readonly Receipt[] = []
