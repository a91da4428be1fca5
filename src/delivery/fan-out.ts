import type { Batch } from '../telemetry/batch.ts'
import type { Admission } from './admission.ts'
import { forkAll, settleAll } from './backlog.ts'
import type { Queued } from './queued.ts'

/**
 * Several destinations that all get every batch. `of` is asked anew each time, so they may come and go; who adds one
 * later starts it. Without any the records end here: `onNone` counts them as `no_destination`.
 */
export function fanOut(
  of: () => readonly Queued[],
  onNone: (records: number) => void,
): Pick<Queued, 'consume' | 'admissions' | 'start' | 'stop' | 'ready'> {
  return {
    consume(batch) {
      if (!toAll(of(), batch)) onNone(batch.count)
    },
    admissions: (): readonly Admission[] => of().flatMap((each) => each.admissions()),
    start: async () => void (await Promise.all(of().map((each) => each.start()))),
    stop: async (deadline) => void (await Promise.all(of().map((each) => each.stop(deadline)))),
    ready: () => of().every((each) => each.ready()),
  }
}

/** Hands a batch to all of `destinations`, its receipts get a branch for each; false when there are none. */
export function toAll(destinations: readonly Pick<Queued, 'consume' | 'clock'>[], batch: Batch): boolean {
  const more = destinations.length - 1
  if (more < 0) settleAll(batch.receipts, { dropped: 'no_destination' })
  if (batch.receipts.length > 0) for (let i = 0; i < more; i++) forkAll(batch.receipts)
  // One time for all: those that are equally fast then send the same batches together, and share the joined bytes.
  const now = destinations[0]?.clock.monotonic()
  let fault: unknown
  let failed = false
  for (let i = 0; i <= more; i++) {
    try {
      destinations[i]!.consume(batch, now)
    } catch (error) {
      // The others get it all the same; whoever stands around this exporter counts what is lost.
      if (!failed) fault = error
      failed = true
    }
  }
  if (failed) throw fault
  return more >= 0
}
