import { fstatSync, type Stats, unlinkSync } from 'node:fs'
import type { Saved } from './checkpoints.ts'
import { Files, type FilesOptions } from './files.ts'
import type { Finder } from './finder.ts'
import { statOf } from './generations.ts'
import { Newcomers, retryMs } from './newcomers.ts'
import { type Place, Places } from './places.ts'
import { Rotations } from './rotations.ts'
import { hasMark, readHead, type Tail } from './tail.ts'

export interface WatchOptions extends FilesOptions {
  finder: Finder
  /** Begin at the end of files that are there at the first look. */
  fromEnd: boolean
  /** Leave alone what was not changed for so long; 0: nothing. */
  olderThanMs: number
  /** An entry without its end is one after so long; 0: never. */
  flushMs: number
  /** Delete what was read and delivered. */
  deletes: boolean
}

/** A file that has gone from its place may still be written to for so long. */
const lingerMs = 10_000
/** What a look takes on before others get their turn. */
const sliceSize = 256

/** Looks at the places that the globs name: which files have grown, and what became of those that have gone. */
export class Watch {
  readonly files: Files
  private readonly options: WatchOptions
  private readonly places = new Places()
  private readonly rotations: Rotations
  private readonly newcomers: Newcomers
  private isFirst = true

  constructor(options: WatchOptions) {
    this.options = options
    this.files = new Files(options)
    this.rotations = new Rotations(this.files)
    this.newcomers = new Newcomers(this.files, this.rotations)
    this.newcomers.fromEnd = options.fromEnd
  }

  /** Takes what was saved by the process before. */
  resume(saved: readonly Saved[]): void {
    if (saved.length > 0) this.newcomers.fromEnd = false
    this.rotations.resume(saved)
  }

  /** Looks at all files. `pause` lets others have their turn; the look ends early when it answers false. */
  async poll(pause: () => Promise<boolean>): Promise<void> {
    const { finder, clock, checkpoints } = this.options
    this.places.arrange(finder.find(clock.now()), (place) =>
      place.tail ? this.depart(place) : this.newcomers.lostSight(place),
    )
    const fresh: Place[] = []
    let looked = 0
    // Rotations first: then it is known what a new name stands for.
    for (const place of this.places.choose(this.isFirst, clock.monotonic())) {
      if (++looked % sliceSize === 0 && !(await pause())) return
      if (place.tail || place.since > 0) this.look(place)
      else fresh.push(place)
    }
    for (const place of fresh) {
      if (++looked % sliceSize === 0 && !(await pause())) return
      this.look(place)
    }
    for (const tail of this.files.departed) this.lookAfter(tail)
    this.rotations.giveUpCopies()
    if (this.isFirst) this.rotations.begin()
    this.isFirst = this.newcomers.fromEnd = false
    checkpoints?.commit()
    this.files.counts.looks++
  }

  /** The file is not the one that it was: its text was cut off, or replaced. */
  changed(tail: Tail): void {
    if (tail.isOver) return
    const { known, departed, opened, counts } = this.files
    // Before generations are looked for: one that comes meanwhile is younger.
    const now = this.options.clock.now()
    counts.truncated++
    const stat = tail.fd >= 0 ? fstatSync(tail.fd) : statOf(tail.path)
    const place = this.places.at(tail.path)
    const here = tail.departedAt < 0 && place?.tail === tail ? place : undefined
    known.remove(tail)
    departed.delete(tail)
    const isCopied =
      here !== undefined &&
      tail.offset + tail.size > 0 &&
      this.rotations.take(tail.path, tail.since, { truncated: tail })
    if (!isCopied && tail.size > 0) this.rotations.awaitCopy(tail)
    tail.isOver = true
    if (stat) this.beginAnew(tail, stat, here, now)
    else if (here) here.tail = undefined
    opened.close(tail)
    this.options.checkpoints?.drop(tail)
  }

  /** Ends all. */
  close(): void {
    this.rotations.giveUpCopies(true)
    this.files.opened.closeAll()
  }

  /** Another text in the file of `before`, which lies at `here` or has gone from its place. */
  private beginAnew(before: Tail, stat: Stats, here: Place | undefined, now: number): void {
    const { files } = this
    const next = files.make(before.path, stat, here?.since || now)
    if (!here) next.departedAt = Math.max(0, before.departedAt)
    next.isTruncated = true
    files.opened.hand(before, next)
    if (next.fd >= 0) next.head = readHead(next.fd, this.options.headSize)
    if (here) {
      here.since = now
      here.tail = next
    } else files.departed.add(next)
    files.keep(next)
  }

  private look(place: Place) {
    const { clock, olderThanMs } = this.options
    if (clock.monotonic() < place.retryAt) return
    let stat = statOf(place.path)
    const { tail } = place
    if (tail && stat?.ino === tail.ino && stat.dev === tail.dev) return this.check(place, tail, stat)
    if (tail) this.depart(place)
    const { held } = place
    if (held && (stat?.ino !== held.ino || stat.dev !== held.dev)) this.newcomers.lostSight(place)
    if (!stat) return this.missing(place)
    if (!stat.isFile()) return this.skip(place, describe(stat))
    // Before generations are looked for: one that comes meanwhile is younger.
    const now = clock.now()
    if (olderThanMs > 0 && now - stat.mtimeMs > olderThanMs) return
    if (place.since > 0) {
      this.rotations.take(place.path, place.since)
      stat = statOf(place.path)
      if (!stat?.isFile()) return
    }
    if (this.isKnown(place, stat)) this.newcomers.release(place)
    else this.newcomers.welcome(place, stat, now)
  }

