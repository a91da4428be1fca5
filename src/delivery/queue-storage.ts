import type { Spool, SpoolLoss } from '../storage/contract.ts'

/** What an extension such as `file_storage` offers to queues that name it: `sending_queue: {storage: file_storage}`. */
export interface QueueStorage {
  /** What a power cut may cost, in milliseconds; 0: nothing, senders are answered when their data is synced. */
  readonly maxLossMs: number
  /** Bound of each queue; 0: none. */
  readonly maxBytes: number
  /** Whether another queue of this process still has the place: a reload begins anew before it ends the old. */
  isTaken?(use: StorageUse): boolean
  /** Whether something was left in its place. Absent: nobody knows. */
  holds?(use: StorageUse): Promise<boolean>
  /** Opens one queue, when whoever has it in this process has closed it; rejects with a sentence that says what to do. */
  open(use: StorageUse): Promise<Spool>
  /** The parts of an exporter that have a place here, whoever made it. */
  parts?(exporter: string): Promise<string[]>
  /** The file in which another component keeps what it must know after a restart; it is that component's alone. */
  stateFile?(kind: string, id: string): string
  /** Removes the place of a queue that is closed, with all that is in it. */
  remove?(use: StorageUse): Promise<void>
}

/** One queue that wants to stand on disk. */
export interface StorageUse {
  /** Id of the exporter: `otlp/eu`. */
  readonly exporter: string
  /** Tells its queues apart: the signal, or where it goes when there are several. Empty: it has one queue. */
  readonly part: string
  /** What the backend refused for good instead of what is to be sent. */
  readonly deadLetters?: boolean
  /** Tighter bounds than those of the storage; 0 and absent: those of the storage. */
  readonly maxBytes?: number | undefined
  readonly maxAgeMs?: number | undefined
  /** Told of records that leave the disk without having been finished. */
  onLost(loss: SpoolLoss, records: number, detail: string): void
}

interface Extensions {
  extension?<T>(id: string): T | undefined
}

/** The running extension `id` as a storage. Throws when there is none of that kind. */
export function storageOf(host: Extensions, id: string): QueueStorage {
  const found = host.extension?.<Partial<QueueStorage>>(id)
  if (!found) {
    throw new Error(
      `storage ${JSON.stringify(id)} not found; configure it under extensions: and name it in service: {extensions: [...]}`,
    )
  }
  if (typeof found.open !== 'function') throw new Error(`${JSON.stringify(id)} is no storage: name a file_storage`)
  return found as QueueStorage
}
