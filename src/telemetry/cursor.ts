import type { Batch } from './batch.ts'
import { kindMask } from './envelope-scan.ts'
import { Group, groupSize, Row } from './record-index.ts'

/**
 * A flyweight over the records of a batch: `cursor.over(batch)`, then `cursor.at(batch.rowAt(i))` for each, or
 * `cursor.at(row)` inside `batch.where`. Paths read fields of the record it stands on.
 */
export class Cursor {
  buf: Buffer = Buffer.alloc(0)
  rows: Uint32Array = new Uint32Array(0)
  groups: Uint32Array = new Uint32Array(0)
  /** Body of the record. */
  start = 0
  end = 0
  /** Position of the record in `rows`. */
  row = 0

  over(batch: Batch): this {
    const index = batch.index()
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
}
