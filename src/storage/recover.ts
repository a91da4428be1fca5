import type { Log } from '../runtime/log.ts'
import type { Disk } from './disk.ts'
import { headerBytes } from './disk-record.ts'
import type { Position } from './position-file.ts'
import { type Found, scan } from './scan.ts'
import { frameBytes, writeFoot } from './segment-frame.ts'
import type { Segment, Segments } from './segments.ts'

/** Where a queue goes on. */
export interface Recovered extends Position {
  /** Records in the queue's life: what is after the position is unfinished. */
  readonly total: number
}

/**
 * Finds out where to go on: looks at the first and the last segment and at the position, whatever the size of the queue. A last segment
 * that was not ended is gone through once, and ended. What is damaged is left for reading.
 */
export async function recover(
  disk: Disk,
  segments: Segments,
  found: Position | undefined,
  log: Log,
): Promise<Recovered> {
  await removeFinished(disk, segments, found)
  const end = await endOf(disk, segments, log)
  const first = segments.list[0]
  const next = Math.max(end?.next ?? 1, found?.next ?? 1, found?.sequence ?? 1)
  const counted = found?.records ?? 0
  const begin =
    first && (!found || found.sequence < first.first) ? await startOf(disk, segments, first, counted) : undefined
  const position = begin ?? found ?? { sequence: next, records: 0 }
  const synced = found?.synced ?? 0
  // Counts never go back, even if all files that were counted in are gone.
  const total = Math.max(end?.records ?? 0, position.records, counted)
  // Without segments nothing can be unfinished.
  if (!first) return { sequence: next, records: total, next, total, synced }
  return { sequence: Math.min(position.sequence, next), records: position.records, next, total, synced }
}

async function removeFinished(disk: Disk, segments: Segments, position: Position | undefined): Promise<void> {
  if (!position) return
  const { list } = segments
  for (let next = list[1]; next && next.first <= position.sequence; next = list[1]) {
    const [done] = list
    await disk.remove(done!.path)
    segments.forget(done!)
  }
}

/** Sequence and number of records behind the newest batch; empty segments at the end are removed. */
async function endOf(disk: Disk, segments: Segments, log: Log): Promise<{ next: number; records: number } | undefined> {
  let next = 1
  let records = 0
  for (const segment of segments.list.toReversed()) {
    const end = await endOfSegment(disk, segments, segment, log)
    // It may have held a batch, even if none is to be seen; and no two segments may begin with the same number, not even with one
    // that is removed now and comes back with a power cut.
    next = Math.max(next, end.next, segment.first + 1)
    // The front of an empty segment may know of batches that are damaged or missing.
    records = Math.max(records, segment.start ?? 0, end.records ?? 0)
    if (end.records !== undefined) return { next, records }
    if (!end.empty) continue
    await disk.remove(segment.path)
    segments.forget(segment)
  }
  return next > 1 ? { next, records } : undefined
}

/** `records` is undefined when the segment does not say it. */
async function endOfSegment(disk: Disk, segments: Segments, segment: Segment, log: Log) {
  const tally = new Tally(segment.first)
  try {
    segments.look(segment)
    const { foot, start } = segment
    if (foot && start !== undefined) return { next: foot.last + 1, records: start + foot.records, empty: false }
    tally.start = start
    await tallyUp(disk, segments, segment, tally)
  } catch (error) {
    log.error('the disk does not give the end of the queue', { file: segment.name, error: (error as Error).message })
    // No batch in it can have a higher number.
    return { next: segment.first + Math.ceil(segment.size / headerBytes), records: segment.start, empty: false }
  }
  if (tally.torn > 0) {
    log.warn('the end of a write that was cut off is taken off the queue', { file: segment.name, bytes: tally.torn })
  }
  const { next, empty } = tally
  return { next, records: empty ? undefined : tally.records, empty }
}

async function tallyUp(disk: Disk, segments: Segments, segment: Segment, tally: Tally): Promise<void> {
  const fd = segments.use(segment)
  try {
    const range = { fd, salt: segment.salt, offset: frameBytes, end: segment.end }
    while (range.offset < range.end) for (const each of await scan(disk, range, chunkBytes, false)) tally.add(each)
    if (!tally.empty && !segment.foot) endSegment(disk, segments, segment, tally)
  } finally {
    segments.leave(segment)
  }
}

const chunkBytes = 1 << 20

/** What a pass over the headers of a segment has found. */
class Tally {
  next: number
  /** Records before the segment, and behind its last batch; undefined when nothing says it. */
  start: number | undefined
  private behind: number | undefined
  batches = 0
  torn = 0
  /** Behind the last thing worth keeping. */
  end = frameBytes
  firstAt = 0
  lastAt = 0
  readonly first: number

  constructor(first: number) {
    this.first = first
    this.next = first
  }

  get empty(): boolean {
    return this.end === frameBytes
  }

  get records(): number | undefined {
    return this.behind ?? this.start
  }

  add(found: Found): void {
    if (found.kind === 'torn') {
      this.torn += found.to - found.from
      return
    }
    this.end = found.to
    if (found.kind === 'gap') return
    if (this.batches++ === 0) {
      this.firstAt = found.at
      this.start ??= found.before
    }
    this.lastAt = found.at
    this.next = found.sequence + 1
    this.behind = found.before + found.count
  }
}

/** Cuts off what is torn and writes the footer. A disk that does not take it is no reason not to start. */
function endSegment(disk: Disk, segments: Segments, segment: Segment, tally: Tally): void {
  const { first, next, batches, records = 0, start = 0, firstAt, lastAt, end } = tally
  segment.end = end
  segment.lastAt = batches > 0 ? lastAt : undefined
  const foot = writeFoot({
    salt: segment.salt,
    records: Math.max(0, records - start),
    batches,
    first,
    last: Math.max(first, next - 1),
    firstAt,
    lastAt,
    end,
  })
  try {
    disk.truncate(segment.fd!, end)
    segments.resize(segment, end)
    if (disk.write(segment.fd!, [foot], end) === frameBytes) segments.resize(segment, end + frameBytes)
    else disk.truncate(segment.fd!, end)
  } catch {
    // Then it is gone through again the next time.
  }
}

/** Where the oldest segment begins; found by its first batch when its front is damaged; `otherwise` when that is too. */
async function startOf(
  disk: Disk,
  segments: Segments,
  segment: Segment,
  otherwise: number,
): Promise<{ sequence: number; records: number }> {
  const unknown = { sequence: segment.first, records: otherwise }
  try {
    segments.look(segment)
  } catch {
    // Reading will tell.
    return unknown
  }
  if (segment.start !== undefined) return { sequence: segment.first, records: segment.start }
  const fd = segments.use(segment)
  try {
    const range = { fd, salt: segment.salt, offset: frameBytes, end: segment.end }
    while (range.offset < range.end) {
      for (const found of await scan(disk, range, chunkBytes, false)) {
        if (found.kind === 'batch') return { sequence: found.sequence, records: found.before }
      }
    }
  } finally {
    segments.leave(segment)
  }
  return unknown
}
