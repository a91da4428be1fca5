import { Reader } from '../wire/protobuf.ts'
import type { Batch } from './batch.ts'
import { Cursor, entriesOf } from './cursor.ts'
import { Draft } from './draft.ts'
import { container, type Edits } from './edits.ts'
import { found, readNumber } from './find-field.ts'
import { spanFrame } from './frames.ts'
import { Level } from './level.ts'
import type { Origin } from './origin.ts'
import { Group, groupSize, Row } from './record-index.ts'

const reader = new Reader()
const none = -1
const eventsField = 11

/**
 * A cursor that can be written to. What it reads is what was written before, in the record, in what is around it and
 * in the event it stands on; all of it becomes edits of the batch. One pass is `begin`, `at` for each record in order,
 * `finish`. What was written in a record that is dropped, and around records that are all dropped, is forgotten.
 */
export class Site extends Cursor {
  override readonly writes = true
  /** Where the batch came from. */
  origin: Origin | undefined
  protected edits: Edits | undefined
  protected readonly drafts = Array.from({ length: 6 }, () => new Draft())
  /** Whether the draft of a level is that of this place. */
  protected readonly loaded = [false, false, false, false, false, false]
  /** Per level: the group that its draft belongs to. */
  private readonly groupOf = [none, none, none, none, none, none]
  /** Body of a scope or resource. */
  private readonly starts = [0, 0, 0, 0, 0, 0]
  private readonly ends = [0, 0, 0, 0, 0, 0]
  /** Whether the message of a level was there at all. */
  private readonly absent = [false, false, false, false, false, false]
  /** Whether a message that was not there was written between two processors: then it stays, even when it is empty. */
  private readonly appeared = [false, false, false, false, false, false]
  /** Whether a draft of what is around records may be loaded. */
  private hasAround = false
  private event = none
  /** Whether the record is dropped. */
  private gone = false
  /** The last record that was not. */
  private kept = none

  /** Starts a pass over `batch`. */
  begin(batch: Batch): this {
    this.edits = batch.edit()
    this.over(batch)
    this.origin = batch.origin
    this.loaded.fill(false)
    this.groupOf.fill(none)
    this.event = this.row = this.kept = none
    this.gone = this.hasAround = false
    return this
  }

  override at(row: number): this {
    this.leave()
    super.at(row)
    if (this.hasAround) {
      for (let level: number = Level.data; level <= Level.resource; level++) {
        if (!this.loaded[level] || this.groupOf[level] === this.around(level as Level)) continue
        this.settle(level as Level)
        this.loaded[level] = false
      }
    }
    return this
  }

  /** Says that the record goes: `finish` must be told the numbers of the others. */
  drop(): void {
    this.gone = true
  }

  /** Ends the pass: the batch with all that was written, and with `rows` only these records of it. */
  finish(batch: Batch, rows?: Uint32Array): Batch {
    this.leave()
    for (let level: number = Level.data; level <= Level.resource; level++) this.settle(level as Level)
    const { edits } = this
    this.edits = undefined
    return batch.with(edits!, rows)
  }

  /** The fields of the message at `level`, to read and to write. */
  override draft(level: Level): Draft {
    const draft = this.drafts[level]!
    if (this.loaded[level]) return draft
    this.loaded[level] = true
    if (level === Level.record) {
      const dataField = this.format === 'metrics' ? this.dataField : 0
      draft.load(this.buf, this.start, this.end, entriesOf(this.format, level, dataField))
    } else if (level !== Level.event) this.loadAround(level, draft)
    return draft
  }

  /**
   * Records what was written around the record, which is not dropped. It can still be read, and must not be written to
   * again at this place. Early is cheap: places in their order need no sorting.
   */
  settleAround(): void {
    this.kept = this.row
    if (!this.hasAround) return
    for (let level: number = Level.resource; level >= Level.data; level--) this.settle(level as Level)
  }

  /** Between two processors: what the one has put where nothing was is there for good. */
  showAround(): void {
    if (!this.hasAround) return
    for (let level: number = Level.scope; level <= Level.resource; level++) {
      if (!this.loaded[level] || !this.absent[level] || this.appeared[level]) continue
      const draft = this.drafts[level]!
      this.appeared[level] = draft.changed && draft.bytes().length > 0
    }
  }

  /** Traces: how many events the span has; then `enterEvent(i)`. Removed ones count too. */
  get events(): number {
    return this.draft(Level.record).count
  }

