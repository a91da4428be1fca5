import type { Clock } from '../runtime/clock.ts'
import type { Log } from '../runtime/log.ts'
import type { Format } from '../telemetry/format.ts'
import type { Origin } from '../telemetry/origin.ts'
import type { Disk } from './disk.ts'

/**
 * Why records left a queue without having been finished: `displaced` by `dropOldest`, `expired` past `maxAgeMs`, `corrupt`
 * because their bytes on disk are damaged or missing (what can be kept of them is in the folder `quarantine`), `removed`
 * by an operator.
 */
export type SpoolLoss = 'displaced' | 'expired' | 'corrupt' | 'removed'

/** What a batch has with it besides its bytes. Kept as JSON; an origin is made into text once. */
export interface SpoolNote {
  readonly origin?: Origin | undefined
  /** Dead letters: why the backend refused it for good. */
  readonly refusal?: Refusal | undefined
}

/** Why a backend refused a batch for good. */
export interface Refusal {
  /** A reason of docs/losses.md: `rejected`, `retries_exhausted`, `too_large`. */
  readonly reason: string
  /** What the backend said, at most a few hundred characters: `HTTP Status Code 400, Message=...`. */
  readonly detail?: string
  /** Id of the exporter: `otlp/eu`. */
  readonly exporter?: string
}

/** One batch as it stands on disk. */
export interface SpoolRecord {
  /** Unique in its queue, ascending; survives restarts. */
  readonly sequence: number
  readonly format: Format
  /** Records in the batch. */
  readonly count: number
  /** Wall time of `append`, milliseconds since 1970. */
  readonly at: number
  /** The bytes as they came. Shared with the other records of the same `read`: do not write to it. */
  readonly payload: Buffer
  readonly note: SpoolNote | undefined
}

export interface SpoolOptions {
  /** Made when missing (0700), with its parents. */
  folder: string
  clock: Clock
  log: Log
  /** Bound of the segments' bytes on disk; 0: none. */
  maxBytes: number
  /** Segments whose newest record is older are removed; 0: none. */
  maxAgeMs: number
  /** What a power cut may cost: fdatasync comes at most this long after a write. 0: see `whenSynced`. */
  maxLossMs: number
  /** Default 8 MiB, less when `maxBytes` is below eight of them. */
  segmentBytes?: number
  /** Bound of what is kept of damaged bytes. Default 64 MiB. */
  quarantineBytes?: number
  /** The file system; tests give one that fails. */
  disk?: Disk
  /** Told of every record that leaves unfinished. Called between two turns of `append`, `read` and timers; must not throw. */
  onLost(loss: SpoolLoss, records: number, detail: string): void
}

/** What is to be seen of a queue from outside. */
export interface SpoolStatus {
  readonly folder: string
  readonly batches: number
  readonly records: number
  readonly bytes: number
  readonly segments: number
  /** Lowest unfinished sequence. */
  readonly position: number
  /** The sequence that comes next. */
  readonly next: number
  /** Batches that were finished before a lower one. */
  readonly outOfTurn: number
  /** Why the disk does not take or give data at the moment. */
  readonly trouble: string | undefined
  readonly quarantined: number
}

/** Batches on disk, in the order they came, for one destination. All of its errors are `SpoolFull` or `SpoolFailed`. */
export interface Spool {
  /**
   * Writes one batch; write(2) has happened when this returns, so a kill of the process loses nothing any more. Answers its
   * sequence. Throws `SpoolFull` when `maxBytes` or the file system is full, `SpoolFailed` for other errors; nothing of the batch is
   * on disk then, and the next call may succeed. `payload` is free again afterwards.
   */
  append(payload: Uint8Array, count: number, format: Format, note?: SpoolNote): number
  /** Whether `append` of so many bytes would be within `maxBytes`. Cheap; asks nothing of the file system. */
  fits(bytes: number): boolean
  /** Resolves when a power cut cannot lose this batch any more (group commit). Rejects with `SpoolFailed`: then it may be lost. */
  whenSynced(sequence: number): Promise<void>
  /**
   * The caller keeps the batch it has just appended: `read` will not give it. False when older batches are still unread: then
   * `read` gives it in its turn.
   */
  took(sequence: number): boolean
  /**
   * The next unread batches in order, at least one, at most about `mostBytes` of payload; none when nothing is unread. One call
   * at a time. Rejects with `SpoolFailed` when the disk does not give them: call again later, the same ones come.
   */
  read(mostBytes: number): Promise<SpoolRecord[]>
  /** The batch needs no place on disk any more: delivered, or given up. May come in any order, for what `read` or `took` gave. */
  finish(sequence: number): void
  /**
   * Removes the oldest segment; answers how many unread records went with it (also told to `onLost`). Undefined: there is no
   * segment that could make room.
   */
  dropOldest(): number | undefined
  /**
   * What was given out and is not finished is unread again, the lowest first; whoever has it must let go of it. Not while a `read`
   * is under way. False: some of it stands on disk no longer; then nothing was changed.
   */
  rewind(): boolean
  /** Whether a batch that was given out and is not finished stands on disk still. */
  stands(sequence: number): boolean
  /** Writes down what was finished before a lower one, for whoever looks into the folder or opens it after a kill. Never rejects. */
  saveFinished(): Promise<void>
  /** Removes everything unread; answers the number of records (also told to `onLost` as `removed`). */
  clear(): number
  /** Unfinished batches, records in them, and bytes of the segments on disk. */
  readonly batches: number
  readonly records: number
  readonly bytes: number
  /** Batches that neither `read` nor `took` has given yet. */
  readonly unread: number
  /** What was found at opening. */
  readonly recovered: { readonly batches: number; readonly records: number }
  status(): SpoolStatus
  /** Syncs, writes the position, gives the lock back. What is unfinished stays. Never rejects. */
  close(): Promise<void>
}

/** No room: the bound of the queue, or the file system's (ENOSPC, EDQUOT, EFBIG). */
export class SpoolFull extends Error {
  override readonly name = 'SpoolFull'
  readonly code: string
  constructor(message: string, code: string) {
    super(message)
    this.code = code
  }
}

/** The disk did not do what it was asked to (EIO, EROFS, ...). */
export class SpoolFailed extends Error {
  override readonly name = 'SpoolFailed'
  readonly code: string
  constructor(message: string, code: string) {
    super(message)
    this.code = code
  }
}
