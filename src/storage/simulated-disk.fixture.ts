import type { Disk } from './disk.ts'

/** A write or truncation that was not made durable yet. */
type Pending = { at: number; bytes: Buffer } | { size: number }

interface File {
  /** What processes see. */
  seen: Buffer
  /** What the device has. */
  durable: Buffer
  pending: Pending[]
}

interface Opened {
  path: string
  file: File | undefined
}

/** Bytes that the device writes as one: small, so that small records are torn too. */
const sectorBytes = 16

export type Random = () => number

export interface Faults {
  /** Probability of ENOSPC or EIO for each write, and of EIO for each sync. */
  write?: number
  sync?: number
  read?: number
}

const failed = (code: string) => Object.assign(new Error(`${code}: simulated`), { code })

/**
 * A disk in memory that forgets what was not synced, in any combination of sectors and names, when its power is cut; that can be
 * stopped at any operation; and whose syncs end when told to, in any order.
 */
export class SimulatedDisk implements Disk {
  /** Operations that change something so far; at `stopAt` the process is dead. */
  operations = 0
  stopAt = Number.POSITIVE_INFINITY
  dead = false
  faults: Faults = {}
  /** Syncs that failed: what they covered is durable or not, and no later sync tells. */
  failedSyncs = 0
  /** Room on the device. */
  freeBytes = Number.POSITIVE_INFINITY
  /** Syncs under way. */
  readonly syncing: (() => void)[] = []
  readonly soon: (() => void)[] = []
  private readonly random: Random
  private seenNames = new Map<string, File>()
  private durableNames = new Map<string, File>()
  private readonly opened = new Map<number, Opened>()
  private folders = new Set<string>()
  private nextFd = 3

  constructor(random: Random) {
    this.random = random
  }

  /** The disk as the next process finds it: after a kill with all that was written, after a power cut with what the device has. */
  reboot(powerCut: boolean): SimulatedDisk {
    const next = new SimulatedDisk(this.random)
    const names = powerCut ? this.namesAfterCut() : this.seenNames
    for (const [path, file] of names) {
      const copy: File = powerCut
        ? { seen: this.afterCut(file), durable: Buffer.alloc(0), pending: [] }
        : { seen: Buffer.from(file.seen), durable: Buffer.from(file.durable), pending: [...file.pending] }
      if (powerCut) copy.durable = Buffer.from(copy.seen)
      next.seenNames.set(path, copy)
      if (powerCut || this.durableNames.get(path) === file) next.durableNames.set(path, copy)
    }
    if (!powerCut)
      for (const [path, file] of this.durableNames) if (!next.durableNames.has(path)) next.durableNames.set(path, file)
    next.folders = new Set(this.folders)
    return next
  }

  /** A copy with nothing pending. */
  copy(): SimulatedDisk {
    return this.reboot(false)
  }

  file(path: string): Buffer {
    return this.seenNames.get(path)!.seen
  }

  /** Cuts a file off behind the process's back. */
  cut(path: string, size: number): void {
    const file = this.seenNames.get(path)!
    file.seen = Buffer.from(file.seen.subarray(0, size))
  }

  /** Puts other bytes in place of a file's. */
  fill(path: string, bytes: Buffer): void {
    this.seenNames.get(path)!.seen = bytes
  }

  paths(): string[] {
    return [...this.seenNames.keys()].sort()
  }

  /** Ends one of the syncs under way. */
  endSync(which = 0): void {
    this.syncing.splice(which, 1)[0]?.()
  }

  list(folder: string): string[] {
    this.check()
    if (!this.folders.has(folder)) throw failed('ENOENT')
    const names = [...this.seenNames.keys(), ...this.folders].filter((path) => path.startsWith(`${folder}/`))
    return [...new Set(names.map((path) => path.slice(folder.length + 1).split('/')[0]!))]
  }

  makeFolder(path: string): void {
    this.check()
    this.folders.add(path)
  }

  lock(): { release(): void } {
    return { release() {} }
  }

  create(path: string): number {
    this.step()
    if (this.seenNames.has(path)) throw failed('EEXIST')
    this.mayFail(this.faults.write, ['ENOSPC', 'EMFILE'])
    this.seenNames.set(path, { seen: Buffer.alloc(0), durable: Buffer.alloc(0), pending: [] })
    return this.open(path)
  }

  open(path: string): number {
    this.check()
    const file = this.seenNames.get(path)
    if (!file) throw failed('ENOENT')
    this.opened.set(this.nextFd, { path, file })
    return this.nextFd++
  }

  openFolder(path: string): number {
    this.check()
    this.opened.set(this.nextFd, { path, file: undefined })
    return this.nextFd++
  }

  size(fd: number): number {
    return this.at(fd).seen.length
  }

  sizeOf(path: string): number {
    this.check()
    return this.seenNames.get(path)!.seen.length
  }

  links(fd: number): number {
    this.check()
    const opened = this.opened.get(fd)
    return opened?.file && this.seenNames.get(opened.path) !== opened.file ? 0 : 1
  }

