import type { Stats } from 'node:fs'
import type { Files } from './files.ts'
import type { Place } from './places.ts'
import type { Rotations } from './rotations.ts'
import type { Mark } from './settlement.ts'
import { hasMark, readHead, readMark, type Tail } from './tail.ts'
import { isGone } from './unreadable.ts'

/** A file that cannot be read, or is none, is left alone for so long. */
export const retryMs = 5000
/** A file that begins as another one is taken for a copy that is still being made for so long. */
const copyMs = 2000

/** Decides where to begin with files that were not known before. */
export class Newcomers {
  /** Files begin at their end: set for the first look of a receiver that was told so and has no checkpoints. */
  fromEnd = false
  private readonly files: Files
  private readonly rotations: Rotations

  constructor(files: Files, rotations: Rotations) {
    this.files = files
    this.rotations = rotations
  }

  /** What lies at `place` is read from now on, unless that cannot be told yet. */
  welcome(place: Place, stat: Stats) {
    const now = this.files.options.clock.now()
    const tail = this.files.make(place.path, stat, place.since || now)
    if (!this.open(tail, place)) return
    tail.head = readHead(tail.fd, this.files.options.headSize)
    const begin = this.beginning(tail, place)
    if (begin === 'later') return this.files.opened.close(tail)
    if (begin) tail.moveTo(begin)
    else if (!this.isMissedCopy(tail) && this.fromEnd) tail.moveTo(readMark(tail.fd, tail.size))
    place.tail = tail
    place.since = now
    place.copyAt = 0
    this.files.keep(tail)
  }

  /** A file that was empty when it came has got its first text: it may be a copy that had just been begun. False: that cannot be told yet. */
  firstText(tail: Tail, place: Place, size: number): boolean {
    const { files } = this
    if (!files.tryOpen(tail)) return true
    tail.size = size
    files.setHead(tail, readHead(tail.fd, files.options.headSize))
    const begin = this.beginning(tail, place)
    if (begin === 'later') {
      tail.size = 0
      return false
    }
    place.copyAt = 0
    if (begin) tail.moveTo(begin)
    else this.isMissedCopy(tail)
    return true
  }

  /** False: another one was there first, it is gone, or it may not be read. The next look will tell. */
  private open(tail: Tail, place: Place): boolean {
    try {
      return this.files.opened.open(tail)
    } catch (error) {
      this.files.unreadable(tail.path, error)
      if (!isGone(error)) place.retryAt = this.files.options.clock.monotonic() + retryMs
      return false
    }
  }

  private isMissedCopy(tail: Tail): boolean {
    return tail.head.size === this.files.options.headSize && this.rotations.goOnBehindCut(tail)
  }

  /** Where to go on with a file that was known by another inode, or to the process before; undefined: it is new. */
  private beginning(tail: Tail, place: Place): Mark | 'later' | undefined {
    const { saved } = this.rotations
    const claimed = saved.claim(tail)
    if (claimed) return claimed.mark
    const { known, options } = this.files
    const original = known.byHead(tail)
    const mark = (original ?? saved.original(tail))?.mark
    if (!mark || tail.head.size < options.headSize) return undefined
    const isUnread = original !== undefined && !original.isOver && !original.isAtEnd
    if (tail.size >= mark.offset && !isUnread) return hasMark(tail.fd, mark) ? mark : undefined
    // A copy that is being made? It shows when it has grown, and when the original was read.
    const now = options.clock.monotonic()
    if (place.copyAt === 0) place.copyAt = now
    return now - place.copyAt > copyMs ? undefined : 'later'
  }
}
