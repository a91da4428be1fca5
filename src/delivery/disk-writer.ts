import { type Spool, SpoolFull, type SpoolNote } from '../storage/contract.ts'
import type { Batch } from '../telemetry/batch.ts'
import type { DiskGap } from './disk-gap.ts'

export interface DiskWriterOptions {
  spool: Spool
  gap: DiskGap
  /** Whether the oldest make room for what comes. */
  displaces: boolean
  /** Bounds over everything that is not delivered yet. */
  maxRequests: number | undefined
  maxRecords: number | undefined
  /** Records that are not delivered and stand on disk. */
  records(): number
  /** Whether the origins of batches are kept with them. */
  keepOrigins: boolean
}

/** Writes batches to a queue on disk, within its bounds. */
export class DiskWriter {
  private readonly options: DiskWriterOptions

  constructor(options: DiskWriterOptions) {
    this.options = options
  }

  /** Writes a batch; its sequence, or -1. One that was let in may go beyond the bounds that are counts. */
  write(batch: Batch, letIn: boolean): number {
    const { spool, gap, displaces, keepOrigins } = this.options
    if (gap.isPausing) return -1
    const bytes = batch.bytes()
    const note: SpoolNote | undefined = keepOrigins && batch.origin ? { origin: batch.origin } : undefined
    if (!this.fits(bytes.length) && !(displaces && this.displace(bytes.length)) && !letIn) return -1
    for (let mayDisplace = displaces; ; mayDisplace = false) {
      try {
        const sequence = spool.append(bytes, batch.count, batch.format, note)
        gap.worked()
        return sequence
      } catch (error) {
        const hasMadeRoom = mayDisplace && error instanceof SpoolFull && spool.dropOldest() !== undefined
        if (hasMadeRoom) continue
        // The bound of the queue is no fault of the disk.
        if (!(error instanceof SpoolFull) || spool.fits(bytes.length)) gap.failed(error, spool.status().folder)
        return -1
      }
    }
  }

  /** Whether so many bytes are within the bounds. */
  fits(bytes: number): boolean {
    const { spool, maxRequests, maxRecords, records } = this.options
    if (maxRequests !== undefined && spool.batches >= maxRequests) return false
    if (maxRecords !== undefined && records() >= maxRecords) return false
    return spool.fits(bytes)
  }

  /** Removes the oldest segments until so many bytes fit. */
  private displace(bytes: number): boolean {
    const { spool } = this.options
    while (!this.fits(bytes)) {
      const isOverCount = spool.fits(bytes)
      const gone = spool.dropOldest()
      // What stands in memory counts on: to take its place on disk away would free nothing.
      if (gone === undefined || (isOverCount && gone === 0)) return false
    }
    return true
  }
}
