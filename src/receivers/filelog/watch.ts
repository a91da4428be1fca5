import { closeSync, fstatSync, type Stats, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock, LogSeries } from '../../plugin.ts'
import type { Checkpoints, Saved } from './checkpoints.ts'
import type { Finder } from './finder.ts'
import { type Generation, generationsOf, inodesIn, statOf } from './generations.ts'
import { Known } from './known.ts'
import { OpenFiles } from './open-files.ts'
import { isSame, SavedFiles } from './saved-files.ts'
import type { Mark } from './settlement.ts'
import { type Head, hasHead, hasMark, openFile, readHead, readMark, Tail } from './tail.ts'

export interface WatchOptions {
  finder: Finder
  checkpoints: Checkpoints | undefined
  clock: Clock
  series: LogSeries
  fromEnd: boolean
  olderThanMs: number
  headSize: number
  mostOpen: number
  flushMs: number
  deletes: boolean
  /** Encoded attributes of the file at this path. */
  attributesOf(path: string): Buffer
  /** It has something to read. */
  ready(tail: Tail): void
}

export interface WatchCounts {
  files: number
  rotated: number
  truncated: number
  /** Bytes that were gone before they could be read. */
  lostBytes: number
  unreadable: number
}

/** One path that the globs name. */
interface Place {
  readonly path: string
  tail: Tail | undefined
  /** Wall time of the first sight of the file before, while there was one. */
  since: number
  /** Not looked at before, monotonic: it could not be read. */
  retryAt: number
  /** Monotonic time when it was first found to be a copy that is still being made; 0: it was not. */
  copyAt: number
  /** Monotonic time when its file was gone. */
  goneAt: number
}

/** Files beyond this that have been quiet for a while take turns to be looked at. */
const mostQuiet = 1000
const quietMs = 10_000
/** A file that has gone from its place may still be written to for so long. */
const lingerMs = 10_000
const retryMs = 5000
const copyMs = 2000
/** Times of change are as old as the last tick of the kernel. */
const tickMs = 10
/** What a poll looks at before others get their turn. */
const sliceSize = 256

/** Knows which files there are, which of them have grown, and what became of those that have gone. */
export class Watch {
  readonly counts: WatchCounts = { files: 0, rotated: 0, truncated: 0, lostBytes: 0, unreadable: 0 }
  private readonly options: WatchOptions
  private readonly known: Known
  private places = new Map<string, Place>()
  private order: Place[] = []
  private paths: readonly string[] | undefined
  private readonly departed = new Set<Tail>()
  private readonly opened: OpenFiles
  private saved = new SavedFiles([])
  private isFirst = true
  private resumes = false
  private turn = 0
  private lastId = 0

  constructor(options: WatchOptions) {
    this.options = options
    this.opened = new OpenFiles(options.mostOpen)
    this.known = new Known(options.headSize, (tail) => options.checkpoints?.drop(tail))
  }

  get openFiles(): number {
    return this.opened.size
  }

  get departedFiles(): number {
    return this.departed.size
  }

  get watchedFiles(): number {
    return this.known.size
  }

  /** Takes what was saved by the process before. */
  resume(saved: readonly Saved[]): void {
    this.resumes = saved.length > 0
    for (const { id } of saved) this.lastId = Math.max(this.lastId, id)
    this.saved = new SavedFiles(saved.filter(({ isOver }) => !isOver))
    for (const { path, dev, ino, head, since, mark } of saved.filter(({ isOver }) => isOver)) {
      const tail = new Tail(++this.lastId, path, { dev, ino, size: mark.offset, mtimeMs: 0 }, since)
      tail.head = head
      tail.isOver = true
      tail.moveTo(mark)
      this.known.add(tail)
      this.options.checkpoints?.put(tail)
      this.known.finish(tail)
    }
  }