  /** Whether what lies at `place` is a file that is read, or was, under another name. */
  private isKnown(place: Place, stat: Stats): boolean {
    const { known, departed } = this.files
    const tail = known.at(stat)
    if (!tail) return false
    if (!tail.isOver && tail.departedAt >= 0) {
      tail.departedAt = -1
      departed.delete(tail)
      tail.path = place.path
      place.tail = tail
      this.check(place, tail, stat)
      return true
    }
    if (!tail.isOver || known.isFinished(tail, place.path, stat)) return true
    this.files.forget(tail)
    return false
  }

  /** No file is there. */
  private missing(place: Place): void {
    if (place.since > 0 && !place.tail && this.options.clock.monotonic() - place.goneAt > lingerMs)
      this.places.forget(place)
  }

  private skip(place: Place, what: string): void {
    const isNew = place.retryAt === 0
    place.retryAt = this.options.clock.monotonic() + retryMs
    if (isNew) this.options.series.note(`skipped ${what}`, `${place.path} is ${what} and is skipped`)
  }

  /** The file is where it was. */
  private check(place: Place, tail: Tail, stat: Stats) {
    const { clock, flushMs, deletes, ready } = this.options
    const wasTouched = stat.mtimeMs !== tail.mtimeMs
    tail.mtimeMs = stat.mtimeMs
    if (stat.size < tail.size) return this.changed(tail)
    // Written and truncated between two looks.
    if (wasTouched && tail.offset === 0 && (stat.size === 0 || tail.isTruncated))
      this.rotations.take(tail.path, tail.since)
    if (stat.size > tail.size) {
      // Cut off, and longer than before already: its copy must be found while it is there.
      if (tail.fd >= 0 && !hasMark(tail.fd, tail.mark)) return this.changed(tail)
      if (tail.size === 0 && !tail.isTruncated && !this.newcomers.firstText(tail, place, stat.size)) return
      this.grow(tail, stat.size)
      this.files.wasRead(tail)
      return ready(tail)
    }
    if (wasTouched && tail.fd >= 0 && !hasMark(tail.fd, tail.mark)) return this.changed(tail)
    if (tail.isAtEnd) {
      if (deletes) this.deleteWhenDone(tail)
    } else if (flushMs > 0 && clock.monotonic() - tail.grewAt >= flushMs) {
      // What is left has no end, and none came.
      tail.flushes = true
      ready(tail)
    }
  }

  private grow(tail: Tail, size: number): void {
    tail.size = size
    tail.grewAt = this.options.clock.monotonic()
    tail.flushes = false
  }

  private deleteWhenDone(tail: Tail): void {
    if (tail.settlement.unsettled > 0 || tail.settlement.mark.offset < tail.size || tail.size === 0) return
    try {
      unlinkSync(tail.path)
    } catch (error) {
      this.options.series.note('undeleted', `${tail.path} cannot be deleted: ${(error as Error).message}`)
    }
  }

  /** Another file has taken its place, or none. It is read to its end by whatever name it has now. */
  private depart(place: Place): void {
    const tail = place.tail!
    place.tail = undefined
    place.goneAt = tail.departedAt = this.options.clock.monotonic()
    place.copyAt = 0
    this.files.departed.add(tail)
    this.files.counts.rotated++
    const isDeleted = this.options.deletes && tail.isAtEnd
    if (!isDeleted) {
      if (tail.fd < 0) this.files.openElsewhere(tail)
      this.rotations.take(tail.path, tail.since)
    }
    this.lookAfter(tail)
  }

  /** A file that has gone from its place: is there more, and can it be let go of? */
  private lookAfter(tail: Tail) {
    const { files } = this
    const { clock, flushMs, ready, mostOpen } = this.options
    if (tail.fd < 0 && !files.tryOpen(tail)) {
      if (!tail.isAtEnd) files.lost(tail, 'is gone')
      return files.release(tail)
    }
    const { size } = fstatSync(tail.fd)
    if (size < tail.size) return this.changed(tail)
    if (size > tail.size) this.grow(tail, size)
    const now = clock.monotonic()
    const isQuiet = now - Math.max(tail.grewAt, tail.departedAt) >= lingerMs
    if (!tail.isAtEnd) {
      if (isQuiet || (flushMs > 0 && now - tail.grewAt >= flushMs)) tail.flushes = true
      return ready(tail)
    }
    // Those that went first are let go of first when there are too many.
    if (!tail.isReady && (isQuiet || files.departed.size > mostOpen >> 1)) files.release(tail)
  }
}

function describe(stat: Stats): string {
  if (stat.isDirectory()) return 'a folder'
  if (stat.isFIFO()) return 'a FIFO'
  return stat.isSocket() ? 'a socket' : 'a device'
}
