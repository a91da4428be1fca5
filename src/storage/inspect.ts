import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { silentLog } from '../runtime/log.ts'
import type { SpoolRecord } from './contract.ts'
import type { Disk } from './disk.ts'
import { headerBytes } from './disk-record.ts'
import { codeOf } from './failures.ts'
import { Finished, finishedName } from './finished-file.ts'
import { checkFormatText, checkNames, formatName, positionName, readText } from './folder.ts'
import { holderOf } from './folder-lock.ts'
import { lookingDisk } from './looking-disk.ts'
import { parseNote } from './note.ts'
import { type Position, readPosition } from './position-file.ts'
import { quarantineName } from './quarantine.ts'
import { type Recovered, recover } from './recover.ts'
import { type Found, type FoundBatch, scan } from './scan.ts'
import { frameBytes, parseSegmentName } from './segment-frame.ts'
import { type Segment, Segments } from './segments.ts'
import { isMeant, type TimeRange } from './time-range.ts'

/** What is in a queue, found without taking or changing it: also of one that an agent uses at the moment. */
export interface QueueInfo {
  readonly folder: string
  /** Unfinished. */
  readonly batches: number
  readonly records: number
  readonly bytes: number
  readonly segments: number
  /** Wall times of the oldest and newest unfinished batch, milliseconds since 1970. */
  readonly oldest: number | undefined
  readonly newest: number | undefined
  /** Lowest unfinished sequence. */
  readonly position: number
  /** Things in quarantine, and their bytes. */
  readonly quarantined: { readonly things: number; readonly bytes: number }
  /** Who has the queue: `process 4711 (since ...)`. */
  readonly holder: string | undefined
}

/** Folders of queues: `path` itself, or what is in it. Throws when `path` cannot be listed. */
export function queuesIn(path: string): string[] {
  if (isQueue(path)) return [path]
  const inside = readdirSync(path, { withFileTypes: true }).filter((each) => each.isDirectory())
  return inside
    .map((each) => join(path, each.name))
    .filter(isQueue)
    .sort()
}

function isQueue(path: string): boolean {
  try {
    return readdirSync(path).some((name) => name === formatName || parseSegmentName(name) !== undefined)
  } catch (error) {
    if (codeOf(error) === 'EACCES') return false
    throw error
  }
}

interface Looked {
  readonly segments: Segments
  readonly from: Recovered
  readonly finished: Finished
  readonly bytes: number
}

/** Throws what `openSpool` would, but for the lock. */
async function look(folder: string, disk: Disk): Promise<Looked> {
  const names = disk.list(folder)
  checkNames(folder, names)
  if (names.includes(formatName)) checkFormatText(folder, readText(disk, join(folder, formatName)))
  const segments = new Segments(disk, folder)
  segments.find(names)
  const { bytes } = segments
  const from = await recover(disk, segments, positionIn(folder, names, disk), silentLog)
  const finished = Finished.read(disk, join(folder, finishedName), from)
  return { segments, from, finished, bytes }
}

function positionIn(folder: string, names: readonly string[], disk: Disk): Position | undefined {
  if (!names.includes(positionName)) return undefined
  const fd = disk.open(join(folder, positionName))
  try {
    return readPosition(disk, fd)?.position
  } finally {
    disk.close(fd)
  }
}

/** What is in the queue of a folder. */
export async function inspectQueue(folder: string, disk: Disk = lookingDisk): Promise<QueueInfo> {
  const { segments, from, finished, bytes } = await look(folder, disk)
  const batches = Math.max(0, from.next - from.sequence - finished.size)
  return {
    folder,
    batches,
    records: Math.max(0, from.total - from.records - finished.records),
    bytes,
    segments: segments.list.length,
    oldest: await oldest(disk, segments, from.sequence, finished),
    newest: batches > 0 ? await newest(disk, segments) : undefined,
    position: from.sequence,
    quarantined: quarantineOf(folder),
    holder: holderOf(folder),
  }
}

async function oldest(
  disk: Disk,
  segments: Segments,
  position: number,
  finished: Finished,
): Promise<number | undefined> {
  for (const segment of [...segments.list]) {
    for await (const found of thingsOf(disk, segments, segment, false)) {
      if (found.kind === 'batch' && found.sequence >= position && !finished.has(found.sequence)) return found.at
    }
  }
  return undefined
}

