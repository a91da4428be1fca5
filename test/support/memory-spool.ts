import {
  type Spool,
  SpoolFailed,
  SpoolFull,
  type SpoolNote,
  type SpoolOptions,
  type SpoolRecord,
} from '../../src/storage/contract.ts'
import type { Format } from '../../src/telemetry/format.ts'

interface Stored extends SpoolRecord {
  finished: boolean
}

/** A folder that outlives the spools opened on it. */
export interface MemoryFolder {
  stored: Stored[]
  next: number
  isOpen: boolean
  /** What the disk says to everything that writes. */
  failure: 'ENOSPC' | 'EIO' | undefined
  /** Reads fail. */
  unreadable: boolean
  /** Syncs that wait for `release`. */
  syncs: { resolve: () => void; reject: (error: Error) => void }[]
  /** Whether syncs wait. */
  slowSync: boolean
}

export const memoryFolder = (): MemoryFolder => ({
  stored: [],
  next: 1,
  isOpen: false,
  failure: undefined,
  unreadable: false,
  syncs: [],
  slowSync: false,
})

/** Batches of one segment. */
const segmentBatches = 4

/** The contract of a queue on disk, kept in memory: what was appended is there for the next one that is opened. */
export function openMemorySpool(folder: MemoryFolder, options: Pick<SpoolOptions, 'maxBytes' | 'onLost'>): Spool {
  if (folder.isOpen) throw new Error('in use by process 1')
  folder.isOpen = true
  const open = () => folder.stored.filter(({ finished }) => !finished)
  const recordsOf = (batches: readonly Stored[]) => batches.reduce((sum, { count }) => sum + count, 0)
  const given = new Set<number>()
  const unread = () => open().filter(({ sequence }) => !given.has(sequence))
  const bytes = () => folder.stored.reduce((sum, { payload }) => sum + payload.length, 0)
  const fits = (more: number) => options.maxBytes === 0 || bytes() + more <= options.maxBytes
  const recovered = { batches: open().length, records: recordsOf(open()) }
  let closed = false
  const segmentOf = ({ sequence }: Stored) => Math.floor(sequence / segmentBatches)
  const sweep = () => {
    const alive = new Set(open().map(segmentOf))
    folder.stored = folder.stored.filter((batch) => alive.has(segmentOf(batch)))
  }
  const remove = (gone: readonly Stored[], loss: 'displaced' | 'removed') => {
    const lost = recordsOf(gone.filter(({ sequence, finished }) => !finished && !given.has(sequence)))
    folder.stored = folder.stored.filter((batch) => !gone.includes(batch))
    if (lost > 0) options.onLost(loss, lost, 'test')
    return lost
  }
  return {
    append(payload: Uint8Array, count: number, format: Format, note?: SpoolNote) {
      if (closed) throw new SpoolFailed('closed', 'EBADF')
      if (!fits(payload.length)) throw new SpoolFull('the queue is full', 'LIMIT')
      if (folder.failure === 'ENOSPC') throw new SpoolFull('no space left on device', 'ENOSPC')
      if (folder.failure) throw new SpoolFailed('input/output error', folder.failure)
      const sequence = folder.next++
      const copy = Buffer.from(payload)
      folder.stored.push({ sequence, format, count, at: 0, payload: copy, note, finished: false })
      return sequence
    },
    fits,
    whenSynced: () => {
      if (!folder.slowSync) return Promise.resolve()
      return new Promise((resolve, reject) => void folder.syncs.push({ resolve, reject }))
    },
    took(sequence) {
      if (unread().some((batch) => batch.sequence < sequence)) return false
      given.add(sequence)
      return true
    },
    async read(mostBytes) {
      if (folder.unreadable) throw new SpoolFailed('input/output error', 'EIO')
      const batches: SpoolRecord[] = []
      let size = 0
      for (const batch of unread()) {
        if (batches.length > 0 && size + batch.payload.length > mostBytes) break
        size += batch.payload.length
        given.add(batch.sequence)
        batches.push(batch)
      }
      return batches
    },
    finish(sequence) {
      given.delete(sequence)
      for (const batch of folder.stored) if (batch.sequence === sequence) batch.finished = true
      sweep()
    },
    rewind() {
      for (const sequence of given) if (!folder.stored.some((batch) => batch.sequence === sequence)) return false
      given.clear()
      return true
    },
    stands: (sequence) => folder.stored.some((batch) => batch.sequence === sequence),
    saveFinished: async () => {},
    dropOldest() {
      const [first] = folder.stored
      if (!first) return undefined
      return remove(
        folder.stored.filter((batch) => segmentOf(batch) === segmentOf(first)),
        'displaced',
      )
    },
    clear: () => remove(unread(), 'removed'),
    get batches() {
      return open().length
    },
    get records() {
      return recordsOf(open())
    },
    get bytes() {
      return bytes()
    },
    get unread() {
      return unread().length
    },
    recovered,
    status: () => ({
      folder: 'memory',
      batches: open().length,
      records: recordsOf(open()),
      bytes: bytes(),
      segments: 1,
      oldest: undefined,
      position: unread()[0]?.sequence ?? folder.next,
      next: folder.next,
      outOfTurn: 0,
      trouble: folder.failure,
      quarantined: 0,
    }),
    async close() {
      closed = true
      folder.isOpen = false
    },
  }
}

/** What a kill leaves: the folder may be opened again, whoever had it is forgotten. */
export function killed(folder: MemoryFolder): MemoryFolder {
  return { ...folder, stored: folder.stored.map((batch) => ({ ...batch })), isOpen: false, syncs: [] }
}

/** `host.extension` with one storage of these folders, by `exporter part`. */
export function memoryStorage(folders: Map<string, MemoryFolder>, maxLossMs = 500, maxBytes = 0) {
  const nameOf = (use: { exporter: string; part: string; deadLetters?: boolean }) =>
    `${use.exporter} ${use.part}`.trim() + (use.deadLetters ? '.dead' : '')
  return {
    maxLossMs,
    maxBytes,
    holds: async (use: { exporter: string; part: string }) =>
      folders.get(nameOf(use))?.stored.some(({ finished }) => !finished) ?? false,
    open: async (use: {
      exporter: string
      part: string
      deadLetters?: boolean
      maxBytes?: number | undefined
      onLost: SpoolOptions['onLost']
    }) => {
      const name = nameOf(use)
      const folder = folders.get(name) ?? memoryFolder()
      folders.set(name, folder)
      return openMemorySpool(folder, { maxBytes: use.maxBytes || maxBytes, onLost: use.onLost })
    },
  }
}
