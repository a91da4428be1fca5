import type { Spool, SpoolRecord } from './contract.ts'
import { isMeant, type TimeRange } from './time-range.ts'

const chunkBytes = 1 << 20

/** What came of taking batches out of a queue. */
export interface Taken {
  batches: number
  records: number
  /** Why it ended before the end. */
  stopped: Error | undefined
}

/**
 * Takes the batches of a time out of a queue that nobody else reads, in order: each is finished when `take` has resolved. When it
 * rejects, that batch and all behind it stay, as do those that are not meant. What is appended meanwhile is left alone.
 */
export async function takeBatches(
  spool: Spool,
  range: TimeRange,
  take: (record: SpoolRecord) => Promise<void>,
): Promise<Taken> {
  const taken: Taken = { batches: 0, records: 0, stopped: undefined }
  for (let left = spool.unread; left > 0; ) {
    const records = await spool.read(chunkBytes)
    if (records.length === 0) break
    for (const record of records) {
      if (left-- <= 0) break
      if (!isMeant(record, range)) continue
      try {
        await take(record)
      } catch (error) {
        taken.stopped = error as Error
        return taken
      }
      taken.batches++
      taken.records += record.count
      spool.finish(record.sequence)
    }
  }
  return taken
}