  /** Looks at all files. `pause` lets others have their turn; the poll ends early when it answers false. */
  async poll(pause: () => Promise<boolean>): Promise<void> {
    const paths = this.options.finder.find(this.options.clock.now())
    if (paths !== this.paths) this.arrange(paths)
    const chosen = this.choose()
    const fresh: Place[] = []
    let looked = 0
    // Rotations first: then it is known what a new name stands for.
    for (const place of chosen) {
      if (++looked % sliceSize === 0 && !(await pause())) return
      if (place.tail || place.since > 0) this.look(place)
      else fresh.push(place)
    }
    for (const place of fresh) {
      if (++looked % sliceSize === 0 && !(await pause())) return
      this.look(place)
    }
    for (const tail of this.departed) this.lookAfter(tail)
    if (this.isFirst) this.begin()
    this.isFirst = false
    this.options.checkpoints?.commit()
  }

  /** Opens a file to read it; false when it is gone. Throws what the system says. */
  open(tail: Tail): boolean {
    return this.opened.open(tail) || this.openElsewhere(tail)
  }

  /** The file is not the one that it was: its text was cut off, or replaced. */
  changed(tail: Tail) {
    if (tail.isOver) return
    const { counts } = this
    counts.truncated++
    const stat = tail.fd >= 0 ? fstatSync(tail.fd) : statOf(tail.path)
    const place = this.places.get(tail.path)
    const isHere = tail.departedAt < 0 && place?.tail === tail
    this.known.remove(tail)
    this.departed.delete(tail)
    const copied = isHere && tail.offset + tail.size > 0 ? this.takeGenerations(tail.path, tail.since, tail) : false
    if (!copied && tail.size > tail.offset) this.lost(tail, 'was truncated')
    tail.isOver = true
    if (stat) {
      const now = this.options.clock.now()
      const next = this.newTail(tail.path, stat, (isHere && place.since) || now)
      if (isHere) place.since = now
      next.departedAt = tail.departedAt
      next.isTruncated = true
      this.opened.hand(tail, next)
      if (next.fd >= 0) next.head = readHead(next.fd, this.options.headSize)
      if (isHere) place.tail = next
      else this.departed.add(next)
      this.keep(next)
    } else if (isHere) place.tail = undefined
    this.opened.close(tail)
    this.options.checkpoints?.drop(tail)
  }

  /** Ends all. */
  close(): void {
    this.opened.closeAll()
  }

  private arrange(paths: readonly string[]): void {
    this.paths = paths
    const next = new Map<string, Place>()
    for (const path of paths)
      next.set(path, this.places.get(path) ?? { path, tail: undefined, since: 0, retryAt: 0, copyAt: 0, goneAt: 0 })
    for (const [path, place] of this.places) {
      if (next.has(path)) continue
      if (place.tail) this.depart(place)
      // A log that is being rotated comes back.
      if (place.since > 0) next.set(path, place)
    }
    // Places without a file beyond those of a rotation are few; names that never come back are forgotten.
    this.places = next
    this.order = [...next.values()]
  }

  /** Those to look at in this poll. */
  private choose(): readonly Place[] {
    const { order, isFirst } = this
    if (isFirst || order.length <= mostQuiet) return order
    const since = this.options.clock.monotonic() - quietMs
    const chosen = order.filter(({ tail }) => !tail || tail.grewAt > since || !tail.isAtEnd)
    for (let n = 0; n < mostQuiet; n++) {
      this.turn = (this.turn + 1) % order.length
      const place = order[this.turn]!
      if (place.tail && place.tail.grewAt <= since && place.tail.isAtEnd) chosen.push(place)
    }
    return chosen
  }

  private look(place: Place) {
    const { clock, olderThanMs } = this.options
    const now = clock.monotonic()
    if (now < place.retryAt) return
    let stat: Stats | undefined = statOf(place.path)
    const { tail } = place
    if (tail && stat?.ino === tail.ino && stat.dev === tail.dev) return this.check(tail, stat)
    if (tail) this.depart(place)
    if (!stat) {
      if (place.since > 0 && !tail && now - place.goneAt > lingerMs) this.forget(place)
      return
    }
    if (!stat.isFile()) return this.skip(place, describe(stat))
    if (olderThanMs > 0 && clock.now() - stat.mtimeMs > olderThanMs) return
    if (place.since > 0) {
      this.takeGenerations(place.path, place.since)
      stat = statOf(place.path)
      if (!stat?.isFile()) return
    }
    const known = this.known.at(stat)
    if (known) {
      // Renamed, or the same file by another name.
      if (!known.isOver && known.departedAt >= 0) {
        known.departedAt = -1
        this.departed.delete(known)
        known.path = place.path
        place.tail = known
        this.check(known, stat)
      }
      if (!known.isOver || this.known.isFinished(known, place.path, stat)) return
      this.known.remove(known)
      this.options.checkpoints?.drop(known)
    }
    this.welcome(place, stat)
  }

