import type { Clock, Timer } from '../runtime/clock.ts'
import { SpoolFailed, type SpoolFull } from './contract.ts'
import type { Disk } from './disk.ts'
import { failure } from './failures.ts'
import type { Segment, Segments } from './segments.ts'

export interface SyncerOptions {
  disk: Disk
  clock: Clock
  segments: Segments
  maxLossMs: number
  /** Highest sequence known to be durable. */
  synced: number
  /** Open folder of the queue, and file of its position. */
  folderFd: number
  positionFd: number
  writePosition(): void
  /** Told of every sync: undefined when it worked. */
  onSync(error: SpoolFull | SpoolFailed | undefined): void
}

/** The position is made durable at most this often: losing it costs duplicates, no records. */
const positionMs = 500
/** It is written so soon: what was delivered since then comes again after a kill. */
const noteMs = 10

interface Group {
  readonly promise: Promise<void>
  resolve(): void
  reject(error: Error): void
}

/**
 * Makes durable what was written: at most `maxLossMs` after the write, one sync at a time, on a thread of Node's pool. All who wait
 * while a sync is under way share the next one.
 */
export class Syncer {
  private readonly options: SyncerOptions
  private dirty: Segment[] = []
  private folderDirty = false
  private positionDirty = false
  /** Highest sequence written, and made durable. */
  private written: number
  synced: number
  /** What the last failed sync left in doubt. */
  private doubtFrom = 1
  private doubtTo = 0
  private firstDirty = 0
  private timer: Timer | undefined
  private positionTimer: Timer | undefined
  private noteTimer: Timer | undefined
  private positionSyncedAt = Number.NEGATIVE_INFINITY
  private called = false
  private running: { upTo: number; group: Group; since: number } | undefined
  private next: Group | undefined
  private closed = false

  constructor(options: SyncerOptions) {
    this.options = options
    this.synced = this.written = options.synced
  }

  /** How long the sync under way has been running, milliseconds. */
  get runningMs(): number {
    return this.running ? this.options.clock.monotonic() - this.running.since : 0
  }

  /** A batch, or with the same sequence as before something else, was written to a segment. */
  wrote(segment: Segment, sequence: number): void {
    this.written = sequence
    if (!segment.dirty) {
      segment.dirty = true
      this.options.segments.use(segment)
      this.dirty.push(segment)
      if (this.dirty.length === 1) this.firstDirty = this.options.clock.monotonic()
    }
    this.schedule()
  }

  /** A file was made. */
  folderChanged(): void {
    this.folderDirty = true
  }

  positionMoved(): void {
    if (!this.closed) this.noteTimer ??= this.options.clock.after(noteMs, this.notePosition)
    if (this.positionDirty) return
    this.positionDirty = true
    this.schedule()
  }

  whenSynced(sequence: number): Promise<void> {
    if (sequence >= this.doubtFrom && sequence <= this.doubtTo) {
      return Promise.reject(new SpoolFailed('fdatasync failed', 'EIO'))
    }
    if (sequence <= this.synced) return Promise.resolve()
    if (this.running && sequence <= this.running.upTo) return this.running.group.promise
    this.next ??= newGroup()
    return this.next.promise
  }

  /** Syncs what was written so far and the position, now; answers up to which sequence all is durable beyond doubt. */
  async now(): Promise<number> {
    await this.running?.group.promise.catch(() => {})
    this.positionDirty = true
    this.positionSyncedAt = Number.NEGATIVE_INFINITY
    // One that began in between has not heard of it, perhaps.
    for (let round = 0; round < 2 && this.positionDirty; round++) {
      if (!this.running) void this.run()
      await this.running?.group.promise.catch(() => {})
    }
    if (this.positionDirty) return 0
    return this.doubtTo > 0 ? Math.min(this.synced, this.doubtFrom - 1) : this.synced
  }

  /** Syncs what there is to sync, now. Resolves when that has ended, however it ended. */
  async flush(): Promise<void> {
    this.closed = true
    this.noteTimer?.cancel()
    while (this.running || this.dirty.length > 0 || this.positionDirty) {
      if (!this.running) void this.run()
      await this.running?.group.promise.catch(() => {})
    }
  }

  private schedule(): void {
    if (this.running || this.closed) return
    const { clock, disk, maxLossMs } = this.options
    if (this.dirty.length > 0) {
      if (maxLossMs === 0) {
        if (this.called) return
        this.called = true
        disk.later(this.start)
      } else {
        const due = this.firstDirty + maxLossMs - clock.monotonic()
        this.timer ??= clock.after(Math.max(0, due), this.start)
      }
    }
    if (this.positionDirty) this.positionTimer ??= clock.after(Math.max(positionMs, maxLossMs), this.start)
  }

  private start = (): void => {
    this.called = false
    if (!this.running && !this.closed) void this.run()
  }

  private async run(): Promise<void> {
    const { disk, clock, segments, onSync } = this.options
    this.timer?.cancel()
    this.positionTimer?.cancel()
    this.noteTimer?.cancel()
    this.timer = this.positionTimer = this.noteTimer = undefined
    const group = this.next ?? newGroup()
    this.next = undefined
    const upTo = this.written
    const dirty = this.dirty
    const folder = this.folderDirty
    this.dirty = []
    this.folderDirty = false
    for (const segment of dirty) segment.dirty = false
    this.running = { upTo, group, since: clock.monotonic() }
    this.positionDirty ||= dirty.length > 0
    const position = this.syncPosition()
    const jobs = dirty.map((segment) => this.sync(segment))
    if (folder) jobs.push(disk.syncFolder(this.options.folderFd))
    const failed = (await Promise.allSettled(jobs)).find((job) => job.status === 'rejected')
    await position
    for (const segment of dirty) {
      // What the kernel could not write once it will not try again: nothing more goes into this file.
      if (failed) segment.broken = true
      segments.leave(segment)
    }
    this.running = undefined
    if (failed) {
      this.folderDirty ||= folder
      this.doubtFrom = this.synced + 1
      this.doubtTo = upTo
      const error = failure('fdatasync failed', failed.reason)
      onSync(error)
      group.reject(error)
    } else {
      this.synced = upTo
      if (dirty.length > 0) onSync(undefined)
      group.resolve()
    }
    this.schedule()
  }

  private async sync(segment: Segment): Promise<void> {
    const { disk, segments } = this.options
    await disk.sync(segment.fd!)
    if (!segments.keepRemoved(segment)) return
    const lost = 'what is in it is lost if the process ends before it is sent'
    throw new SpoolFailed(`somebody removed ${segment.path}: ${lost}`, 'ENOENT')
  }

  /** A kill of the process does not lose what the system has. */
  private readonly notePosition = (): void => {
    this.noteTimer = undefined
    try {
      this.options.writePosition()
    } catch {
      // It is written again when it is synced.
    }
  }

  /** Writes the position if it moved, and syncs it if it is time to. A failure is tried again with the next sync. */
  private async syncPosition(): Promise<void> {
    if (!this.positionDirty) return
    const { disk, clock, maxLossMs, positionFd, writePosition } = this.options
    const now = clock.monotonic()
    try {
      writePosition()
      this.positionDirty = false
      if (now - this.positionSyncedAt < Math.max(positionMs, maxLossMs) && !this.closed) return
      this.positionSyncedAt = now
      await disk.sync(positionFd)
    } catch {
      // Costs duplicates after a power cut, nothing else; a disk that fails is told by the data's own sync.
      this.positionDirty = !this.closed
    }
  }
}

function newGroup(): Group {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  promise.catch(() => {})
  return { promise, resolve, reject }
}
