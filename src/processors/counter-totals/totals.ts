import type { Batch } from '../../telemetry/batch.ts'
import { Kind, kindMask, seenKind } from '../../telemetry/envelope-scan.ts'
import { Row } from '../../telemetry/record-index.ts'
import { frameGrowth, RecordWriter } from '../../telemetry/record-writer.ts'
import { copySpan } from '../../telemetry/value.ts'
import { readSmall, skipValue, small } from '../../telemetry/wire-walk.ts'
import { entry, readEntry } from '../../wire/convert/map-entry.ts'
import { Reader, varintSize, varintSize64, writeVarint, writeVarint64 } from '../../wire/protobuf.ts'
import type { Series } from './series.ts'
import { SeriesKey } from './series-key.ts'

/** What a written total takes at most: tag, ten bytes, and longer lengths around it. */
const growth = frameGrowth(11 + 4)

/**
 * Keeps running totals of v2 counters: a delta without a total is added up, anything else sets the total (so delta 0
 * with total 0 resets it). The total is written, the delta stays.
 */
export function newTotals(series: Series): (batch: Batch) => Batch {
  const counter = new CounterReader()
  const writer = new RecordWriter()
  return (batch) => {
    if (!(batch.seen & seenKind(Kind.counter))) return batch
    const { rows } = batch.index()
    const { buffer } = batch
    writer.begin(batch, batch.count * growth)
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rowAt(i)
      if ((rows[row + Row.info]! & kindMask) !== Kind.counter || !counter.read(buffer, rows, row)) {
        writer.same(row)
        continue
      }
      const slot = series.slot(counter.key)
      const noTotal = (counter.totalLo | counter.totalHi) === 0
      if (noTotal && (counter.deltaLo | counter.deltaHi) !== 0) series.add(slot, counter.deltaLo, counter.deltaHi)
      else series.set(slot, counter.totalLo, counter.totalHi)
      const lo = series.lo[slot]!
      const hi = series.hi[slot]!
      if (lo === counter.totalLo && hi === counter.totalHi) writer.same(row)
      else counter.write(writer, buffer, rows, row, lo, hi)
    }
    return writer.finish()
  }
}

/** Reads the counter of an envelope: {1 name, 2 delta, 3 total} in field 5, and the identity it belongs to. */
class CounterReader {
  readonly key = new SeriesKey()
  deltaLo = 0
  deltaHi = 0
  totalLo = 0
  totalHi = 0
  /** Place of the counter's field in the envelope, and of its body. */
  private frame = 0
  private bodyStart = 0
  private bodyEnd = 0
  /** Place of the total's field in the body; empty at the body's end when there is none. */
  private totalStart = 0
  private totalEnd = 0
  private nameStart = 0
  private nameEnd = 0
  private readonly reader = new Reader()

  read(buf: Buffer, rows: Uint32Array, row: number): boolean {
    if (!this.find(buf, rows[row + Row.start]!, rows[row + Row.end]!) || !this.readBody(buf)) return false
    this.key.end(this.nameStart, this.nameEnd, rows[row + Row.sourceStart]!, rows[row + Row.sourceEnd]!)
    return true
  }

  /** Writes the envelope with another total. */
  write(writer: RecordWriter, buf: Buffer, rows: Uint32Array, row: number, lo: number, hi: number): void {
    const start = rows[row + Row.start]!
    const end = rows[row + Row.end]!
    const { frame, bodyStart, bodyEnd, totalStart, totalEnd } = this
    const bodySize = bodyEnd - bodyStart - (totalEnd - totalStart) + 1 + varintSize64(lo, hi)
    const size = frame - start + 1 + varintSize(bodySize) + bodySize + end - bodyEnd
    const out = writer.buffer
    let pos = this.sourceMoves(rows, row)
      ? writer.openNew(size, rows[row + Row.info]!, ...this.movedSource(rows, row, size))
      : writer.open(row, size)
    pos = copySpan(out, pos, buf, start, frame)
    out[pos] = 0x2a
    pos = writeVarint(out, pos + 1, bodySize)
    pos = copySpan(out, pos, buf, bodyStart, totalStart)
    out[pos] = 0x18
    pos = writeVarint64(out, pos + 1, lo, hi)
    pos = copySpan(out, pos, buf, totalEnd, bodyEnd)
    copySpan(out, pos, buf, bodyEnd, end)
  }

  private sourceMoves(rows: Uint32Array, row: number): boolean {
    return rows[row + Row.sourceStart]! >= this.bodyEnd
  }

  /** Where a source id that stands behind the counter comes to lie: as far from the end as before. */
  private movedSource(rows: Uint32Array, row: number, size: number): [start: number, end: number] {
    const end = rows[row + Row.end]!
    return [size - (end - rows[row + Row.sourceStart]!), size - (end - rows[row + Row.sourceEnd]!)]
  }

  /** Finds the counter of an envelope, and puts the tags into its key. */
  private find(buf: Buffer, start: number, end: number): boolean {
    let has = false
    this.key.begin(buf)
    for (let pos = start; pos < end; ) {
      const frame = pos
      let tag = buf[pos]!
      if (tag < 0x80 && (tag & 7) === 2 && pos + 1 < end && buf[pos + 1]! < 0x80) {
        // Most fields are such: a tag and a length of one byte each.
        small.value = buf[pos + 1]!
        pos += 2 + small.value
        if (pos > end) return false
      } else {
        const at = readSmall(buf, pos, end)
        tag = small.value
        pos = at < 0 ? -1 : skipValue(buf, at, end, tag & 7)
        if (pos < 0) return false
      }
      const bodyStart = pos - small.value
      if (tag === 0x4a) {
        if (readEntry(buf, bodyStart, pos)) {
          this.key.addTag(entry.keyStart, entry.keyEnd, entry.valueStart, entry.valueEnd)
        }
      } else if (tag === 0x2a) {
        has = true
        this.frame = frame
        this.bodyStart = bodyStart
        this.bodyEnd = pos
      }
    }
    return has
  }

  private readBody(buf: Buffer): boolean {
    const { bodyStart, bodyEnd } = this
    this.deltaLo = this.deltaHi = this.totalLo = this.totalHi = 0
    this.nameStart = this.nameEnd = bodyStart
    this.totalStart = this.totalEnd = bodyEnd
    const reader = this.reader.reset(buf, bodyStart, bodyEnd)
    for (let frame = bodyStart; reader.next(); frame = reader.pos) {
      const { field, wire } = reader
      if (wire !== 0 || (field !== 2 && field !== 3)) {
        if (!reader.skip()) return false
        if (field !== 1 || wire !== 2) continue
        this.nameStart = reader.start
        this.nameEnd = reader.stop
        continue
      }
      reader.varint64()
      if (field === 2) {
        this.deltaLo = reader.lo
        this.deltaHi = reader.hi
        continue
      }
      this.totalLo = reader.lo
      this.totalHi = reader.hi
      this.totalStart = frame
      this.totalEnd = reader.pos
    }
    return reader.ok
  }
}
