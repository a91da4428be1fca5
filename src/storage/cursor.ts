import type { SpoolRecord } from './contract.ts'
import type { Disk } from './disk.ts'
import { headerBytes } from './disk-record.ts'
import { codeOf, failure } from './failures.ts'
import type { Finished } from './finished-file.ts'
import { parseNote } from './note.ts'
import type { Outstanding } from './outstanding.ts'
import type { Position } from './position-file.ts'
import type { Damage, Quarantine } from './quarantine.ts'
import { type Found, type FoundBatch, scan } from './scan.ts'
import { frameBytes } from './segment-frame.ts'
import type { Segment, Segments } from './segments.ts'
import type { Writer } from './writer.ts'

export interface CursorOptions {
  disk: Disk
  segments: Segments
  writer: Writer
  outstanding: Outstanding
  quarantine: Quarantine
  /** Batches that were finished out of turn in an earlier life. */
  finished: Finished
  /** Everything below was finished in an earlier life. */
  sequence: number
  /** Records in the queue's life before it. */
  records: number
  onCorrupt(records: number, detail: string): void
  /** Whether a file that cannot be opened is gone for good. */
  isGone(error: unknown): boolean
}

/** So often in a row the disk is asked for the same place; then the rest of that segment is given up. */
const mostFailures = 5

/** Where the queue is read: always between two batches. */
export class Cursor {
  /** The next batch that nobody was given. */
  sequence: number
  /** Records in the queue's life before it. */
  records: number
  reading = false
  private segment: Segment | undefined
  private offset = frameBytes
  private failures = 0
  private floor: number
  private readonly options: CursorOptions

  constructor(options: CursorOptions) {
    this.options = options
    this.sequence = this.floor = options.sequence
    this.records = options.records
  }

  /** Batches that nobody was given. */
  get unread(): number {
    return this.options.writer.next - this.sequence - this.options.finished.size
  }

  /** Whether nothing is left in the segment where it stands. */
  get atEnd(): boolean {
    return !this.segment || (this.segment.looked && this.offset >= endOf(this.segment))
  }

  /** Whether there is nothing between it and the newest segment. */
  get caughtUp(): boolean {
    return this.segment === this.options.writer.active || this.atEnd
  }

  /** Whether it stands in this segment, before its end. */
  needs(segment: Segment): boolean {
    return this.segment === segment && !this.atEnd
  }

  /** Goes on behind everything that was written. */
  toEnd(): void {
    const { writer, segments } = this.options
    this.segment = writer.active ?? segments.list.at(-1)
    this.offset = this.segment?.end ?? frameBytes
    this.pass(writer.next)
    this.records = writer.records
  }

  /** Goes on at the front of a segment; undefined: at the end of all. `start`: records before it, that nobody is given. */
  jump(segment: Segment | undefined, start: number): void {
    if (!segment) {
      this.skip(this.options.writer.next, start)
      this.toEnd()
      return
    }
    this.stand(segment)
    this.skip(segment.first, start)
  }

  /** Goes back to a batch that was given out, in this segment: what stands below it is not given again. */
  back({ sequence, records }: Pick<Position, 'sequence' | 'records'>, segment: Segment): void {
    this.stand(segment)
    this.sequence = this.floor = sequence
    this.records = records
  }

  /** The next batches; none when there are none. Rejects with `SpoolFailed`, and stays where it is. */
  async read(most: number): Promise<SpoolRecord[]> {
    const { segments } = this.options
    for (;;) {
      this.segment ??= segments.list[0]
      const { segment } = this
      // Also where nothing is unread there may be damage to be set aside before the next batch.
      if (!segment || (this.atEnd && !segments.after(segment))) break
      const records = await this.readFrom(segment, most)
      if (records.length > 0) return records
    }
    this.goTo(this.options.writer.next, this.options.writer.records, this.segment)
    this.toEnd()
    return []
  }

  private async readFrom(segment: Segment, most: number): Promise<SpoolRecord[]> {
    const { segments, disk } = this.options
    if (this.atEnd) {
      this.leave(segment)
      return []
    }
    let fd: number
    try {
      fd = segments.use(segment)
    } catch (error) {
      return this.failed(segment, error)
    }
    const from = this.offset
    try {
      segments.look(segment)
      const range = { fd, salt: segment.salt, offset: from, end: endOf(segment) }
      const found = await scan(disk, range, most)
      const kept = await this.keepGap(segment, fd, found[0])
      // Meanwhile the segment may have been displaced, and the cursor with it.
      if (this.segment !== segment || this.offset !== from) return []
      this.failures = 0
      this.offset = range.offset
      return this.take(segment, found, kept)
    } catch (error) {
      if (this.segment !== segment || this.offset !== from) return []
      return this.failed(segment, error)
    } finally {
      segments.leave(segment)
    }
  }

