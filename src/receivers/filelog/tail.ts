import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs'
import { crc32 } from 'node:zlib'
import { type Mark, Settlement } from './settlement.ts'

/** So many bytes before the place of reading are read again: they tell whether it still is the same text. */
export const mostLap = 64

/** What a file is recognised by: the checksum of its first bytes. */
export interface Head {
  readonly size: number
  readonly sum: number
}

/** One file that is read, whatever its name is by now. */
export class Tail {
  readonly id: number
  /** Under which it was found. */
  path: string
  readonly dev: number
  readonly ino: number
  fd = -1
  /** Everything before it was cut into entries. */
  offset = 0
  lapSize = 0
  lapSum = 0
  /** As last seen. */
  size = 0
  mtimeMs = 0
  head: Head = { size: 0, sum: 0 }
  settlement: Settlement
  /** Encoded attributes. */
  extra: Buffer = none
  /** Wall time of the first sight of this file, or of the one before it at its path. */
  readonly since: number
  /** Monotonic time of the last growth. */
  grewAt = 0
  /** Monotonic time since when its path names another file, or none; -1: it is where it was. */
  departedAt = -1
  /** The rest of an entry that was cut is left out. */
  skips = false
  /** What it held before was cut off. */
  isTruncated = false
  /** It waits for its turn to be read. */
  isReady = false
  /** What is left is an entry, whether it has an end or not. */
  flushes = false
  /** Let go of: what is still unsettled settles, nothing more is read. */
  isOver = false

  constructor(id: number, path: string, stat: Pick<Stats, 'dev' | 'ino' | 'size' | 'mtimeMs'>, since: number) {
    this.id = id
    this.path = path
    this.dev = stat.dev
    this.ino = stat.ino
    this.size = stat.size
    this.mtimeMs = stat.mtimeMs
    this.since = since
    this.settlement = new Settlement(beginning, this)
  }

  get mark(): Mark {
    return { offset: this.offset, lapSize: this.lapSize, lapSum: this.lapSum, skips: this.skips }
  }

  get isAtEnd(): boolean {
    return this.offset >= this.size
  }

  /** Reading goes on at `mark`. */
  moveTo(mark: Mark): void {
    this.offset = mark.offset
    this.lapSize = mark.lapSize
    this.lapSum = mark.lapSum
    this.skips = mark.skips
    this.settlement = new Settlement(mark, this)
  }

  /** Opens it where it lies now; false when another file is there. Throws what the system says. */
  open(path = this.path): boolean {
    if (this.fd >= 0) return true
    const fd = openFile(path)
    const { dev, ino } = fstatSync(fd)
    if (dev !== this.dev || ino !== this.ino) {
      closeSync(fd)
      return false
    }
    this.fd = fd
    return true
  }

  close(): void {
    if (this.fd >= 0) closeSync(this.fd)
    this.fd = -1
  }
}

/** Never waits, not even for the other end of a FIFO that took the place of a file. */
export const openFile = (path: string): number => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)

const scratch = Buffer.alloc(1 << 20)
const none = Buffer.alloc(0)
const beginning: Mark = { offset: 0, lapSize: 0, lapSum: 0, skips: false }

/** The checksum of the first bytes, at most `most` of them. */
export function readHead(fd: number, most: number): Head {
  const size = readSync(fd, scratch, 0, Math.min(most, scratch.length), 0)
  return { size, sum: crc32(scratch.subarray(0, size)) }
}

/** Whether the file begins with the bytes of `head`. */
export function hasHead(fd: number, head: Head): boolean {
  const found = readHead(fd, head.size)
  return found.size === head.size && found.sum === head.sum
}

/** The place at `offset` with its checksum. */
export function readMark(fd: number, offset: number): Mark {
  const size = Math.min(mostLap, offset)
  const got = size === 0 ? 0 : readSync(fd, scratch, 0, size, offset - size)
  const isThere = got === size
  const lapSum = isThere ? crc32(scratch.subarray(0, size)) : 0
  return { offset, lapSize: isThere ? size : 0, lapSum, skips: false }
}

/** Whether the bytes before the place are still those of `mark`. */
export function hasMark(fd: number, { offset, lapSize, lapSum }: Mark): boolean {
  if (lapSize === 0) return true
  const got = readSync(fd, scratch, 0, lapSize, offset - lapSize)
  return got === lapSize && crc32(scratch.subarray(0, got)) === lapSum
}
