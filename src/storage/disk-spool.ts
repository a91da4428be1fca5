import { join } from 'node:path'
import type { Format } from '../telemetry/format.ts'
import {
  type Spool,
  SpoolFailed,
  SpoolFull,
  type SpoolLoss,
  type SpoolNote,
  type SpoolOptions,
  type SpoolRecord,
  type SpoolStatus,
} from './contract.ts'
import { Cursor } from './cursor.ts'
import type { Disk } from './disk.ts'
import { headerBytes } from './disk-record.ts'
import { Expiry } from './expiry.ts'
import { codeOf } from './failures.ts'
import { type Finished, finishedName } from './finished-file.ts'
import { isInPlace, type QueueFolder } from './folder.ts'
import { noteBytes } from './note.ts'
import { registerSpool } from './open-spools.ts'
import { Outstanding } from './outstanding.ts'
import type { Position } from './position-file.ts'
import { Quarantine } from './quarantine.ts'
import type { Recovered } from './recover.ts'
import { Removals } from './removals.ts'
import { Retention } from './retention.ts'
import { frameBytes } from './segment-frame.ts'
import type { Segments } from './segments.ts'
import { Syncer } from './syncer.ts'
import { Troubles } from './troubles.ts'
import { Writer } from './writer.ts'

const mostSegmentBytes = 8 << 20
const leastSegmentBytes = 64 << 10
const quarantineBytes = 64 << 20
/** Segments of an earlier process that are synced at the opening, at most: as many as its descriptors and threads bear. */
const mostOldSyncs = 16
/** A sync that takes longer is told as trouble. */
const slowSyncMs = 10_000

/** A queue in a folder: puts together who writes, who reads, who syncs, and keeps the count. */
export class DiskSpool implements Spool {
  records: number
  readonly recovered: { batches: number; records: number }
  private readonly options: SpoolOptions
  private readonly disk: Disk
  private readonly folder: QueueFolder
  private readonly segments: Segments
  private readonly outstanding = new Outstanding()
  private readonly quarantine: Quarantine
  private readonly finished: Finished
  private readonly syncer: Syncer
  private readonly writer: Writer
  private readonly cursor: Cursor
  private readonly troubles: Troubles
  private readonly removals: Removals
  private readonly retention: Retention
  private readonly expiry: Expiry
  private lastLength = 0
  private readonly forgetMe: () => void
  private closing: Promise<void> | undefined

  constructor(
    options: SpoolOptions,
    disk: Disk,
    folder: QueueFolder,
    segments: Segments,
    from: Recovered,
    finished: Finished,
  ) {
    const { clock, log, maxBytes, maxAgeMs, maxLossMs } = options
    this.options = options
    this.disk = disk
    this.folder = folder
    this.segments = segments
    this.finished = finished
    this.records = Math.max(0, from.total - from.records - finished.records)
    this.recovered = { batches: Math.max(0, from.next - from.sequence - finished.size), records: this.records }
    this.quarantine = new Quarantine(disk, folder.path, options.quarantineBytes ?? quarantineBytes, log)
    this.quarantine.open()
    this.troubles = new Troubles(log)
    this.removals = new Removals(disk, this.quarantine, log)
    const eighth = maxBytes > 0 ? Math.max(leastSegmentBytes, Math.floor(maxBytes / 8)) : mostSegmentBytes
    this.syncer = new Syncer({
      disk,
      clock,
      segments,
      maxLossMs,
      synced: from.synced,
      folderFd: folder.fd,
      positionFd: folder.position.fd,
      writePosition: () => folder.position.write(this.position),
      onSync: (error) => (error ? this.troubles.failed('sync', error) : this.troubles.worked('sync')),
    })
    this.writer = new Writer({
      disk,
      clock,
      folder: folder.path,
      segments,
      syncer: this.syncer,
      segmentBytes: options.segmentBytes ?? Math.min(mostSegmentBytes, eighth),
      segmentMs: maxAgeMs > 0 ? maxAgeMs / 8 : Number.POSITIVE_INFINITY,
      next: from.next,
      records: from.total,
    })
    this.cursor = new Cursor({
      disk,
      segments,
      writer: this.writer,
      outstanding: this.outstanding,
      quarantine: this.quarantine,
      finished,
      sequence: from.sequence,
      records: from.records,
      onCorrupt: (records, detail) => this.lose('corrupt', records, detail),
      isGone: (error) => codeOf(error) === 'ENOENT' && isInPlace(disk, folder),
    })
    this.retention = new Retention({
      segments,
      writer: this.writer,
      cursor: this.cursor,
      finished,
      removals: this.removals,
      troubles: this.troubles,
      position: () => this.position.sequence,
      savePosition: () => this.savePosition(),
      lose: (...lost) => this.lose(...lost),
    })
    this.forgetMe = registerSpool(folder.path, this)
    this.syncOld(from)
    this.expiry = new Expiry({
      clock,
      maxAgeMs,
      oldest: () => this.retention.oldest(),
      remove: () => this.retention.removeOldest('expired', `older than ${maxAgeMs} ms`) !== undefined,
    })
    this.expiry.watch()
  }

