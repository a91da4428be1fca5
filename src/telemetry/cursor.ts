import type { Batch } from './batch.ts'
import { Draft } from './draft.ts'
import { kindMask } from './envelope-scan.ts'
import { findEntry, findNumber, findSpan, found } from './find-field.ts'
import type { Format } from './format.ts'
import { Level } from './level.ts'
import { Group, groupSize, Row } from './record-index.ts'

/** The field with the attributes of a data point, by the field of the metric's data it stands in. */
export const attributesOfPoint: Readonly<Record<number, number>> = { 5: 7, 7: 7, 9: 9, 10: 1, 11: 7 }

/** Which fields of a level hold map entries, as bits. */
export function entriesOf(format: Format, level: Level, dataField: number): number {
  if (level === Level.scope || level === Level.event) return 1 << 3
  if (level === Level.resource) return 1 << 1
  if (level !== Level.record) return 0
  if (format === 'metrics') return 1 << (attributesOfPoint[dataField] ?? 7)
  if (format === 'logs') return 1 << 6
  if (format === 'traces') return 1 << 9
  return format === 'envelopes' ? (1 << 9) | (1 << 3) : 1 << 17
}

let scratch: Draft | undefined

/**
 * A flyweight over the records of a batch: `cursor.over(batch)`, then `cursor.at(batch.rowAt(i))` for each, or
 * `cursor.at(row)` inside `batch.where`. Paths read fields of the record it stands on.
 */
export class Cursor {
  format: Format = 'envelopes'
  /** Whether records may differ from their bytes, because something was written. */
  readonly writes: boolean = false
  buf: Buffer = Buffer.alloc(0)
  rows: Uint32Array = new Uint32Array(0)
  groups: Uint32Array = new Uint32Array(0)
  /** Body of the record. */
  start = 0
  end = 0
  /** Position of the record in `rows`. */
  row = 0

  over(batch: Batch): this {
    // Conditions may look at all points of a metric: those that were dropped must be gone.
    if (batch.format === 'metrics') batch.bytes()
    const index = batch.index()
    this.format = batch.format
    this.buf = batch.buffer
    this.rows = index.rows
    this.groups = index.groups
    return this
  }

  at(row: number): this {
    this.row = row
    this.start = this.rows[row + Row.start]!
    this.end = this.rows[row + Row.end]!
    return this
  }

  /** Envelopes: what it holds. */
  get kind(): number {
    return this.rows[this.row + Row.info]! & kindMask
  }

  /** OTLP: the enclosing message `levels` above the record, 0 being the one it stands in, as a position in `groups`. */
  parent(levels: number): number {
    let group = this.rows[this.row + Row.info]!
    for (let level = 0; level < levels; level++) group = this.groups[group * groupSize + Group.parent]!
    return group * groupSize
  }

  /** OTLP: the enclosing message that `level` is, or that holds it, as a position in `groups`. */
  around(level: Level): number {
    const inner = this.format === 'metrics' ? 2 : 0
    if (level === Level.scope) return this.parent(inner)
    if (level === Level.resource) return this.parent(inner + 1)
    return this.parent(level === Level.metric ? 1 : 0)
  }

  /** Metrics: field number of the data message that a point stands in: 5 gauge, 7 sum, 9, 10 histograms, 11 summary. */
  get dataField(): number {
    return this.buf[this.groups[this.parent(0) + Group.frame]!]! >>> 3
  }

  /** Finds the last length-delimited field `field` of the message at `level`: leaves its place in `found`. */
  findSpan(level: Level, field: number): boolean {
    if (level === Level.record) return findSpan(this.buf, this.start, this.end, field)
    return this.enter(level) && findSpan(this.buf, found.start, found.end, field)
  }

  /** Finds the last number `field` (varint or fixed) of the message at `level`: leaves its halves, or 0, in `found`. */
  findNumber(level: Level, field: number): boolean {
    if (level === Level.record) return findNumber(this.buf, this.start, this.end, field)
    if (this.enter(level)) return findNumber(this.buf, found.start, found.end, field)
    found.lo = found.hi = 0
    return false
  }

  /** Finds the value of `key` among the entries `field` of the message at `level`: leaves its place in `found`. */
  findEntry(level: Level, field: number, key: Uint8Array): boolean {
    if (level === Level.record) return findEntry(this.buf, this.start, this.end, field, key)
    return this.enter(level) && findEntry(this.buf, found.start, found.end, field, key)
  }

  /** The fields of the message at `level`, to be read until the next call. */
  draft(level: Level): Draft {
    scratch ??= new Draft()
    const isThere = level === Level.record || this.enter(level)
    const { start, end } = level === Level.record ? this : found
    const entries = entriesOf(this.format, level, this.format === 'metrics' ? this.dataField : 0)
    scratch.load(this.buf, start, isThere ? end : start, entries)
    return scratch
  }

  /** Leaves the body of the message at `level` in `found`. */
  protected enter(level: Level): boolean {
    const at = this.around(level)
    found.start = this.groups[at + Group.start]!
    found.end = this.groups[at + Group.end]!
    return level < Level.scope || findSpan(this.buf, found.start, found.end, 1)
  }
}
