import { closeSync, fstatSync, type Stats } from 'node:fs'
import { basename, dirname } from 'node:path'
import { hasHead, openFile, type Tail } from './tail.ts'

/** Files that were let go of are remembered up to this number, so that nobody reads them again under another name. */
const mostFinished = 256

/** A path up to the first dot, dash or underscore of its name. */
const stemOf = (path: string) => `${dirname(path)}/${/^[^._-]*/.exec(basename(path))![0]}`

/** All files by what they are, not by their names. */
export class Known {
  private readonly byInode = new Map<string, Tail>()
  private readonly heads = new Map<number, Set<Tail>>()
  private readonly finished = new Set<Tail>()
  private readonly byStem = new Map<string, Set<Tail>>()
  private readonly stems = new Map<Tail, string>()
  private readonly headSize: number
  private readonly forgotten: (tail: Tail) => void

  constructor(headSize: number, forgotten: (tail: Tail) => void) {
    this.headSize = headSize
    this.forgotten = forgotten
  }

  get size(): number {
    return this.byInode.size - this.finished.size
  }

  at({ dev, ino }: Pick<Stats, 'dev' | 'ino'>): Tail | undefined {
    return this.byInode.get(`${dev}:${ino}`)
  }

  has(tail: Tail): boolean {
    return this.byInode.get(`${tail.dev}:${tail.ino}`) === tail
  }

  add(tail: Tail): void {
    const key = `${tail.dev}:${tail.ino}`
    const before = this.byInode.get(key)
    if (before) this.remove(before)
    this.byInode.set(key, tail)
    this.addHead(tail)
    const stem = stemOf(tail.path)
    this.stems.set(tail, stem)
    const alike = this.byStem.get(stem)
    if (alike) alike.add(tail)
    else this.byStem.set(stem, new Set([tail]))
  }

  /** Files of the same folder whose names begin alike: `app.log` and `app-1.log` for `app.log.copy`. */
  alike(path: string): Iterable<Tail> {
    return this.byStem.get(stemOf(path)) ?? []
  }

  /** The first bytes of a file are all there. */
  addHead(tail: Tail): void {
    if (tail.head.size < this.headSize) return
    const same = this.heads.get(tail.head.sum)
    if (same) same.add(tail)
    else this.heads.set(tail.head.sum, new Set([tail]))
  }

  remove(tail: Tail): void {
    const key = `${tail.dev}:${tail.ino}`
    if (this.byInode.get(key) === tail) this.byInode.delete(key)
    this.finished.delete(tail)
    this.removeHead(tail)
    const stem = this.stems.get(tail) ?? ''
    const alike = this.byStem.get(stem)
    if (alike?.delete(tail) && alike.size === 0) this.byStem.delete(stem)
    this.stems.delete(tail)
  }

  removeHead(tail: Tail): void {
    const same = this.heads.get(tail.head.sum)
    if (same?.delete(tail) && same.size === 0) this.heads.delete(tail.head.sum)
  }

  /** It was read to its end and is remembered for a while. */
  finish(tail: Tail): void {
    this.finished.add(tail)
    if (this.finished.size <= mostFinished) return
    for (const oldest of this.finished) {
      // Its place must be kept until everything of it was answered for.
      if (oldest.settlement.unsettled > 0) continue
      this.remove(oldest)
      this.forgotten(oldest)
      return
    }
  }

  /** Another file that begins with the same bytes. */
  byHead(tail: Tail): Tail | undefined {
    if (tail.head.size < this.headSize) return undefined
    for (const other of this.heads.get(tail.head.sum) ?? []) if (other !== tail) return other
    return undefined
  }

  /** Whether what lies at `path` is still the finished file: inodes are used again. */
  isFinished(tail: Tail, path: string, stat: Stats): boolean {
    if (stat.size < tail.offset || tail.head.size === 0) return false
    if (stat.mtimeMs === tail.mtimeMs) return true
    let fd: number
    try {
      fd = openFile(path)
    } catch {
      return true
    }
    try {
      // Names may have moved on since: then the next look will tell.
      const { dev, ino } = fstatSync(fd)
      return dev !== tail.dev || ino !== tail.ino || hasHead(fd, tail.head)
    } finally {
      closeSync(fd)
    }
  }
}