  get batches(): number {
    return this.unread + this.outstanding.size
  }

  get unread(): number {
    return this.cursor.unread
  }

  get bytes(): number {
    return this.segments.bytes
  }

  append(payload: Uint8Array, count: number, format: Format, note?: SpoolNote): number {
    if (this.closing) throw new SpoolFailed('the queue is closed', 'ECLOSED')
    const noted = noteBytes(note)
    const length = payload.length + (noted?.length ?? 0)
    if (!this.fits(length)) throw new SpoolFull(`the queue has its ${this.options.maxBytes} bytes`, 'EFULL')
    if (this.records === 0 && !this.hasRoom(length)) this.retention.discard()
    let sequence: number
    try {
      sequence = this.writer.append(payload, count, format, noted)
    } catch (error) {
      this.troubles.failed('append', error)
      throw error
    }
    this.troubles.worked('append')
    this.records += count
    this.lastLength = count
    return sequence
  }

  fits(bytes: number): boolean {
    return this.hasRoom(bytes) || (this.records === 0 && this.needed(bytes) <= this.options.maxBytes)
  }

  whenSynced(sequence: number): Promise<void> {
    return this.syncer.whenSynced(sequence)
  }

  took(sequence: number): boolean {
    const { cursor, writer } = this
    if (cursor.reading || sequence !== cursor.sequence || sequence !== writer.next - 1 || !cursor.caughtUp) return false
    const before = writer.records - this.lastLength
    if (cursor.records !== before) return false
    cursor.toEnd()
    this.outstanding.add(sequence, this.lastLength, before)
    return true
  }

  async read(mostBytes: number): Promise<SpoolRecord[]> {
    const { cursor } = this
    if (cursor.reading) throw new Error('the queue is being read already')
    if (this.closing) return []
    cursor.reading = true
    try {
      const records = await cursor.read(mostBytes)
      this.troubles.worked('read')
      this.retention.trim()
      return records
    } catch (error) {
      this.troubles.failed('read', error)
      throw error
    } finally {
      cursor.reading = false
    }
  }

  finish(sequence: number): void {
    const count = this.outstanding.finish(sequence)
    if (count === undefined) return
    this.records -= count
    this.retention.trim()
    if (!this.closing) this.syncer.positionMoved()
  }

  rewind(): boolean {
    const { cursor, finished, outstanding, segments } = this
    const { lowest } = outstanding
    if (!lowest || this.closing) return true
    const segment = segments.list.findLast(({ first }) => first <= lowest.sequence)
    if (!segment) return false
    finished.add(outstanding.doneAbove())
    // What was finished, and is not remembered any more, is unread again.
    this.records += outstanding.forgottenUpTo(cursor.records)
    outstanding.clear()
    cursor.back(lowest, segment)
    return true
  }

