import { join } from 'node:path'
import type { Log } from '../runtime/log.ts'
import type { Disk } from './disk.ts'

export const quarantineName = 'quarantine'

/** What is known of damaged bytes: the JSON beside them. */
export interface Damage {
  /** `header`: no sound header; `payload`: the bytes are not those of the header; `unreadable`: the disk does not give them. */
  readonly what: 'header' | 'payload' | 'unreadable'
  readonly reason: string
  readonly segment: string
  /** Where the bytes begin in the segment, and how many they are. */
  readonly offset: number
  readonly bytes: number
  /** Of a sound header. */
  readonly sequence?: number
  readonly records?: number
  readonly format?: string
  readonly at?: string
}

const chunkBytes = 1 << 20

/** The folder `quarantine` of a queue: damaged bytes, exactly, each with a JSON that says what is known of them. Bounded. */
export class Quarantine {
  /** Things kept. */
  kept = 0
  private bytes = 0
  private readonly disk: Disk
  private readonly folder: string
  private readonly most: number
  private readonly log: Log

  constructor(disk: Disk, folder: string, mostBytes: number, log: Log) {
    this.disk = disk
    this.folder = join(folder, quarantineName)
    this.most = mostBytes
    this.log = log
  }

  /** Looks at what is there already: only names and sizes. */
  open(): void {
    try {
      for (const name of this.disk.list(this.folder)) this.count(name)
    } catch {
      // Not made yet.
    }
  }

  /** Keeps bytes that were read. Answers where, or why not; never throws. */
  keep(damage: Damage, bytes: Uint8Array): string {
    return this.write(damage, (fd) => {
      this.disk.write(fd, [bytes], 0)
    })
  }

  /** Keeps a stretch of a segment, in pieces. */
  async keepRange(damage: Damage, fd: number): Promise<string> {
    const { disk } = this
    const pieces: { at: number; bytes: Buffer }[] = []
    if (damage.bytes > this.most) return this.refusal(damage)
    for (let at = 0; at < damage.bytes; ) {
      const bytes = Buffer.allocUnsafeSlow(Math.min(chunkBytes, damage.bytes - at))
      const got = await disk.read(fd, bytes, damage.offset + at)
      if (got === 0) break
      pieces.push({ at, bytes: bytes.subarray(0, got) })
      at += got
    }
    return this.write(damage, (target) => {
      for (const piece of pieces) disk.write(target, [piece.bytes], piece.at)
    })
  }

  /** Moves a whole segment here, because the disk does not give what is in it. */
  move(damage: Damage, path: string): string {
    try {
      this.disk.makeFolder(this.folder)
      this.describe(damage)
      this.disk.rename(path, join(this.folder, `${nameOf(damage)}.bytes`))
      this.kept++
      return `kept in ${this.folder}`
    } catch (error) {
      return `could not be kept: ${(error as Error).message}`
    }
  }

  private write(damage: Damage, fill: (fd: number) => void): string {
    if (this.bytes + damage.bytes > this.most) return this.refusal(damage)
    const path = join(this.folder, `${nameOf(damage)}.bytes`)
    try {
      this.disk.makeFolder(this.folder)
      const fd = this.disk.create(path)
      this.bytes += damage.bytes
      this.kept++
      try {
        fill(fd)
      } finally {
        this.disk.close(fd)
      }
      this.describe(damage)
      return `kept in ${path}`
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return `kept in ${path} before`
      return `could not be kept: ${(error as Error).message}`
    }
  }

  private describe(damage: Damage): void {
    const fd = this.disk.create(join(this.folder, `${nameOf(damage)}.json`))
    try {
      this.disk.write(fd, [Buffer.from(`${JSON.stringify(damage, undefined, 2)}\n`)], 0)
    } finally {
      this.disk.close(fd)
    }
  }

  private refusal(damage: Damage): string {
    this.log.warn('damaged bytes are not kept: the folder quarantine has its bound', { folder: this.folder })
    return `not kept: ${damage.bytes} bytes are past the bound of ${this.folder}`
  }

  private count(name: string): void {
    if (!name.endsWith('.bytes')) return
    this.kept++
    this.bytes += this.disk.sizeOf(join(this.folder, name))
  }
}

const nameOf = ({ segment, offset }: Damage) => `${segment.replace(/\.batches$/, '')}-at-${offset}`
