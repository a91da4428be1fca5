import { dirname } from 'node:path'
import { Retryable } from '../../delivery/sender.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Log } from '../../runtime/log.ts'
import { type BackupBounds, backupPath, outdatedBackups } from './backups.ts'
import type { Disk, OpenFile } from './disk.ts'

export interface DataFileOptions extends BackupBounds {
  path: string
  /** Whether a file that is there at start is kept. */
  append: boolean
  /** Lines of text; else each record stands behind its length. */
  lines: boolean
  /** Put aside before it grows beyond; undefined: never. */
  maxBytes: number | undefined
  localTime: boolean
  fsync: boolean
  disk: Disk
  clock: Clock
  log: Log
}

/** Least time between two looks at whether the path still leads to the open file. */
const lookEveryMs = 1000

/**
 * The file at a path, which grows by whole frames: after a failed write it is cut back to the frame before. Calls must
 * not overlap.
 */
export class DataFile {
  private readonly options: DataFileOptions
  private file: OpenFile | undefined
  /** End of the last whole frame. */
  private end = 0
  /** Something stands behind `end` that must be cut off first. */
  private torn = false
  private lookedAt = 0
  /** Files put aside since the start. */
  rotations = 0

  constructor(options: DataFileOptions) {
    this.options = options
  }

  /** Opens it as the settings say. */
  async open(): Promise<void> {
    await this.openFile(!this.options.append)
  }

  /** Adds one frame, or throws `Retryable`: then nothing of it stays. */
  async add(frame: readonly Buffer[]): Promise<void> {
    try {
      const file = await this.ready(frame.reduce((sum, part) => sum + part.length, 0))
      await this.write(file, frame)
    } catch (error) {
      throw new Retryable(`${this.options.path}: ${(error as Error).message}`, { cause: error })
    }
  }

  async close(): Promise<void> {
    const { file } = this
    this.file = undefined
    await file?.close()
  }

  private async write(file: OpenFile, frame: readonly Buffer[]): Promise<void> {
    this.torn = true
    try {
      await file.write(frame)
      if (this.options.fsync) await file.sync()
    } catch (error) {
      // What cannot be cut now is cut before the next write.
      await this.mend(file).catch(() => {})
      throw error
    }
    this.torn = false
    for (const part of frame) this.end += part.length
  }

  private async mend(file: OpenFile): Promise<void> {
    await file.truncate(this.end)
    this.torn = false
  }

  /** The file, whole, at the path, with room for `bytes` more. */
  private async ready(bytes: number): Promise<OpenFile> {
    const { maxBytes, clock } = this.options
    if (this.file && clock.monotonic() - this.lookedAt >= lookEveryMs) await this.look()
    let file = this.file ?? (await this.openFile(false))
    if (this.torn) await this.mend(file)
    if (maxBytes !== undefined && this.end > 0 && this.end + bytes > maxBytes) {
      await this.rotate()
      file = await this.openFile(false)
    }
    return file
  }

  /** Somebody may have moved or deleted the file: then what is written here is lost. */
  private async look(): Promise<void> {
    const { path, disk, clock, log } = this.options
    this.lookedAt = clock.monotonic()
    if ((await disk.idOf(path)) === this.file?.id) return
    log.info('the file was moved or deleted: a new one is begun', { path })
    if (this.torn) await this.mend(this.file!)
    await this.close()
  }

  private async rotate(): Promise<void> {
    const { path, disk, clock, localTime } = this.options
    let time = clock.now()
    // Names have milliseconds, and a file that has the name already must not be lost.
    while ((await disk.idOf(backupPath(path, time, localTime))) !== undefined) time++
    await disk.rename(path, backupPath(path, time, localTime))
    this.rotations++
    await this.close()
    await this.tidy().catch((error: Error) =>
      this.options.log.warn('old files were not deleted', { path, error: error.message }),
    )
  }

  /** Deletes files put aside beyond the bounds. */
  private async tidy(): Promise<void> {
    const { path, disk, clock, localTime } = this.options
    const names = await disk.list(dirname(path))
    for (const old of outdatedBackups(path, names, clock.now(), localTime, this.options)) await disk.remove(old)
  }

  private async openFile(fresh: boolean): Promise<OpenFile> {
    const { path, disk, clock, lines } = this.options
    const file = await disk.open(path, fresh)
    try {
      this.end = lines ? file.size : await wholeFrames(file)
      this.torn = this.end < file.size
      // The process was killed in the middle of a line: it stays, by itself.
      if (lines && file.size > 0 && (await file.read(file.size - 1, 1))[0] !== 0x0a) {
        await file.write([Buffer.from('\n')])
        this.end++
      }
    } catch (error) {
      await file.close()
      throw error
    }
    this.file = file
    this.lookedAt = clock.monotonic()
    return file
  }
}

/** Where the last whole frame ends: behind a torn one nothing could be read. */
async function wholeFrames(file: OpenFile): Promise<number> {
  for (let pos = 0; ; ) {
    const length = await file.read(pos, 4)
    if (length.length < 4) return pos
    const next = pos + 4 + length.readUInt32BE()
    if (next > file.size) return pos
    pos = next
  }
}
