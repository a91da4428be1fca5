import { closeSync, fstatSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Saved } from './checkpoints.ts'
import type { Files } from './files.ts'
import { type Generation, generationsOf, inodesIn, statOf } from './generations.ts'
import { isSame, SavedFiles } from './saved-files.ts'
import { hasHead, openFile, readHead, type Tail } from './tail.ts'

/** Times of change are as old as the last tick of the kernel. */
const tickMs = 10
/** Logs that were cut off, and whose copies were not found yet, are remembered up to this number. */
const mostCut = 64
const copyMs = 2000

/** What is known of the log whose generations are looked for. */
export interface LogBefore {
  /** Its text was cut off just now: a copy of it goes on where it was. */
  truncated?: Tail | undefined
  /** So the process before knew it: likewise. */
  saved?: Saved
}

/** Finds the generations of a log that nobody has seen: it was rotated more than once between two looks, or while the process was down. */
export class Rotations {
  /** What the process before knew and was not found again yet. */
  saved = new SavedFiles([])
  private readonly files: Files
  private readonly cut: Tail[] = []

  constructor(files: Files) {
    this.files = files
  }

  /** Takes what was saved by the process before. */
  resume(all: readonly Saved[]): void {
    const { files } = this
    for (const { id } of all) files.skipIds(id)
    this.saved = new SavedFiles(all.filter(({ isOver }) => !isOver))
    for (const { path, dev, ino, head, since, mark } of all.filter(({ isOver }) => isOver)) {
      const tail = files.make(path, { dev, ino, size: mark.offset, mtimeMs: 0 }, since)
      tail.head = head
      tail.isOver = true
      tail.moveTo(mark)
      files.known.add(tail)
      files.options.checkpoints?.put(tail)
      files.known.finish(tail)
    }
  }

  /** After the first look: files of the process before that have other names now, and generations since. */
  begin(): void {
    const folders = new Map<string, Map<number, Generation>>()
    for (const saved of this.saved.rest) {
      const folder = dirname(saved.path)
      const inodes = folders.get(folder) ?? inodesIn(folder)
      folders.set(folder, inodes)
      const found = inodes.get(saved.ino)
      if (found?.stat.dev === saved.dev && !this.files.known.at(found.stat)) this.takeSaved(saved, found)
      if (statOf(saved.path)) this.take(saved.path, saved.since, { saved })
    }
    this.files.options.checkpoints?.open(this.saved.rest)
    this.saved = new SavedFiles(this.saved.rest)
  }

  /** The text of a log was cut off, and there was no copy. A later look may find it: names move on while they are read. */
  awaitCopy(cut: Tail): void {
    cut.departedAt = this.files.options.clock.monotonic()
    this.cut.push(cut)
    this.giveUpCopies()
  }

  /** What no copy has turned up of is lost. */
  giveUpCopies(all = false): void {
    const before = this.files.options.clock.monotonic() - copyMs
    while (this.cut[0] && (all || this.cut.length > mostCut || this.cut[0].departedAt < before)) {
      const cut = this.cut.shift()!
      if (cut.size > cut.offset) this.files.lost(cut, 'was truncated')
    }
  }

  /** Goes on where a log was that was cut off, if this is the copy that was missed; `path`: of the log, if known. */
  goOnBehindCut(tail: Tail, path?: string): boolean {
    const isIt = (cut: Tail) => cut.offset > 0 && (path === undefined || cut.path === path) && isSame(tail, cut)
    const found = this.cut.findIndex(isIt)
    if (found < 0) return false
    const [cut] = this.cut.splice(found, 1) as [Tail]
    inherit(tail, cut)
    return true
  }

  /** Reads generations of the log at `path` that are younger than `since`. True when the copy of the truncated one is among them. */
  take(path: string, since: number, before: LogBefore = {}): boolean {
    let isCopied = false
    for (const generation of generationsOf(path)) {
      // An empty one is a copy that was just begun.
      if (generation.stat.mtimeMs < since - tickMs || generation.stat.size === 0) continue
      if (this.takeOne(generation, path, since, before)) isCopied = true
    }
    return isCopied
  }

  private takeOne({ path: at, stat }: Generation, path: string, since: number, before: LogBefore): boolean {
    const { known, opened, options } = this.files
    const { truncated } = before
    const seen = known.at(stat)
    if (seen && (!seen.isOver || known.isFinished(seen, at, stat)))
      return truncated !== undefined && (truncated.offset === 0 || sameHead(seen, truncated))
    const tail = this.files.make(at, stat, since, path)
    if (!this.files.tryOpen(tail)) return false
    tail.head = readHead(tail.fd, options.headSize)
    if (this.isUnfinishedCopy(tail, path)) {
      opened.close(tail)
      return false
    }
    const isCopy = this.goOn(tail, path, before)
    this.files.keepDeparted(tail)
    return isCopy
  }

  /** Where to read a generation from. True when it is the copy of the truncated log. */
  private goOn(tail: Tail, path: string, { truncated, saved }: LogBefore): boolean {
    const own = this.saved.claim(tail)
    if (own) {
      tail.moveTo(own.mark)
      return false
    }
    if (truncated && truncated.head.size > 0 && isSame(tail, truncated)) {
      inherit(tail, truncated)
      return true
    }
    if (saved && saved.mark.offset > 0 && isSame(tail, saved)) {
      tail.moveTo(saved.mark)
      this.saved.remove(saved)
      return false
    }
    if (this.goOnBehindCut(tail, path)) return false
    this.continueCopy(tail)
    return truncated?.offset === 0
  }

  /** A copy of a file that was read already goes on where that was. */
  private continueCopy(tail: Tail): void {
    const saved = this.saved.original(tail)
    const original = this.files.known.byHead(tail) ?? saved
    if (!original || original.mark.offset === 0 || !isSame(tail, original)) return
    tail.moveTo(original.mark)
    if (original === saved) this.saved.remove(saved)
  }

  /** Whether it is a copy of what the log at `path` has right now, and will be cut off only next. */
  private isUnfinishedCopy(tail: Tail, path: string): boolean {
    const { headSize } = this.files.options
    let fd = -1
    try {
      fd = openFile(path)
      const { size } = fstatSync(fd)
      const head = readHead(fd, headSize)
      if (tail.size < size && tail.head.size <= head.size) return hasHead(fd, tail.head)
      return (head.size === headSize || (size > 0 && size === tail.size)) && hasHead(tail.fd, head)
    } catch {
      return false
    } finally {
      if (fd >= 0) closeSync(fd)
    }
  }

  private takeSaved({ path, since }: Saved, { path: at, stat }: Generation) {
    const { files } = this
    const tail = files.make(at, stat, since, path)
    if (!files.tryOpen(tail)) return
    tail.head = readHead(tail.fd, files.options.headSize)
    const saved = this.saved.claim(tail)
    if (!saved) return files.opened.close(tail)
    tail.moveTo(saved.mark)
    files.keepDeparted(tail)
  }
}

/** `copy` goes on where `from` was, and answers for what is on its way. */
function inherit(copy: Tail, from: Tail): void {
  const { settlement, mark } = from
  copy.moveTo(mark)
  settlement.owner = copy
  copy.settlement = settlement
}

const sameHead = ({ head }: Tail, other: Tail): boolean => head.sum === other.head.sum && head.size === other.head.size