  /** A file that was not known before. */
  private welcome(place: Place, stat: Stats): void {
    const now = this.options.clock.now()
    const tail = this.newTail(place.path, stat, place.since || now)
    const found = this.identify(tail, place)
    if (found === 'later') return
    if (typeof found === 'object') tail.moveTo(found)
    else if (this.isFirst && this.options.fromEnd && !this.resumes) this.moveToEnd(tail)
    place.tail = tail
    place.since = now
    place.copyAt = 0
    this.keep(tail)
  }

  /** Where to go on with a file that was known by another inode, or to the process before. */
  private identify(tail: Tail, place: Place): Mark | 'new' | 'later' {
    try {
      // Another one was there first, or it is gone: the next look will tell.
      if (!this.open(tail)) return 'later'
    } catch (error) {
      this.unreadable(tail.path, error)
      if (!isGone(error)) place.retryAt = this.options.clock.monotonic() + retryMs
      return 'later'
    }
    tail.head = readHead(tail.fd, this.options.headSize)
    const saved = this.saved.claim(tail)
    if (saved) return saved.mark
    const original = this.known.byHead(tail)
    const mark = (original ?? this.saved.original(tail))?.mark
    if (!mark || tail.head.size < this.options.headSize) return 'new'
    const isUnread = original !== undefined && !original.isOver && !original.isAtEnd
    if (tail.size >= mark.offset && !isUnread) return hasMark(tail.fd, mark) ? mark : 'new'
    // A copy that is being made? It shows when it has grown, and when the original was read.
    const now = this.options.clock.monotonic()
    if (place.copyAt === 0) place.copyAt = now
    if (now - place.copyAt > copyMs) return 'new'
    this.opened.close(tail)
    return 'later'
  }

  private newTail(path: string, stat: Stats, since: number): Tail {
    const tail = new Tail(++this.lastId, path, stat, since)
    const { clock } = this.options
    tail.grewAt = clock.monotonic() - Math.max(0, clock.now() - stat.mtimeMs)
    tail.extra = this.options.attributesOf(path)
    return tail
  }

  /** From now on it is watched. */
  private keep(tail: Tail): void {
    this.counts.files++
    this.known.add(tail)
    this.options.checkpoints?.put(tail)
    if (!tail.isAtEnd) this.options.ready(tail)
  }

  private moveToEnd(tail: Tail): void {
    tail.moveTo(readMark(tail.fd, tail.size))
  }

  private tryOpen(tail: Tail): boolean {
    try {
      return this.open(tail)
    } catch (error) {
      this.unreadable(tail.path, error)
      return false
    }
  }

  unreadable(path: string, error: unknown): void {
    const { code, message } = error as NodeJS.ErrnoException
    if (!isGone(error)) this.counts.unreadable++
    const why =
      code === 'EACCES' || code === 'EPERM'
        ? 'permission denied: let the user of this process read it'
        : code === 'EMFILE' || code === 'ENFILE'
          ? 'too many open files: lower max_concurrent_files or raise the limit (ulimit -n)'
          : message
    if (!isGone(error)) this.options.series.note('unreadable', `${path} cannot be read: ${why}`)
  }

  private skip(place: Place, what: string) {
    const isNew = place.retryAt === 0
    place.retryAt = this.options.clock.monotonic() + retryMs
    if (isNew) this.options.series.note(`skipped ${what}`, `${place.path} is ${what} and is skipped`)
  }

