import type { Stats } from 'node:fs'
import type { Clock, LogSeries } from '../../plugin.ts'
import type { Checkpoints } from './checkpoints.ts'
import { generationsOf } from './generations.ts'
import { Known } from './known.ts'
import { OpenFiles } from './open-files.ts'
import { type Head, hasMark, readHead, Tail } from './tail.ts'
import { isGone, whyUnreadable } from './unreadable.ts'

export interface FilesOptions {
  checkpoints: Checkpoints | undefined
  clock: Clock
  series: LogSeries
  /** First bytes of a file that tell which file it is. */
  headSize: number
  mostOpen: number
  /** Encoded attributes of the file at this path. */
  attributesOf(path: string): Buffer
  /** It has something to read. */
  ready(tail: Tail): void
}

export interface FileCounts {
  /** Times that all places were looked at. */
  looks: number
  files: number
  rotated: number
  truncated: number
  /** Bytes that were gone before they could be read. */
  lostBytes: number
  unreadable: number
}

/** All files that are read, wherever they lie by now: known, held open, kept in the checkpoints, counted. */
export class Files {
  readonly counts: FileCounts = { looks: 0, files: 0, rotated: 0, truncated: 0, lostBytes: 0, unreadable: 0 }
  readonly known: Known
  readonly opened: OpenFiles
  /** Those that have gone from their path and are still held. */
  readonly departed = new Set<Tail>()
  readonly options: FilesOptions
  private lastId = 0

  constructor(options: FilesOptions) {
    this.options = options
    this.opened = new OpenFiles(options.mostOpen)
    this.known = new Known(options.headSize, (tail) => options.checkpoints?.drop(tail))
  }

  /** Ids up to this one are in use. */
  skipIds(last: number): void {
    this.lastId = Math.max(this.lastId, last)
  }

  /** `since`: wall time of the first sight of it, or of the one before it at its path. `logPath`: what it is a generation of. */
  make(path: string, stat: Pick<Stats, 'dev' | 'ino' | 'size' | 'mtimeMs'>, since: number, logPath = path): Tail {
    const tail = new Tail(++this.lastId, path, stat, since)
    const { attributesOf, clock } = this.options
    tail.grewAt = clock.monotonic() - Math.max(0, clock.now() - stat.mtimeMs)
    tail.extra = attributesOf(logPath)
    return tail
  }

  /** From now on it is read. */
  keep(tail: Tail): void {
    this.counts.files++
    this.known.add(tail)
    this.options.checkpoints?.put(tail)
    if (!tail.isAtEnd) this.options.ready(tail)
  }

  /** From now on it is read, though it lies at no path that is looked at. */
  keepDeparted(tail: Tail): void {
    tail.departedAt = this.options.clock.monotonic()
    this.departed.add(tail)
    this.keep(tail)
  }

  /** It is remembered no longer. */
  forget(tail: Tail): void {
    this.known.remove(tail)
    this.options.checkpoints?.drop(tail)
  }

  /** It was read to its end, or cannot be: it is remembered for a while. */
  release(tail: Tail): void {
    tail.isOver = true
    this.opened.close(tail)
    this.departed.delete(tail)
    this.known.finish(tail)
    this.settled(tail)
  }

  /** Opens it wherever it is; false when it is gone. Throws what the system says. */
  open(tail: Tail): boolean {
    try {
      if (this.opened.open(tail)) return true
    } catch (error) {
      if (!isGone(error)) throw error
    }
    return this.openElsewhere(tail)
  }

  /** Opens it wherever it is; false when it cannot be, which is noted. */
  tryOpen(tail: Tail): boolean {
    try {
      return this.open(tail)
    } catch (error) {
      this.unreadable(tail.path, error)
      return false
    }
  }

  /** Opens it by whatever name its folder has for it now. */
  openElsewhere(tail: Tail): boolean {
    for (const { path, stat } of generationsOf(tail.path, tail.ino))
      if (stat.ino === tail.ino && stat.dev === tail.dev && this.opened.open(tail, path)) return true
    return false
  }

  /** Some of it was answered for. */
  settled(tail: Tail): void {
    if (tail.isOver && tail.settlement.unsettled === 0 && this.known.has(tail)) this.options.checkpoints?.put(tail)
  }

  /** It was read: what it is recognised by may have grown. `head`: its first bytes, if they were read just now. */
  wasRead(tail: Tail, head?: Head): void {
    if (tail.isOver || tail.fd < 0) return
    if (head) {
      if (head.size !== tail.head.size || head.sum !== tail.head.sum) this.setHead(tail, head)
      return
    }
    const { headSize } = this.options
    if (tail.head.size >= headSize || tail.size <= tail.head.size) return
    const longer = readHead(tail.fd, headSize)
    // The text may have been replaced since it was read.
    if (hasMark(tail.fd, tail.mark)) this.setHead(tail, longer)
  }

  /** What was left of it cannot be read any more. */
  lost(tail: Tail, how: string): void {
    const bytes = tail.size - tail.offset
    this.counts.lostBytes += bytes
    this.options.series.note('lost', `${tail.path} ${how} before its last ${bytes} bytes were read`)
  }

  /** Opening or reading it failed. That it is gone is no failure. */
  unreadable(path: string, error: unknown): void {
    if (isGone(error)) return
    this.counts.unreadable++
    this.options.series.note('unreadable', `${path} cannot be read: ${whyUnreadable(error)}`)
  }

  /** What it is recognised by. */
  setHead(tail: Tail, head: Head): void {
    this.known.removeHead(tail)
    tail.head = head
    this.known.addHead(tail)
    this.options.checkpoints?.put(tail)
  }
}
