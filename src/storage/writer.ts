import { join } from 'node:path'
import type { Clock } from '../runtime/clock.ts'
import type { Format } from '../telemetry/format.ts'
import { SpoolFailed, SpoolFull } from './contract.ts'
import type { Disk } from './disk.ts'
import { bodyCrc, headerBytes, mostBytes, RecordHeader } from './disk-record.ts'
import { failure } from './failures.ts'
import { frameBytes, segmentName, writeFoot, writeHead } from './segment-frame.ts'
import { newSegment, type Segment, type Segments } from './segments.ts'
import type { Syncer } from './syncer.ts'

export interface WriterOptions {
  disk: Disk
  clock: Clock
  folder: string
  segments: Segments
  syncer: Syncer
  segmentBytes: number
  /** A segment takes no more when its first batch is this old; Infinity: whatever its age. */
  segmentMs: number
  /** Sequence and number of records to go on with. */
  next: number
  records: number
}

/** Appends batches: to a segment of this process, never to one that an earlier process left. */
export class Writer {
  /** The next sequence. */
  next: number
  /** Records in the queue's life. */
  records: number
  active: Segment | undefined
  private readonly options: WriterOptions
  private readonly header = new RecordHeader()
  private readonly headerBytes = Buffer.alloc(headerBytes)
  private firstAt = 0

  constructor(options: WriterOptions) {
    this.options = options
    this.next = options.next
    this.records = options.records
  }

  /** Answers the sequence. Throws `SpoolFull` or `SpoolFailed`; then the queue is as before. */
  append(payload: Uint8Array, count: number, format: Format, note: Buffer | undefined): number {
    const { header, options } = this
    header.noteBytes = note?.length ?? 0
    header.payloadBytes = payload.length
    const { size } = header
    if (size > mostBytes) throw new SpoolFull(`a batch of ${size} bytes is more than a queue on disk takes`, 'EFBIG')
    const segment = this.segmentFor(size)
    header.sequence = this.next
    header.before = this.records
    header.at = options.clock.now()
    header.count = count
    header.format = format
    header.bodyCrc = bodyCrc(note, payload)
    header.writeTo(this.headerBytes, segment.salt, segment.end)
    this.put(segment, note ? [this.headerBytes, note, payload] : [this.headerBytes, payload], size)
    this.took(segment, size, count, header.at)
    options.syncer.wrote(segment, this.next)
    return this.next++
  }

  /** Ends the active segment: what comes next goes into a new one. */
  seal(): void {
    const { active: segment } = this
    if (!segment) return
    const { disk, segments, syncer } = this.options
    this.active = undefined
    const foot = writeFoot({
      salt: segment.salt,
      records: this.records - segment.start!,
      batches: this.next - segment.first,
      first: segment.first,
      last: this.next - 1,
      firstAt: this.firstAt,
      lastAt: segment.lastAt ?? this.firstAt,
      end: segment.end,
    })
    try {
      if (disk.write(segment.fd!, [foot], segment.end) === frameBytes) {
        segments.resize(segment, segment.end + frameBytes)
        syncer.wrote(segment, this.next - 1)
      } else disk.truncate(segment.fd!, segment.end)
    } catch {
      // Without its footer a segment is read all the same: its end is found by looking for it.
    }
    segments.leave(segment)
  }

  private took(segment: Segment, size: number, count: number, at: number): void {
    const { clock, segments } = this.options
    if (segment.end === frameBytes) {
      this.firstAt = at
      segment.firstTick = clock.monotonic()
    }
    segment.end += size
    segments.resize(segment, segment.end)
    segment.lastAt = at
    segment.lastTick = clock.monotonic()
    this.records += count
  }

  private segmentFor(size: number): Segment {
    const { active } = this
    const { clock, segmentBytes, segmentMs } = this.options
    if (active && !active.broken) {
      const old = active.firstTick !== undefined && clock.monotonic() - active.firstTick > segmentMs
      if (active.end === frameBytes || (!old && active.end + size <= segmentBytes)) return active
    }
    // Two segments must not have the same name in front.
    if (active?.end === frameBytes) this.next++
    let fresh: Segment
    try {
      fresh = this.create()
    } catch (error) {
      const reason = failure('cannot make a file', error)
      // Out of descriptors, perhaps: a segment that grows longer than it should is better than a loss.
      if (active && !active.broken && reason instanceof SpoolFailed) return active
      throw reason
    }
    this.seal()
    this.active = fresh
    return fresh
  }

  private create(): Segment {
    const { disk, clock, folder, segments, syncer } = this.options
    const salt = disk.salt()
    const name = segmentName(this.next, salt)
    const path = join(folder, name)
    const fd = disk.create(path)
    const segment = newSegment(path, name, { first: this.next, salt }, frameBytes)
    Object.assign(segment, { fd, users: 1, start: this.records, looked: true })
    try {
      const head = writeHead({ first: this.next, salt, records: this.records, at: clock.now() })
      if (disk.write(fd, [head], 0) < frameBytes) throw new SpoolFull('no space left on the device', 'ENOSPC')
    } catch (error) {
      disk.close(fd)
      disk.removeNow(path)
      throw error
    }
    segments.add(segment)
    syncer.folderChanged()
    return segment
  }

  /** Writes all of the parts behind the segment's end, or leaves the file as it was. */
  private put(segment: Segment, parts: readonly Uint8Array[], size: number): void {
    const { disk } = this.options
    const { fd, end } = segment
    try {
      let written = disk.write(fd!, parts, end)
      while (written < size) {
        const rest = Buffer.concat(parts).subarray(written)
        const more = disk.write(fd!, [rest], end + written)
        if (more === 0) throw new SpoolFull('no space left on the device', 'ENOSPC')
        written += more
      }
    } catch (error) {
      try {
        disk.truncate(fd!, end)
      } catch {
        // What stands behind the end is not whole, and is passed over when it is read.
        segment.broken = true
      }
      throw failure('cannot write to the queue', error)
    }
  }
}