  /** The file is where it was. */
  private check(tail: Tail, stat: Stats) {
    const { clock, flushMs, deletes, ready } = this.options
    const wasTouched = stat.mtimeMs !== tail.mtimeMs
    tail.mtimeMs = stat.mtimeMs
    if (stat.size < tail.size) return this.changed(tail)
    // Written and truncated between two looks.
    if (wasTouched && tail.offset === 0 && (stat.size === 0 || tail.isTruncated))
      this.takeGenerations(tail.path, tail.since)
    if (stat.size > tail.size) {
      tail.size = stat.size
      tail.grewAt = clock.monotonic()
      tail.flushes = false
      this.wasRead(tail)
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

  private deleteWhenDone(tail: Tail): void {
    if (tail.settlement.unsettled > 0 || tail.settlement.mark.offset < tail.size || tail.size === 0) return
    try {
      unlinkSync(tail.path)
    } catch (error) {
      this.options.series.note(`undeleted ${tail.path}`, `${tail.path} cannot be deleted: ${(error as Error).message}`)
    }
  }

  /** Another file has taken its place, or none. It is read to its end by whatever name it has now. */
  private depart(place: Place) {
    const tail = place.tail!
    place.tail = undefined
    place.goneAt = tail.departedAt = this.options.clock.monotonic()
    place.copyAt = 0
    this.departed.add(tail)
    this.counts.rotated++
    const isDeleted = this.options.deletes && tail.isAtEnd
    if (!isDeleted) {
      if (tail.fd < 0) this.openElsewhere(tail)
      this.takeGenerations(tail.path, tail.since)
    }
    this.lookAfter(tail)
  }

  private openElsewhere(tail: Tail): boolean {
    for (const { path, stat } of generationsOf(tail.path, tail.ino))
      if (stat.ino === tail.ino && stat.dev === tail.dev && this.opened.open(tail, path)) return true
    return false
  }

  /** A file that has gone from its place: is there more, and can it be let go of? */
  private lookAfter(tail: Tail) {
    const { clock, flushMs, ready, mostOpen } = this.options
    const now = clock.monotonic()
    if (tail.fd < 0 && !this.tryOpen(tail)) {
      if (!tail.isAtEnd) this.lost(tail, 'is gone')
      return this.release(tail)
    }
    const { size } = fstatSync(tail.fd)
    if (size < tail.size) return this.changed(tail)
    if (size > tail.size) {
      tail.size = size
      tail.grewAt = now
      tail.flushes = false
    }
    const isQuiet = now - Math.max(tail.grewAt, tail.departedAt) >= lingerMs
    if (!tail.isAtEnd) {
      if (isQuiet || (flushMs > 0 && now - tail.grewAt >= flushMs)) tail.flushes = true
      return ready(tail)
    }
    // Those that went first are let go of first when there are too many.
    if (!tail.isReady && (isQuiet || this.departed.size > mostOpen >> 1)) this.release(tail)
  }

  private lost(tail: Tail, how: string): void {
    const bytes = tail.size - tail.offset
    this.counts.lostBytes += bytes
    this.options.series.note('lost', `${tail.path} ${how} before its last ${bytes} bytes were read`)
  }

  private release(tail: Tail): void {
    tail.isOver = true
    this.opened.close(tail)
    this.departed.delete(tail)
    this.known.finish(tail)
    this.settled(tail)
  }

  /** Everything of a file was answered for. */
  settled(tail: Tail): void {
    if (tail.isOver && tail.settlement.unsettled === 0 && this.known.has(tail)) this.options.checkpoints?.put(tail)
  }

  /** It was read: what it is recognised by may have grown. */
  wasRead(tail: Tail, head?: Head): void {
    const { headSize } = this.options
    if (tail.isOver || tail.fd < 0) return
    if (head) {
      if (head.size !== tail.head.size || head.sum !== tail.head.sum) this.setHead(tail, head)
      return
    }
    if (tail.head.size >= headSize || tail.size <= tail.head.size) return
    const longer = readHead(tail.fd, headSize)
    // The text may have been replaced since it was read.
    if (hasMark(tail.fd, tail.mark)) this.setHead(tail, longer)
  }

  private setHead(tail: Tail, head: Head) {
    this.known.removeHead(tail)
    tail.head = head
    this.known.addHead(tail)
    this.options.checkpoints?.put(tail)
  }

  /**
   * Earlier generations of the log at `path` that nobody has seen: it was rotated more than once between two looks.
   * True when the copy of `truncated` is among them: it is read on from where that was.
   */
  private takeGenerations(path: string, since: number, truncated?: Tail, before?: Saved): boolean {
    let isCopied = false
    for (const { path: at, stat } of generationsOf(path)) {
      // An empty one is a copy that was just begun.
      if (stat.mtimeMs < since - tickMs || stat.size === 0) continue
      const known = this.known.at(stat)
      if (known && truncated && (truncated.offset === 0 || sameHead(known, truncated))) isCopied = true
      if (known && (!known.isOver || this.known.isFinished(known, at, stat))) continue
      const tail = this.newTail(at, stat, since)
      if (!this.tryOpen(tail)) continue
      tail.head = readHead(tail.fd, this.options.headSize)
      if (this.isCopyOf(tail, path)) {
        this.opened.close(tail)
        continue
      }
      tail.extra = this.options.attributesOf(path)
      const saved = this.saved.claim(tail)
      if (saved) tail.moveTo(saved.mark)
      else if (truncated && truncated.head.size > 0 && isSame(tail, truncated)) {
        const { settlement, mark } = truncated
        tail.moveTo(mark)
        settlement.owner = tail
        tail.settlement = settlement
        isCopied = true
      } else if (before && before.mark.offset > 0 && isSame(tail, before)) {
        tail.moveTo(before.mark)
        this.saved.remove(before)
      } else {
        this.continueCopy(tail)
        if (truncated?.offset === 0) isCopied = true
      }
      this.followDeparted(tail)
    }
    return isCopied
  }

  /** Whether it is a copy of what the log at `path` has right now, and will be cut off only next. */
  private isCopyOf(tail: Tail, path: string): boolean {
    let fd = -1
    try {
      fd = openFile(path)
      const { size } = fstatSync(fd)
      const head = readHead(fd, this.options.headSize)
      if (tail.size < size && tail.head.size <= head.size) return hasHead(fd, tail.head)
      return (head.size === this.options.headSize || (size > 0 && size === tail.size)) && hasHead(tail.fd, head)
    } catch {
      return false
    } finally {
      if (fd >= 0) closeSync(fd)
    }
  }

  /** A copy of a file that was read already goes on where that was. */
  private continueCopy(tail: Tail): void {
    const saved = this.saved.original(tail)
    const original = this.known.byHead(tail) ?? saved
    if (!original || original.mark.offset === 0 || !isSame(tail, original)) return
    tail.moveTo(original.mark)
    if (original === saved) this.saved.remove(saved)
  }

  private followDeparted(tail: Tail): void {
    tail.departedAt = this.options.clock.monotonic()
    this.departed.add(tail)
    this.keep(tail)
  }

  /** After the first look: files of the process before that have other names now, and generations since. */
  private begin(): void {
    const folders = new Map<string, Map<number, Generation>>()
    for (const saved of this.saved.rest) {
      const folder = dirname(saved.path)
      const inodes = folders.get(folder) ?? inodesIn(folder)
      folders.set(folder, inodes)
      const found = inodes.get(saved.ino)
      if (found?.stat.dev === saved.dev && !this.known.at(found.stat)) this.takeSaved(saved, found)
      if (statOf(saved.path)) this.takeGenerations(saved.path, saved.since, undefined, saved)
    }
    this.options.checkpoints?.open(this.saved.rest)
    this.saved = new SavedFiles(this.saved.rest)
  }

  private takeSaved({ path, since }: Saved, { path: at, stat }: Generation) {
    const tail = this.newTail(at, stat, since)
    if (!this.tryOpen(tail)) return
    tail.head = readHead(tail.fd, this.options.headSize)
    tail.extra = this.options.attributesOf(path)
    const saved = this.saved.claim(tail)
    if (saved) {
      tail.moveTo(saved.mark)
      return this.followDeparted(tail)
    }
    this.opened.close(tail)
  }

  private forget(place: Place): void {
    place.since = 0
    this.places.delete(place.path)
    this.order = [...this.places.values()]
    this.paths = undefined
  }
}

const sameHead = ({ head }: Tail, other: Tail): boolean => head.sum === other.head.sum && head.size === other.head.size

const isGone = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT'

function describe(stat: Stats): string {
  if (stat.isDirectory()) return 'a folder'
  if (stat.isFIFO()) return 'a FIFO'
  return stat.isSocket() ? 'a socket' : 'a device'
}