  private take(segment: Segment, found: readonly Found[], kept: string): SpoolRecord[] {
    const records: SpoolRecord[] = []
    for (const each of found) {
      if (each.kind === 'torn') continue
      if (each.kind === 'gap') {
        this.options.onCorrupt(0, `${each.to - each.from} bytes of ${segment.name} have no sound header; ${kept}`)
        continue
      }
      if (each.sequence < this.floor) continue
      this.goTo(each.sequence, each.before, segment)
      this.sequence = each.sequence + 1
      this.records = each.before + each.count
      if (this.options.finished.take(each.sequence)) {
        this.options.outstanding.addDone(each.sequence, each.count, each.before)
        continue
      }
      if (each.kind === 'damaged') this.setAside(segment, each)
      else records.push(this.given(each))
    }
    return records
  }

  private given({ sequence, before, count, format, at, bytes, noteBytes }: FoundBatch): SpoolRecord {
    this.options.outstanding.add(sequence, count, before)
    const payload = bytes.subarray(headerBytes + noteBytes)
    return {
      sequence,
      count,
      format,
      at,
      payload,
      note: parseNote(bytes.subarray(headerBytes, headerBytes + noteBytes)),
    }
  }

  private stand(segment: Segment): void {
    this.segment = segment
    this.offset = frameBytes
    this.failures = 0
  }

  /** Goes on at a sequence, behind so many records: nobody is given those between, and nobody asks for them again. */
  private skip(sequence: number, records: number): void {
    const skipped = records - this.records
    if (skipped > 0) this.options.outstanding.addLost(sequence, skipped, this.records)
    this.sequence = sequence
    this.records = records
  }

  /** Goes on at a higher sequence: what was finished or told as lost before it needs not be seen. */
  private pass(sequence: number): void {
    if (sequence < this.sequence) return
    this.skip(sequence, this.records + this.options.finished.takeBetween(this.sequence, sequence))
  }

  /** Goes on at a sequence that is known to be behind so many records: what was not seen of them is lost, once. */
  private goTo(sequence: number, records: number, segment: Segment | undefined): void {
    if (sequence > this.sequence || records > this.records) this.pass(sequence)
    const lost = records - this.records
    if (lost <= 0) return
    this.options.onCorrupt(lost, whyMissing(segment))
    this.skip(sequence, records)
  }

  /** At the end of a segment: on to the next. */
  private leave(segment: Segment): void {
    const { segments, writer } = this.options
    const next = segments.after(segment)
    if (!next) {
      this.goTo(writer.next, writer.records, segment)
      this.toEnd()
      return
    }
    if (!next.looked) segments.look(next)
    if (next.start !== undefined && next.first > this.floor) this.goTo(next.first, next.start, segment)
    else this.pass(next.first)
    this.segment = next
    this.offset = frameBytes
  }

  private setAside(segment: Segment, damaged: Omit<FoundBatch, 'kind'>): void {
    const { quarantine, onCorrupt, outstanding } = this.options
    const { from, bytes, sequence, before, count, format, at } = damaged
    outstanding.addDone(sequence, count, before)
    const damage: Damage = {
      what: 'payload',
      reason: 'the CRC-32 of the bytes is not the one in the header',
      segment: segment.name,
      offset: from,
      bytes: bytes.length,
      sequence,
      records: count,
      format,
      at: new Date(at).toISOString(),
    }
    onCorrupt(count, `batch ${sequence} of ${segment.name} is damaged; ${quarantine.keep(damage, bytes)}`)
  }

  private async keepGap(segment: Segment, fd: number, found: Found | undefined): Promise<string> {
    if (found?.kind !== 'gap') return ''
    const { from, to } = found
    const reason = 'no header of a batch with a sound CRC-32'
    const damage: Damage = { what: 'header', reason, segment: segment.name, offset: from, bytes: to - from }
    return await this.options.quarantine.keepRange(damage, fd)
  }

  /** Throws until it has failed too often at this place; then the rest of the segment is given up. */
  private failed(segment: Segment, error: unknown): SpoolRecord[] {
    if (this.options.isGone(error)) {
      this.failures = 0
      segment.removed = segment.looked = true
      segment.end = this.offset
      return []
    }
    if (++this.failures < mostFailures || isOurs(error)) throw failure(`cannot read ${segment.path}`, error)
    this.failures = 0
    segment.unreadable = {
      what: 'unreadable',
      reason: (error as Error).message,
      segment: segment.name,
      offset: this.offset,
      bytes: segment.end - this.offset,
    }
    this.options.onCorrupt(0, `${segment.name} cannot be read: ${segment.unreadable.reason}`)
    this.offset = segment.end
    return []
  }
}

/** Nothing is read of it behind this place. */
const endOf = ({ unreadable, end }: Segment): number => unreadable?.offset ?? end

const whyMissing = (segment: Segment | undefined) =>
  segment?.removed ? `somebody removed ${segment.path}` : `their place in ${segment?.name ?? 'the queue'} is damaged`

/** Failures of the process and of people, not of the disk: they end. */
const isOurs = (error: unknown) => passing.has(codeOf(error))
const passing = new Set([
  ...['EMFILE', 'ENFILE', 'ENOMEM', 'EINTR', 'EAGAIN'],
  // The folder was moved away, or is another user's now.
  ...['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'EPERM'],
])
