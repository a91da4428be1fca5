import { join } from 'node:path'
import type { Disk } from './disk.ts'
import type { Damage } from './quarantine.ts'
import { frameBytes, parseSegmentName, readFoot, readHead, type SegmentFoot } from './segment-frame.ts'

/** One file of batches. */
export interface Segment {
  readonly name: string
  readonly path: string
  readonly first: number
  readonly salt: number
  /** Where its batches end. */
  end: number
  /** Bytes on disk. */
  size: number
  /** Records that the queue had taken before this segment; undefined until it was looked at, or when its front is damaged. */
  start: number | undefined
  /** Wall time of its newest batch, milliseconds since 1970; undefined when not known. */
  lastAt: number | undefined
  /** Of segments of this process: monotonic times of its first and newest batch. */
  firstTick: number | undefined
  lastTick: number | undefined
  /** What its footer says. */
  foot: SegmentFoot | undefined
  looked: boolean
  /** Writing to it or syncing it failed. */
  broken: boolean
  dirty: boolean
  /** Set when the disk does not give what is in it: then the file is kept. */
  unreadable: Damage | undefined
  /** Somebody removed its file. */
  removed: boolean
  fd: number | undefined
  users: number
}

/** The files of a queue in their order, and what they take on disk. */
export class Segments {
  /** The oldest first. */
  readonly list: Segment[] = []
  bytes = 0
  private readonly disk: Disk
  private readonly folder: string

  constructor(disk: Disk, folder: string) {
    this.disk = disk
    this.folder = folder
  }

  /** Finds what is in the folder: names and sizes only. */
  find(names: readonly string[]): void {
    for (const name of [...names].sort()) {
      const parsed = parseSegmentName(name)
      if (!parsed) continue
      const path = join(this.folder, name)
      this.add(newSegment(path, name, parsed, this.disk.sizeOf(path)))
    }
  }

  add(segment: Segment): void {
    this.list.push(segment)
    this.bytes += segment.size
  }

  /** The one behind a segment, which itself may be gone. */
  after({ first }: Segment): Segment | undefined {
    return this.list.find((each) => each.first > first)
  }

  resize(segment: Segment, size: number): void {
    this.bytes += size - segment.size
    segment.size = size
  }

  /** Takes a segment out of the table; its file is the caller's. */
  forget(segment: Segment): void {
    this.list.splice(this.list.indexOf(segment), 1)
    this.bytes -= segment.size
    if (segment.removed && segment.fd !== undefined) this.leave(segment)
  }

  /** Keeps a segment open whose file somebody removed: the descriptor is all that is left of it. False: it is there. */
  keepRemoved(segment: Segment): boolean {
    if (segment.removed || !this.list.includes(segment) || this.disk.links(segment.fd!) > 0) return false
    segment.removed = true
    this.use(segment)
    return true
  }

  /** Opens it if need be. Each `use` needs a `leave`: the last one closes the file. */
  use(segment: Segment): number {
    segment.fd ??= this.disk.open(segment.path)
    segment.users++
    return segment.fd
  }

  leave(segment: Segment): void {
    if (--segment.users > 0 || segment.fd === undefined) return
    const { fd } = segment
    segment.fd = undefined
    this.disk.close(fd)
  }

  /** Reads the front and the footer of a segment that an earlier process wrote. Throws when the disk does. */
  look(segment: Segment): void {
    if (segment.looked) return
    const fd = this.use(segment)
    try {
      const head = readHead(this.frameAt(fd, 0), segment.salt)
      const footAt = segment.size - frameBytes
      const foot = footAt >= frameBytes ? readFoot(this.frameAt(fd, footAt), segment.salt) : undefined
      segment.start = head?.records
      if (foot?.end === footAt) {
        segment.foot = foot
        segment.end = footAt
        segment.lastAt = foot.lastAt
      }
      segment.looked = true
    } finally {
      this.leave(segment)
    }
  }

  private frameAt(fd: number, at: number): Buffer {
    const bytes = Buffer.alloc(frameBytes)
    return bytes.subarray(0, this.disk.readNow(fd, bytes, at))
  }
}

export function newSegment(path: string, name: string, at: { first: number; salt: number }, size: number): Segment {
  return {
    name,
    path,
    first: at.first,
    salt: at.salt,
    end: size,
    size,
    start: undefined,
    lastAt: undefined,
    firstTick: undefined,
    lastTick: undefined,
    foot: undefined,
    looked: false,
    broken: false,
    dirty: false,
    unreadable: undefined,
    removed: false,
    fd: undefined,
    users: 0,
  }
}