async function newest(disk: Disk, segments: Segments): Promise<number | undefined> {
  for (const segment of segments.list.toReversed()) {
    if (segment.lastAt !== undefined) return segment.lastAt
    let last: number | undefined
    for await (const found of thingsOf(disk, segments, segment, false)) if (found.kind === 'batch') last = found.at
    if (last !== undefined) return last
  }
  return undefined
}

function quarantineOf(folder: string) {
  const path = join(folder, quarantineName)
  try {
    const kept = readdirSync(path).filter((name) => name.endsWith('.bytes'))
    return { things: kept.length, bytes: kept.reduce((sum, name) => sum + statSync(join(path, name)).size, 0) }
  } catch {
    return { things: 0, bytes: 0 }
  }
}

const chunkBytes = 1 << 20

/** Everything in a segment, in order. One that is gone meanwhile has nothing. */
async function* thingsOf(
  disk: Disk,
  segments: Segments,
  segment: Segment,
  payloads: boolean,
): AsyncGenerator<Found, void> {
  let fd: number
  try {
    fd = segments.use(segment)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  try {
    segments.look(segment)
    const range = { fd, salt: segment.salt, offset: frameBytes, end: segment.end }
    while (range.offset < range.end) yield* await scan(disk, range, chunkBytes, payloads)
  } finally {
    segments.leave(segment)
  }
}

/** The unfinished batches of a queue, in order; takes and changes nothing. Damage is passed over. */
export async function* peekQueue(folder: string, range: TimeRange = {}, disk: Disk = lookingDisk) {
  const { segments, from, finished } = await look(folder, disk)
  for (const segment of [...segments.list]) {
    for await (const found of thingsOf(disk, segments, segment, true)) {
      if (found.kind !== 'batch' || found.sequence < from.sequence || finished.has(found.sequence)) continue
      if (isMeant(found, range)) yield recordOf(found)
    }
  }
}

function recordOf({ sequence, count, format, at, bytes, noteBytes }: FoundBatch): SpoolRecord {
  const note = parseNote(bytes.subarray(headerBytes, headerBytes + noteBytes))
  return { sequence, count, format, at, payload: bytes.subarray(headerBytes + noteBytes), note }
}

/** One thing that is wrong with a queue. */
export interface Fault {
  readonly file: string
  /** Where in the file. */
  readonly offset: number
  readonly bytes: number
  /** Records that it costs; undefined when nothing says it. */
  readonly records: number | undefined
  readonly text: string
}

/** What a pass over every byte of a queue has found. */
export interface Verified {
  readonly folder: string
  readonly batches: number
  readonly records: number
  readonly bytes: number
  readonly faults: readonly Fault[]
  /** Bytes of a write that a kill cut off, or that is under way: no fault. */
  readonly cutOff: number
}

/** Goes over every byte of a queue, what is finished but still there included; takes and changes nothing. */
export async function verifyQueue(folder: string, disk: Disk = lookingDisk): Promise<Verified> {
  const names = disk.list(folder)
  await look(folder, disk)
  const segments = new Segments(disk, folder)
  segments.find(names)
  const faults: Fault[] = []
  const sum = { batches: 0, records: 0, bytes: 0, cutOff: 0 }
  let behind: number | undefined
  for (const segment of [...segments.list]) {
    for await (const found of thingsOf(disk, segments, segment, true)) {
      const size = found.to - found.from
      const fault = (records: number | undefined, text: string) =>
        void faults.push({ file: segment.name, offset: found.from, bytes: size, records, text })
      sum.bytes += size
      if (found.kind === 'torn') sum.cutOff += size
      else if (found.kind === 'gap') fault(undefined, 'no header of a batch with a sound CRC-32')
      else {
        if (behind !== undefined && found.before > behind)
          fault(found.before - behind, 'what stood before it is missing')
        behind = found.before + found.count
        sum.batches++
        sum.records += found.count
        if (found.kind === 'damaged')
          fault(found.count, `the bytes of batch ${found.sequence} are not those of its header`)
      }
    }
  }
  return { folder, ...sum, faults }
}