  stands(sequence: number): boolean {
    const [first] = this.segments.list
    return first !== undefined && first.first <= sequence
  }

  /** What it names must outlast a power cut, and so must the position: another batch could have its number then. */
  async saveFinished(): Promise<void> {
    const upTo = await this.syncer.now()
    if (!this.closing) await this.writeFinished(upTo)
  }

  dropOldest(): number | undefined {
    return this.retention.removeOldest('displaced', 'the queue on disk was full')
  }

  clear(): number {
    const { cursor, finished, writer } = this
    const unread = writer.records - cursor.records - finished.takeBetween(cursor.sequence, writer.next)
    this.writer.seal()
    this.cursor.jump(undefined, writer.records)
    this.lose('removed', unread, 'an operator removed them')
    this.savePosition()
    this.retention.trim()
    return unread
  }

  status(): SpoolStatus {
    const slow = this.syncer.runningMs
    const isSlow = slow > slowSyncMs
    const trouble = isSlow ? `fdatasync has not ended for ${Math.round(slow / 1000)} s` : this.troubles.message
    const { batches, records, bytes, segments, quarantine } = this
    return {
      folder: this.folder.path,
      batches,
      records,
      bytes,
      segments: segments.list.length,
      position: this.position.sequence,
      next: this.writer.next,
      outOfTurn: this.finished.size + this.outstanding.outOfTurn,
      trouble,
      quarantined: quarantine.kept,
    }
  }

  close(): Promise<void> {
    this.closing ??= this.end()
    return this.closing
  }

  private async end(): Promise<void> {
    const { disk, folder } = this
    this.forgetMe()
    this.expiry.close()
    this.writer.seal()
    this.savePosition()
    this.retention.trim()
    await this.syncer.flush()
    await this.removals.ended()
    await this.writeFinished()
    disk.close(folder.position.fd)
    disk.close(folder.fd)
    folder.lock.release()
  }

  /** A failure costs batches that come again. */
  private async writeFinished(upTo = Number.POSITIVE_INFINITY): Promise<void> {
    const { disk, folder, finished, outstanding, options } = this
    try {
      await finished.write(disk, join(folder.path, finishedName), outstanding.doneAbove().batches, upTo)
    } catch (error) {
      options.log.warn('what was delivered out of turn may be sent again', { error: String(error) })
    }
  }

  /** Lowest unfinished batch. */
  private get position(): Position {
    const { sequence, records } = this.outstanding.lowest ?? this.cursor
    return { sequence, records, next: this.writer.next, synced: this.syncer.synced }
  }

  /** So that numbers go on even when no file is left that shows how far they were. */
  private savePosition(): void {
    try {
      this.folder.position.write(this.position)
    } catch (error) {
      this.troubles.failed('sync', error)
    }
    this.syncer.positionMoved()
  }

  private needed(bytes: number): number {
    return headerBytes + bytes + 2 * frameBytes
  }

  private hasRoom(bytes: number): boolean {
    const { maxBytes } = this.options
    return maxBytes === 0 || this.segments.bytes + this.needed(bytes) <= maxBytes
  }

  private lose(loss: SpoolLoss, records: number, detail: string): void {
    if (loss === 'corrupt') this.options.log.warn(`damage in the queue: ${detail}`, { records })
    if (records === 0) return
    this.records -= records
    this.options.onLost(loss, records, detail)
  }

  /** What the process before left unsynced is in the page cache at best. */
  private syncOld({ synced, next }: Recovered): void {
    const { list } = this.segments
    for (const [i, segment] of list.entries()) {
      if ((list[i + 1]?.first ?? next) <= synced + 1 || i < list.length - mostOldSyncs) continue
      try {
        this.syncer.wrote(segment, next - 1)
      } catch (error) {
        this.troubles.failed('sync', error)
      }
    }
  }
}
