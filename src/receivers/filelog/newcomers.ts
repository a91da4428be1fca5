import type { Stats } from 'node:fs'
import type { Files } from './files.ts'
import type { Place } from './places.ts'
import type { Rotations } from './rotations.ts'
import type { Mark } from './settlement.ts'
import { hasHead, hasMark, readHead, readMark, type Tail } from './tail.ts'
import { isGone } from './unreadable.ts'

/** A file that cannot be read, or is none, is left alone for so long. */
export const retryMs = 5000
/** A file that begins as another one is taken for a copy that is still being made for so long. */
const copyMs = 2000
/** Logs that a small file is held against. */
const mostAlike = 64

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

  /** What lies at `place` is read from now on, unless that cannot be told yet. `now`: wall time of its first sight. */
  welcome(place: Place, stat: Stats, now: number) {
    const { files } = this
    const tail = files.make(place.path, stat, place.since || now)
    const { copyAt } = place
    this.release(place)
    place.copyAt = copyAt
    if (!this.open(tail, place)) return
    tail.head = readHead(tail.fd, files.options.headSize)
    const begin = this.beginning(tail, place)
    if (begin === 'later') {
      if (tail.head.size < files.options.headSize) place.held = tail
      else files.opened.close(tail)
      return
    }
    if (begin) tail.moveTo(begin)
    else if (!this.isMissedCopy(tail, place) && this.fromEnd) tail.moveTo(readMark(tail.fd, tail.size))
    place.tail = tail
    place.since = now
    place.copyAt = place.copySize = 0
    files.keep(tail)
  }

  /** It is known what lies at `place`. */
  release(place: Place): void {
    if (place.held) this.files.opened.close(place.held)
    place.held = undefined
    place.copyAt = 0
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
    if (begin) tail.moveTo(begin)
    else this.isMissedCopy(tail, place)
    place.copyAt = place.copySize = 0
    return true
  }

  /** What was held at `place` has gone from there before it was known: it is read wherever it is, as if it were new. */
  lostSight(place: Place): void {
    const { known, opened } = this.files
    const held = place.held!
    place.held = undefined
    place.copyAt = 0
    if (known.at(held) || held.fd < 0) opened.close(held)
    else {
      this.rotations.goOnBehindCut(held)
      this.files.keepDeparted(held)
    }
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

  /** A small file must have been seen as a copy before its log was cut off: that it begins alike says too little. */
  private isMissedCopy(tail: Tail, place: Place): boolean {
    const isKnowable = tail.head.size === this.files.options.headSize || place.copyAt > 0
    return isKnowable && this.rotations.goOnBehindCut(tail)
  }

  /** Where to go on with a file that was known by another inode, or to the process before; undefined: it is new. */
  private beginning(tail: Tail, place: Place): Mark | 'later' | undefined {
    const { saved } = this.rotations
    const claimed = saved.claim(tail)
    if (claimed) return claimed.mark
    const { known, options } = this.files
    if (tail.head.size < options.headSize) return this.isBegunCopy(tail) && this.waits(place) ? 'later' : undefined
    const original = known.byHead(tail)
    const mark = (original ?? saved.original(tail))?.mark
    if (!mark) return undefined
    const isUnread = original !== undefined && !original.isOver && !original.isAtEnd
    if (tail.size >= mark.offset && !isUnread) return hasMark(tail.fd, mark) ? mark : undefined
    // A copy that is being made? It shows when it has grown, and when the original was read.
    if (original && tail.size > place.copySize && this.isBeginningOf(tail, original)) {
      place.copySize = tail.size
      place.copyAt = 0
    }
    return this.waits(place) ? 'later' : undefined
  }

  /** Whether a file ends with what stands there in another one that begins alike. */
  private isBeginningOf(tail: Tail, log: Tail): boolean {
    return !log.isOver && this.files.tryOpen(log) && hasMark(log.fd, readMark(tail.fd, tail.size))
  }

  /** Whether all there is of a small file stands at the beginning of a log beside it: it shows when it or the log changes. */
  private isBegunCopy(tail: Tail): boolean {
    if (tail.head.size === 0 || this.fromEnd) return false
    let most = mostAlike
    for (const log of this.files.known.alike(tail.path)) {
      if (log === tail || log.isOver || log.departedAt >= 0 || log.offset === 0) continue
      if (most-- === 0) return false
      if (this.files.tryOpen(log) && hasHead(log.fd, tail.head)) return true
    }
    return false
  }

  private waits(place: Place): boolean {
    const now = this.files.options.clock.monotonic()
    if (place.copyAt === 0) place.copyAt = now
    return now - place.copyAt <= copyMs
  }
}