  write(fd: number, parts: readonly Uint8Array[], at: number): number {
    const file = this.at(fd)
    let bytes = Buffer.concat(parts)
    if (this.operations + 1 === this.stopAt) bytes = bytes.subarray(0, Math.floor(this.random() * (bytes.length + 1)))
    else this.mayFail(this.faults.write, ['ENOSPC', 'EIO'])
    const grown = Math.max(0, at + bytes.length - file.seen.length)
    if (grown > this.freeBytes) {
      bytes = bytes.subarray(0, Math.max(0, bytes.length - (grown - this.freeBytes)))
      if (bytes.length === 0) throw failed('ENOSPC')
    }
    // Writes may be short.
    else if (this.faults.write && this.random() < this.faults.write)
      bytes = bytes.subarray(0, Math.ceil(this.random() * bytes.length))
    this.freeBytes -= Math.max(0, at + bytes.length - file.seen.length)
    file.seen = written(file.seen, at, bytes)
    file.pending.push({ at, bytes: Buffer.from(bytes) })
    this.step()
    return bytes.length
  }

  readNow(fd: number, into: Uint8Array, at: number): number {
    const { seen } = this.at(fd)
    return at >= seen.length ? 0 : seen.copy(into, 0, at, Math.min(seen.length, at + into.length))
  }

  async read(fd: number, into: Uint8Array, at: number): Promise<number> {
    this.at(fd)
    this.mayFail(this.faults.read, ['EIO'])
    // Reads may be short.
    const most = into.length > 40 && this.random() < 0.2 ? 40 : into.length
    return this.readNow(fd, into.subarray(0, most), at)
  }

  truncate(fd: number, size: number): void {
    const file = this.at(fd)
    this.step()
    this.mayFail(this.faults.write, ['EIO'])
    this.freeBytes += file.seen.length - size
    file.seen = truncated(file.seen, size)
    file.pending.push({ size })
  }

  async sync(fd: number): Promise<void> {
    const file = this.at(fd)
    this.step()
    const covered = file.pending.length
    return this.atEnd(() => {
      const ended = file.pending.splice(0, covered)
      if (this.faults.sync && this.random() < this.faults.sync) {
        // What could not be written is not tried again: pages that failed count as clean.
        this.failedSyncs++
        for (const each of ended) if (this.random() < 0.5) file.durable = applied(file.durable, each)
        throw failed('EIO')
      }
      for (const each of ended) file.durable = applied(file.durable, each)
    })
  }

  async syncFolder(): Promise<void> {
    this.step()
    const names = new Map(this.seenNames)
    return this.atEnd(() => {
      for (const path of this.durableNames.keys()) if (!names.has(path)) this.durableNames.delete(path)
      for (const [path, file] of names) this.durableNames.set(path, file)
    })
  }

  async remove(path: string): Promise<void> {
    this.removeNow(path)
  }

  removeNow(path: string): void {
    this.step()
    const file = this.seenNames.get(path)
    if (!file) throw failed('ENOENT')
    this.freeBytes += file.seen.length
    this.seenNames.delete(path)
  }

  rename(from: string, to: string): void {
    this.step()
    this.seenNames.set(to, this.seenNames.get(from)!)
    this.seenNames.delete(from)
  }

  close(fd: number): void {
    if (!this.opened.delete(fd) && !this.dead) throw failed('EBADF')
  }

  later(fn: () => void): void {
    this.soon.push(fn)
  }

  salt(): number {
    return Math.floor(this.random() * 2 ** 32)
  }

  private atEnd(fn: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.syncing.push(() => {
        if (this.dead) return
        try {
          fn()
          resolve()
        } catch (error) {
          reject(error as Error)
        }
      })
    })
  }

  private at(fd: number): File {
    this.check()
    const opened = this.opened.get(fd)
    if (!opened?.file) throw failed('EBADF')
    return opened.file
  }

  private check(): void {
    if (this.dead) throw failed('EDEAD')
  }

  private step(): void {
    this.check()
    if (++this.operations < this.stopAt) return
    this.dead = true
    throw failed('EDEAD')
  }

  private mayFail(probability: number | undefined, codes: readonly string[]): void {
    if (!probability || this.random() >= probability) return
    throw failed(codes[Math.floor(this.random() * codes.length)]!)
  }

  /** Of each name that changed since the folder was synced either the old or the new state. */
  private namesAfterCut(): Map<string, File> {
    const names = new Map<string, File>()
    for (const path of new Set([...this.seenNames.keys(), ...this.durableNames.keys()])) {
      const file = (this.random() < 0.5 ? this.seenNames : this.durableNames).get(path)
      if (file) names.set(path, file)
    }
    return names
  }

  private afterCut(file: File): Buffer {
    let bytes: Buffer = Buffer.from(file.durable)
    for (const each of file.pending) {
      const fate = this.random()
      if (fate < 0.4) continue
      bytes = fate < 0.7 ? applied(bytes, each) : this.torn(bytes, each)
    }
    return bytes
  }

  /** Some sectors of a write. */
  private torn(bytes: Buffer, pending: Pending): Buffer {
    if ('size' in pending) return bytes
    const { at, bytes: all } = pending
    for (let from = 0; from < all.length; ) {
      const to = Math.min(all.length, from + sectorBytes - ((at + from) % sectorBytes))
      if (this.random() < 0.6) bytes = written(bytes, at + from, all.subarray(from, to))
      from = to
    }
    return bytes
  }
}

function applied(bytes: Buffer, pending: Pending): Buffer {
  return 'size' in pending ? truncated(bytes, pending.size) : written(bytes, pending.at, pending.bytes)
}

function written(bytes: Buffer, at: number, more: Buffer): Buffer {
  const result = bytes.length >= at + more.length ? bytes : Buffer.concat([bytes], at + more.length)
  more.copy(result, at)
  return result
}

function truncated(bytes: Buffer, size: number): Buffer {
  return Buffer.concat([bytes], size)
}