  /** Stands on field `i` of the span; false when it is no event. */
  enterEvent(i: number): boolean {
    this.leaveEvent()
    const span = this.draft(Level.record)
    if (span.tagOf(i) !== ((eventsField << 3) | 2)) return false
    this.drafts[Level.event]!.load(
      span.bufOf(i),
      span.startOf(i),
      span.endOf(i),
      entriesOf(this.format, Level.event, 0),
    )
    this.loaded[Level.event] = true
    this.event = i
    return true
  }

  leaveEvent(): void {
    const draft = this.drafts[Level.event]!
    if (this.event !== none && draft.changed) {
      draft.changed = false
      this.draft(Level.record).replace(this.event, spanFrame(eventsField, draft.bytes()))
    }
    this.event = none
    this.loaded[Level.event] = false
  }

  override findSpan(level: Level, field: number): boolean {
    const draft = this.draft(level)
    for (let i = draft.count - 1; i >= 0; i--) {
      if (draft.tagOf(i) !== ((field << 3) | 2)) continue
      found.buf = draft.bufOf(i)
      found.start = draft.startOf(i)
      found.end = draft.endOf(i)
      return true
    }
    return false
  }

  override findNumber(level: Level, field: number): boolean {
    const draft = this.draft(level)
    found.lo = found.hi = 0
    for (let i = draft.count - 1; i >= 0; i--) {
      const tag = draft.tagOf(i)
      const wire = tag & 7
      if (tag >>> 3 !== field || wire === 2) continue
      reader.reset(draft.bufOf(i), draft.startOf(i), draft.endOf(i))
      reader.wire = wire
      readNumber(reader)
      found.lo = reader.lo
      found.hi = reader.hi
      return reader.ok
    }
    return false
  }

  override findEntry(level: Level, field: number, key: Uint8Array): boolean {
    const draft = this.draft(level)
    const i = draft.findKey(field, key)
    if (i < 0) return false
    found.buf = draft.bufOf(i)
    found.start = draft.startOf(i)
    found.end = draft.endOf(i)
    return true
  }

  private leave(): void {
    if (this.gone) {
      this.gone = this.loaded[Level.event] = this.loaded[Level.record] = false
      this.event = none
      return
    }
    this.kept = this.row
    if (!this.loaded[Level.record]) return
    this.leaveEvent()
    this.loaded[Level.record] = false
    const draft = this.drafts[Level.record]!
    if (draft.changed) draft.flush(this.edits!, this.edits!.within(this.start, this.end, this.enclosing()))
  }

  /** Records what was written at a level, if any record is left in it. */
  private settle(level: Level): void {
    const draft = this.drafts[level]!
    if (this.loaded[level] && draft.changed && this.holdsKept(level)) this.record(level, draft)
  }

  /** Whether the last record that stays is in the message that is loaded at a level. */
  private holdsKept(level: Level): boolean {
    const { row, kept } = this
    if (kept === none) return false
    this.row = kept
    const group = this.around(level)
    this.row = row
    return group === this.groupOf[level]
  }

  private loadAround(level: Level, draft: Draft): void {
    const at = this.around(level)
    this.groupOf[level] = at
    this.hasAround = true
    this.appeared[level] = false
    let start = this.groups[at + Group.start]!
    let end = this.groups[at + Group.end]!
    this.absent[level] = false
    if (level >= Level.scope) {
      this.absent[level] = !this.enter(level)
      start = this.absent[level] ? end : found.start
      end = this.absent[level] ? end : found.end
      this.starts[level] = start
      this.ends[level] = end
    }
    draft.load(this.buf, start, end, entriesOf(this.format, level, 0))
  }

  private record(level: Level, draft: Draft): void {
    const edits = this.edits!
    const group = this.groupOf[level]!
    const number = edits.ofGroup(this.groups, group / groupSize)
    if (level < Level.scope) draft.flush(edits, number)
    else if (this.absent[level]) {
      const start = this.groups[group + Group.start]!
      const body = draft.bytes()
      if (body.length > 0 || this.appeared[level]) edits.replace(start, start, spanFrame(1, body), number)
      draft.changed = false
    } else draft.flush(edits, edits.within(this.starts[level]!, this.ends[level]!, number))
  }

  /** The number of the message that the record stands in. */
  private enclosing(): number {
    return this.groups.length === 0 ? container : this.edits!.ofGroup(this.groups, this.rows[this.row + Row.info]!)
  }
}
