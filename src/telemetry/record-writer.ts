import { varintSize, writeVarint } from '../wire/protobuf.ts'
import { Batch } from './batch.ts'
import { RecordIndex, Row } from './record-index.ts'
import { claim, release } from './slab.ts'
import { copySpan } from './value.ts'

/**
 * Writes a batch of framed records (envelopes, dropsonde) anew, from the first record to the last, together with its
 * index, so that nobody has to look for the records again. One writer serves one component: `begin` to `finish` is one turn.
 */
export class RecordWriter {
  /** Where bodies go: `open` says at which position. */
  buffer: Buffer = Buffer.alloc(0)
  private batch: Batch | undefined
  private rows: Uint32Array = new Uint32Array(0)
  private index = emptyIndex
  private room = { buffer: this.buffer, start: 0 }
  private size = 0
  private pos = 0
  /** Unchanged frames that follow each other are copied at once. */
  private runStart = 0
  private runEnd = 0

  /** Starts on `batch`; `growth` is how many bytes longer it becomes at most. */
  begin(batch: Batch, growth: number): void {
    this.rows = batch.index().rows
    this.batch = batch
    this.index = new RecordIndex()
    this.size = growth + framesOf(batch, this.rows)
    this.room = claim(this.size)
    this.buffer = this.room.buffer
    this.pos = this.room.start
    this.runStart = this.runEnd = 0
  }

  /** The next record stays as it is. */
  same(row: number): void {
    const { rows } = this
    const frame = rows[row]!
    if (frame !== this.runEnd) this.copyRun()
    if (this.runEnd === this.runStart) this.runStart = this.runEnd = frame
    this.add(row, this.pos + this.runEnd - this.runStart, frame)
    this.runEnd = rows[row + Row.end]!
  }

  /** The next record becomes one of `size` bytes, which begins as before: answers where its body is to be written. */
  open(row: number, size: number): number {
    this.copyRun()
    const frame = this.pos
    this.buffer[frame] = 0x0a
    const start = writeVarint(this.buffer, frame + 1, size)
    const { rows } = this
    const by = start - rows[row + Row.start]!
    const sourceStart = rows[row + Row.sourceStart]! + by
    this.index.add(frame, start, start + size, rows[row + Row.info]!, sourceStart, rows[row + Row.sourceEnd]! + by)
    this.pos = start + size
    return start
  }

  /** Like `open`, for a record with other flags and another place for the source id, counted from its body's start. */
  openNew(size: number, info: number, sourceStart: number, sourceEnd: number): number {
    this.copyRun()
    const frame = this.pos
    this.buffer[frame] = 0x0a
    const start = writeVarint(this.buffer, frame + 1, size)
    this.index.add(frame, start, start + size, info, start + sourceStart, start + sourceEnd)
    this.pos = start + size
    return start
  }

  /** The written records, with origin and receipts of the batch they came from. */
  finish(): Batch {
    this.copyRun()
    const { room, size, pos, index } = this
    release(room, size, pos)
    index.close()
    const { format, origin, receipts } = this.batch!
    this.batch = undefined
    this.index = emptyIndex
    return Batch.of(format, room.buffer, { index, origin, receipts, ownsHeadroom: true }, room.start, pos)
  }

  private add(row: number, frame: number, oldFrame: number): void {
    const { rows } = this
    const by = frame - oldFrame
    this.index.add(
      frame,
      rows[row + Row.start]! + by,
      rows[row + Row.end]! + by,
      rows[row + Row.info]!,
      rows[row + Row.sourceStart]! + by,
      rows[row + Row.sourceEnd]! + by,
    )
  }

  private copyRun(): void {
    if (this.runEnd === this.runStart) return
    this.pos = copySpan(this.buffer, this.pos, this.batch!.buffer, this.runStart, this.runEnd)
    this.runStart = this.runEnd = 0
  }
}

function framesOf(batch: Batch, rows: Uint32Array): number {
  let size = 0
  for (let i = 0; i < batch.count; i++) {
    const row = batch.rowAt(i)
    size += rows[row + Row.end]! - rows[row]!
  }
  return size
}

const emptyIndex = new RecordIndex()
emptyIndex.close()

/** The most that a frame grows by when its body grows by `bytes`: its length may take more bytes too. */
export const frameGrowth = (bytes: number): number => bytes + varintSize(bytes) + 4
