import type { Batch } from '../telemetry/batch.ts'
import type { Admission } from './admission.ts'
import { forkAll, settleAll } from './backlog.ts'
import type { Queued } from './queued.ts'

/** Several destinations that all get every batch. `of` is asked anew each time, so they may come and go. */
export function fanOut(
  of: () => readonly Queued[],
): Pick<Queued, 'consume' | 'admissions' | 'start' | 'stop' | 'ready'> {
  return {
    consume: (batch) => toAll(of(), batch),
    admissions: (): readonly Admission[] => of().flatMap((each) => each.admissions()),
    start: async () => void (await Promise.all(of().map((each) => each.start()))),
    stop: async (deadline) => void (await Promise.all(of().map((each) => each.stop(deadline)))),
    ready: () => of().every((each) => each.ready()),
  }
}

/** Hands a batch to all of `destinations`; its receipts get a branch for each. Without any it ends here, `no_destination`. */
export function toAll(destinations: readonly Pick<Queued, 'consume'>[], batch: Batch): void {
  const more = destinations.length - 1
  if (more < 0) settleAll(batch.receipts, { dropped: 'no_destination' })
  for (let i = 0; i < more; i++) forkAll(batch.receipts)
  for (let i = 0; i <= more; i++) destinations[i]!.consume(batch)
}
