import type { SpoolLoss } from './contract.ts'
import type { Cursor } from './cursor.ts'
import type { Finished } from './finished-file.ts'
import type { Removals } from './removals.ts'
import { frameBytes } from './segment-frame.ts'
import type { Segment, Segments } from './segments.ts'
import type { Troubles } from './troubles.ts'
import type { Writer } from './writer.ts'

export interface RetentionOptions {
  readonly segments: Segments
  readonly writer: Writer
  readonly cursor: Cursor
  readonly finished: Finished
  readonly removals: Removals
  readonly troubles: Troubles
  /** Lowest unfinished batch. */
  readonly position: () => number
  readonly savePosition: () => void
  readonly lose: (loss: SpoolLoss, records: number, why: string) => void
}

/** Which segments stay: those in which something is not finished, but for the oldest when room is needed. */
export class Retention {
  private readonly options: RetentionOptions

  constructor(options: RetentionOptions) {
    this.options = options
  }

  /** With what its front says of its age. */
  oldest(): Segment | undefined {
    const [first] = this.options.segments.list
    if (first) this.startOf(first)
    return first
  }

  /** Removes the segments in which everything is finished. */
  trim(): void {
    const { segments, writer, cursor, removals, position, savePosition } = this.options
    for (;;) {
      const [first, second] = segments.list
      if (!first || first === writer.active || cursor.needs(first)) return
      if ((second?.first ?? writer.next) > position()) return
      if (!second) savePosition()
      segments.forget(first)
      removals.later(first)
    }
  }

  /** Removes all segments: nothing in them is unfinished. */
  discard(): void {
    const { segments, writer, cursor } = this.options
    writer.seal()
    cursor.toEnd()
    for (const segment of [...segments.list]) this.removeNow(segment)
  }

  /** Removes the oldest segment and counts what nobody was given of it; undefined: there is none that would make room. */
  removeOldest(loss: SpoolLoss, why: string): number | undefined {
    const { segments, writer, cursor, finished, savePosition, lose } = this.options
    const [first] = segments.list
    if (!first || (first === writer.active && first.end === frameBytes)) return undefined
    if (first === writer.active) writer.seal()
    const next = segments.after(first)
    const behind = this.startOf(next) ?? Math.max(cursor.records, first.start ?? 0)
    const sequence = next?.first ?? writer.next
    let lost = 0
    if (cursor.sequence < sequence || cursor.needs(first)) {
      lost = Math.max(0, behind - cursor.records - finished.takeBetween(cursor.sequence, sequence))
      cursor.jump(next, behind)
    }
    savePosition()
    this.removeNow(first)
    lose(loss, lost, why)
    return lost
  }

  /** Records before a segment; undefined when its front is damaged. */
  private startOf(segment: Segment | undefined): number | undefined {
    const { segments, writer, troubles } = this.options
    if (!segment) return writer.records
    try {
      segments.look(segment)
    } catch (error) {
      troubles.failed('read', error)
    }
    return segment.start
  }

  private removeNow(segment: Segment): void {
    const { segments, removals } = this.options
    segments.forget(segment)
    removals.now(segment)
  }
}
